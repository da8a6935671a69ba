"""Stretches of sampled signals on the wire: what `up/<gateway>/wave` carries.

A payload is one or more frames, little-endian, without padding:

    u16  length of the rest of the frame
    u32  epoch      u64 seq       u64 time of the first sample, UTC ms
    f32  rate, Hz   f32 scale     f32 offset            value = raw * scale + offset
    u8   clock: 0 synced, 1 holdover, 2 unsynced
    u8 n, n bytes   device        u8 n, n bytes channel (ASCII; a name of vitals.parameters.WAVEFORMS)
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
MAX_SAMPLES = 16_000  # 32 s at 500 Hz; a frame stays below 33 kB
MAX_RATE_HZ = 10_000.0
_HEAD = struct.Struct("<IQQfffB")
_LENGTH = struct.Struct("<H")
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
    device, channel = frame.device.encode("ascii"), frame.channel.encode("ascii")
    head = _HEAD.pack(
        frame.epoch,
        frame.seq,
        frame.time,
        frame.rate_hz,
        frame.scale,
        frame.offset,
        _CLOCKS.index(frame.clock),
    )
    body = b"".join((head, bytes((len(device),)), device, bytes((len(channel),)), channel, frame.samples))
    return _LENGTH.pack(len(body)) + body


def decode_frames(payload: bytes) -> list[WaveFrame]:
    """Every frame of a payload. Raises WireError when the payload is not made of whole, sensible frames."""
    frames: list[WaveFrame] = []
    at = 0
    while at < len(payload):
        if len(payload) - at < 2:
            raise WireError("wave: the payload ends inside a frame")
        (length,) = _LENGTH.unpack_from(payload, at)
        at += 2
        if len(payload) - at < length:
            raise WireError("wave: the payload ends inside a frame")
        frames.append(_decode(payload[at : at + length]))
        at += length
    if not frames:
        raise WireError("wave: there is no frame in it")
    return frames


def _decode(body: bytes) -> WaveFrame:
    try:
        epoch, seq, time, rate_hz, scale, offset, clock = _HEAD.unpack_from(body)
        device, at = _name(body, _HEAD.size)
        channel, at = _name(body, at)
    except (struct.error, IndexError, UnicodeDecodeError) as exc:
        raise WireError("wave: a frame is shorter than its head") from exc
    samples = body[at:]
    if clock >= len(_CLOCKS):
        raise WireError("wave: unknown clock quality")
    frame = WaveFrame(epoch, seq, device, channel, time, _CLOCKS[clock], rate_hz, scale, offset, samples)
    _check(frame)
    return frame


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
