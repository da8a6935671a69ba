"""A Dräger ventilator with its patient monitor, speaking MEDIBUS or MEDIBUS.X: it answers, and asks back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from firmware_sim.bedside import Bedside, Moment
from firmware_sim.monitors import medibus_values as values
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.medibus_frames import (
    NAK,
    Command,
    Damaged,
    Hearing,
    Outgoing,
    Reply,
    Streams,
    encode_command,
    encode_reply,
    encode_samples,
)
from firmware_sim.monitors.medibus_values import CURVES, INTERVAL_US, Curve
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Source

ICC, NOP, STOP, DEVICE_ID = 0x51, 0x30, 0x55, 0x52
DATA, DATA_2 = 0x24, 0x2B
LOW_LIMITS, HIGH_LIMITS, ALARMS = 0x25, 0x26, 0x27
TIME, SETTINGS, TEXTS = 0x28, 0x29, 0x2A
CONFIGURE_DATA, TIME_CHANGED = 0x4A, 0x49
RT_CONFIGURATION, CONFIGURE_RT = 0x53, 0x54

ICC_MS = 3_000  # between attempts to find somebody
ASK_ID_MS = 1_000  # after the link is there
NOP_MS = 2_000  # of silence on its own side
LOST_MS = 10_000  # of silence of the host
CLOCK_MS = 1_000
TICK_MS = INTERVAL_US // 1_000
TICK_BYTES = 28  # 19200 baud with parity
MOST_STREAMS = 12

_Record = TypeVar("_Record", tuple[str, str], tuple[str, str | None], tuple[str, int, str])


@dataclass(frozen=True, slots=True)
class Generation:
    """What tells the devices of one protocol version from those of another."""

    name: str
    title: str
    identity: str
    german: bool


EVITA_4 = Generation("medibus", "Dräger Evita 4, MEDIBUS", "8214'Evita 4'02.00:03.00", german=True)
EVITA_V500 = Generation("medibus-x", "Dräger Evita V500, MEDIBUS.X", "8411'Evita V500'02.51:06.00", german=False)


class Medibus:
    """One device on one patient."""

    def __init__(self, generation: Generation, source: Source, options: Options) -> None:
        self.name = generation.name
        self.title = generation.title
        self._generation = generation
        self._bedside = Bedside(source)
        self._agenda = Agenda(options.clock)
        self._hearing = Hearing()
        self._outgoing = Outgoing()
        self._stopped = False
        self._chosen: dict[int, frozenset[str]] = {}
        self._configured: list[tuple[Curve | None, int]] = []
        self._streams: frozenset[int] = frozenset()
        self._ticks = 0
        self._inhales: bool | None = None
        self._clock_zero = self._zero()
        self._seek()

    def step(self, t_ms: int) -> bytes:
        """What reaches the line by `t_ms`, as fast as it carries."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """Commands and answers of the host, in any pieces."""
        for heard in self._hearing.feed(data):
            match heard:
                case Command(code, argument):
                    self._obey(code, argument)
                case Reply(code, _) if code == ICC and not self._linked and not self._stopped:
                    self._open()
                case Damaged() if not self._stopped:
                    self._reply(NAK)
                case Streams(numbers):
                    self._stream(numbers)
        if data and self._linked:
            self._agenda.once("lost", LOST_MS, self._lose)

    @property
    def _linked(self) -> bool:
        return self._agenda.has("lost")

    def _seek(self) -> None:
        """Look for somebody until there is."""
        self._agenda.every("icc", ICC_MS, lambda: self._command(ICC))

    def _open(self) -> None:
        self._agenda.cancel("icc")
        self._stopped = False
        self._agenda.once("lost", LOST_MS, self._lose)
        self._agenda.once("ask id", ASK_ID_MS, lambda: self._command(DEVICE_ID))
        self._agenda.once("nop", NOP_MS, self._keep_alive)
        self._agenda.every("clock", CLOCK_MS, self._watch_clock)

    def _close(self) -> None:
        self._agenda.cancel("lost", "ask id", "nop", "clock", "icc")
        self._streams = frozenset()

    def _lose(self) -> bytes:
        self._close()
        self._outgoing.clear()
        self._seek()
        return b""

    def _keep_alive(self) -> bytes:
        return self._command(NOP)

    def _watch_clock(self) -> bytes:
        """Tell the host when somebody has set the clock."""
        zero, self._clock_zero = self._clock_zero, self._zero()
        return b"" if zero == self._clock_zero else self._command(TIME_CHANGED)

    def _zero(self) -> datetime:
        """What the clock would have shown at power-up: it moves only when the clock is set."""
        return self._agenda.clock() - timedelta(milliseconds=self._agenda.now_ms)

    def _obey(self, code: int, argument: bytes) -> None:
        if code == ICC:
            self._chosen.clear()
            self._configured.clear()
            self._streams = frozenset()
            self._open()
        elif self._stopped:
            return
        elif code == CONFIGURE_DATA:
            self._choose(argument)
        elif code == CONFIGURE_RT:
            self._configure(argument)
        self._reply(code, self._answer(code))
        if code == STOP:
            self._close()
            self._stopped = True

    def _answer(self, code: int) -> bytes:
        """The payload of a reply; a command that asks for nothing, or is not known, is echoed without one."""
        answer = _ANSWERS.get(code)
        return b"" if answer is None else answer(self, self._bedside.at(self._agenda.now_ms))

    def _choose(self, argument: bytes) -> None:
        """From now on send only these codes of one kind of record."""
        words = _pairs(argument)
        if words and (kind := _hex(words[0])) is not None:
            self._chosen[kind] = frozenset(words[1:])

    def _only(self, kind: int, records: Iterable[_Record]) -> list[_Record]:
        chosen = self._chosen.get(kind)
        return [record for record in records if chosen is None or record[0] in chosen]

    def _configure(self, argument: bytes) -> None:
        """Which curve is which stream, and each how many samples one is sent."""
        words = _pairs(argument)[: 2 * MOST_STREAMS]
        curves = {curve.code: curve for curve in CURVES}
        self._configured = [
            (curves.get(code), _hex(every) or 0) for code, every in zip(words[::2], words[1::2], strict=False)
        ]

    def _stream(self, numbers: frozenset[int]) -> None:
        if self._linked:
            self._streams = numbers
            self._inhales = None
            self._push()

    def _command(self, code: int) -> bytes:
        self._outgoing.command(encode_command(code))
        self._push()
        return b""

    def _reply(self, code: int, payload: bytes = b"") -> None:
        self._outgoing.reply(encode_reply(code, payload))
        self._push()

    def _push(self) -> None:
        """Something goes out: the keep-alive may wait, the line may not."""
        if self._linked:
            self._agenda.once("nop", NOP_MS, self._keep_alive)
        if not self._agenda.has("line"):
            self._agenda.every("line", TICK_MS, self._tick, after_ms=0)

    def _tick(self) -> bytes:
        """What the line carries until the next tick: samples first, then a piece of what waits."""
        out = self._samples() if self._streams else b""
        out += self._outgoing.take(TICK_BYTES - len(out))
        if not self._outgoing and not self._streams:
            self._agenda.cancel("line")
        return out

    def _samples(self) -> bytes:
        now_ms = self._agenda.now_ms
        self._ticks += 1
        samples: dict[int, int] = {}
        for number, (curve, every) in enumerate(self._configured, start=1):
            if number in self._streams and curve is not None and every and self._ticks % every == 0:
                sample = curve.sample(self._bedside, now_ms)
                if sample is not None:
                    samples[number] = sample
        if not samples:
            return b""
        inhales = self._bedside.inhaling(now_ms)
        changes = inhales is not self._inhales
        self._inhales = inhales
        return encode_samples(samples, inhales=inhales if changes else None)


def _pairs(argument: bytes) -> list[str]:
    text = argument.decode("latin-1")
    return [text[index : index + 2] for index in range(0, len(text) - 1, 2)]


def _hex(word: str) -> int | None:
    """Two hex digits; a space stands for 0."""
    digits = word.replace(" ", "0")
    return int(digits, 16) if all(digit in "0123456789ABCDEFabcdef" for digit in digits) else None


_ANSWERS: dict[int, Callable[[Medibus, Moment], bytes]] = {
    DEVICE_ID: lambda self, _: self._generation.identity.encode("ascii"),
    DATA: lambda self, moment: values.encode_data(self._only(DATA, values.measured(moment, self._agenda.now_ms))),
    DATA_2: lambda self, moment: values.encode_data(self._only(DATA_2, values.measured_on_second_page(moment))),
    LOW_LIMITS: lambda self, _: values.encode_data(values.LOW_LIMITS),
    HIGH_LIMITS: lambda self, _: values.encode_data(values.HIGH_LIMITS),
    ALARMS: lambda self, moment: values.encode_alarms(self._only(ALARMS, values.alarms(moment))),
    TIME: lambda self, _: values.encode_time(self._agenda.clock(), german=self._generation.german),
    SETTINGS: lambda self, _: values.encode_settings(self._only(SETTINGS, values.SETTINGS)),
    TEXTS: lambda self, moment: values.encode_texts(self._only(TEXTS, values.texts(moment))),
    RT_CONFIGURATION: lambda self, _: values.encode_curves(CURVES),
}
