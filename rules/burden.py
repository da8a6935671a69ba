"""The burden of alarms: episodes in; how many, how long, how soon seen, and which rules and beds make them, out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import median

import msgspec

from rules.episodes import Episode
from vitals.alarms import PRIORITY_RANK, Kind, Priority
from vitals.identity import BedKey

DAY_MS = 86_400_000
SHORT_MS = 15_000  # over sooner than this, an alarm is mostly noise (a 15 s delay removes it)
REFERENCE_PER_BED_DAY = 187.0
"""Audible alarms per bed and day in five intensive care units: Drew et al. 2014, PLoS ONE 9(10) e110274."""
OUTLIERS = 0.1  # Lansdowne et al. 2016: a tenth of the patients caused 57 to 82 % of the alarms


class RuleBurden(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms of one rule, at its highest priority."""

    rule: str
    kind: Kind
    priority: Priority
    alarms: int
    per_bed_day: float | None
    share: float  # of all alarms
    short: int
    median_duration_s: float | None


class BedBurden(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms of one bed."""

    ward: str
    bed: str
    alarms: int
    per_day: float | None
    share: float
    short: int
    in_alarm_s: float  # with at least one alarm standing
    latency_median_s: float | None


class Burden(msgspec.Struct, frozen=True, kw_only=True):
    """What the alarms of some beds were in a span of time.

    Counted are alarms of beds that were raised in the span. Tests count nowhere but in `tests`, alarms found
    afterwards in late data only in `late`, alarms of equipment without a bed only in `equipment`.
    """

    start: int
    end: int
    beds: int
    bed_days: float
    alarms: int
    calls: int  # how often they called: raised, raised again, escalated
    per_bed_day: float | None
    reference_per_bed_day: float
    physiological: int
    technical: int
    high: int
    medium: int
    low: int
    ended: int
    short: int  # of those ended, over in less than 15 s
    short_share: float | None
    median_duration_s: float | None
    in_alarm_share: float | None  # of the time of all beds, with at least one alarm standing
    acknowledged: int
    latency_median_s: float | None
    latency_p90_s: float | None
    busiest_tenth_share: float | None  # what the busiest tenth of the beds have of all alarms
    equipment: int
    late: int
    tests: int
    rules: tuple[RuleBurden, ...]  # most alarms first
    by_bed: tuple[BedBurden, ...]  # most alarms first, quiet beds too


def burden(episodes: Iterable[Episode], spans: Mapping[BedKey, tuple[int, int]]) -> Burden:
    """The burden of the beds in `spans`, each over its own span (UTC ms, end exclusive).

    Alarms that still stand, or ended after the span, count to its end in the time in alarm.
    """
    start = min((low for low, _ in spans.values()), default=0)
    end = max((high for _, high in spans.values()), default=0)
    counted: list[Episode] = []
    other: Counter[str] = Counter()
    standing: dict[BedKey, list[tuple[int, int]]] = {key: [] for key in spans}
    for episode in episodes:
        key = BedKey(episode.ward, episode.bed)
        span = spans.get(key, (start, end) if not episode.bed else None)
        if span is None:
            continue
        low, high = span
        begun = low <= episode.raised < high
        kept_apart = _apart(episode)
        if kept_apart:
            other[kept_apart] += begun
            continue
        standing[key].append((max(low, episode.raised), min(high, high if episode.ended is None else episode.ended)))
        if begun:
            counted.append(episode)
    in_alarm = {key: _union(intervals) for key, intervals in standing.items()}
    return _sum_up(counted, other, spans, in_alarm, (start, end))


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed; None of none."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _apart(episode: Episode) -> str:
    """Under which heading an episode is kept out of the count; empty if it counts."""
    if episode.test:
        return "tests"
    if episode.late:
        return "late"
    return "" if episode.bed else "equipment"


def _sum_up(
    counted: Sequence[Episode],
    other: Mapping[str, int],
    spans: Mapping[BedKey, tuple[int, int]],
    in_alarm: Mapping[BedKey, int],
    span: tuple[int, int],
) -> Burden:
    time = sum(high - low for low, high in spans.values())
    priorities = Counter(episode.priority for episode in counted)
    latencies = _seconds(episode.latency for episode in counted)
    durations = _seconds(episode.duration for episode in counted)
    short = _short(counted)
    by_bed = _by_bed(counted, spans, in_alarm)
    busiest = sum(bed.alarms for bed in by_bed[: ceil(OUTLIERS * len(by_bed))])
    return Burden(
        start=span[0],
        end=span[1],
        beds=len(spans),
        bed_days=time / DAY_MS,
        alarms=len(counted),
        calls=sum(episode.calls for episode in counted),
        per_bed_day=_per_day(len(counted), time),
        reference_per_bed_day=REFERENCE_PER_BED_DAY,
        physiological=sum(episode.kind == "physiological" for episode in counted),
        technical=sum(episode.kind == "technical" for episode in counted),
        high=priorities["high"],
        medium=priorities["medium"],
        low=priorities["low"],
        ended=len(durations),
        short=short,
        short_share=short / len(durations) if durations else None,
        median_duration_s=median(durations) if durations else None,
        in_alarm_share=sum(in_alarm.values()) / time if time else None,
        acknowledged=len(latencies),
        latency_median_s=median(latencies) if latencies else None,
        latency_p90_s=quantile(latencies, 0.9),
        busiest_tenth_share=busiest / len(counted) if counted else None,
        equipment=other.get("equipment", 0),
        late=other.get("late", 0),
        tests=other.get("tests", 0),
        rules=_by_rule(counted, time),
        by_bed=by_bed,
    )


def _by_rule(counted: Sequence[Episode], time: int) -> tuple[RuleBurden, ...]:
    groups: dict[str, list[Episode]] = defaultdict(list)
    for episode in counted:
        groups[episode.rule].append(episode)
    lines = [
        RuleBurden(
            rule=rule,
            kind=group[0].kind,
            priority=max((episode.priority for episode in group), key=PRIORITY_RANK.__getitem__),
            alarms=len(group),
            per_bed_day=_per_day(len(group), time),
            share=len(group) / len(counted),
            short=_short(group),
            median_duration_s=median(durations) if (durations := _seconds(e.duration for e in group)) else None,
        )
        for rule, group in groups.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.alarms, line.rule)))


def _by_bed(
    counted: Sequence[Episode], spans: Mapping[BedKey, tuple[int, int]], in_alarm: Mapping[BedKey, int]
) -> tuple[BedBurden, ...]:
    groups: dict[BedKey, list[Episode]] = {key: [] for key in spans}
    for episode in counted:
        groups[BedKey(episode.ward, episode.bed)].append(episode)
    lines = [
        BedBurden(
            ward=key.ward,
            bed=key.bed,
            alarms=len(group),
            per_day=_per_day(len(group), spans[key][1] - spans[key][0]),
            share=len(group) / len(counted) if counted else 0.0,
            short=_short(group),
            in_alarm_s=in_alarm[key] / 1_000,
            latency_median_s=median(latencies) if (latencies := _seconds(e.latency for e in group)) else None,
        )
        for key, group in groups.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.alarms, line.ward, line.bed)))


def _union(intervals: Iterable[tuple[int, int]]) -> int:
    """How long at least one of the intervals lasts."""
    total, reached = 0, None
    for low, high in sorted(intervals):
        begin = low if reached is None else max(low, reached)
        if high > begin:
            total += high - begin
            reached = high
    return total


def _short(episodes: Iterable[Episode]) -> int:
    return sum(duration is not None and duration < SHORT_MS for duration in (e.duration for e in episodes))


def _seconds(values: Iterable[int | None]) -> list[float]:
    return [value / 1_000 for value in values if value is not None]


def _per_day(alarms: int, time: int) -> float | None:
    return alarms / (time / DAY_MS) if time else None
