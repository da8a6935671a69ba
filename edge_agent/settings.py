"""Settings of an edge agent: one strict YAML file becomes one checked object."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from chassis.metrics_settings import MetricsSettings
from chassis.mqtt import BrokerSettings
from chassis.settings import read_text
from edge_agent.bedside.settings import BedsideSettings
from edge_agent.drivers import registry
from edge_agent.drivers.driver import SerialLine
from edge_agent.sources.listener_settings import ListenerSettings, Port
from vitals.document import convert
from vitals.durations import Duration
from vitals.errors import DocumentError, Problem, UsageError
from vitals.identity import DeviceId, GatewayId
from vitals.parameters import WAVEFORMS
from vitals.yamldoc import YamlDocument, load


class SerialSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The serial port of a device. What is left out is taken from the driver."""

    path: Annotated[
        str, msgspec.Meta(min_length=1, description="Device file, best one of /dev/serial/by-id/ which never moves")
    ]
    baud: Annotated[int, msgspec.Meta(ge=50, le=4_000_000, description="Bits per second")] | None = None
    bits: Literal[7, 8] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop: Literal[1, 2] | None = None
    rtscts: bool | None = None
    dtr: bool | None = None

    def line(self, default: SerialLine) -> SerialLine:
        """The driver's line with what this section overrides."""
        given = {name: getattr(self, name) for name in ("baud", "bits", "parity", "stop", "rtscts", "dtr")}
        known = {name: getattr(default, name) for name in given}
        return SerialLine(**{**known, **{name: value for name, value in given.items() if value is not None}})


class TcpClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A serial port that another box serves over TCP, raw, such as ser2net or a terminal server."""

    host: Annotated[str, msgspec.Meta(min_length=1, description="Host name or address of that box")]
    port: Port


class UdpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A monitor that speaks datagrams; one datagram is given to the driver at a time."""

    host: Annotated[str, msgspec.Meta(min_length=1, description="Host name or address of the monitor")]
    port: Port
    local_port: Annotated[int, msgspec.Meta(ge=0, le=65535, description="Our own port; 0 takes any")] = 0


class ReplaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recording instead of a device; every observation carries the state `test`."""

    file: Annotated[
        Path, msgspec.Meta(description="CSV with t_s and a column per parameter (driver csv), or raw bytes of a device")
    ]
    speed: Annotated[float, msgspec.Meta(gt=0, le=1_000, description="1 is the time it took")] = 1.0
    loop: Annotated[bool, msgspec.Meta(description="Begin again at the end")] = False
    bytes_per_s: (
        Annotated[int, msgspec.Meta(ge=1, le=4_000_000, description="Of raw bytes; the driver's line rate if left out")]
        | None
    ) = None


SOURCES = ("serial", "tcp_client", "udp", "replay")
CSV_DRIVER = "csv"  # of a replay that holds numbers, not bytes


class DeviceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One monitor at this gateway: exactly one of serial, tcp_client, udp or replay."""

    id: DeviceId
    driver: Annotated[
        str, msgspec.Meta(min_length=1, description="Name of a driver, or csv for a replay of recorded numbers")
    ]
    serial: SerialSettings | None = None
    tcp_client: TcpClientSettings | None = None
    udp: UdpSettings | None = None
    replay: ReplaySettings | None = None
    options: Annotated[dict[str, Any], msgspec.Meta(description="Options of the driver, see its README")] = {}
    interval: Annotated[
        Duration,
        msgspec.Meta(
            description="Keep one observation per interval; 0s keeps every one. A change of flags always goes"
        ),
    ] = msgspec.field(default_factory=lambda: Duration(0))
    waves: Annotated[
        list[str] | Literal["all", "none"],
        msgspec.Meta(description="Waveforms to send to the hub, of those the driver is set to read"),
    ] = "none"

    def __post_init__(self) -> None:
        unknown = [name for name in self.waves if name not in WAVEFORMS] if isinstance(self.waves, list) else []
        if unknown:
            raise ValueError(
                f"waves: there is no {unknown[0]!r}; choose from {', '.join(WAVEFORMS)}, or say all or none"
            )
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"device {self.id!r} needs exactly one of {', '.join(SOURCES)}, not {found}")
        if self.driver == CSV_DRIVER and self.replay is None:
            raise ValueError("driver csv is for a replay only")


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The disk buffer that keeps each record until the hub has it."""

    path: Annotated[Path, msgspec.Meta(description="Database file; it must be on a disk, not in memory")] = (
        msgspec.field(default_factory=lambda: Path("spool.db"))
    )
    commit_interval: Annotated[
        Duration, msgspec.Meta(description="Records wait this long for company; what a power cut can cost")
    ] = msgspec.field(default_factory=lambda: Duration(200))
    max_mb: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1,
                le=1_000_000,
                description="Size cap in MiB; left out: 2048, or a quarter of what the disk has free if that is less",
            ),
        ]
        | None
    ) = None
    retain_after_ack: Annotated[
        Duration,
        msgspec.Meta(description="Records stay this long after their receipt, to refill a hub put back from a copy"),
    ] = msgspec.field(default_factory=lambda: Duration(24 * 3_600_000))
    forget_on: Annotated[
        Literal["receipt", "puback"],
        msgspec.Meta(description="For the loss experiment only: puback forgets too early and loses readings"),
    ] = "receipt"

    def __post_init__(self) -> None:
        if not 10 <= self.commit_interval <= 10_000:
            raise ValueError("commit_interval must be from 10ms to 10s")


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an edge agent needs to know."""

    gateway: GatewayId
    broker: BrokerSettings = msgspec.field(default_factory=BrokerSettings)
    spool: SpoolSettings = msgspec.field(default_factory=SpoolSettings)
    devices: list[DeviceSettings] = []
    listeners: Annotated[list[ListenerSettings], msgspec.Meta(description="Ways in for many devices each")] = []
    bedside: BedsideSettings = msgspec.field(default_factory=BedsideSettings)
    metrics: MetricsSettings | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def __post_init__(self) -> None:
        username = self.broker.username
        if username is not None and username != self.gateway:
            raise ValueError(
                f"broker.username is {username!r} but the gateway is {self.gateway!r}: a gateway logs in under its own "
                "id, so make the two equal or leave broker.username out"
            )
        if not self.devices and not self.listeners:
            raise ValueError("there is no device: give at least one entry under devices or listeners")
        _no_twins("device id", self.device_ids(), "give each device its own id")
        _no_twins("serial path", [d.serial.path for d in self.devices if d.serial], "one port serves one device")
        _no_twins("listener id", [listener.id for listener in self.listeners], "give each listener its own id")

    def device_ids(self) -> list[str]:
        """Every device of this gateway, in the order of the file."""
        own = [device.id for device in self.devices]
        return own + [device.id for listener in self.listeners for device in listener.devices]


def _no_twins(what: str, names: list[str], advice: str) -> None:
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what} {name!r} is used {names.count(name)} times: {advice}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings with the folder their relative paths start from, and the SHA-256 of their text."""

    settings: EdgeSettings
    folder: Path
    digest: str


def load_settings(path: Path) -> LoadedSettings:
    """Read and check the settings file. Raises UsageError, or DocumentError with every problem in it."""
    text = read_text(path)
    document = load(text, str(path))
    settings = convert(document, EdgeSettings)
    problems = [problem for index in range(len(settings.devices)) for problem in _driver(settings, document, index)]
    if problems:
        raise DocumentError(problems)
    return LoadedSettings(
        settings=settings, folder=path.resolve().parent, digest=hashlib.sha256(text.encode()).hexdigest()
    )


def _driver(settings: EdgeSettings, document: YamlDocument, index: int) -> list[Problem]:
    """What is wrong with the driver a device names, or with its options."""
    device = settings.devices[index]
    place: tuple[str | int, ...] = ("devices", index)
    if device.driver == CSV_DRIVER:
        return []
    try:
        plugin = registry.find(device.driver)
    except UsageError as exc:
        return [Problem(document.file, document.line((*place, "driver")), f"devices.{index}.driver: {exc}")]
    start = (*place, "options")
    lines = {path[3:]: line for path, line in document.lines.items() if path[:3] == start}
    lines[()] = document.line(start)
    try:
        convert(YamlDocument(document.file, dict(device.options), lines), plugin.options)
    except DocumentError as exc:
        return [Problem(p.file, p.line, f"devices.{index}.options.{p.text}") for p in exc.problems]
    return []
