"""Observations become drafts of records: plausible values, known words, a time that never runs backwards.

Pure: wall time, steady time and clock quality are arguments.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field

from vitals.codec import encode
from vitals.parameters import PARAMETERS
from vitals.readings import ClockQuality, Gap, Observation, Record
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

# A clock before this was never set since it was made: no release of this software is older.
CLOCK_FLOOR_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
CLOCK_CEILING_MS = 253_402_300_799_999  # 9999-12-31, the last time the wire can say
ALARM_STATES = frozenset({"device_alarm", "asystole", "apnea", "drill"})  # a full spool gives these up last
TRUSTED_DRIFT_MS = 1_000  # a stamp further than this from the clock is not the clock's word any more
SMEARED_MS = 12 * 3_600_000  # a clock that was ahead by more is not waited for: that would take days


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record that has no seq yet; the spool gives it one."""

    device: str
    time: int
    steady: int
    boot: str
    clock: ClockQuality
    values: dict[str, float] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    kind: str = "vitals"  # or alarm, wave, gap: what the spool gives up last, first, never
    gap: Gap | None = None
    wave: bytes = b""  # a wave frame, encoded; whoever sends it gives it its number
    measured: int | None = None  # steady time of the measurement, where `time` is a guess until the clock is set

    def record(self, seq: int) -> Record:
        """The record with its number."""
        return Record(
            seq=seq,
            device=self.device,
            time=self.time,
            clock=self.clock,
            values=self.values,
            flags=self.flags,
            states=self.states,
            gap=self.gap,
        )

    def body(self, seq: int) -> bytes:
        """What is stored under that number."""
        return self.wave or encode(self.record(seq))


class Stamper:
    """Stamps the observations of one device; counts in `dropped` what the wire has no word for."""

    def __init__(self, device: str, boot: str, last_time: int = 0) -> None:
        self.device = device
        self.boot = boot
        self.dropped: Counter[str] = Counter()
        self._time = last_time
        self._guess = 0  # the last time told by a clock nobody has set: no reason to hold back a good one
        self._moment: int | None = None

    def stamp(self, observation: Observation, *, wall: int, steady: int, clock: ClockQuality) -> Draft | None:
        """The draft of this observation, or None if it says nothing the wire can carry."""
        values, flags = self._numbers(observation)
        states = tuple(state for state in observation.flags if self._known(state, DEVICE_STATES, "state"))
        if not (values or flags or states):
            return None
        known = clock != "unsynced" and wall >= CLOCK_FLOOR_MS
        # Moments of a device strictly grow: guessed times that are put right later are to differ then, too.
        moment = steady if self._moment is None else max(steady, self._moment + 1)
        time = self._next_time(wall + (moment - steady if self._guess else 0), moment, known)
        measured = None if known or observation.untimed else moment
        if observation.aperiodic:  # its own time may lie before what this device has already said
            age = max(0, observation.age_ms)
            time = max(0, time - age)
            wall -= age
            measured = measured - age if measured is not None else None
        if observation.untimed or abs(time - wall) > TRUSTED_DRIFT_MS or wall < CLOCK_FLOOR_MS:
            clock = "unsynced"
        return Draft(
            device=self.device,
            time=time,
            steady=steady,
            boot=self.boot,
            clock=clock,
            values=values,
            flags=flags,
            states=states,
            kind="alarm" if ALARM_STATES.intersection(states) else "vitals",
            measured=measured,
        )

    def dated(self, time: int) -> None:
        """A record of this device, dated anew when the clock was set, has this time: the next one is later."""
        self._time = max(self._time, time)

    def _numbers(self, observation: Observation) -> tuple[dict[str, float], dict[str, str]]:
        values: dict[str, float] = {}
        flags: dict[str, str] = {}
        for name, reason in observation.missing.items():
            if self._known(name, PARAMETERS, "parameter"):
                flags[name] = reason if self._known(reason, MISSING_REASONS, "reason") else "device_invalid"
        for name, value in observation.values.items():
            if not self._known(name, PARAMETERS, "parameter") or name in flags:
                continue  # where a monitor gives a number and a reason to distrust it, the reason stands
            number = float(value) if not isinstance(value, bool) else math.nan
            if PARAMETERS[name].plausible(number):
                values[name] = number
            else:
                flags[name] = "out_of_range"
        return values, flags

    def _next_time(self, wall: int, moment: int, known: bool) -> int:
        """Wall time, unless that would run backwards: then half as fast as time goes by, until the wall catches up."""
        wall = min(max(wall, 0), CLOCK_CEILING_MS - 1)
        passed = moment - self._moment if self._moment is not None else 0
        self._moment = moment
        last = self._time if known else max(self._time, self._guess)
        time = wall if wall > last or last - wall > SMEARED_MS else last + max(1, passed // 2)
        if known:
            self._time = time
        else:
            self._guess = time
        return time

    def _known(self, word: str, vocabulary: Container[str], kind: str) -> bool:
        known = word in vocabulary
        if not known:
            self.dropped[f"unknown {kind}: {word[:40]}"] += 1
        return known
