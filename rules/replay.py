"""Replay: records that were kept, judged again on a virtual clock, exactly as the hub would have judged them live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from rules.beds import Entry
from rules.book import Book
from rules.documents import RuleSet
from rules.engine import Bed, Engine
from rules.episodes import Episodes, Ledger
from rules.machine import Refused
from rules.scenarios import TICK_MS
from vitals.alarms import AlarmEvent
from vitals.identity import BedKey
from vitals.readings import Record

Deed = Callable[[Engine, int], list[AlarmEvent]]
"""What a person or the hub did at a moment; `deeds_of` finds those of people."""

_NEVER = 2**62


class Heard(NamedTuple):
    """One record as it was judged: of which source (`gateway/device`), and when (UTC ms)."""

    source: str
    record: Record
    now: int


class Stored(NamedTuple):
    """One record with its whole identity; the gateway is the first part of `source`."""

    source: str
    epoch: int
    record: Record


def replay(
    sets: Sequence[RuleSet],
    bed: Bed,
    records: Iterable[tuple[str, Record, int]],
    *,
    start: int | None = None,
    until: int | None = None,
    deeds: Iterable[tuple[int, Deed]] = (),
    attended: bool = False,
    book: Book | None = None,
) -> Episodes:
    """The alarms that the rules make of `records` at `bed`: each (source, record, when it was judged), in that order.

    Time begins at `start` (with the first record) and ends before `until` (with the last). `deeds` are (when, deed) in
    the order of time. `attended`: somebody resets each latched alarm at once, so that every new one is counted.
    `book`: what the bed is judged by, limits people have set included; instead of `sets`.
    """
    play = _Play(Engine(sets, [bed]), attended)
    if book is not None:
        play.engine.rebook(bed.key, book, 0)
    if start is not None:
        play.tell(play.engine.advance(start), start)
    end = _NEVER if until is None else until
    last = start
    waiting = iter(deeds)
    moment, deed = next(waiting, (_NEVER, _nothing))
    observe = play.engine.observe
    for source, record, now in records:
        if now >= end:
            break
        while moment < now:
            play.act(deed, moment)
            moment, deed = next(waiting, (_NEVER, _nothing))
        play.pass_time(now)
        events = observe(bed.key, source, record, now)
        if events:
            play.tell(events, now)
        last = now
    while moment < end:
        play.act(deed, moment)
        last = moment if last is None else max(last, moment)
        moment, deed = next(waiting, (_NEVER, _nothing))
    if until is not None or last is not None:
        play.pass_time(last + 1 if until is None and last is not None else end)
    return Episodes(tuple(play.told), tuple(play.ledger.episodes()))


def in_order(records: Iterable[Stored]) -> list[Heard]:
    """Each record once, by the time it was measured, as if it had been judged at that moment.

    However often and in whatever order records arrived, the result is the same.
    """
    once = {(stored.source, stored.epoch, stored.record.seq): stored for stored in records}
    ordered = sorted(once.values(), key=lambda s: (s.record.time, s.source, s.epoch, s.record.seq))
    return [Heard(stored.source, stored.record, stored.record.time) for stored in ordered]


def deeds_of(events: Iterable[AlarmEvent]) -> Iterator[tuple[int, Deed]]:
    """What people did to alarms, as their events tell. Under other rules an alarm may not exist; then nothing happens.

    The pause of a bed where no alarm stood has left no event, and is not done again.
    """
    for event in events:
        do = _DONE.get(event.change)
        if event.by and do is not None:
            yield event.time, _unless_refused(do, event)


def entering(bed: BedKey, entered: Iterable[tuple[int, str, Entry | None]], start: int) -> Iterator[tuple[int, Deed]]:
    """What staff entered at `bed`: (when it came, name, entry; None takes it back), in the order it came.

    What came before `start` is there from the start.
    """
    known: dict[str, Entry] = {}
    for came, together in groupby(entered, key=lambda one: max(one[0], start)):
        for _, name, entry in together:
            if entry is None:
                known.pop(name, None)
            else:
                known[name] = entry
        yield came, _entering(bed, dict(known))


class _Play:
    """One engine on its virtual clock, and what it has told."""

    def __init__(self, engine: Engine, attended: bool) -> None:
        self.engine = engine
        self.told: list[AlarmEvent] = []
        self.ledger = Ledger()
        self._attended = attended

    def pass_time(self, end: int) -> None:
        """Let the hub's ticks before `end` happen; those with nothing to do are skipped."""
        while (due := self.engine.next_due()) is not None:
            tick = -(-due // TICK_MS) * TICK_MS
            if tick >= end:
                return
            self.tell(self.engine.advance(tick), tick)

    def act(self, deed: Deed, now: int) -> None:
        """Somebody does something, after the tick of that moment."""
        self.pass_time(now + 1)
        self.tell(deed(self.engine, now), now)

    def tell(self, events: list[AlarmEvent], now: int) -> None:
        """Keep what happened; `attended`, reset what latched."""
        for event in events:
            self.told.append(event)
            self.ledger.take(event)
            if self._attended and event.change == "latched":
                self.tell(self.engine.reset(event.alarm.id, "replay", "seen", now), now)


def _nothing(_engine: Engine, _now: int) -> list[AlarmEvent]:
    return []


def _unless_refused(do: _Do, event: AlarmEvent) -> Deed:
    def deed(engine: Engine, now: int) -> list[AlarmEvent]:
        try:
            return do(engine, event, now)
        except Refused:
            return []

    return deed


def _entering(bed: BedKey, known: Mapping[str, Entry]) -> Deed:
    def deed(engine: Engine, now: int) -> list[AlarmEvent]:
        return engine.enter(bed, {name: entry for name, entry in known.items() if entry.holds(now)}, now)

    return deed


def _acknowledge(engine: Engine, event: AlarmEvent, now: int) -> list[AlarmEvent]:
    return engine.acknowledge(event.alarm.id, event.by, event.reason, now)


def _reset(engine: Engine, event: AlarmEvent, now: int) -> list[AlarmEvent]:
    return engine.reset(event.alarm.id, event.by, event.reason, now)


def _pause_audio(engine: Engine, event: AlarmEvent, now: int) -> list[AlarmEvent]:
    return engine.pause_audio(event.alarm.id, event.by, event.reason, event.alarm.until, now)


def _pause_alarms(engine: Engine, event: AlarmEvent, now: int) -> list[AlarmEvent]:
    bed = BedKey(event.alarm.ward, event.alarm.bed)
    pause = engine.bed_pause(bed)
    if pause is not None and pause.until == event.alarm.until:
        return []  # one deed, told of each alarm at the bed
    return engine.pause_alarms(bed, event.by, event.reason, event.alarm.until, now)


def _resume(engine: Engine, event: AlarmEvent, now: int) -> list[AlarmEvent]:
    return engine.resume_alarms(BedKey(event.alarm.ward, event.alarm.bed), event.by, event.reason, now)


_Do = Callable[[Engine, AlarmEvent, int], list[AlarmEvent]]
_DONE: dict[str, _Do] = {
    "acknowledged": _acknowledge,
    "reset": _reset,
    "audio_paused": _pause_audio,
    "alarms_paused": _pause_alarms,
    "reraised": _resume,
}
