"""Settings of the hub: one strict YAML document for the ingest, the projections and the console."""

from __future__ import annotations

import ipaddress
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from chassis.metrics_settings import MetricsSettings
from chassis.mqtt import BrokerSettings
from vitals.durations import Duration
from vitals.identity import NAME_PATTERN, BedId, BedKey, ClientId, DeviceId, GatewayId, WardId

MAX_BEDS = 64  # a snapshot of more would pass the broker's packet limit and be dropped without a word

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Title = Annotated[str, msgspec.Meta(max_length=80)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the settings document."""


METRICS_PORTS = {"ingest": 0, "projections": 1, "pagers": 2, "console": 3}
"""Each process of a hub has a metrics page of its own: how far its port is from `metrics.port`."""


class JournalSettings(_Section, frozen=True, kw_only=True):
    """Where the journal is, how long records wait for company before a commit, and how long they are kept.

    `max_gb` caps what it may take: past it the oldest records go, however young. None: `keep` alone decides.
    """

    path: Path = msgspec.field(default_factory=lambda: Path("journal.db"))
    commit_interval: Duration = msgspec.field(default_factory=lambda: Duration(20))
    keep: Duration = msgspec.field(default_factory=lambda: Duration.parse("72h"))
    keep_waves: Duration = msgspec.field(default_factory=lambda: Duration.parse("4h"))
    max_gb: Annotated[float, msgspec.Meta(ge=0.1)] | None = None

    def __post_init__(self) -> None:
        if self.keep < 3_600_000:
            raise ValueError("keep must be at least 1h")
        if not 1 <= self.commit_interval <= 50:
            raise ValueError("commit_interval must be between 1ms and 50ms")

    @property
    def max_bytes(self) -> int | None:
        """The cap in bytes."""
        return None if self.max_gb is None else round(self.max_gb * 2**30)


class InfluxSettings(_Section, frozen=True, kw_only=True):
    """An InfluxDB to write to. `token` is a reference: file:PATH or env:NAME; for 1.8 it holds user:password."""

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://")]
    token: str
    bucket: Annotated[str, msgspec.Meta(min_length=1)] = "wardline"
    org: str = "-"
    batch: Annotated[int, msgspec.Meta(ge=1, le=50_000)] = 2_000
    timeout: Duration = msgspec.field(default_factory=lambda: Duration(10_000))


class SqlSettings(_Section, frozen=True, kw_only=True):
    """A PostgreSQL, MariaDB or MySQL database to write to. `password` is a reference: file:PATH or env:NAME.

    `patients`: whether the opaque ids of patients are written, which no projection does unless told so.
    """

    url: Annotated[str, msgspec.Meta(pattern=r"^(postgresql|mariadb|mysql)://")]
    password: str | None = None
    batch: Annotated[int, msgspec.Meta(ge=1, le=50_000)] = 2_000
    timeout: Duration = msgspec.field(default_factory=lambda: Duration(30_000))
    patients: bool = False

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            secret = parts.password is not None or "password" in parse_qs(parts.query)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"projections.sql.url cannot be read: {error}") from None
        if secret:
            raise ValueError("projections.sql.url holds a password; put it into a file and say password: file:PATH")
        if not parts.path.strip("/"):
            raise ValueError("projections.sql.url names no database; write postgresql://USER@HOST/DATABASE")
        if self.timeout < 1_000:
            raise ValueError("projections.sql.timeout must be at least 1s")


class LakeSettings(_Section, frozen=True, kw_only=True):
    """A folder of files by date and ward. Without `wards` all of them, without `keep` for ever.

    `words`: whether what people wrote goes along, which may name a patient.
    """

    folder: Path
    format: Literal["parquet", "jsonl"] = "parquet"
    wards: list[WardId] = []
    words: bool = False
    waves: bool = False
    keep: Duration | None = None
    merge_after: Duration = msgspec.field(default_factory=lambda: Duration.parse("1h"))
    batch: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10_000

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep < 86_400_000:
            raise ValueError("keep must be at least 24h")
        if self.merge_after < 60_000:
            raise ValueError("merge_after must be at least 1min")


class ProjectionSettings(_Section, frozen=True, kw_only=True):
    """The sinks readings are copied to, and where their cursors are kept."""

    path: Path = msgspec.field(default_factory=lambda: Path("projections.db"))
    influxdb: InfluxSettings | None = None
    lake: LakeSettings | None = None
    sql: SqlSettings | None = None

    @property
    def any(self) -> bool:
        """Whether there is any sink."""
        return any(getattr(self, name) is not None for name in self.__struct_fields__ if name != "path")


class PagerSettings(_Section, frozen=True, kw_only=True):
    """Who is paged, and where the paging keeps its state. Without a file nobody is paged."""

    file: Path | None = None
    path: Path = msgspec.field(default_factory=lambda: Path("pages.db"))
    base_url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#]+/?$")] | None = None  # of the console, in pages


NamesShown = Literal["initials", "whole", "hidden"]


SignName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
"""A vital sign or waveform as the nomenclature names it, such as nibp or ecg_ii."""


class LookSettings(_Section, frozen=True, kw_only=True):
    """How the pages look at this site; each screen may choose otherwise for itself, but for the names."""

    language: Literal["en", "de", "fr", "es", "ar"] = "en"
    theme: Literal["dark", "light", "contrast", "safe"] = "dark"
    pressure: Literal["mmhg", "kpa"] = "mmhg"
    temperature: Literal["celsius", "fahrenheit"] = "celsius"
    names: NamesShown = "initials"  # of patients, on the board and the wall
    signs: list[SignName] = []  # shown on the board; none: all there are
    waves: list[SignName] = []  # wanted on the board, most first


class ConsoleSettings(_Section, frozen=True, kw_only=True):
    """The board and the API, for people with an account, programs with a token and screens that were bound.

    They speak plain http, so they listen on loopback, behind a proxy that speaks https, unless `trusted_network` is
    true. `demo_person` lets in whoever is at this machine, with every right.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    username: ClientId | None = None  # the console's own MQTT login
    password: str | None = None
    trusted_network: bool = False
    names: list[Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9.-]{1,253}$")]] = []  # further host names of this console
    people: Path = msgspec.field(default_factory=lambda: Path("people.db"))
    patients: Path = msgspec.field(default_factory=lambda: Path("patients.db"))
    demo_person: bool = False
    idle: Duration = msgspec.field(default_factory=lambda: Duration.parse("15min"))  # signs out who does nothing
    longest: Duration = msgspec.field(default_factory=lambda: Duration.parse("12h"))  # signs out in any case
    look: LookSettings = msgspec.field(default_factory=LookSettings)

    def __post_init__(self) -> None:
        if self.demo_person and not _is_loopback(self.host):
            raise ValueError(
                f"demo_person lets everybody in, so the console may then only listen on loopback, not on {self.host}; "
                "leave demo_person out and give people accounts: wardline people first-link"
            )
        if not self.trusted_network and not _is_loopback(self.host):
            raise ValueError(
                f"the console speaks plain http, so it may only listen on loopback, not on {self.host}; put a proxy "
                "with https in front of it, or set trusted_network: true if nobody can listen in on this network"
            )
        if not 60_000 <= self.idle <= self.longest:
            raise ValueError("idle must be at least 1min, and not longer than longest")


class QuotaSettings(_Section, frozen=True, kw_only=True):
    """How much one gateway may send; what is over it is dropped without a receipt. All strangers share one quota."""

    messages_per_s: Annotated[float, msgspec.Meta(ge=1, le=1_000_000)] = 2_000
    mb_per_s: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 16


class BedSettings(_Section, frozen=True, kw_only=True):
    """One bed place. `profile` is the rule set it is judged by, `tags` are what rules with a scope may ask for."""

    id: BedId
    title: Title = ""
    profile: str = ""  # empty: the ward's
    tags: list[Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]] = []


class WardSettings(_Section, frozen=True, kw_only=True):
    """One ward and its bed places."""

    id: WardId
    title: Title = ""
    profile: str = ""  # empty: the sets of `rules`
    beds: Annotated[list[BedSettings], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        if len(self.beds) > MAX_BEDS:
            raise ValueError(f"a ward has at most {MAX_BEDS} beds, so that one screen and one message can hold it")


class DeviceSettings(_Section, frozen=True, kw_only=True):
    """One device of a gateway and the bed it stands at, as ward/bed; without a bed its readings are stored bedless."""

    id: DeviceId
    bed: str | None = None

    def __post_init__(self) -> None:
        if self.bed is not None:
            BedKey.parse(self.bed)


class GatewaySettings(_Section, frozen=True, kw_only=True):
    """One registered gateway; messages of any other are refused."""

    id: GatewayId
    devices: list[DeviceSettings] = []


class DrillSettings(_Section, frozen=True, kw_only=True):
    """How often each ward is expected to send a TEST alarm through the real path; a missed one is an alarm."""

    every: Duration | None = None  # None: no drill is expected

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 60_000:
            raise ValueError("every must be at least 1min")


class HubSettings(_Section, frozen=True, kw_only=True):
    """The whole document."""

    hub: GatewayId
    broker: BrokerSettings = msgspec.field(default_factory=BrokerSettings)
    journal: JournalSettings = msgspec.field(default_factory=JournalSettings)
    projections: ProjectionSettings = msgspec.field(default_factory=ProjectionSettings)
    pagers: PagerSettings = msgspec.field(default_factory=PagerSettings)
    console: ConsoleSettings = msgspec.field(default_factory=ConsoleSettings)
    rules: Annotated[list[str], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["adult-ward"])
    wards: Annotated[list[WardSettings], msgspec.Meta(min_length=1)]
    gateways: list[GatewaySettings] = []
    drill: DrillSettings = msgspec.field(default_factory=DrillSettings)
    metrics: MetricsSettings | None = None
    credit: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 2_000
    quota: QuotaSettings = msgspec.field(default_factory=QuotaSettings)
    log_level: Annotated[str, msgspec.Meta(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"

    def __post_init__(self) -> None:
        beds = {f"{ward.id}/{bed.id}" for ward in self.wards for bed in ward.beds}
        _refuse_repeats("ward", [ward.id for ward in self.wards])
        for ward in self.wards:
            _refuse_repeats(f"bed of ward {ward.id}", [bed.id for bed in ward.beds])
        _refuse_repeats("gateway", [gateway.id for gateway in self.gateways])
        for gateway in self.gateways:
            _refuse_repeats(f"device of gateway {gateway.id}", [device.id for device in gateway.devices])
            for device in gateway.devices:
                if device.bed is not None and device.bed not in beds:
                    raise ValueError(f"device {gateway.id}/{device.id} stands at bed {device.bed}, which no ward has")


def _refuse_repeats(noun: str, ids: list[str]) -> None:
    repeated = sorted(name for name, count in Counter(ids).items() if count > 1)
    if repeated:
        raise ValueError(f"{noun} {', '.join(repeated)} is listed more than once")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
