"""Nonin data format 13: one checksummed frame per spot check becomes one aperiodic observation."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.drivers.driver import BadFrame, Heard
from edge_agent.drivers.nonin.commands import ACK, CLOCK_REPLY, CLOCK_REPLY_SIZE, NAK, read_clock
from edge_agent.drivers.nonin.readings import numbers
from vitals.readings import Observation

SILENCE_S = math.inf  # hours may lie between two measurements

HEADER = b"\x00\x02\x00\x0d"
_PREFIX = len(HEADER) + 2  # and two bytes of length
_SUFFIX = 2  # checksum, 03
_ETX = 0x03
LEAST_DATA = 14
# The data may grow in later models. A longer frame than this is taken for a damaged length: waiting for its end would
# swallow whole measurements.
MOST_DATA = 32
REPORT_EVERY = 64  # bytes of noise

_FROM_MEMORY, _LOW_BATTERY, _NO_MEASUREMENT, _SMART_POINT = 0x0010, 0x0001, 0x0100, 0x0200
_START = re.compile(
    rb"\x00\x02\x00\x0d|" + re.escape(CLOCK_REPLY) + rb"|\x00\x02\x00\Z|\x00\x02\Z|\x00\Z|\x02\xf2\Z|\x02\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotCheck:
    """The fields of one frame."""

    time: datetime | None  # the clock of the device; None: not a time
    status: int
    rate: int
    saturation: int


def unpack(data: bytes) -> SpotCheck:
    """The fields of the data part; bytes beyond the fourteenth are of later models and ignored."""
    return SpotCheck(
        time=_bcd_time(data[:7]),
        status=data[8] << 8 | data[9],
        rate=(data[10] & 0x01) << 8 | data[11],
        saturation=data[13] & 0x7F,
    )


class SpotCheckDecoder:
    """Finds frames and answers about the clock in a stream of bytes; holds less than one frame."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipped = 0  # bytes given up and not yet reported
        self._lost = False  # given up any since the last frame

    def feed(self, data: bytes) -> list[SpotCheck | datetime | BadFrame]:
        """Take the next piece of the stream."""
        found: list[SpotCheck | datetime | BadFrame] = []
        buffer, at = self._rest + data, 0
        while at < len(buffer):
            match = _START.search(buffer, at)
            start = match.start() if match else len(buffer)
            self._skip(buffer[at:start], found)
            at = start
            if match is None or match.end() == len(buffer):
                break
            taken = self._take(buffer, at, found)
            if taken == 0:
                break
            at += taken
        self._rest = buffer[at:]
        return found

    def finish(self) -> list[SpotCheck | datetime | BadFrame]:
        """The stream ended."""
        found: list[SpotCheck | datetime | BadFrame] = []
        self._close_gap(found)
        if self._rest:
            found.append(BadFrame(reason="incomplete", size=len(self._rest)))
        self._rest = b""
        return found

    def _take(self, buffer: bytes, at: int, found: list[SpotCheck | datetime | BadFrame]) -> int:
        """How many bytes were used up by what begins here; 0: more must come."""
        is_reply = buffer[at] == CLOCK_REPLY[0]
        size = CLOCK_REPLY_SIZE if is_reply else _frame_size(buffer, at)
        frame = buffer[at : at + size]
        if len(frame) < size:
            return 0
        item = (read_clock(frame) or BadFrame(reason="bad_frame", size=size)) if is_reply else _check(frame)
        self._close_gap(found)
        if isinstance(item, BadFrame):
            # A damaged frame is given up only as far as the next one may begin.
            following = _START.search(frame, 1)
            item = BadFrame(reason=item.reason, size=following.start() if following else size)
            size = item.size
        found.append(item)
        return size

    def _skip(self, junk: bytes, found: list[SpotCheck | datetime | BadFrame]) -> None:
        if not self._lost:  # answers to a command stand between frames
            junk = junk.lstrip(bytes([ACK, NAK]))
        self._lost |= bool(junk)
        self._skipped += len(junk)
        while self._skipped >= REPORT_EVERY:
            found.append(BadFrame(reason="resync", size=REPORT_EVERY))
            self._skipped -= REPORT_EVERY

    def _close_gap(self, found: list[SpotCheck | datetime | BadFrame]) -> None:
        if self._skipped:
            found.append(BadFrame(reason="resync", size=self._skipped))
        self._skipped, self._lost = 0, False


class SpotChecks:
    """The stream of one oximeter in format 13, and the clock of that oximeter as far as it told it."""

    silence_s = SILENCE_S

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A line opened; the device may be another one."""
        self._decoder = SpotCheckDecoder()
        self._clock: tuple[datetime, int] | None = None  # what it said, and when it said so

    @property
    def knows_clock(self) -> bool:
        """Whether the device has told its clock since the line opened."""
        return self._clock is not None

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per frame."""
        return self._heard(self._decoder.feed(data), now)

    def finish(self, now: int) -> Heard:
        """Whatever was not complete."""
        return self._heard(self._decoder.finish(), now)

    def _heard(self, found: list[SpotCheck | datetime | BadFrame], now: int) -> Heard:
        observations: list[Observation] = []
        bad: list[BadFrame] = []
        for item in found:
            if isinstance(item, BadFrame):
                bad.append(item)
            elif isinstance(item, datetime):
                self._clock = (item, now)
            else:
                observations.append(observe(item, self._age(item, now)))
        return Heard(observations=tuple(observations), good=len(found) - len(bad), bad=tuple(bad))

    def _age(self, check: SpotCheck, now: int) -> timedelta | None:
        if self._clock is None or check.time is None:
            return None
        said, then = self._clock
        return said + timedelta(milliseconds=now - then) - check.time


def observe(check: SpotCheck, age: timedelta | None) -> Observation:
    """The measurement in one frame. `age` by the clock of the device; None: not known."""
    flags = {"spot_check"}
    if check.status & _FROM_MEMORY:
        flags.add("from_memory")
    if check.status & _LOW_BATTERY:
        flags.add("low_battery")
    values: dict[str, float] = {}
    missing = {"pr": "not_measured", "spo2": "not_measured"}
    if not check.status & _NO_MEASUREMENT:
        values, missing = numbers(check.rate, check.saturation, flags, lost=False)
    plausible_age = age is not None and age >= timedelta(0)
    return Observation(
        values=values,
        missing=missing,
        flags=tuple(sorted(flags)),
        device={"format": 13, "spa": bool(check.status & _SMART_POINT)},
        aperiodic=True,
        age_ms=age // timedelta(milliseconds=1) if age is not None and plausible_age else 0,
        device_time=check.time.isoformat() if check.time else None,
        # A fresh measurement was made within the last minute; one from the memory may be of any day.
        untimed="from_memory" in flags and not plausible_age,
    )


def _frame_size(buffer: bytes, at: int) -> int:
    if len(buffer) - at < _PREFIX:
        return _PREFIX
    length = buffer[at + 4] << 8 | buffer[at + 5]
    return _PREFIX + length + _SUFFIX if LEAST_DATA <= length <= MOST_DATA else _PREFIX


def _check(frame: bytes) -> SpotCheck | BadFrame:
    if len(frame) == _PREFIX:
        return BadFrame(reason="bad_length", size=len(frame))
    data = frame[_PREFIX:-_SUFFIX]
    if frame[-1] != _ETX:
        return BadFrame(reason="bad_frame", size=len(frame))
    if sum(data) & 0xFF != frame[-2]:
        return BadFrame(reason="bad_checksum", size=len(frame))
    return unpack(data)


def _bcd_time(data: bytes) -> datetime | None:
    """Century, year, month, day, hour, minute, second: two decimal digits in each byte."""
    digits = data.hex()
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S") if digits.isdigit() else None
    except ValueError:
        return None
