"""The live picture: newest values, device links and alarms of every bed, drawn as one snapshot per ward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from hub.registry import Registry
from rules.beds import Entry
from rules.engine import Bed
from rules.scores import ScoreResult
from vitals.alarms import Alarm
from vitals.identity import BedKey
from vitals.live import LiveBed, LiveDevice, LiveEntry, LivePause, LiveScore, LiveValue, WardSnapshot
from vitals.parameters import PARAMETERS
from vitals.readings import Record
from vitals.sessions import GatewayStatus

SILENT_AFTER_MS = 15_000  # no record of any device of a bed: the tile says so
SET_BACK_MS = 12 * 3_600_000  # no measurement is as old as that when it is told: the gateway's clock was set back

_STALE_MS = {name: parameter.stale_s * 1_000 for name, parameter in PARAMETERS.items()}


class Judged(NamedTuple):
    """What the hub makes of a bed: its alarms, entries, scores and pause, and who lies there."""

    alarms: list[Alarm]
    entries: Mapping[str, Entry] = {}
    scores: tuple[ScoreResult, ...] = ()
    pause: LivePause | None = None
    patient: str = ""
    patient_since: int | None = None


class _Source:
    """What was last heard of one device."""

    __slots__ = ("guess", "newest_at", "received", "states", "time")

    def __init__(self) -> None:
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
        self._values: dict[BedKey, Mapping[str, float]] = {}
        self._missing: dict[BedKey, dict[str, str]] = {}  # why a value is missing; none of a bed where nothing ever was
        self._times: dict[BedKey, dict[str, tuple[int, int]]] = {}  # when each was measured, and by the hub's clock
        self._sources: dict[str, _Source] = {}
        self._gateways: dict[str, GatewayStatus] = {}
        self._left: dict[BedKey, int] = {}  # when the last patient left; what was measured before is of nobody here
        self._beds: dict[str, dict[BedKey, tuple[str, ...]]] = {ward: {} for ward in registry.wards}
        for bed in registry.beds():
            self._values[bed.key], self._times[bed.key] = {}, {}
            self._station(bed)

    def observe(self, bed: BedKey, source: str, record: Record, now: int) -> bool:
        """Take in a live record; the caller passes each source's records in order.

        False: it is an old one, of a patient who has left the bed since, and nothing of the present.
        """
        heard = self._sources[source]
        time = record.time
        since = heard.since(time, now, guess=record.clock == "unsynced")
        if since < self._left.get(bed, 0):
            return False
        times, when = self._times[bed], (time, since)
        known = self._values[bed]
        # Never changed, only exchanged: the record's own copy serves all who keep it.
        self._values[bed] = record.values if record.values.keys() == known.keys() else {**known, **record.values}
        whens = dict.fromkeys(record.values, when)
        if whens.keys() == times.keys():
            self._times[bed] = times = whens
        else:
            times.update(whens)
        missing = self._missing.get(bed)
        if missing:
            for name in record.values:
                missing.pop(name, None)
        if record.flags:
            times.update(dict.fromkeys(record.flags, when))
            self._missing.setdefault(bed, {}).update(record.flags)
        heard.states = record.states
        return True

    def vacated(self, bed: BedKey, time: int) -> None:
        """The patient left the bed at `time`, UTC ms by the hub's clock: what was measured until then goes."""
        self._left[bed] = time
        self._forget(bed, time)

    def station(self, beds: Iterable[Bed], now: int) -> None:
        """These beds have other devices from now on. Where one was taken away nothing of before is shown."""
        for bed in beds:
            if set(self._beds[bed.key.ward][bed.key]) - set(bed.sources):
                self._forget(bed.key, now)
            self._station(bed)

    def _station(self, bed: Bed) -> None:
        self._beds[bed.key.ward][bed.key] = bed.sources
        for source in bed.sources:
            self._sources.setdefault(source, _Source())

    def _forget(self, bed: BedKey, until: int) -> None:
        past = {name for name, (_, since) in self._times[bed].items() if since <= until}
        self._times[bed] = {name: when for name, when in self._times[bed].items() if name not in past}
        self._values[bed] = {name: value for name, value in self._values[bed].items() if name not in past}
        for name in past:
            self._missing.get(bed, {}).pop(name, None)

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
            beds=[self._bed(key, sources, now, judged(key)) for key, sources in self._beds[ward].items()],
        )

    def _bed(self, key: BedKey, sources: tuple[str, ...], now: int, judged: Judged) -> LiveBed:
        heard = [self._sources[source].received for source in sources]
        latest = max((received for received in heard if received is not None), default=None)
        return LiveBed(
            bed=key.bed,
            title=self._registry.bed_titles[key],
            silent=latest is None or now - latest > SILENT_AFTER_MS,
            values=_values(self._values[key], self._times[key], self._missing.get(key), now),
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

    def _device(self, source: str, now: int) -> LiveDevice:
        gateway, _, device = source.partition("/")
        heard = self._sources[source]
        status = self._gateways.get(gateway)
        link = next((entry for entry in status.devices if entry.id == device), None) if status else None
        return LiveDevice(
            device=device,
            gateway=gateway,
            gateway_online=status.online if status else None,
            clock_offset_ms=self._clock_offset(gateway),
            link=link.link if link else "",
            detail=link.detail if link else "",
            states=heard.states,
            age_ms=None if heard.received is None else now - heard.received,
        )


def _values(
    values: Mapping[str, float], times: Mapping[str, tuple[int, int]], missing: Mapping[str, str] | None, now: int
) -> dict[str, LiveValue]:
    shown: dict[str, LiveValue] = {}
    last: tuple[int, int] | None = None
    time = age = 0
    for name, when in times.items():
        if when is not last:  # most values of a bed came together
            last, time, age = when, when[0], now - when[1]
        fresh = age <= _STALE_MS[name]
        if missing and name in missing:
            shown[name] = LiveValue(reason=missing[name], time=time, age_ms=age, fresh=fresh)
        else:
            shown[name] = LiveValue(value=values[name], time=time, age_ms=age, fresh=fresh)
    return shown


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
