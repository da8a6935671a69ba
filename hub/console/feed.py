"""The console's ear on the broker: messages of the hub become the state of the wards and news for the screens."""

from __future__ import annotations

import logging
from typing import TypeVar

import msgspec

from chassis.clock import Clock
from hub.console.commands import Commands
from hub.console.streams import AlarmMessage, EquipmentMessage, EventMessage, Streams, WardMessage
from hub.console.views import alarm_view, event_view
from hub.console.wards import Wards
from hub.console.waves import WaveRelay
from vitals import topics
from vitals.alarms import Alarm, AlarmEvent
from vitals.commands import Result
from vitals.errors import WireError
from vitals.live import WardSnapshot
from vitals.sessions import GatewayStatus, HubStatus

log = logging.getLogger(__name__)

MAX_SNAPSHOT_BYTES = 4_000_000  # a ward of 64 beds with every parameter is about 200 kB

_T = TypeVar("_T")


class Feed:
    """Called in the loop for every message; never blocks, never raises."""

    def __init__(self, wards: Wards, streams: Streams, waves: WaveRelay, commands: Commands, clock: Clock) -> None:
        self._wards = wards
        self._waves = waves
        self._streams = streams
        self._commands = commands
        self._clock = clock
        self._refused: set[str] = set()

    def subscriptions(self) -> list[str]:
        """What the console listens to."""
        return [
            topics.ALL_LIVE,
            topics.ALL_EVENTS,
            topics.ALL_ALARMS,
            topics.ALL_HUBS,
            topics.ALL_GATEWAY_STATUS,
            topics.equipment_alarm("+", "+/+", "+"),
            topics.result(self._commands.client, "+"),
        ]

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take in one message; what cannot be read is logged once per topic and left."""
        try:
            self._dispatch(topic, payload, retained)
        except WireError as error:
            if topic not in self._refused and len(self._refused) < 1_000:
                self._refused.add(topic)
                log.warning("cannot read what came on %s: %s", topic, error.reason)

    def _dispatch(self, topic: str, payload: bytes, retained: bool) -> None:
        match topics.split(topic):
            case ["ward", ward, "live"] if not retained:  # a retained snapshot is no picture of now
                self._snapshot(ward, payload)
            case ["ward", ward, bed, "alarm", rule]:
                self._alarm(ward, bed, rule, payload)
            case ["ward", _, "event"] if not retained:
                self._event(_read(payload, AlarmEvent))
            case ["hub", hub, "alarm", kind, name, rule]:
                self._equipment(hub, f"{kind}/{name}", rule, payload)
            case ["hub", _, "event"] if not retained:
                self._event(_read(payload, AlarmEvent))
            case ["hub", _, "status"] if payload:
                self._wards.take_status(_read(payload, HubStatus))
            case ["hub", hub, "heartbeat"] if not retained:
                self._wards.take_heartbeat(hub, self._clock.steady_ms())
            case ["up", gateway, "status"] if payload:
                self._wards.take_gateway(gateway, _read(payload, GatewayStatus))
            case ["up", gateway, "wave"] if not retained:
                self._waves.take(gateway, payload)
            case ["result", _, _]:
                self._commands.answered(_read(payload, Result))
            case _:
                pass

    def _snapshot(self, ward: str, payload: bytes) -> None:
        snapshot = _read(payload, WardSnapshot)
        if snapshot.ward != ward:
            raise WireError("the ward in the payload is not the ward of the topic")
        now = self._clock.steady_ms()
        if self._wards.take_snapshot(snapshot, now):
            view = self._wards.view(ward, now)
            self._streams.send(lambda number: WardMessage(number=number, time=self._time(), ward=view))

    def _alarm(self, ward: str, bed: str, rule: str, payload: bytes) -> None:
        alarm = _read(payload, Alarm) if payload else None
        if self._wards.take_alarm(ward, bed, rule, alarm):
            self._streams.send(
                lambda number: AlarmMessage(
                    number=number,
                    time=self._time(),
                    ward=ward,
                    bed=bed,
                    rule=rule,
                    alarm=alarm_view(alarm) if alarm else None,
                )
            )

    def _equipment(self, hub: str, subject: str, rule: str, payload: bytes) -> None:
        alarm = _read(payload, Alarm) if payload else None
        if self._wards.take_equipment(hub, subject, rule, alarm):
            views = [alarm_view(one) for one in self._wards.equipment()]
            self._streams.send(lambda number: EquipmentMessage(number=number, time=self._time(), equipment=views))

    def _event(self, event: AlarmEvent) -> None:
        view = event_view(None, event)
        self._streams.send(lambda number: EventMessage(number=number, time=self._time(), event=view))

    def _time(self) -> int:
        return self._clock.wall_ms()


def _read(payload: bytes, type_: type[_T]) -> _T:
    if len(payload) > MAX_SNAPSHOT_BYTES:
        raise WireError(f"oversized: {len(payload)} bytes, at most {MAX_SNAPSHOT_BYTES}")
    try:
        return msgspec.json.decode(payload, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"invalid: {error}") from error
