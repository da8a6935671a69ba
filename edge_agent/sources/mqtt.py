"""Foreign MQTT topics in: what an ESP32 or a vendor's box publishes becomes readings, guarded from here on."""

from __future__ import annotations

import asyncio

import msgspec

from chassis.mqtt import BrokerSettings
from chassis.session import Session
from edge_agent.settings import LoadedSettings
from edge_agent.sources.fieldmap import FieldMap
from edge_agent.sources.listener_settings import TOPIC_DEVICE, MqttSettings
from edge_agent.sources.messages import Refused, read_json
from edge_agent.sources.reception import Reception
from vitals.errors import LinkError

TICK_S = 1.0


class MqttListener:
    """One subscription. A retained message is what somebody said at some time: it never becomes a reading."""

    def __init__(
        self, settings: MqttSettings, name: str, fields: FieldMap, reception: Reception, loaded: LoadedSettings
    ) -> None:
        self._settings = settings
        self._fields = fields
        self._reception = reception
        levels = settings.topic.split("/")
        self._device_level = levels.index(TOPIC_DEVICE) if TOPIC_DEVICE in levels else None
        broker = settings.broker or loaded.settings.broker
        if settings.broker is None and broker.password and not broker.username:
            broker = msgspec.structs.replace(broker, username=loaded.settings.gateway)
        self._where = f"subscribed to {settings.topic} at {broker.host} port {broker.port}"
        self._session = self._new_session(broker, loaded, settings.client_id or f"{loaded.settings.gateway}-{name}")

    def _new_session(self, broker: BrokerSettings, loaded: LoadedSettings, client_id: str) -> Session:
        return Session(
            broker,
            loaded.folder,
            client_id=client_id,
            subscriptions=[self._settings.topic.replace(TOPIC_DEVICE, "+")],
            on_message=self._received,
            on_connect=self._connected,
        )

    async def run(self) -> None:
        """Serve until the connection is lost. Raises LinkError."""
        ticking = asyncio.create_task(self._tick(), name="mqtt listener tick")
        try:
            await self._session.run()
        except LinkError as exc:
            self._reception.closed(str(exc))
            raise
        finally:
            self._reception.connections = 0
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._reception.tick()

    def _connected(self) -> None:
        self._reception.connections = 1
        self._reception.opened(self._where)

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        try:
            if retained:
                raise Refused("retained", "a retained message is no reading")
            if len(payload) > self._settings.max_message:
                raise Refused("oversized", "the message is too large")
            known_as = None if self._device_level is None else topic.split("/")[self._device_level]
            self._reception.take_message(read_json(payload), self._fields, known_as)
        except Refused as refused:
            self._reception.refuse(refused.reason, size=len(payload))
