"""Plans: a YAML document that says which simulated monitors stand where, and what happens to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from chassis.settings import read_settings
from firmware_sim.clock import Clock
from firmware_sim.episode import Pull, Schedule, find_episode
from firmware_sim.monitors.monitor import Monitor, Options
from firmware_sim.monitors.registry import find_kind
from firmware_sim.noise import Noise, NoiseMix
from firmware_sim.patient import BOUNDS, Patient
from firmware_sim.power import Powered
from firmware_sim.recording import Player, find_recording, read_recording
from firmware_sim.signs import Faster, Source
from vitals.durations import Duration
from vitals.errors import UsageError

FOLDER = Path(__file__).parent / "plans"

LinkName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="Name of the link")]
MAX_SPEED = 100_000
Speed = Annotated[float, msgspec.Meta(gt=0, le=MAX_SPEED)]

_T = TypeVar("_T")


class StartedEpisode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An episode and when it starts."""

    episode: Annotated[str, msgspec.Meta(description="Id of a shipped episode: wardline sim --list")]
    start: Duration = msgspec.field(default_factory=lambda: Duration(0))

    def __post_init__(self) -> None:
        _known(lambda: find_episode(self.episode))


class HeldValues(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers a patient stays at, outside episodes."""

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
            low, high = BOUNDS[name]
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low:g} to {high:g}, not {value:g}")

    def given(self) -> dict[str, float]:
        """The numbers that are set."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


class PlayedRecording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recording in place of a simulated patient: a shipped one by name, or a CSV file."""

    name: str | None = None
    file: Annotated[Path | None, msgspec.Meta(description="A CSV file, relative to the folder of the plan")] = None
    speed: Speed = 1.0
    start: Duration = msgspec.field(default_factory=lambda: Duration(0))
    repeat: bool = True

    def __post_init__(self) -> None:
        if (self.name is None) == (self.file is None):
            raise ValueError("give either name (a shipped recording) or file (a CSV)")
        if (name := self.name) is not None:
            _known(lambda: find_recording(name))

    def player(self, folder: Path) -> Player:
        """The recording as a source; files are looked for in `folder`."""
        if self.file is not None:
            recording = read_recording(folder / self.file)
        else:
            assert self.name is not None
            recording = find_recording(self.name)
        return Player(recording, start_ms=self.start, repeat=self.repeat)


class StationMonitor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One monitor of a station."""

    link: LinkName
    monitor: Annotated[str, msgspec.Meta(description="Kind of monitor: wardline sim --list")]
    seed: int = 0
    device: str | None = None
    held: HeldValues = msgspec.field(default_factory=HeldValues)
    episodes: tuple[StartedEpisode, ...] = ()
    repeat: Annotated[Duration | None, msgspec.Meta(description="All episodes come again after this time")] = None
    recording: PlayedRecording | None = None
    speed: Annotated[Speed, msgspec.Meta(description="How fast a simulated patient lives")] = 1.0
    noise: Annotated[
        float | str, msgspec.Meta(description="0.001 for the mix, or kinds: loss=0.01,flips=0.001,one-byte")
    ] = 0.0
    boot_noise: bool = False

    def __post_init__(self) -> None:
        kind = _known(lambda: find_kind(self.monitor))
        if self.boot_noise and not kind.boots:
            raise ValueError(f"{kind.name} has no boot_noise")
        if self.recording is not None and (self.episodes or self.held.given()):
            raise ValueError("a recording has no episodes and no held values")
        self.schedule()
        _known(self.cable)

    def schedule(self) -> Schedule:
        """What happens to the patient when."""
        starts = tuple((int(item.start), find_episode(item.episode)) for item in self.episodes)
        return Schedule(starts, None if self.repeat is None else int(self.repeat))

    def build(self, folder: Path, *, udp_port: int | None = None) -> Monitor:
        """The monitor, on its patient or recording. Raises UsageError, DocumentError."""
        kind, schedule = find_kind(self.monitor), self.schedule()

        def pull(t_ms: int) -> Pull:
            return schedule.pull(int(t_ms * self.speed))

        options = Options(
            seed=self.seed,
            device=self.device,
            boot_noise=self.boot_noise,
            clock=Clock(ahead_ms=lambda t_ms: pull(t_ms).clock_ahead_ms),
            udp_port=udp_port,
        )
        if schedule.touches_power():
            return Powered(kind, self.source(folder), options, lambda t_ms: pull(t_ms).monitor_off)
        return kind.make(self.source(folder), options)

    def cable(self) -> Noise:
        """The noise of its line. Raises UsageError."""
        return Noise(NoiseMix.parse(str(self.noise)), self.seed)

    def source(self, folder: Path) -> Source:
        """The patient or the recording. Raises UsageError, DocumentError."""
        if self.recording is None:
            return Faster(Patient(self.seed, held=self.held.given(), schedule=self.schedule()), self.speed)
        return Faster(self.recording.player(folder), self.recording.speed)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A station: monitors, each at a link of its own."""

    monitors: Annotated[tuple[StationMonitor, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        twice = [link for link, count in Counter(item.link for item in self.monitors).items() if count > 1]
        if twice:
            raise ValueError(f"link {twice[0]!r} is given twice")


def read_plan(path: Path) -> Sequence[StationMonitor]:
    """The monitors of a plan file. Raises UsageError, DocumentError with every problem in it."""
    return read_settings(path, Plan).monitors


def shipped_plan(name: str) -> Path:
    """The file of a plan that comes with the simulator."""
    return FOLDER / f"{name}.yaml"


def _known(find: Callable[[], _T]) -> _T:
    """What `find` finds; a name nobody knows is then reported at its line."""
    try:
        return find()
    except UsageError as error:
        raise ValueError(str(error)) from error
