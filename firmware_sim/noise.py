"""Line noise: clean bytes in, the bytes a bad cable makes of them out, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vitals.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseMix:
    """How often something happens to a byte (`rate`), how likely each kind of it is, and the standing faults."""

    rate: float = 0.0
    loss: float = 0.40  # the byte is gone
    flip: float = 0.40  # one bit is turned
    insert: float = 0.10  # a stray byte comes before it
    burst: float = 0.08  # up to 24 bytes are random
    silence: float = 0.02  # up to 400 bytes are gone
    skipped_bytes: int = 0  # the reader joins in the middle of a frame
    garbage_bytes: int = 0  # random bytes before the first good one
    one_byte_writes: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate <= 1.0:
            raise UsageError(f"a noise rate is a share of bytes from 0 to 1, not {self.rate:g}")

    @classmethod
    def of(cls, rate: float) -> NoiseMix:
        """All kinds together, with garbage at the start, or a clean line for 0."""
        return cls(rate=rate, garbage_bytes=GARBAGE_BYTES if rate else 0)

    @classmethod
    def parse(cls, text: str) -> NoiseMix:
        """`0.001` is the mix; `loss=0.01,flips=0.001,garbage,one-byte` only what is named. Raises UsageError."""
        mix = cls()
        shares = dict.fromkeys(KINDS.values(), 0.0)
        for word in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = (side.strip() for side in word.partition("="))
            if name in KINDS:
                shares[KINDS[name]] = NoiseMix(rate=_number(word, number)).rate
            elif name == "garbage":
                mix = replace(mix, garbage_bytes=_count(word, number) if number else GARBAGE_BYTES)
            elif name == "skip":
                mix = replace(mix, skipped_bytes=_count(word, number))
            elif word == "one-byte":
                mix = replace(mix, one_byte_writes=True)
            else:
                whole = cls.of(_number(word, word))
                mix = replace(mix, rate=whole.rate, garbage_bytes=max(mix.garbage_bytes, whole.garbage_bytes))
        if not any(shares.values()):
            return mix
        if mix.rate:
            raise UsageError("give either one rate for all kinds of noise or a rate for each kind")
        return cls(
            **shares,
            rate=sum(shares.values()),
            skipped_bytes=mix.skipped_bytes,
            garbage_bytes=mix.garbage_bytes,
            one_byte_writes=mix.one_byte_writes,
        )


BURST_BYTES = 24
SILENCE_BYTES = 400
GARBAGE_BYTES = 37
MOST_BYTES = 1_000_000

# As they are called on the command line, and the field of the mix.
KINDS = {"loss": "loss", "flips": "flip", "strays": "insert", "bursts": "burst", "silence": "silence"}


def _count(word: str, number: str) -> int:
    count = _number(word, number)
    if not 0 <= count <= MOST_BYTES:
        raise UsageError(f"noise {word!r}: a number of bytes is from 0 to {MOST_BYTES}")
    return int(count)


def _number(word: str, number: str) -> float:
    try:
        return float(number)
    except ValueError as error:
        known = ", ".join(f"{name}=0.01" for name in KINDS)
        raise UsageError(
            f"noise {word!r} is neither a share of bytes, as 0.001, nor one of {known}, garbage=37, skip=50, one-byte"
        ) from error


class Noise:
    """One bad line. What comes out does not depend on how the bytes were cut."""

    def __init__(self, mix: NoiseMix, seed: int) -> None:
        self._mix = mix
        self._chance = random.Random(f"noise {seed}")  # noqa: S311 - repeatable noise, not a secret
        self._kinds = ("loss", "flip", "insert", "burst", "silence")
        self._weights = tuple(float(getattr(mix, kind)) for kind in self._kinds)
        self._garbage = self._chance.randbytes(mix.garbage_bytes)
        self._skip = mix.skipped_bytes
        self._burst = 0
        self._silence = 0
        self._until_next = self._gap()

    def spoil(self, data: bytes) -> bytes:
        """What arrives of `data`."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        data = data[skipped:]
        if not data:
            return b""
        start, self._garbage = self._garbage, b""
        if self._mix.rate == 0.0:
            return start + data
        out = bytearray(start)
        for byte in data:
            out += self._spoil_one(byte)
        return bytes(out)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The single writes by which `data` reaches the line."""
        if self._mix.one_byte_writes:
            yield from (bytes((byte,)) for byte in data)
        elif data:
            yield data

    def _spoil_one(self, byte: int) -> bytes:
        if self._silence:
            self._silence -= 1
            return b""
        if self._burst:
            self._burst -= 1
            return self._chance.randbytes(1)
        if self._until_next:
            self._until_next -= 1
            return bytes((byte,))
        self._until_next = self._gap()
        return self._strike(byte)

    def _strike(self, byte: int) -> bytes:
        match self._chance.choices(self._kinds, self._weights)[0]:
            case "flip":
                return bytes((byte ^ 1 << self._chance.randrange(8),))
            case "insert":
                return self._chance.randbytes(1) + bytes((byte,))
            case "burst":
                self._burst = self._chance.randrange(BURST_BYTES)
                return self._chance.randbytes(1)
            case "silence":
                self._silence = self._chance.randrange(SILENCE_BYTES)
        return b""

    def _gap(self) -> int:
        """Good bytes until the next strike."""
        if not 0.0 < self._mix.rate < 1.0:
            return 0
        return int(math.log(1.0 - self._chance.random()) / math.log(1.0 - self._mix.rate))
