"""Late data: readings a gateway kept while it was cut off are judged afterwards, and what was missed is written down.

Nothing of it is announced as an alarm or paged. Re-judging reads the journal beside its writer, in a thread that
pauses often, so that the alarms of now do not wait for those of then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from hub.history import History, StoredRecord
from hub.journal import Journal, Write
from rules.episodes import Episodes, fold
from rules.retrospect import Span, unseen
from vitals.alarms import PRIORITY_RANK, Alarm, AlarmEvent
from vitals.codec import encode
from vitals.identity import BedKey
from vitals.late import LateSummary
from vitals.readings import Record

QUIET_MS = 5_000  # no late record for so long: the gap is filled
LONGEST_MS = 60_000  # a long backlog is judged piece by piece
LEAD_MS = 600_000  # readings before the gap: delays and windows must have begun as they would have
TAIL_MS = 600_000  # readings after it, so that an alarm finds its end
TOLD_MS = 86_400_000  # an alarm that stands is told of more often than once a day
SHOWN = 20
PAUSE_EACH = 200  # records; a few milliseconds of work
PAUSE_S = 0.005

_JUDGED = "late_judged"
_INSERT = (
    "INSERT INTO alarm_event (alarm, ward, bed, rule, change, time, body) SELECT ?, ?, ?, ?, ?, ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM alarm_event WHERE alarm = ? AND change = ?)"
)

Replay = Callable[[BedKey, Iterable[tuple[str, Record, int]], int], Episodes]
"""Judges (source, record, time) of a bed by the rules in force there, until a moment."""


class Gap(NamedTuple):
    """The late readings of one bed."""

    bed: BedKey
    span: Span
    records: int


class Found(NamedTuple):
    """What looking back at the gaps of one ward has given."""

    writes: list[Write]
    summary: LateSummary


class Gaps:
    """Which beds have had late readings that are not judged yet."""

    def __init__(self) -> None:
        self._open: dict[BedKey, tuple[int, int, int, int, int]] = {}  # start, end, records, first and last arrival

    def note(self, bed: BedKey, measured: int, now: int) -> None:
        """A late reading of `bed` has arrived."""
        known = self._open.get(bed)
        if known is None:
            self._open[bed] = (measured, measured, 1, now, now)
        else:
            start, end, records, first, _ = known
            self._open[bed] = (min(start, measured), max(end, measured), records + 1, first, now)

    def restore(self, journal: Journal, now: int) -> None:
        """Late readings that were committed, and not judged, before the hub was stopped."""
        position = next((int(value) for (value,) in journal.read("SELECT value FROM meta WHERE key = ?", _JUDGED)), 0)
        query = (
            "SELECT ward, bed, min(time), max(time), count(*) FROM record INDEXED BY record_late"
            " WHERE late = 1 AND id > ? AND ward <> '' GROUP BY ward, bed"
        )
        for ward, bed, start, end, records in journal.read(query, position):
            self._open[BedKey(ward, bed)] = (start, end, records, now, now)

    def due(self, now: int) -> dict[str, list[Gap]]:
        """The gaps that are filled, by ward; they are forgotten here."""
        due: dict[str, list[Gap]] = {}
        for bed, (start, end, records, first, last) in list(self._open.items()):
            if now - last >= QUIET_MS or now - first >= LONGEST_MS:
                del self._open[bed]
                due.setdefault(bed.ward, []).append(Gap(bed, Span(start, end), records))
        return due

    def again(self, gaps: Iterable[Gap], now: int) -> None:
        """These could not be judged; they are due again after a while."""
        for gap in gaps:
            start, end, records, first, last = self._open.get(gap.bed, (*gap.span, 0, now, now))
            whole = Span(min(start, gap.span.start), max(end, gap.span.end))
            self._open[gap.bed] = (*whole, records + gap.records, first, last)

    def __bool__(self) -> bool:
        return bool(self._open)


def look_back(path: Path, ward: str, gaps: list[Gap], replay: Replay, now: int) -> Found:
    """Judge the gaps of one ward from the journal. For a thread of its own. Raises StorageError."""
    history = History(path)
    try:
        events = [event for gap in gaps for event in _missed(history, gap, replay, now)]
    finally:
        history.close()
    alarms = list({event.alarm.id: event.alarm for event in events}.values())
    alarms.sort(key=_gravest)
    summary = LateSummary(
        ward=ward,
        time=now,
        start=min(gap.span.start for gap in gaps),
        end=max(gap.span.end for gap in gaps),
        beds=sorted(gap.bed.bed for gap in gaps),
        records=sum(gap.records for gap in gaps),
        found=len(alarms),
        alarms=alarms[:SHOWN],
    )
    return Found([late_row(event) for event in events], summary)


def late_row(event: AlarmEvent) -> Write:
    """The row of an event that is only written down; written twice it stands there once."""
    alarm = event.alarm
    row = (alarm.id, alarm.ward, alarm.bed, alarm.rule, event.change, event.time, encode(event))
    return Write(_INSERT, (*row, alarm.id, event.change))


def judged_row(position: int) -> Write:
    """Every late reading up to this record id has been looked at."""
    return Write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_JUDGED, str(position)))


def _missed(history: History, gap: Gap, replay: Replay, now: int) -> list[AlarmEvent]:
    ward, bed = gap.bed.ward, gap.bed.bed
    start, end = gap.span.start - LEAD_MS, min(now, gap.span.end + TAIL_MS)
    told = history.alarm_events(start=start - TOLD_MS, end=now + 1, ward=ward, bed=bed, limit=100_000)
    replayed = replay(gap.bed, _politely(_in_order(history.readings(ward, bed, start, end + 1))), end + 1)
    return unseen(replayed, fold(event for _, event in told), gap.span)


def _in_order(rows: Iterable[StoredRecord]) -> Iterator[tuple[str, Record, int]]:
    """By the time of measurement; two of one moment by their identity, in whatever order they arrived."""
    for moment, together in groupby(rows, key=lambda row: row.time):
        for row in sorted(together, key=lambda row: (row.gateway, row.device, row.epoch, row.seq)):
            record = row.record()
            if record.clock != "unsynced":  # nobody knows when that was
                yield f"{row.gateway}/{row.device}", record, moment


def _politely(records: Iterable[tuple[str, Record, int]]) -> Iterator[tuple[str, Record, int]]:
    for number, record in enumerate(records, 1):
        if number % PAUSE_EACH == 0:
            time.sleep(PAUSE_S)
        yield record


def _gravest(alarm: Alarm) -> tuple[int, int, str]:
    return -PRIORITY_RANK[alarm.priority], alarm.raised, alarm.id
