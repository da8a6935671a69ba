"""Waveform records: one second of samples per signal, in the unit of the signal."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge_agent.drivers.ge_datex_dri.groups import NO_NUMBER
from vitals.readings import Wave

MAX_RATE_HZ = 600  # of all waves together; the monitor drops what is beyond without a word
_HEAD = struct.Struct("<hHH")
_GAP, _PACER, _LEAD_OFF = 1 << 0, 1 << 2, 1 << 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One kind of waveform."""

    type: int
    name: str  # in the option `waves`, and of the wave unless `wave` says otherwise
    rate_hz: int
    divisor: int = 1  # counts per unit
    unit: str = ""
    wave: str | None = None


def _signals() -> Iterable[Signal]:
    for number, type_ in enumerate((1, 2, 3), start=1):
        wave = "ecg" if number == 1 else None
        yield Signal(type=type_, name=f"ecg{number}", rate_hz=300, unit="uV", wave=wave)
    for number, type_ in enumerate((4, 5, 6, 7, 16, 17, 36, 37), start=1):
        yield Signal(type=type_, name=f"p{number}", rate_hz=100, divisor=100, unit="mm[Hg]")
    yield Signal(type=8, name="pleth", rate_hz=100)
    yield Signal(type=38, name="pleth2", rate_hz=100)
    yield Signal(type=9, name="co2", rate_hz=25, divisor=100, unit="%", wave="co2_w")
    for type_, name in ((10, "o2"), (11, "n2o"), (12, "aa")):
        yield Signal(type=type_, name=name, rate_hz=25, divisor=100, unit="%", wave=f"{name}_w")
    yield Signal(type=13, name="awp", rate_hz=25, divisor=10, unit="cm[H2O]")
    yield Signal(type=14, name="flow", rate_hz=25)  # counts: sources disagree by ten
    yield Signal(type=15, name="resp", rate_hz=25, divisor=100, unit="Ohm")
    yield Signal(type=23, name="vol", rate_hz=25)  # counts: no source knows the unit
    for number, type_ in enumerate((18, 19, 20, 21), start=1):
        yield Signal(type=type_, name=f"eeg{number}", rate_hz=100, divisor=10, unit="uV")
    yield Signal(type=32, name="entropy", rate_hz=100, divisor=10, unit="uV")


SIGNALS = {signal.name: signal for signal in _signals()}
_BY_TYPE = {signal.type: signal for signal in SIGNALS.values()}
# A pressure wave is called after the label its channel had in the last numeric record.
_PRESSURE_WAVES = {"abp": "abp_w", "cvp": "cvp", "icp": "icp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waves:
    """The waves of one record."""

    waves: dict[str, Wave]
    flags: frozenset[str]


def read_waves(subrecords: Iterable[tuple[int, bytes]], channels: Mapping[str, str]) -> Waves | None:
    """All signals we know; None if one is longer than its record."""
    waves: dict[str, Wave] = {}
    flags: set[str] = set()
    for type_, data in subrecords:
        signal = _BY_TYPE.get(type_)
        if signal is None:
            continue
        if len(data) < _HEAD.size:
            return None
        count, status, _ = _HEAD.unpack_from(data)
        if not 0 <= count <= (len(data) - _HEAD.size) // 2:
            return None
        flags |= {flag for bit, flag in ((_GAP, "gap"), (_PACER, "pacer"), (_LEAD_OFF, "lead_off")) if status & bit}
        if count:
            samples = struct.unpack_from(f"<{count}h", data, _HEAD.size)
            waves[_name(signal, channels, waves)] = Wave(
                rate_hz=float(signal.rate_hz), samples=_scaled(samples, signal.divisor), unit=signal.unit
            )
    return Waves(waves=waves, flags=frozenset(flags))


def _scaled(samples: tuple[int, ...], divisor: int) -> tuple[float, ...]:
    """In the unit of the signal; a code stays a hole."""
    if min(samples) > NO_NUMBER:
        return samples if divisor == 1 else tuple([sample / divisor for sample in samples])
    return tuple([math.nan if sample <= NO_NUMBER else sample / divisor for sample in samples])


def _name(signal: Signal, channels: Mapping[str, str], taken: Mapping[str, Wave]) -> str:
    name = _PRESSURE_WAVES.get(channels.get(signal.name, ""), signal.wave or signal.name)
    return signal.name if name in taken else name
