"""Detection: bytes of an unknown device in, which driver makes sense of them out. Every driver listens at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec

from edge_agent.drivers.driver import Driver, DriverPlugin, Heard, SerialLine

# Options that say in which of its forms a device speaks. The preset is tried first.
_FORMS = ("format", "mode")

ENOUGH = 0.6  # of the bytes must be explained; drivers for other devices explain half at most
LEAST_GOOD = 2  # frames; one may be chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A driver and the options it listens with."""

    plugin: DriverPlugin
    options: msgspec.Struct
    chosen: tuple[tuple[str, str], ...] = ()  # what of the options is not the preset

    def build(self) -> Driver:
        """A fresh driver."""
        return self.plugin.build(self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one candidate made of the bytes."""

    candidate: Candidate
    good: int  # frames
    bad: int  # frames, or pieces of noise
    explained: float  # share of the bytes that were not given up, 0 to 1
    says: tuple[str, ...]  # names of parameters and waves it read

    @property
    def recognised(self) -> bool:
        """Whether this may well be the device."""
        return self.good >= LEAST_GOOD and self.promising

    @property
    def promising(self) -> bool:
        """Whether it should be heard on."""
        return self.good > 0 and self.explained >= ENOUGH


def candidates(plugins: Iterable[DriverPlugin]) -> list[Candidate]:
    """Each driver on a serial line with its presets, and with each other form its device may speak in."""
    found: list[Candidate] = []
    for plugin in plugins:
        if not plugin.serial:
            continue
        found.append(Candidate(plugin=plugin, options=plugin.options()))
        for name, forms in _forms(plugin.options).items():
            preset = getattr(found[-1].options, name)
            others = [form for form in forms if form != preset]
            found += [
                Candidate(plugin=plugin, options=plugin.options(**{name: form}), chosen=((name, form),))
                for form in others
            ]
    return found


def families(plugins: Iterable[DriverPlugin]) -> dict[SerialLine, list[DriverPlugin]]:
    """The drivers by the settings a port must have to hear their devices; handshake lines do not matter for that."""
    found: dict[SerialLine, list[DriverPlugin]] = {}
    # A board that restarts on a rising DTR should not be restarted by someone who looks for another device.
    for plugin in (plugin for plugin in plugins if plugin.serial):
        for line in (plugin.line, *plugin.other_lines):
            heard = SerialLine(baud=line.baud, bits=line.bits, parity=line.parity, stop=line.stop, dtr=False)
            family = found.setdefault(heard, [])
            if plugin not in family:
                family.append(plugin)
    return found


class Detection:
    """Candidates on one line, from any moment on. Nothing is said to the device."""

    def __init__(self, among: Sequence[Candidate]) -> None:
        self._hearings = [_Hearing(candidate, candidate.build()) for candidate in among]
        self.bytes = 0

    def feed(self, data: bytes, now: int) -> None:
        """Let every candidate hear it."""
        self.bytes += len(data)
        for hearing in self._hearings:
            hearing.take(hearing.driver.feed(data, now))

    def verdicts(self) -> list[Verdict]:
        """What the candidates say so far, the best first."""
        verdicts = [hearing.verdict(self.bytes) for hearing in self._hearings]
        return sorted(verdicts, key=_merit, reverse=True)


@dataclass(slots=True)
class _Hearing:
    candidate: Candidate
    driver: Driver
    good: int = 0
    bad: int = 0
    lost: int = 0  # bytes
    says: set[str] = field(default_factory=set)

    def take(self, heard: Heard) -> None:
        self.good += heard.good
        self.bad += len(heard.bad)
        self.lost += sum(bad.size for bad in heard.bad)
        for seen in heard.observations:
            self.says.update(seen.values, seen.missing, seen.waves)

    def verdict(self, heard_bytes: int) -> Verdict:
        explained = 1 - min(1.0, self.lost / heard_bytes) if heard_bytes else 0.0
        return Verdict(
            candidate=self.candidate,
            good=self.good,
            bad=self.bad,
            explained=explained if self.good else 0.0,
            says=tuple(sorted(self.says)),
        )


def _merit(verdict: Verdict) -> tuple[bool, float, int, bool]:
    """Of two that explain as much, the one that reads more out of it; of two alike, the one with presets."""
    return verdict.recognised, round(verdict.explained, 2), len(verdict.says), not verdict.candidate.chosen


def _forms(options: type[msgspec.Struct]) -> dict[str, tuple[str, ...]]:
    hints = get_type_hints(options)
    return {name: get_args(hints[name]) for name in _FORMS if name in hints and get_origin(hints[name]) is Literal}
