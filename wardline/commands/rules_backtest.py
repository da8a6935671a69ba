"""`wardline rules backtest`: what rules would have alarmed, over recordings or over the readings a hub has kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from chassis.clock import SystemClock
from chassis.settings import read_settings
from hub.console.export import iso
from hub.console.times import parse_time
from hub.history import History
from hub.registry import Registry
from hub.rulebook import read_rule_sets
from hub.settings import HubSettings
from rules.burden import Burden, burden
from rules.compiled import compile_rules
from rules.episodes import Episode
from rules.whatif import compare
from vitals.durations import Duration
from vitals.errors import UsageError
from vitals.identity import BedKey
from wardline.backtest import LIVE, BedJob, FileJob, Sets, Trial, recordings, run_jobs
from wardline.burden_table import NOTHING, figures, lasting, table

BEGIN = "2026-01-01T00:00:00Z"
LISTED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline rules backtest`."""
    parser.add_argument(
        "--rules", nargs="+", required=True, metavar="RULES", help="rule documents or shipped sets, judged together"
    )
    parser.add_argument(
        "--against", nargs="+", metavar="RULES", help="the rules to compare with; `live`: those of --config"
    )
    parser.add_argument("--data", nargs="+", type=Path, metavar="FILE.csv", help="recordings, or folders of them")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a hub's settings: judge what its journal kept")
    parser.add_argument("--since", metavar="24h", help="how far back in the journal (24h)")
    parser.add_argument("--begin", default=BEGIN, metavar="TIME", help=f"when a recording begins ({BEGIN})")
    parser.add_argument("--zero-is-missing", action="store_true", help="a 0 in a recording means that nothing was sent")
    parser.add_argument(
        "--hold",
        choices=("auto", "yes", "no"),
        default="auto",
        help="repeat each row every second until the next; auto: if rows are 1 to 60 s apart",
    )
    parser.add_argument("--list", type=int, default=LISTED, metavar="N", help=f"alarms to list ({LISTED})")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes to use (one per processor)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Judge and compare; always 0 when it could be done."""
    if (arguments.data is None) == (arguments.config is None):
        raise UsageError("give either --data FILE.csv or --config hub.yaml: recordings, or the journal of a hub")
    if arguments.data is not None and arguments.since is not None:
        raise UsageError("--since is for the journal of a hub (--config); a recording is judged whole")
    sets = [_named(arguments.rules, arguments.config)]
    if arguments.against is not None:
        sets.append(_named(arguments.against, arguments.config))
    for names in (names for names in sets if names[0] != LIVE):
        compile_rules(read_rule_sets(names, Path()))  # what is wrong is said once and before any work
    trials = _recorded(arguments, tuple(sets)) if arguments.data is not None else _kept(arguments, tuple(sets))
    report = _Report([_title(side) for side in (arguments.rules, arguments.against) if side], trials, arguments.list)
    print(json.dumps(report.document(), indent=2, ensure_ascii=False) if arguments.json else "\n".join(report.lines()))
    return 0


def _named(names: Sequence[str], config: Path | None) -> Sets:
    if list(names) == [LIVE]:
        if config is None:
            raise UsageError(f"the {LIVE} rules are those of a hub: give its settings with --config")
        return (LIVE, str(config.resolve()))
    return tuple(str(Path(name).resolve()) if name.endswith((".yaml", ".yml")) else name for name in names)


def _title(names: Sequence[str]) -> str:
    return " ".join(Path(name).name for name in names)


def _recorded(arguments: argparse.Namespace, sets: tuple[Sets, ...]) -> list[Trial]:
    try:
        begin = parse_time("--begin", arguments.begin)
    except ValueError as error:
        raise UsageError(str(error)) from error
    jobs = [
        FileJob(path=path, sets=sets, begin=begin, zero_is_missing=arguments.zero_is_missing, hold=arguments.hold)
        for path in recordings(arguments.data)
    ]
    return run_jobs(jobs, arguments.jobs)


def _kept(arguments: argparse.Namespace, sets: tuple[Sets, ...]) -> list[Trial]:
    settings = read_settings(arguments.config, HubSettings)
    journal = arguments.config.resolve().parent / settings.journal.path
    try:
        since = Duration.parse(arguments.since or "24h")
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    start = SystemClock().wall_ms() - since
    with closing(History(journal)) as history:
        received = history.received()
    if received is None or received[1] < start:
        raise UsageError(f"the journal {journal} holds no readings of that time; give recordings with --data instead")
    # Past the last reading there is nothing to judge: a hub that was stopped is no silence of its devices.
    span = (max(received[0], start), received[1] + 1)
    tags = {BedKey(ward.id, bed.id): tuple(bed.tags) for ward in settings.wards for bed in ward.beds}
    jobs = [
        BedJob(journal=journal, bed=bed, sets=sets, tags=tags[bed.key], span=span) for bed in Registry(settings).beds()
    ]
    return run_jobs(jobs, arguments.jobs)


class _Report:
    """One or two sides of trials, in words or as a document."""

    def __init__(self, titles: Sequence[str], trials: Sequence[Trial], listed: int) -> None:
        spans = {trial.bed: trial.span for trial in trials}
        self._titles = titles
        self._trials = trials
        self._listed = listed
        self._episodes = [
            [episode for trial in trials for episode in trial.episodes[side]] for side in range(len(titles))
        ]
        self._burdens = [burden(episodes, spans) for episodes in self._episodes]
        self._difference = compare(self._episodes[1], self._episodes[0]) if len(titles) == 2 else None

    def document(self) -> dict[str, Any]:
        """Everything, for programs."""
        new = {"judged_by": self._titles[0], **_built(self._burdens[0])}
        document: dict[str, Any] = {
            "records": sum(trial.records for trial in self._trials),
            "zeros_taken_as_values": sum(trial.zeros for trial in self._trials),
            "new": new,
        }
        if self._difference is not None:
            document["old"] = {"judged_by": self._titles[1], **_built(self._burdens[1])}
            document["only_old"] = [_listed(episode) for episode in self._difference.only_old[: self._listed]]
            document["only_new"] = [_listed(episode) for episode in self._difference.only_new[: self._listed]]
            document["only_old_count"] = len(self._difference.only_old)
            document["only_new_count"] = len(self._difference.only_new)
        return document

    def lines(self) -> list[str]:
        """The same for people: the old side first, as one reads a change."""
        total = self._burdens[0]
        records = sum(trial.records for trial in self._trials)
        lines = [f"{total.beds} beds, {total.bed_days:.2f} bed-days, {records} records"]
        zeros = sum(trial.zeros for trial in self._trials)
        if zeros:
            lines.append(
                f"{zeros} zeros were taken as values; --zero-is-missing if they mean that nothing was measured"
            )
        lines += ["", *self._totals(), "", *self._grouped("Rule", _rules), "", *self._grouped("Bed", _beds)]
        if self._difference is not None:
            lines += ["", *self._list("Only with the old rules", self._difference.only_old)]
            lines += ["", *self._list("Only with the new rules", self._difference.only_new)]
        return lines

    def _sides(self) -> list[tuple[str, Burden]]:
        sides = list(zip(self._titles, self._burdens, strict=True))
        return (
            sides if len(sides) == 1 else [("old: " + sides[1][0], sides[1][1]), ("new: " + sides[0][0], sides[0][1])]
        )

    def _head(self, first: str) -> list[str]:
        titles = [title for title, _ in self._sides()]
        return [first, *titles, *(["change"] if len(titles) == 2 else [])]

    def _totals(self) -> list[str]:
        rows = [self._head("All alarms")]
        told = {"acknowledged", "latency_median_s", "latency_p90_s", "equipment", "late", "tests"}  # nobody acts here
        for columns in zip(*(figures(side) for _, side in self._sides()), strict=True):
            if columns[0].key in told:
                continue
            rows.append([columns[0].name, *(c.shown for c in columns), *_change([c.value for c in columns])])
        return table(rows)

    def _grouped(self, title: str, count: Callable[[Burden], dict[str, int]]) -> list[str]:
        sides = [count(side) for _, side in self._sides()]
        names = sorted({name for side in sides for name in side}, key=lambda n: (-max(s.get(n, 0) for s in sides), n))
        rows = [self._head(title)]
        for name in names:
            counts = [side.get(name, 0) for side in sides]
            rows.append([name, *map(str, counts), *_change([float(number) for number in counts])])
        return table(rows) if names else [f"{title}: none"]

    def _list(self, title: str, episodes: Sequence[Episode]) -> list[str]:
        if not episodes:
            return [f"{title}: none"]
        shown = episodes[: self._listed]
        more = f", the first {len(shown)}" if len(shown) < len(episodes) else ""
        rows = [["raised", "bed", "rule", "priority", "lasted"]]
        for episode in shown:
            lasted = "still stands" if episode.duration is None else lasting(episode.duration / 1_000)
            rows.append([iso(episode.raised), f"{episode.ward}/{episode.bed}", episode.rule, episode.priority, lasted])
        return (
            [f"{title}: {len(episodes)}{more}", *(f"  {line}" for line in table(rows))]
            if shown
            else [f"{title}: {len(episodes)}"]
        )


def _rules(side: Burden) -> dict[str, int]:
    return {f"{line.rule} ({line.priority})": line.alarms for line in side.rules}


def _beds(side: Burden) -> dict[str, int]:
    return {f"{line.ward}/{line.bed}": line.alarms for line in side.by_bed}


def _change(values: Sequence[float | None]) -> list[str]:
    """How the new side differs from the old one; nothing where there is one side."""
    if len(values) < 2:
        return []
    old, new = values
    if old is None or new is None:
        return [NOTHING]
    if not old:
        return ["new" if new else "="]
    return [f"{100 * (new - old) / old:+.0f} %" if new != old else "="]


def _built(side: Burden) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(side)
    return built


def _listed(episode: Episode) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(episode)
    return built
