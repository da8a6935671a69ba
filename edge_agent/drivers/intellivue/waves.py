"""Waves of a poll reply: blocks of samples, in physical units as soon as the monitor has told their scale."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.intellivue import codes
from edge_agent.drivers.intellivue.cursor import Cursor, TruncatedError
from edge_agent.drivers.intellivue.decimal_float import read_float
from edge_agent.drivers.intellivue.messages import Polled
from vitals.readings import Wave

TICKS_PER_S = 8_000
MAX_WAVES = 32
DECIMALS = 5
RAW = "raw"

_MASK_BITS = 0x1000  # bits that are not significant carry something else
_SIGNED = 255
_INVALID_MARK, _PACER_MARK = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is known of a wave besides its samples; told now and then, not with every block."""

    period: int = 0  # 1/8 ms; 0: not yet told
    bits: int = 16
    significant: int = 16
    flags: int = 0
    scale: tuple[float, float, int, int] | None = None  # lower and upper in units, lower and upper in counts
    unit: int | None = None
    invalid: int = 0  # bits that mark a sample as no sample
    pacer: int = 0


@dataclass(slots=True)
class Blocks:
    """The waves of one reply."""

    waves: dict[str, Wave] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    device: dict[str, object] = field(default_factory=dict)
    bad: list[BadFrame] = field(default_factory=list)


class WaveReader:
    """Keeps the shape of each wave from reply to reply."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[tuple[int, int, int], Shape] = OrderedDict()

    def read(self, objects: Iterable[Polled]) -> Blocks:
        """The blocks of samples that can be understood."""
        blocks = Blocks()
        for polled in objects:
            try:
                observed = _observed(polled)
            except TruncatedError:
                blocks.bad.append(BadFrame(reason="bad_length", size=sum(map(len, polled.attributes.values()))))
                continue
            # All leads of an ECG may share one handle, so a shape belongs to handle and code.
            for code in {code for code, _, _ in observed} or {_type_of(polled)}:
                self._learn((polled.context, polled.handle, code), polled, blocks)
            for code, state, data in observed:
                shape = self._shapes.get((polled.context, polled.handle, code), Shape())
                self._show(shape, code, state, data, blocks)
        return blocks

    def _learn(self, key: tuple[int, int, int], polled: Polled, blocks: Blocks) -> None:
        shape = self._shapes.pop(key, Shape())
        for attribute, learn in _LESSONS.items():
            data = polled.attributes.get(attribute)
            if data is None:
                continue
            try:
                shape = learn(shape, Cursor(data))
            except TruncatedError:
                blocks.bad.append(BadFrame(reason="bad_length", size=len(data)))
        self._shapes[key] = shape
        while len(self._shapes) > MAX_WAVES:
            self._shapes.popitem(last=False)

    def _show(self, shape: Shape, code: int, state: int, data: bytes, blocks: Blocks) -> None:
        name = codes.WAVEFORM.get(code)
        if name is None:
            return
        blocks.flags |= codes.flags_of(state)
        reason = codes.reason_of(state)
        counts = _counts(shape, data)
        if not reason and counts and all(count & shape.invalid for count in counts):
            reason = "invalid_code"
        if not reason and not shape.period:
            reason = "not_measured"  # the monitor tells the sample period of one wave a second
        if reason or not counts:
            blocks.device[f"{name}_missing"] = reason or "not_measured"
            return
        if any(count & shape.pacer for count in counts):
            blocks.flags.add("pacer")
        blocks.waves[name] = _wave(shape, counts)


def _observed(polled: Polled) -> list[tuple[int, int, bytes]]:
    """Code, state and bytes of each block of samples. Raises TruncatedError."""
    found = []
    single = polled.attributes.get(codes.SAMPLES)
    together = polled.attributes.get(codes.SAMPLES_TOGETHER)
    if single is not None:
        at = Cursor(single)
        found.append((at.u16(), at.u16(), at.take(at.u16())))
    if together is not None:
        count, at = Cursor(together).listed()
        found += [(at.u16(), at.u16(), at.take(at.u16())) for _ in range(count)]
    return found


def _type_of(polled: Polled) -> int:
    return int.from_bytes(polled.attributes.get(codes.OBJECT_TYPE, b"")[2:4], "big")


def _counts(shape: Shape, data: bytes) -> list[int]:
    """The samples as they were sent, marks included. An odd byte at the end is no sample."""
    if shape.bits == 8:
        return list(data)
    return [high << 8 | low for high, low in zip(data[0::2], data[1::2], strict=False)]


def _wave(shape: Shape, counts: list[int]) -> Wave:
    """Samples the monitor marks as invalid are holes (NaN)."""
    numbers = [math.nan if count & shape.invalid else float(_number(shape, count)) for count in counts]
    rate = TICKS_PER_S / shape.period
    if shape.scale is None:
        return Wave(rate_hz=rate, samples=tuple(numbers), unit=RAW)
    lower, upper, lowest, highest = shape.scale
    factor, unit = codes.WAVE_UNITS.get(shape.unit, (1.0, "")) if shape.unit is not None else (1.0, "")
    step = (upper - lower) / (highest - lowest)
    samples = tuple(round(((number - lowest) * step + lower) * factor, DECIMALS) for number in numbers)
    return Wave(rate_hz=rate, samples=samples, unit=unit)


def _number(shape: Shape, count: int) -> int:
    if shape.significant == _SIGNED:
        half = 1 << (shape.bits - 1)
        return count - 2 * half if count >= half else count
    if shape.flags & _MASK_BITS:
        return count & (1 << min(shape.significant, shape.bits)) - 1
    return count


def _learn_period(shape: Shape, at: Cursor) -> Shape:
    return replace(shape, period=at.u32())


def _learn_spec(shape: Shape, at: Cursor) -> Shape:
    at.u16()  # samples in a block, which the length of the block tells as well
    bits, significant, flags = at.u8(), at.u8(), at.u16()
    return replace(shape, bits=8 if bits == 8 else 16, significant=significant, flags=flags)


def _learn_scale(shape: Shape, at: Cursor) -> Shape:
    """A wave without physical meaning has no absolute values; its counts are all there is."""
    lower, upper = read_float(at.u32()), read_float(at.u32())
    lowest, highest = at.u16(), at.u16()
    if not isinstance(lower, Decimal) or not isinstance(upper, Decimal) or lowest == highest:
        return replace(shape, scale=None)
    return replace(shape, scale=(float(lower), float(upper), lowest, highest))


def _learn_unit(shape: Shape, at: Cursor) -> Shape:
    return replace(shape, unit=at.u16())


def _learn_marks(shape: Shape, at: Cursor) -> Shape:
    count, inside = at.listed()
    marks = {inside.u16(): inside.u16() for _ in range(count)}
    return replace(shape, invalid=marks.get(_INVALID_MARK, 0), pacer=marks.get(_PACER_MARK, 0))


_LESSONS = {
    codes.SAMPLE_PERIOD: _learn_period,
    codes.SAMPLE_SPEC: _learn_spec,
    codes.SCALE: _learn_scale,
    codes.UNIT: _learn_unit,
    codes.SAMPLE_MARKS: _learn_marks,
}
