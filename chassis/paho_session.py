"""An MQTT session over paho: one fresh client per connection, its callbacks hopped to the asyncio loop.

A connection that breaks takes its client along: nothing queued inside paho outlives it, no packet id is ever
mistaken for one of an older connection, and falling back to MQTT 3.1.1 is merely the next connection.
paho's network thread takes no lock of ours; it calls `call_soon_threadsafe` and returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from chassis.mqtt import KEEPALIVE_S
from chassis.tasks import backoff

log = logging.getLogger(__name__)

WINDOW = 20  # QoS 1 messages in flight inside paho
CONNACK_TIMEOUT_S = 5.0
UNANSWERED_LIMIT = 2  # so many attempts without an answer, and the other MQTT version is tried
SHORT_S = 5.0  # a connection that ended sooner was short
SHORT_LIMIT = 3  # so many short ones in a row: somebody else has our id
QUIET_LIMIT_S = 45.0  # connected, yet nothing came back for so long: the client is rebuilt
QUICK_WAITS_S = (0.3, 5.0)
RIVAL_WAITS_S = (1.5, 10.0)  # connections closed within seconds: leave the other side some peace
LONG_WAITS_S = (3.0, 60.0)  # refusals that a quick retry cannot cure
TAKEN_OVER = 0x8E  # MQTT 5 reason: another client has our id
_UNSUPPORTED_VERSION = {0x01, 0x84}
_REFUSED_FOR_LONG = {0x85, 0x86, 0x87, 0x8A, 0x8C}  # bad id, bad login, not authorised, banned, bad method

Version = Literal["5", "3.1.1"]
Wait = Literal["quick", "rival", "long"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to publish; also the last will."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the broker granted. `max_packet` is 0 when it named no limit."""

    version: Version
    max_packet: int = 0
    receive_maximum: int = WINDOW


class SessionListener(Protocol):
    """Told everything on the event loop, in order."""

    def connected(self, connection: Connection) -> None:
        """Subscribe and publish from here on."""

    def disconnected(self, reason: str) -> None:
        """The connection is gone, with all it carried; called only after `connected`."""

    def refused(self, reason: str) -> None:
        """An attempt to connect failed."""

    def acknowledged(self, token: int, failure: str) -> None:
        """The broker answered the publish `token`; `failure` is empty, or why it did not take the message."""

    def received(self, topic: str, payload: bytes) -> None:
        """A message of a subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to connect, and as whom."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"


class PahoSession:
    """Keeps one connection up. All methods are for the event loop's thread.

    Whoever uses it publishes something at QoS 1 now and then: a connection without any answer for QUIET_LIMIT_S
    counts as dead.
    """

    def __init__(self, address: Address, will: Callable[[], Message], listener: SessionListener) -> None:
        self._address = address
        self._will = will
        self._listener = listener
        self._version: Version = "3.1.1" if address.protocol == "3.1.1" else "5"
        self._live: _Client | None = None
        self._stopping = False
        self._short = 0  # short connections in a row

    @property
    def is_connected(self) -> bool:
        """Whether publishing makes sense now."""
        return self._live is not None and self._live.connected

    def publish(self, message: Message) -> int | None:
        """Hand a message to the connection; returns its token, or None if there is no connection to take it."""
        return self._live.publish(message) if self._live is not None and self._live.connected else None

    def subscribe(self, topic: str) -> None:
        """Subscribe at QoS 1, on the present connection only: call it on every `connected`."""
        if self._live is not None:
            self._live.client.subscribe(topic, qos=1)

    async def run(self) -> None:
        """Connect, stay connected, and connect again, until `stop`."""
        waits = _fresh_waits()
        complained, unanswered = "", 0
        while True:
            end = await self._connection()
            if self._stopping:
                return
            unanswered = unanswered + 1 if end.unanswered else 0
            self._short = self._short + 1 if end.short else 0
            if end.established and not end.short:
                waits, complained = _fresh_waits(), ""
            if self._address.protocol == "auto" and (end.wrong_version or unanswered >= UNANSWERED_LIMIT):
                self._version = "3.1.1" if self._version == "5" else "5"
                unanswered = 0
                if end.wrong_version:
                    continue
            if end.text != complained:
                log.warning("broker %s:%d: %s", self._address.host, self._address.port, end.text)
                complained = end.text
            await asyncio.sleep(next(waits[end.wait]))

    async def stop(self, farewell: Message | None = None, timeout_s: float = 1.0) -> None:
        """Publish `farewell`, wait for its acknowledgement at most `timeout_s`, and disconnect in order."""
        self._stopping = True
        live = self._live
        if live is None:
            return
        if farewell is not None and live.connected and (token := live.publish(farewell)) is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(live.acknowledgement(token), timeout_s)
        live.client.disconnect()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(live.ended), 0.5)

    async def _connection(self) -> _End:
        """One connection from dialling to its end."""
        live = self._live = _Client(self._address, self._version, self._will(), self._listener, self._short)
        try:
            return await live.serve()
        finally:
            self._live = None
            live.abandon()


def _fresh_waits() -> dict[Wait, Iterator[float]]:
    return {"quick": backoff(*QUICK_WAITS_S), "rival": backoff(*RIVAL_WAITS_S), "long": backoff(*LONG_WAITS_S)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How a connection ended."""

    text: str
    established: bool = False
    wait: Wait = "quick"  # how soon to try again
    short: bool = False  # it was established, but not for long
    unanswered: bool = False  # nobody answered our CONNECT
    wrong_version: bool = False  # the broker knows another MQTT version


class _Client:
    """One paho client for one connection."""

    def __init__(
        self, address: Address, version: Version, will: Message, listener: SessionListener, short_before: int
    ) -> None:
        self.connected = False
        self._short_before = short_before
        self._connected_at = 0.0
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[_End] = self._loop.create_future()
        self._address = address
        self._version: Version = version
        self._listener = listener
        self._abandoned = False
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._heard_at = self._loop.time()
        clean: dict[str, Any] = {"clean_session": True} if version == "3.1.1" else {}
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=address.client_id,
            protocol=mqtt.MQTTv311 if version == "3.1.1" else mqtt.MQTTv5,
            reconnect_on_failure=False,
            **clean,
        )
        self.client.max_inflight_messages = WINDOW
        self.client.max_queued_messages = WINDOW * 4
        if address.username is not None:
            self.client.username_pw_set(address.username, address.password)
        if address.tls is not None:
            self.client.tls_set_context(address.tls)
        self.client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_publish = self._on_publish
        self.client.on_message = self._on_message

    async def serve(self) -> _End:
        """Dial, and wait for the end of the connection, watching that it is not a dead one."""
        threading.Thread(target=self._dial, name="mqtt-dial", daemon=True).start()
        dialled = self._loop.time()
        while True:
            await asyncio.wait([self.ended], timeout=1.0)
            if self.ended.done():
                return self.ended.result()
            now = self._loop.time()
            if not self.connected and now - dialled > CONNACK_TIMEOUT_S:
                self._end(_End(text="no answer to CONNECT", unanswered=True))
            elif self.connected and now - self._heard_at > QUIET_LIMIT_S:
                self._end(_End(text=f"connected, but silent for {QUIET_LIMIT_S:.0f} s", established=True))

    def publish(self, message: Message) -> int | None:
        info = self.client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        return info.mid if info.rc == mqtt.MQTT_ERR_SUCCESS else None

    def acknowledgement(self, token: int) -> asyncio.Future[None]:
        return self._waiting.setdefault(token, self._loop.create_future())

    def abandon(self) -> None:
        """Let go of the client; its thread ends by itself."""
        self._abandoned = True
        self.connected = False
        with contextlib.suppress(OSError, ValueError):
            self.client.disconnect()
        # paho's thread reads this flag; loop_stop would join the thread and block the event loop.
        self.client._thread_terminate = True
        if (sock := self.client.socket()) is not None and not self.ended.cancelled():
            threading.Thread(target=_hang_up, args=(self.client, sock), name="mqtt-hang-up", daemon=True).start()

    def _dial(self) -> None:
        """In its own thread: DNS, TCP and TLS may each take seconds."""
        try:
            self.client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as exc:
            self._hop(self._end, _End(text=f"cannot connect: {exc}"))
            return
        if self._abandoned:
            self.client.disconnect()
        else:
            self.client.loop_start()

    def _end(self, end: _End) -> None:
        if self.ended.done():
            return
        was = self.connected
        self.connected = False
        self.ended.set_result(end)
        if self._abandoned:
            return
        if was:
            self._listener.disconnected(end.text)
        else:
            self._listener.refused(end.text)

    def _hop(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(call, *arguments)

    # paho's network thread calls these four

    def _on_connect(self, _client: Any, _userdata: Any, _flags: Any, code: ReasonCode, properties: Any) -> None:
        self._hop(self._connected, int(code.value), str(code), properties)

    def _on_disconnect(self, _client: Any, _userdata: Any, flags: Any, code: ReasonCode, _properties: Any) -> None:
        self._hop(self._disconnected, int(code.value), str(code), flags.is_disconnect_packet_from_server)

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, code: ReasonCode, _properties: Any) -> None:
        self._hop(self._acknowledged, mid, str(code) if code.is_failure else "")

    def _on_message(self, _client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._hop(self._received, message.topic, message.payload)

    # and these run on the loop

    def _connected(self, code: int, text: str, properties: Any) -> None:
        if self.ended.done():
            return
        self._heard_at = self._loop.time()
        if code != 0:
            wrong_version = code in _UNSUPPORTED_VERSION
            text = f"the broker refuses us: {text}"
            wait: Wait = "long" if code in _REFUSED_FOR_LONG else "quick"
            self._end(_End(text=text, wait=wait, wrong_version=wrong_version))
            return
        self._connected_at = self._heard_at
        self.connected = True
        log.info("connected to %s:%d with MQTT %s", self._address.host, self._address.port, self._version)
        self._listener.connected(
            Connection(
                version=self._version,
                max_packet=int(getattr(properties, "MaximumPacketSize", 0) or 0),
                receive_maximum=min(WINDOW, int(getattr(properties, "ReceiveMaximum", WINDOW) or WINDOW)),
            )
        )

    def _disconnected(self, code: int, text: str, by_broker: bool) -> None:
        if not self.connected:
            self._end(_End(text="the broker closed the connection before its answer", unanswered=True))
            return
        short = self._loop.time() - self._connected_at < SHORT_S
        wait: Wait = "quick"
        text = f"connection lost: {text}"
        if code == TAKEN_OVER and by_broker:
            text, wait = "identity_conflict: another client logged in under our id", "long"
        elif short and self._short_before + 1 >= SHORT_LIMIT:
            # mosquitto 2.0.11 closes the older of two connections with one id without saying why.
            text = (
                "identity_conflict: each connection is closed within seconds, most likely by another client with our id"
            )
            wait = "rival"
        self._end(_End(text=text, established=True, short=short, wait=wait))

    def _acknowledged(self, token: int, failure: str) -> None:
        self._heard_at = self._loop.time()
        if (waiting := self._waiting.pop(token, None)) is not None and not waiting.done():
            waiting.set_result(None)
        if self.connected:
            self._listener.acknowledged(token, failure)

    def _received(self, topic: str, payload: bytes) -> None:
        self._heard_at = self._loop.time()
        if self.connected:
            self._listener.received(topic, payload)


def _hang_up(client: mqtt.Client, sock: Any) -> None:
    """Close a socket whose thread may be stuck; in a thread of its own, as the client's locks may be held."""
    thread = client._thread
    if thread is not None:
        thread.join(1.0)
    with contextlib.suppress(OSError, AttributeError):
        sock.close()
