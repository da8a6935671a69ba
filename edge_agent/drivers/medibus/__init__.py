"""Driver for Dräger devices that speak MEDIBUS or MEDIBUS.X: Evita, Apollo, Primus, Zeus, Fabius and others."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.medibus import replies
from edge_agent.drivers.medibus.codes import Generation
from edge_agent.drivers.medibus.conversation import CYCLE, Conversation, Phase
from edge_agent.drivers.medibus.curves import (
    MAX_STREAMS,
    Block,
    CurveDecoder,
    Stream,
    Word,
    disable,
    enable,
    every_stream,
    order,
    streams,
)
from edge_agent.drivers.medibus.frames import Code, Command, Damaged, Fast, FrameDecoder, Reply, command, reply
from edge_agent.drivers.medibus.readings import Reader, observe_block
from vitals.durations import Duration
from vitals.readings import Observation

SILENCE_S = 10.0
CURVES_MS = 30_000  # curves that were asked for and do not come are asked for again
OUR_ID = b"0161'Wardline'01.00:03.00"


class MedibusOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the driver `medibus`."""

    map: Annotated[
        Literal["auto", "medibus", "medibus-x"],
        msgspec.Meta(description="Meaning of the codes; auto goes by the version the device tells (6 and up is X)"),
    ] = "auto"
    waves: Annotated[
        tuple[Word, ...],
        msgspec.Meta(
            description="Realtime curves to ask for, at most 4 on a line of 9600 baud", max_length=MAX_STREAMS
        ),
    ] = ()
    bit_order: Annotated[
        Literal["low-first", "high-first"], msgspec.Meta(description="Which half of a sample comes first")
    ] = "low-first"
    poll: Annotated[Duration, msgspec.Meta(description="Time between two rounds of questions, 500ms to 5s")] = (
        msgspec.field(default_factory=lambda: Duration(1_000))
    )
    ambient_mbar: Annotated[
        float,
        msgspec.Meta(
            description="Air pressure at the site, to convert CO2 from % if the device does not tell it",
            ge=500,
            le=1200,
        ),
    ] = 1013.25

    def __post_init__(self) -> None:
        if not 500 <= self.poll <= 5_000:
            raise ValueError("poll: expected 500ms to 5s")
        if len(set(self.waves)) < len(self.waves):
            raise ValueError("waves: a curve stands there twice")


class MedibusDriver:
    """One device and our conversation with it; unless started it only reads what a recording holds."""

    silence_s = SILENCE_S

    def __init__(self, options: MedibusOptions) -> None:
        self._options = options
        self._frames = FrameDecoder()
        self._curves = CurveDecoder(low_first=options.bit_order == "low-first")
        self._reader = Reader(generation=Generation(options.map), ambient_mbar=options.ambient_mbar)
        self._conversation = Conversation(poll_ms=options.poll)
        self._asked: tuple[Stream, ...] = ()  # the streams the device was last told to send
        self._curves_at = 0  # when curves were last heard or asked for

    def start(self, now: int) -> bytes:
        """The line opened: call the device."""
        self._frames.reset(opening=True)
        return self._begin(now)

    def feed(self, data: bytes, now: int) -> Heard:
        """An observation per reply and per stretch of curves, and our next words."""
        heard = _Hearing()
        for item in self._frames.feed(data):
            match item:
                case Fast():
                    self._take_fast(item, heard, now)
                case Reply():
                    self._take_reply(item, heard, now)
                case Command():
                    self._take_command(item, heard, now)
                case Damaged():
                    heard.bad.append(item.bad)
                    heard.send += reply(Code.NAK) if item.command else self._conversation.failed(now)
                case BadFrame():
                    heard.bad.append(item)
        return heard.whole()

    def tick(self, now: int) -> bytes:
        """Ask on, or call again after silence."""
        if self._conversation.lost(now):
            return self._begin(now)
        talking = self._conversation.phase is Phase.TALKING
        if talking and self._options.waves and now - self._curves_at >= CURVES_MS:
            self._ask_curves(now)
        return self._conversation.tick(now)

    def finish(self, now: int) -> Heard:
        """The stream ended: the last curves, and goodbye."""
        heard = _Hearing()
        heard.bad += [item for item in self._frames.finish() if isinstance(item, BadFrame)]
        heard.add(self._curves.flush())
        if self._conversation.phase is Phase.TALKING:
            heard.send += command(Code.STOP)
        return heard.whole()

    def _begin(self, now: int) -> bytes:
        self._forget()
        self._curves_at = now
        return self._conversation.start(now)

    def _forget(self) -> None:
        self._reader.forget()
        self._curves.reset()
        self._asked = ()

    def _take_fast(self, item: Fast, heard: _Hearing, now: int) -> None:
        blocks = self._curves.feed(item.data)
        if any(isinstance(block, Block) for block in blocks):
            self._curves_at = now
        heard.add(blocks)

    def _take_reply(self, item: Reply, heard: _Hearing, now: int) -> None:
        observations = self._reader.read(item)
        if observations is None:
            heard.bad.append(BadFrame(reason="bad_frame", size=len(item.data) + 5))
            heard.send += self._conversation.failed(now)
            return
        heard.good += 1
        heard.observations += observations
        self._conversation.heard(now)
        if item.code == Code.NAK:
            heard.send += self._conversation.failed(now)
            return
        if item.code == Code.RT_CONFIG:
            self._choose_curves(item.data, heard)
        elif item.code == Code.CONFIGURE_RT and self._asked:
            heard.add(self._curves.configure(self._asked))
            heard.send += enable(len(self._asked))
        elif item.code == Code.DEVICE_ID:
            self._conversation.cycle = (*CYCLE, Code.ALARMS_CP3) if self._reader.generation is Generation.X else CYCLE
        calling = self._conversation.phase is Phase.CALLING
        heard.send += self._conversation.replied(item.code, now)
        if calling and self._conversation.phase is Phase.TALKING:
            self._ask_curves(now)

    def _take_command(self, item: Command, heard: _Hearing, now: int) -> None:
        """Every command is answered; one we do not know by its bare echo."""
        heard.good += 1
        self._conversation.heard(now)
        if item.code == Code.RT_CONFIG_CHANGED:
            heard.add(self._curves.configure(()))
            heard.send += disable(len(self._asked))
        heard.send += reply(item.code, OUR_ID if item.code == Code.DEVICE_ID else b"")
        talking = self._conversation.phase is Phase.TALKING
        if item.code == Code.STOP:
            self._forget()
            self._conversation.stopped(now)
        elif item.code == Code.ICC and talking:
            self._forget()
            self._conversation.greet()
            self._ask_curves(now)
        elif item.code == Code.RT_CONFIG_CHANGED and talking:
            self._ask_curves(now)
        elif item.code == Code.TIME_CHANGED and talking:
            self._conversation.ask(Code.DATE_TIME)

    def _ask_curves(self, now: int) -> None:
        self._curves_at = now
        if self._options.waves:
            self._conversation.ask(Code.RT_CONFIG)

    def _choose_curves(self, data: bytes, heard: _Hearing) -> None:
        offered, ambient = replies.curves(data) or (), self._reader.ambient_mbar
        chosen = streams(offered, self._options.waves, ambient)
        if self._conversation.phase is Phase.LISTENING:
            heard.add(self._curves.configure(chosen if self._options.waves else every_stream(offered, ambient)))
        elif chosen:
            self._asked = chosen
            self._conversation.ask(Code.CONFIGURE_RT, order(chosen))


class _Hearing:
    """What one piece of the stream amounts to, while it is read."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self.bad: list[BadFrame] = []
        self.good = 0
        self.send = b""

    def add(self, blocks: list[Block | BadFrame]) -> None:
        for block in blocks:
            if isinstance(block, BadFrame):
                self.bad.append(block)
            else:
                self.observations.append(observe_block(block))

    def whole(self) -> Heard:
        return Heard(observations=tuple(self.observations), good=self.good, bad=tuple(self.bad), send=self.send)


driver = DriverPlugin(
    name="medibus",
    title="Dräger ventilators and anaesthesia workstations (MEDIBUS, MEDIBUS.X)",
    options=MedibusOptions,
    line=SerialLine(baud=19200, parity="E"),
    build=MedibusDriver,
    other_lines=(SerialLine(baud=9600, parity="E"), SerialLine(baud=38400)),
)
