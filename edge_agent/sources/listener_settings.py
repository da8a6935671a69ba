"""Settings of the listeners: ways in from the network that serve many devices each."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

import msgspec

from chassis.mqtt import BrokerSettings
from edge_agent.sources.fieldmap import FieldMap, PathText, zone_of
from edge_agent.sources.paths import parse_path
from vitals.durations import Duration
from vitals.identity import DeviceId

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Secret = Annotated[str, msgspec.Meta(min_length=1, description="Reference to the token: file:PATH or env:NAME")]
Connections = Annotated[int, msgspec.Meta(ge=1, le=20_000, description="Connections at the same time; more are closed")]
Idle = Annotated[Duration, msgspec.Meta(description="A connection without a whole message for so long is closed")]
MaxAge = Annotated[Duration, msgspec.Meta(description="Older times are not believed, see listeners.map.time.max_age")]
MaxAhead = Annotated[Duration, msgspec.Meta(description="See listeners.map.time.max_ahead")]
Zone = Annotated[str, msgspec.Meta(min_length=1, description="Time zone of times that carry none, such as UTC")]

TOPIC_DEVICE = "{device}"
DEVICE_PLACES = ("prt-10", "obx-18", "msh-3", "msh-4")


class KnownDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device this listener takes readings of."""

    id: DeviceId
    known_as: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1, max_length=128, description="What the sender calls it, exactly; its id if left out"
            ),
        ]
        | None
    ) = None

    @property
    def name(self) -> str:
        """What the sender calls it."""
        return self.known_as or self.id


class TcpJsonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """JSON objects over TCP, framed by nothing but their own brackets."""

    host: str = "127.0.0.1"
    port: Port = 5000
    max_connections: Connections = 2_000
    max_message: Annotated[int, msgspec.Meta(ge=64, le=1_048_576, description="Bytes of one message")] = 16_384
    idle_timeout: Idle = msgspec.field(default_factory=lambda: Duration(60_000))


class CheckInMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a status check-in says which device is online, in error or offline."""

    device: PathText = "device_id"
    state: PathText = "state"
    message: PathText = "message"

    def __post_init__(self) -> None:
        for path in (self.device, self.state, self.message):
            parse_path(path)


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HTTP POST /readings and POST /status."""

    token: Secret
    host: str = "127.0.0.1"
    port: Port = 8091
    max_message: Annotated[int, msgspec.Meta(ge=64, le=1_048_576, description="Bytes of one request body")] = 65_536
    check_in: CheckInMap = msgspec.field(default_factory=CheckInMap)


class CareSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HTTP POST /update_observations as CARE TeleICU devices send it; known_as is the monitor's address."""

    token: Secret
    zone: Zone
    host: str = "127.0.0.1"
    port: Port = 8092
    max_message: Annotated[int, msgspec.Meta(ge=64, le=8_388_608, description="Bytes of one request body")] = 1_048_576
    max_age: MaxAge = msgspec.field(default_factory=lambda: Duration(30_000))
    max_ahead: MaxAhead = msgspec.field(default_factory=lambda: Duration(5_000))

    def __post_init__(self) -> None:
        zone_of(self.zone)


class MqttSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Foreign MQTT topics. Retained messages never become readings."""

    topic: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=500, description="Topic filter; {device} is the level that names it"),
    ]
    broker: Annotated[
        BrokerSettings | None, msgspec.Meta(description="Another broker; left out, the gateway's own with its login")
    ] = None
    client_id: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="<gateway>-<listener id> if left out")]
        | None
    ) = None
    max_message: Annotated[int, msgspec.Meta(ge=64, le=1_048_576, description="Bytes of one message")] = 16_384

    def __post_init__(self) -> None:
        levels = self.topic.split("/")
        if "#" in levels[:-1] or any(re.search(r"[+#]", level) and len(level) > 1 for level in levels):
            raise ValueError(f"{self.topic!r} is no topic filter: + and # stand alone in a level, # in the last")
        if levels.count(TOPIC_DEVICE) > 1 or any(TOPIC_DEVICE in level and level != TOPIC_DEVICE for level in levels):
            raise ValueError(f"{self.topic!r}: {TOPIC_DEVICE} stands once, for a whole level")
        if levels[0].startswith("wardline"):
            raise ValueError(f"{self.topic!r}: topics of Wardline itself are no foreign topics")


class Hl7Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HL7 v2 ORU^R01 and R40 over MLLP, answered with an ACK once the observations are on the disk."""

    host: str = "127.0.0.1"
    port: Port = 2575
    device_from: Annotated[
        list[Literal["prt-10", "obx-18", "msh-3", "msh-4"]],
        msgspec.Meta(min_length=1, description="Fields that may name the device; the first that is not empty counts"),
    ] = msgspec.field(default_factory=lambda: ["prt-10", "obx-18", "msh-3"])
    zone: Annotated[
        str | None, msgspec.Meta(description="Time zone of times without an offset; left out, they are not believed")
    ] = None
    max_age: MaxAge = msgspec.field(default_factory=lambda: Duration(30_000))
    max_ahead: MaxAhead = msgspec.field(default_factory=lambda: Duration(5_000))
    max_connections: Connections = 64
    max_message: Annotated[int, msgspec.Meta(ge=1_024, le=8_388_608, description="Bytes of one message")] = 262_144
    idle_timeout: Idle = msgspec.field(default_factory=lambda: Duration(600_000))

    def __post_init__(self) -> None:
        if self.zone is not None:
            zone_of(self.zone)


KINDS = ("tcp_json", "webhook", "care", "mqtt", "hl7")
_MAPPED = ("tcp_json", "webhook", "mqtt")


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One listener: exactly one of tcp_json, webhook, care, mqtt or hl7, and the devices it serves."""

    id: DeviceId
    devices: Annotated[list[KnownDevice], msgspec.Meta(min_length=1)]
    tcp_json: TcpJsonSettings | None = None
    webhook: WebhookSettings | None = None
    care: CareSettings | None = None
    mqtt: MqttSettings | None = None
    hl7: Hl7Settings | None = None
    map: Annotated[FieldMap | None, msgspec.Meta(description="What stands where; of tcp_json, webhook and mqtt")] = None
    trusted_network: Annotated[
        bool, msgspec.Meta(description="true: nobody unknown can reach the address, so it need not be loopback")
    ] = False
    silence: Annotated[
        Duration, msgspec.Meta(description="A device that sends nothing for so long counts as silent")
    ] = msgspec.field(default_factory=lambda: Duration(60_000))
    max_rate: Annotated[
        float, msgspec.Meta(gt=0, le=1_000, description="Observations per second of one device; more are refused")
    ] = 20.0

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"listener {self.id!r} needs exactly one of {', '.join(KINDS)}, not {found}")
        if (self.map is None) == (self.kind in _MAPPED):
            raise ValueError(f"{self.kind} " + ("needs a map" if self.map is None else "takes no map"))
        if self.map is not None and self.map.device is None and not self._topic_names_device():
            raise ValueError("map.device is missing: say where the device id stands in a message")
        names = [device.name for device in self.devices]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"known_as {name!r} is used {names.count(name)} times: give each device its own")
        if self.care is not None:
            for name in names:
                _require_address(name)
        host = getattr(self.section, "host", "127.0.0.1")
        if not (_is_loopback(host) or self.trusted_network):
            raise ValueError(
                f"{self.kind}.host is {host!r}, which others can reach, and nothing is encrypted: use 127.0.0.1 with a "
                "TLS proxy in front, or set trusted_network: true where only the devices can reach it"
            )

    @property
    def kind(self) -> str:
        """Which of the sections is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def section(self) -> TcpJsonSettings | WebhookSettings | CareSettings | MqttSettings | Hl7Settings:
        """The section that is given."""
        section = getattr(self, self.kind)
        assert isinstance(section, TcpJsonSettings | WebhookSettings | CareSettings | MqttSettings | Hl7Settings)
        return section

    def known(self) -> dict[str, str]:
        """Our id of each device by what its sender calls it."""
        return {device.name: device.id for device in self.devices}

    def _topic_names_device(self) -> bool:
        return self.mqtt is not None and TOPIC_DEVICE in self.mqtt.topic


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_address(name: str) -> None:
    try:
        ipaddress.ip_address(name)
    except ValueError as exc:
        raise ValueError(f"known_as {name!r} is no IP address, and CARE devices are known by theirs") from exc
