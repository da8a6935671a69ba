"""Backtests: recorded or journaled readings of many beds, judged by several rule sets, over all processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TextIO

from hub.history import History
from hub.rulebook import read_rule_sets
from rules.documents import RuleSet
from rules.engine import Bed
from rules.episodes import Episode
from rules.recording import SAMPLE_MS, read_recording
from rules.replay import Heard, replay
from vitals.errors import DocumentError, Problem, UsageError
from vitals.identity import BedKey
from vitals.readings import Record

RECORDED = "recording"  # the ward, and the gateway, of what comes from a file
LONGEST_HELD_MS = 60_000  # rows further apart are single measurements, not a sampled monitor

Sets = tuple[str, ...]
"""Rule sets that act together: names of shipped ones, absolute paths of others."""
Hold = Literal["auto", "yes", "no"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One bed judged by each of the rule sets asked for."""

    bed: BedKey
    span: tuple[int, int]
    records: int
    episodes: tuple[tuple[Episode, ...], ...]  # in the order of the rule sets
    zeros: int = 0  # cells that were 0 and taken as a value
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """One recording."""

    path: Path
    sets: tuple[Sets, ...]
    begin: int
    zero_is_missing: bool
    hold: Hold

    def run(self) -> Trial:
        """Read and judge it. A recording that is wrong is a Trial with problems: it crosses processes better."""
        bed = BedKey(RECORDED, self.path.stem)
        try:
            with _open(self.path) as lines:
                recording = read_recording(lines, str(self.path), zero_is_missing=self.zero_is_missing)
        except UnicodeDecodeError as error:
            problem = Problem(str(self.path), 1, f"is not UTF-8 text (byte {error.start})")
            return Trial(bed=bed, span=(0, 0), records=0, episodes=(), problems=(problem,))
        except DocumentError as error:
            return Trial(bed=bed, span=(0, 0), records=0, episodes=(), problems=error.problems)
        hold = self.hold == "yes" or (self.hold == "auto" and SAMPLE_MS < recording.step_ms <= LONGEST_HELD_MS)
        device = self.path.stem
        source = f"{RECORDED}/{device}"
        counted = 0

        def heard() -> Iterable[tuple[str, Record, int]]:
            nonlocal counted
            counted = 0
            for record in recording.records(device, self.begin, hold=hold):
                counted += 1
                yield source, record, record.time

        end = self.begin + recording.length_ms
        episodes = _judge(self.sets, Bed(bed, (source,)), heard, self.begin, end)
        return Trial(
            bed=bed,
            span=(self.begin, end),
            records=counted,
            episodes=episodes,
            zeros=0 if self.zero_is_missing else recording.zeros,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BedJob:
    """One bed of a journal, as far as it was judged live in the span."""

    journal: Path
    bed: Bed
    sets: tuple[Sets, ...]
    span: tuple[int, int]

    def run(self) -> Trial:
        """Read and judge it. Raises StorageError."""
        history = History(self.journal)
        try:
            kept = [
                Heard(f"{stored.gateway}/{stored.device}", stored.record(), stored.received)
                for stored in history.judged(self.bed.key.ward, self.bed.key.bed, *self.span)
            ]
        finally:
            history.close()
        episodes = _judge(self.sets, self.bed, lambda: kept, *self.span)
        return Trial(bed=self.bed.key, span=self.span, records=len(kept), episodes=episodes)


def run_jobs(jobs: Sequence[FileJob] | Sequence[BedJob], processes: int | None = None) -> list[Trial]:
    """Every trial, in the order of the jobs. Raises DocumentError with what is wrong in any of the recordings."""
    workers = min(len(jobs), processes or os.cpu_count() or 1)
    if workers <= 1:
        trials = [job.run() for job in jobs]
    else:
        with ProcessPoolExecutor(workers) as pool:
            trials = list(pool.map(_run, jobs))
    problems = [problem for trial in trials for problem in trial.problems]
    if problems:
        raise DocumentError(problems)
    return trials


def recordings(paths: Iterable[Path]) -> list[Path]:
    """The CSV files among `paths`; of a folder, those in it. Raises UsageError when two would be the same bed."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not found:
        raise UsageError("there is no .csv file to read; name files, or a folder that holds some")
    stems: dict[str, Path] = {}
    for path in found:
        if path.stem in stems:
            raise UsageError(f"{stems[path.stem]} and {path} have one name; a recording's name is its bed: rename one")
        stems[path.stem] = path
        _open(path).close()
    return found


def _run(job: FileJob | BedJob) -> Trial:
    return job.run()


def _judge(
    sets: Iterable[Sets],
    bed: Bed,
    heard: Callable[[], Iterable[tuple[str, Record, int]]],
    start: int,
    until: int,
) -> tuple[tuple[Episode, ...], ...]:
    return tuple(replay(_rules(names), bed, heard(), start=start, until=until, attended=True).alarms for names in sets)


@lru_cache(maxsize=8)
def _rules(names: Sets) -> list[RuleSet]:
    return read_rule_sets(names, Path())


def _open(path: Path) -> TextIO:
    """A file a person named. Raises UsageError saying what is wrong with it."""
    try:
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
