"""Episodes: a YAML timeline of targets becomes a pull on the signs of a patient at any moment of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from vitals.document import read_document
from vitals.durations import Duration
from vitals.errors import UsageError
from vitals.parameters import PARAMETERS

FOLDER = Path(__file__).parent / "episodes"

State = Literal[
    "sensor_off",
    "no_sensor",
    "lead_off",
    "artifact",
    "low_battery",
    "asystole",
    "ventricular_tachycardia",
    "cuff_leak",
    "no_line",
    "occlusion",
]


class Targets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each parameter goes; what is not named stays the patient's own."""

    hr: float | None = None
    rr: float | None = None
    spo2: float | None = None
    nibp_sys: float | None = None
    nibp_dia: float | None = None
    temp: float | None = None
    pi: float | None = None
    etco2: float | None = None

    def __post_init__(self) -> None:
        for name, value in self.given().items():
            if not PARAMETERS[name].plausible(value) or value == 0:
                raise ValueError(f"{name} {value:g} is outside what a monitor can measure")
        if self.nibp_sys is not None and self.nibp_dia is not None and self.nibp_dia >= self.nibp_sys:
            raise ValueError("nibp_dia must be below nibp_sys")

    def given(self) -> dict[str, float]:
        """The targets that are set."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One moment of a timeline. Targets are reached here, on a straight way; all else holds until the next point."""

    at: Duration
    targets: Targets = msgspec.field(default_factory=Targets)
    states: tuple[State, ...] = ()
    monitor_off: Annotated[bool, msgspec.Meta(description="The monitor has no power, and starts anew after it")] = False
    clock_ahead_s: Annotated[float, msgspec.Meta(description="How far the monitor's own clock is wrong")] = 0.0

    def is_quiet(self) -> bool:
        """Whether nothing is asked for here."""
        return not (self.targets.given() or self.states or self.monitor_off or self.clock_ahead_s)


class Episode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to a patient, from the first point to the last; after that the patient is as before."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{1,47}$")]
    title: str
    timeline: Annotated[tuple[Point, ...], msgspec.Meta(min_length=2)]

    def __post_init__(self) -> None:
        times = [point.at for point in self.timeline]
        if times[0] != 0 or any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError("the timeline starts at 0s and its times grow")
        if not self.timeline[-1].is_quiet():
            raise ValueError("the last point asks for nothing, so that the patient recovers")

    @property
    def length_ms(self) -> int:
        """How long it lasts."""
        return int(self.timeline[-1].at)

    def pull(self, t_ms: int) -> Pull:
        """What it does to the patient `t_ms` after its start."""
        for here, there in pairwise(self.timeline):
            if here.at <= t_ms < there.at:
                return _between(here, there, (t_ms - here.at) / (there.at - here.at))
        return Pull()


@dataclass(frozen=True, slots=True)
class Pull:
    """Targets with the weight they have now (0: the patient's own value, 1: the target), and what else holds."""

    targets: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    monitor_off: bool = False
    clock_ahead_ms: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which episodes start when; with `repeat_ms` all of it comes again and again."""

    starts: tuple[tuple[int, Episode], ...] = ()
    repeat_ms: int | None = None

    def __post_init__(self) -> None:
        longest = max((start + episode.length_ms for start, episode in self.starts), default=0)
        if self.repeat_ms is not None and self.repeat_ms < longest:
            raise ValueError(f"repeat must be at least {longest / 1_000:g}s, when the last episode is over")

    def pull(self, t_ms: int) -> Pull:
        """What all running episodes do together; the later in the list wins."""
        if not self.starts:
            return Pull()
        now = t_ms % self.repeat_ms if self.repeat_ms else t_ms
        pulls = [episode.pull(now - start) for start, episode in self.starts if start <= now]
        targets = {name: target for pull in pulls for name, target in pull.targets.items()}
        return Pull(
            targets,
            frozenset().union(*(pull.states for pull in pulls)),
            any(pull.monitor_off for pull in pulls),
            sum(pull.clock_ahead_ms for pull in pulls),
        )

    def touches_power(self) -> bool:
        """Whether the monitor is ever off."""
        return any(point.monitor_off for _, episode in self.starts for point in episode.timeline)


def shipped_episodes() -> dict[str, Episode]:
    """Every episode that comes with the simulator, by id."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.yaml"))}


def find_episode(name: str) -> Episode:
    """The shipped episode of this id (`probe_off` and `probe-off` are one). Raises UsageError."""
    path = FOLDER / f"{name.replace('_', '-')}.yaml"
    if path.parent != FOLDER or not path.is_file():
        known = ", ".join(path.stem for path in sorted(FOLDER.glob("*.yaml")))
        raise UsageError(f"there is no episode {name!r}; choose one of {known}")
    return _read(path)


@cache
def _read(path: Path) -> Episode:
    return read_document(path.read_text(encoding="utf-8"), str(path), Episode)


def _between(here: Point, there: Point, way: float) -> Pull:
    """The pull on the straight way from one point to the next, `way` from 0 to 1."""
    before, after = here.targets.given(), there.targets.given()
    targets: dict[str, tuple[float, float]] = {}
    for name in before.keys() | after.keys():
        if name in before and name in after:
            targets[name] = (before[name] + (after[name] - before[name]) * way, 1.0)
        elif name in after:
            targets[name] = (after[name], way)
        else:
            targets[name] = (before[name], 1.0 - way)
    return Pull(targets, frozenset(here.states), here.monitor_off, round(here.clock_ahead_s * 1_000))
