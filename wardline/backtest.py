"""Backtests: recorded or journaled readings of many beds, judged by several rule sets, over all processors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TextIO

from hub.history import History
from hub.kept import read_kept
from hub.rulebook import read_rule_sets
from rules.book import Book, compile_book
from rules.chain import Chain
from rules.compiled import compile_rules
from rules.documents import RuleSet
from rules.engine import Bed
from rules.episodes import Episode
from rules.recording import SAMPLE_MS, read_recording
from rules.replay import replay
from vitals.errors import DocumentError, Problem, UsageError
from vitals.identity import BedKey
from vitals.readings import Record
from wardline.commands.rules_limits import chain_in_force

RECORDED = "recording"  # the ward, and the gateway, of what comes from a file
LONGEST_HELD_MS = 60_000  # rows further apart are single measurements, not a sampled monitor

LIVE = "live"  # instead of the name of a set: what each bed of a hub is judged by now, limits people set included

Sets = tuple[str, ...]
"""Rule sets that act together: names of shipped ones, absolute paths of others. Or LIVE and a hub's settings file."""
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
        at = Bed(bed, (source,))
        episodes = tuple(
            replay(_rules(names), at, heard(), start=self.begin, until=end, attended=True).alarms for names in self.sets
        )
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
    tags: tuple[str, ...]
    span: tuple[int, int]

    def run(self) -> Trial:
        """Read and judge it. Raises StorageError."""
        with closing(History(self.journal)) as history:
            kept = read_kept(history, self.bed, *self.span)
        books = (_book(names, self.bed.key, self.tags, self.span[1]) for names in self.sets)
        episodes = tuple(kept.judge(book, *self.span) for book in books)
        return Trial(bed=self.bed.key, span=self.span, records=len(kept.heard), episodes=episodes)


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


def _book(names: Sets, bed: BedKey, tags: tuple[str, ...], now: int) -> Book:
    """What a bed of a hub is judged by: rules of these sets whose scope includes it, or what is in force there."""
    if names[0] != LIVE:
        return compile_book(compile_rules(_rules(names), bed=bed, tags=tags))
    chain, patients = _chain(names[1])
    return chain.book(bed, patients.get(bed, ""), now)


@lru_cache(maxsize=1)
def _chain(config: str) -> tuple[Chain, dict[BedKey, str]]:
    return chain_in_force(Path(config))


@lru_cache(maxsize=8)
def _rules(names: Sets) -> list[RuleSet]:
    return read_rule_sets(names, Path())


def _open(path: Path) -> TextIO:
    """A file a person named. Raises UsageError saying what is wrong with it."""
    try:
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
