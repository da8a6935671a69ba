"""The live picture: newest values, device links and alarms of every bed, drawn as one snapshot per ward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from hub.newest import Newest
from hub.registry import Registry
from rules.beds import Entry
from rules.engine import Bed
from rules.scores import ScoreResult
from vitals.alarms import Alarm
from vitals.identity import BedKey
from vitals.live import LiveBed, LiveDevice, LiveEntry, LivePause, LiveScore, WardSnapshot
from vitals.readings import Record
from vitals.sessions import GatewayStatus

SILENT_AFTER_MS = 15_000  # no record of any device of a bed: the tile says so
SET_BACK_MS = 12 * 3_600_000  # no measurement is as old as that when it is told: the gateway's clock was set back


class Judged(msgspec.Struct, frozen=True, gc=False):
    """What the hub makes of a bed: its alarms, entries, scores and pause, and who lies there."""

    alarms: list[Alarm]
    entries: Mapping[str, Entry] = {}
    scores: tuple[ScoreResult, ...] = ()
    pause: LivePause | None = None
    patient: str = ""
    patient_since: int | None = None


class _Source:
    """What was last heard of one device."""

    __slots__ = ("device", "gateway", "guess", "newest_at", "received", "states", "time")

    def __init__(self, source: str) -> None:
        self.gateway, _, self.device = source.partition("/")
        self.received: int | None = None
        self.time = 0  # of the newest record, by the gateway's clock
        self.newest_at = 0  # when that one was received
        self.states: tuple[str, ...] = ()
        self.guess = False  # whether the gateway guessed that time

    def since(self, time: int, now: int, *, guess: bool = False) -> int:
        """When, by the hub's clock, something the gateway measured at `time` was true.

        A cuff pressure comes with its own, older time. The newest record of the same gateway says how far its clock
        is from ours, so no clock needs to be right. A clock that was set in between tells nothing of the other times.
        """
        was_set = (self.guess and not guess and self.time > self.newest_at) or self.time - time > SET_BACK_MS
        self.guess = guess
        if self.received is None or time >= self.time or was_set:
            self.time, self.newest_at = time, now
        self.received = now
        return self.newest_at - (self.time - time)


class _Bed:
    """One bed, with the devices that stand there."""

    __slots__ = ("left", "newest", "sources", "title")

    def __init__(self, title: str) -> None:
        self.title = title
        self.newest = Newest()
        self.sources: dict[str, _Source] = {}
        self.left = 0  # when the last patient left; what was measured before is of nobody here


class LivePicture:
    """Kept by the hub alone; `now` is UTC ms on a clock that never steps."""

    def __init__(
        self, registry: Registry, hub: str, clock_offset: Callable[[str], int | None] = lambda _: None
    ) -> None:
        """`clock_offset` says how far the clock of a gateway is ahead of the hub's, if anybody knows."""
        self._registry = registry
        self._clock_offset = clock_offset
        self._hub = hub
        self._number = dict.fromkeys(registry.wards, 0)
        self._sources: dict[str, _Source] = {}
        self._gateways: dict[str, GatewayStatus] = {}
        self._beds = {bed.key: _Bed(registry.bed_titles[bed.key]) for bed in registry.beds()}
        self._wards: dict[str, list[tuple[BedKey, _Bed]]] = {ward: [] for ward in registry.wards}
        for key, at in self._beds.items():
            self._wards[key.ward].append((key, at))
        for bed in registry.beds():
            self._station(bed)

    def observe(self, bed: BedKey, source: str, record: Record, now: int) -> bool:
        """Take in a live record; the caller passes each source's records in order.

        False: it is an old one, of a patient who has left the bed since, and nothing of the present.
        """
        heard = self._sources[source]
        since = heard.since(record.time, now, guess=record.clock == "unsynced")
        at = self._beds[bed]
        if since < at.left:
            return False
        at.newest.take(record, since)
        heard.states = record.states
        return True

    def vacated(self, bed: BedKey, time: int) -> None:
        """The patient left the bed at `time`, UTC ms by the hub's clock: what was measured until then goes."""
        at = self._beds[bed]
        at.left = time
        at.newest.forget(time)

    def station(self, beds: Iterable[Bed], now: int) -> None:
        """These beds have other devices from now on. Where one was taken away nothing of before is shown."""
        for bed in beds:
            at = self._beds[bed.key]
            if at.sources.keys() - set(bed.sources):
                at.newest.forget(now)
            self._station(bed)

    def _station(self, bed: Bed) -> None:
        for source in bed.sources:
            if source not in self._sources:
                self._sources[source] = _Source(source)
        self._beds[bed.key].sources = {source: self._sources[source] for source in bed.sources}

    def gateway(self, status: GatewayStatus) -> None:
        """Take in what a gateway, or its last will, says of itself."""
        self._gateways[status.gateway] = status

    @property
    def gateways(self) -> Mapping[str, GatewayStatus]:
        """What each gateway has last said of itself."""
        return self._gateways

    def snapshot(self, ward: str, now: int, judged: Callable[[BedKey], Judged]) -> WardSnapshot:
        """The ward as it is at `now`."""
        self._number[ward] += 1
        return WardSnapshot(
            ward=ward,
            title=self._registry.wards[ward],
            hub=self._hub,
            time=now,
            number=self._number[ward],
            beds=[self._bed(key.bed, at, now, judged(key)) for key, at in self._wards[ward]],
        )

    def _bed(self, name: str, at: _Bed, now: int, judged: Judged) -> LiveBed:
        sources = at.sources.values()
        latest = max((source.received for source in sources if source.received is not None), default=None)
        return LiveBed(
            bed=name,
            title=at.title,
            silent=latest is None or now - latest > SILENT_AFTER_MS,
            values=at.newest.shown(now),
            devices=[self._device(source, now) for source in sources],
            alarms=judged.alarms,
            entries={
                name: LiveEntry(value=entry.value, time=entry.time, until=entry.until)
                for name, entry in judged.entries.items()
            },
            scores={result.table: _score(result) for result in judged.scores},
            pause=judged.pause,
            patient=judged.patient,
            patient_since=judged.patient_since,
        )

    def _device(self, source: _Source, now: int) -> LiveDevice:
        status = self._gateways.get(source.gateway)
        link = next((entry for entry in status.devices if entry.id == source.device), None) if status else None
        return LiveDevice(
            device=source.device,
            gateway=source.gateway,
            gateway_online=status.online if status else None,
            clock_offset_ms=self._clock_offset(source.gateway),
            link=link.link if link else "",
            detail=link.detail if link else "",
            states=source.states,
            age_ms=None if source.received is None else now - source.received,
        )


def _score(result: ScoreResult) -> LiveScore:
    return LiveScore(
        total=result.total,
        partial=result.partial,
        complete=result.complete,
        points=result.points,
        missing=result.missing,
        red=result.red,
        risk=result.risk,
    )
