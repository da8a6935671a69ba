"""What the console says of trends: columns, gaps, limits as they were, alarms, scores, entries and stays."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hub.console.bands import Band, Past
from hub.console.printable import printable
from hub.console.trends import Line
from hub.console.views import parameter_views
from vitals.alarms import Alarm, AlarmEvent, Kind, Priority

_OVER = frozenset({"cleared", "reset"})


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class GapView(_View, frozen=True, kw_only=True):
    """A span without a value. `reason` is the monitor's own, or `no_data`: nothing was heard."""

    start: int
    end: int
    reason: str


class BandView(_View, frozen=True, kw_only=True):
    """The limits of one parameter over a span, as they were in force then; null: there was none on this side."""

    start: int
    end: int
    low: float | None
    high: float | None
    extreme_low: float | None
    extreme_high: float | None


class LineView(_View, frozen=True, kw_only=True):
    """One parameter. Columns without a value are absent; `late` lists those with values that came late."""

    parameter: str
    label: str
    unit: str
    decimals: int
    aperiodic: bool
    times: list[int]
    low: list[float]
    high: list[float]
    mean: list[float]
    late: list[int]
    gaps: list[GapView]
    limits: list[BandView]


class AlarmSpanView(_View, frozen=True, kw_only=True):
    """One alarm from when it was raised until it ended; `end` null: it stands."""

    alarm: str
    rule: str
    kind: Kind
    priority: Priority
    parameter: str | None
    message: str
    start: int
    end: int | None
    acknowledged_by: str
    acknowledged_at: int | None
    test: bool


class ScorePointView(_View, frozen=True, kw_only=True):
    """A score from `time` on. `total` null: it was incomplete."""

    time: int
    table: str
    total: int | None
    complete: bool
    risk: str


class EnteredView(_View, frozen=True, kw_only=True):
    """What staff entered at `time`; `value` null: taken back."""

    time: int
    name: str
    value: float | None
    by: str


class StayView(_View, frozen=True, kw_only=True):
    """Who lay in the bed, by opaque id; `end` null: still there."""

    patient: str
    start: int
    end: int | None


class TrendsView(_View, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """What became of a bed over a span of time. A column lasts `step_ms` and is named by when it begins."""

    ward: str
    bed: str
    start: int
    end: int
    step_ms: int
    lines: list[LineView]
    alarms: list[AlarmSpanView]
    more_alarms: bool
    scores: list[ScorePointView]
    entered: list[EnteredView]
    stays: list[StayView]


def line_views(lines: dict[str, Line], limits: dict[str, list[Band]]) -> list[LineView]:
    """The lines in the order of the catalogue, each with its limits."""
    catalogue = parameter_views()
    return [
        LineView(
            parameter=name,
            label=shown.label,
            unit=shown.unit,
            decimals=shown.decimals,
            aperiodic=shown.aperiodic,
            times=line.times,
            low=line.low,
            high=line.high,
            mean=line.mean,
            late=line.late,
            gaps=[GapView(start=gap.start, end=gap.end, reason=gap.reason) for gap in line.gaps],
            limits=[_band(band) for band in limits.get(name, [])],
        )
        for name, shown in catalogue.items()
        if (line := lines.get(name)) is not None
    ]


def alarm_spans(events: Iterable[AlarmEvent], standing: Iterable[Alarm], end: int) -> list[AlarmSpanView]:
    """Alarms raised before `end`, oldest first: of each in `events` the newest word, and those that stand now."""
    found = {
        event.alarm.id: _alarm_span(event.alarm, event.time if event.change in _OVER else None) for event in events
    }
    for alarm in standing:
        found.setdefault(alarm.id, _alarm_span(alarm, None))
    return sorted((one for one in found.values() if one.start < end), key=lambda one: one.start)


def stay_views(stays: Iterable[Past]) -> list[StayView]:
    """Who lay there."""
    return [StayView(patient=printable(stay.patient), start=stay.start, end=stay.end) for stay in stays]


def _band(band: Band) -> BandView:
    return BandView(start=band.start, end=band.end, **band.edges._asdict())


def _alarm_span(alarm: Alarm, end: int | None) -> AlarmSpanView:
    return AlarmSpanView(
        alarm=alarm.id,
        rule=alarm.rule,
        kind=alarm.kind,
        priority=alarm.priority,
        parameter=alarm.parameter,
        message=printable(alarm.message),
        start=alarm.raised,
        end=end,
        acknowledged_by=printable(alarm.acknowledged_by),
        acknowledged_at=alarm.acknowledged_at,
        test=alarm.test,
    )
