"""Drivers for Philips IntelliVue monitors: the Data Export protocol over RS-232 and over UDP."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.intellivue.conversation import Conversation, Polling, Wishes
from edge_agent.drivers.intellivue.framing import FrameDecoder, wrap
from edge_agent.drivers.intellivue.messages import MDS_CREATE, Event, read_messages
from edge_agent.drivers.intellivue.readings import Read, Readings
from vitals.durations import Duration
from vitals.readings import Observation

SILENCE_S = 10.0

WaveName = Literal["ecg_ii", "pleth", "resp", "abp_w", "co2_w"]


class IntellivueOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the drivers `intellivue` and `intellivue-udp`."""

    waves: Annotated[
        tuple[WaveName, ...], msgspec.Meta(description="Waves to ask for; needs a monitor that grants extended polls")
    ] = ()
    alarms: Annotated[bool, msgspec.Meta(description="Ask for the alerts of the monitor every 2 s")] = True
    polling: Annotated[
        Polling,
        msgspec.Meta(description="auto takes extended polls if the monitor grants them, otherwise single polls"),
    ] = "auto"
    interval: Annotated[
        Duration, msgspec.Meta(description="Time between single polls; the monitor answers one a second at most")
    ] = msgspec.field(default_factory=lambda: Duration(1_000))

    def __post_init__(self) -> None:
        if not 1_000 <= self.interval <= 60_000:
            raise ValueError("interval must be from 1s to 60s")
        if len(set(self.waves)) != len(self.waves):
            raise ValueError("waves names a wave twice")


class _Listener:
    """What both transports share: messages to readings, and what we say in return."""

    silence_s = SILENCE_S

    def __init__(self, options: IntellivueOptions) -> None:
        self._readings = Readings()
        self._conversation = Conversation(
            Wishes(
                polling=options.polling,
                interval_ms=options.interval,
                alarms=options.alarms,
                waves=tuple(options.waves),
            )
        )

    def _listen(self, data: bytes, now: int, tally: _Tally) -> None:
        """Take the messages of one frame or datagram; after each there is a moment to speak."""
        for message in read_messages(data):
            if isinstance(message, BadFrame):
                tally.bad.append(message)
                continue
            tally.good += 1
            if isinstance(message, Event) and message.event_type == MDS_CREATE:
                self._readings.forget()
            tally.add(self._readings.read(message, now))
            tally.say(self._conversation.hear(message, now))
            tally.say(self._conversation.speak(now))


class _Tally:
    """A Heard in the making."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self.bad: list[BadFrame] = []
        self.good = 0
        self.said: list[bytes] = []

    def add(self, read: Read) -> None:
        for item in read:
            if isinstance(item, BadFrame):
                self.bad.append(item)
            else:
                self.observations.append(item)

    def say(self, message: bytes) -> None:
        if message:
            self.said.append(message)

    def heard(self, send: bytes) -> Heard:
        return Heard(observations=tuple(self.observations), good=self.good, bad=tuple(self.bad), send=send)


class SerialIntellivue(_Listener):
    """A monitor at its MIB/RS-232 port: messages come and go in frames, cut anywhere."""

    def __init__(self, options: IntellivueOptions) -> None:
        super().__init__(options)
        self._decoder = FrameDecoder()

    def start(self, now: int) -> bytes:
        """Forget half a frame and ask for an association."""
        self._decoder.reset()
        self._readings.forget()
        return _framed(self._conversation.start(now))

    def feed(self, data: bytes, now: int) -> Heard:
        """The readings of whole frames, and what must be said now."""
        tally = _Tally()
        for found in self._decoder.feed(data):
            if isinstance(found, BadFrame):
                tally.bad.append(found)
            else:
                self._listen(found, now, tally)
        return tally.heard(b"".join(map(wrap, tally.said)))

    def tick(self, now: int) -> bytes:
        """The next question, or the beginning of a new association."""
        return _framed(self._conversation.speak(now))

    def finish(self, now: int) -> Heard:
        """The last words."""
        tally = _Tally()
        tally.bad += [found for found in self._decoder.finish() if isinstance(found, BadFrame)]
        tally.add(self._readings.finish(now))
        return tally.heard(_framed(self._conversation.leave()))


class UdpIntellivue(_Listener):
    """A monitor on the network: `feed` takes exactly one datagram, and what is returned to send is one datagram."""

    def start(self, now: int) -> bytes:
        """Ask for an association."""
        self._readings.forget()
        return self._conversation.start(now)

    def feed(self, data: bytes, now: int) -> Heard:
        """The readings of one datagram, and the one that must be sent now. What else is due waits for a tick."""
        tally = _Tally()
        self._listen(data, now, tally)
        return tally.heard(tally.said[0] if tally.said else b"")

    def tick(self, now: int) -> bytes:
        """The next datagram to send."""
        return self._conversation.speak(now)

    def finish(self, now: int) -> Heard:
        """The last words."""
        tally = _Tally()
        tally.add(self._readings.finish(now))
        return tally.heard(self._conversation.leave())


def _framed(message: bytes) -> bytes:
    return wrap(message) if message else b""


driver = DriverPlugin(
    name="intellivue",
    title="Philips IntelliVue monitors at their RS-232 port",
    options=IntellivueOptions,
    line=SerialLine(baud=115200),
    build=SerialIntellivue,
)

udp_driver = DriverPlugin(
    name="intellivue-udp",
    title="Philips IntelliVue monitors over UDP (port 24105)",
    options=IntellivueOptions,
    line=SerialLine(baud=115200),  # not used: datagrams have no line
    serial=False,
    build=UdpIntellivue,
)
