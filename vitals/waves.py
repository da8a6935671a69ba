"""Stretches of sampled signals on the wire: what `up/<gateway>/wave` carries.

A payload is one or more frames, little-endian, without padding:

    u16  length of the rest of the frame
    u32  epoch      u64 seq       u64 time of the first sample, UTC ms
    f32  rate, Hz   f32 scale     f32 offset            value = raw * scale + offset
    u8   clock: 0 synced, 1 holdover, 2 unsynced
    u8 n, n bytes   device        u8 n, n bytes channel (ASCII; a name of vitals.parameters.WAVEFORMS)
    u8 n, n bytes   unit (UCUM, ASCII), or "raw": counts of the device, whose scale nobody has told
    i16 each        samples; -32768 means that there is none
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from typing import NamedTuple, get_args

from vitals.errors import WireError
from vitals.identity import is_name
from vitals.parameters import WAVEFORMS
from vitals.readings import ClockQuality

NO_SAMPLE = -32768
RAW = "raw"  # the unit of what is only a shape
MAX_SAMPLES = 16_000  # 32 s at 500 Hz; a frame stays below 33 kB
MAX_RATE_HZ = 10_000.0
_HEAD = struct.Struct("<IQQfffB")
_LENGTH = struct.Struct("<H")
_NUMBER = struct.Struct("<IQ")  # how the head begins
_MOST_UNIT = 24
_WHOLE = 2**24
_CLOCKS: tuple[ClockQuality, ...] = get_args(ClockQuality)
_MOST_MS = 253_402_300_799_999


class WaveFrame(NamedTuple):
    """One stretch of one channel; `samples` are int16 little-endian bytes, `time` that of the first one."""

    epoch: int
    seq: int
    device: str
    channel: str
    time: int
    clock: ClockQuality
    rate_hz: float
    scale: float
    offset: float
    unit: str
    samples: bytes

    @property
    def size(self) -> int:
        """How many samples there are."""
        return len(self.samples) // 2

    @property
    def duration_ms(self) -> float:
        """How long they last."""
        return self.size * 1_000 / self.rate_hz

    def values(self) -> list[float | None]:
        """The samples in the unit of the channel; None where there is none."""
        return [None if raw == NO_SAMPLE else raw * self.scale + self.offset for raw in _words(self.samples)]


class BadFrame(NamedTuple):
    """A frame nobody can use; `seq` 0: not even its number can be read."""

    epoch: int
    seq: int
    reason: str
    payload: bytes


def pack(values: Sequence[float | None]) -> tuple[float, float, bytes]:
    """(scale, offset, samples) of a stretch: whole numbers exactly, others within half a 65,534th of their span."""
    values = [value if value is not None and math.isfinite(value) else None for value in values]
    present = [value for value in values if value is not None]
    low, high = min(present, default=0.0), max(present, default=0.0)
    if _exact(present, low, high):
        middle = 0 if low >= -32_767 and high <= 32_767 else int(low + high) // 2
        return 1.0, middle, _bytes(array("h", [NO_SAMPLE if v is None else int(v) - middle for v in values]))
    return quantise(values, low, high)


def _exact(present: Sequence[float], low: float, high: float) -> bool:
    """Whether these are whole numbers that int16 can hold around a middle which float32 can."""
    return high - low <= 65_533 and low > -_WHOLE and high < _WHOLE and all(float(v).is_integer() for v in present)


def quantise(values: Sequence[float | None], low: float, high: float) -> tuple[float, float, bytes]:
    """(scale, offset, samples): `values` within [low, high] as int16, what lies outside held at the edge.

    NaN and None become NO_SAMPLE.
    """
    scale = _f32((high - low) / 65_534) or 1.0
    offset = _f32((low + high) / 2)
    words = array("h")
    for value in values:
        if value is None or value != value:
            words.append(NO_SAMPLE)
        else:
            words.append(max(-32_767, min(32_767, round((value - offset) / scale))))
    return scale, offset, _bytes(words)


def encode_frame(frame: WaveFrame) -> bytes:
    """The frame with its length before it; frames are joined by concatenation."""
    device, channel, unit = frame.device.encode("ascii"), frame.channel.encode("ascii"), frame.unit.encode("ascii")
    head = _HEAD.pack(
        frame.epoch,
        frame.seq,
        frame.time,
        frame.rate_hz,
        frame.scale,
        frame.offset,
        _CLOCKS.index(frame.clock),
    )
    names = b"".join(bytes((len(name),)) + name for name in (device, channel, unit))
    return b"".join((_LENGTH.pack(len(head) + len(names) + len(frame.samples)), head, names, frame.samples))


def renumbered(frame: bytes, epoch: int, seq: int) -> bytes:
    """An encoded frame under another number: a spool knows it only when the frame is stored or sent."""
    return frame[: _LENGTH.size] + _NUMBER.pack(epoch, seq) + frame[_LENGTH.size + _NUMBER.size :]


def decode_frames(payload: bytes) -> list[WaveFrame]:
    """Every frame of a payload. Raises WireError when the payload is not made of whole, sensible frames."""
    frames, bad = sift_frames(payload)
    if bad:
        raise WireError(bad[0].reason)
    return frames


def sift_frames(payload: bytes) -> tuple[list[WaveFrame], list[BadFrame]]:
    """The frames of a payload that can be used, and those that cannot. Raises WireError for an empty payload."""
    if not payload:
        raise WireError("wave: there is no frame in it")
    frames: list[WaveFrame] = []
    bad: list[BadFrame] = []
    at = 0
    while at < len(payload):
        end = at + _LENGTH.size + int.from_bytes(payload[at : at + _LENGTH.size], "little")
        body = payload[at + _LENGTH.size : end]
        try:
            if end > len(payload) or len(payload) - at < _LENGTH.size:
                raise WireError("wave: the payload ends inside a frame")
            frames.append(_decode(body))
        except WireError as error:
            bad.append(BadFrame(*_number(body), error.reason, body))
        at = end
    return frames, bad


def _decode(body: bytes) -> WaveFrame:
    try:
        epoch, seq, time, rate_hz, scale, offset, clock = _HEAD.unpack_from(body)
        device, at = _name(body, _HEAD.size)
        channel, at = _name(body, at)
        unit, at = _name(body, at)
    except (struct.error, IndexError, UnicodeDecodeError) as exc:
        raise WireError("wave: a frame is shorter than its head") from exc
    samples = body[at:]
    if clock >= len(_CLOCKS):
        raise WireError("wave: unknown clock quality")
    frame = WaveFrame(epoch, seq, device, channel, time, _CLOCKS[clock], rate_hz, scale, offset, unit, samples)
    _check(frame)
    return frame


def _number(body: bytes) -> tuple[int, int]:
    """(epoch, seq) of a frame that cannot be used; (0, 0) if they make no sense."""
    if len(body) < _NUMBER.size:
        return 0, 0
    epoch, seq = _NUMBER.unpack_from(body)
    return (epoch, seq) if epoch >= 1 and 1 <= seq < 2**63 else (0, 0)


def _name(body: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + body[at]
    return body[at + 1 : end].decode("ascii"), end


def _check(frame: WaveFrame) -> None:
    if not (frame.epoch >= 1 and 1 <= frame.seq < 2**63 and frame.time <= _MOST_MS):
        raise WireError("wave: epoch, seq or time is out of range")
    if not is_name(frame.device):
        raise WireError("wave: the device is no name")
    if frame.channel not in WAVEFORMS:
        raise WireError(f"wave: unknown channel {frame.channel[:40]!r}")
    if not (0 < len(frame.unit) <= _MOST_UNIT and frame.unit.isprintable()):
        raise WireError("wave: the unit is no unit")
    if not 0 < frame.rate_hz <= MAX_RATE_HZ:
        raise WireError("wave: the rate is not between 0 and 10 kHz")
    if not (math.isfinite(frame.scale) and math.isfinite(frame.offset) and frame.scale != 0):
        raise WireError("wave: scale and offset must be finite numbers, the scale not zero")
    if len(frame.samples) % 2 or not 0 < len(frame.samples) <= 2 * MAX_SAMPLES:
        raise WireError(f"wave: a frame has 1 to {MAX_SAMPLES} samples of two bytes")


def _f32(number: float) -> float:
    """The number as the wire will say it."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def _words(samples: bytes) -> array[int]:
    words = array("h")
    words.frombytes(samples)
    if _BIG_ENDIAN:
        words.byteswap()
    return words


def _bytes(words: array[int]) -> bytes:
    if _BIG_ENDIAN:
        words.byteswap()
    return words.tobytes()


_BIG_ENDIAN = array("h", [1]).tobytes() == b"\x00\x01"
