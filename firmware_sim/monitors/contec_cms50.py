"""A Contec CMS50: signs in, sixty packets a second out, by itself (5 bytes) or when it is told to (9 bytes)."""

from __future__ import annotations

from firmware_sim.finger import Finger, whole
from firmware_sim.monitors.contec_cms50_packets import (
    FEEDBACK,
    IDLE,
    NO_FINGER_PLETH,
    PI_SUPPORT,
    Commands,
    Sample,
    encode_long,
    encode_short,
    pack,
)
from firmware_sim.monitors.monitor import Options
from firmware_sim.pleth import Pleth
from firmware_sim.signs import Signs, Source

SHORT_TITLE = "Contec CMS50D+, E or F, 5-byte packets by itself, odd parity"
LONG_TITLE = "Contec CMS50D+, E, F, EW or FW, 9-byte packets, on command"

RATE_HZ = 60
STRETCH = 30  # samples worked out at once: as often as the signs change
SEARCH_MS = 4_000
SEARCHING_LONG_MS = 15_000
BEEP_SAMPLES = 6
DROPPING_SPO2 = 90
MOST_RATE = 254
MOST_PI = 22.0
STREAM_TIMEOUT_MS = 30_000  # without a word of the host

START, STOP = 0xA1, 0xA2
KEEP_ALIVE = 0xAF
SET_CLOCK = (0xB1, 0xB2)
DONE, NOT_SUPPORTED = 0x00, 0x05  # reasons

# What is answered to a command, whatever its data. Those of A0, A8, A9 and B3 are repeated from a captured dialogue.
REPLIES = {
    0xA0: bytes.fromhex("06808087"),
    STOP: pack(IDLE),
    0xA3: pack(0x0A, (0, 0)),
    0xA4: pack(0x08, (0,) * 6),
    0xA7: pack(IDLE),
    0xA8: bytes.fromhex("028080A0A0A0A0A0A0 028081A0A0A0A0A0A0"),
    0xA9: bytes.fromhex("0380A0A0A0A0A0A0A0"),
    0xAB: pack(0x05, b"       "),
    0xAC: pack(PI_SUPPORT, (0,)),
    0xAD: pack(0x10, (1,)),
    0xAE: pack(FEEDBACK, (0xAE, DONE)),
    0xB0: pack(0x11, (0,) * 7),
    0xB3: bytes.fromhex("138080A0A0A0A0A0A0 1480A0A0A0A0A08080"),
}


class _Oximeter:
    """Samples of a finger, however they are packed."""

    def __init__(self, source: Source, seed: int) -> None:
        self._source = source
        self._pleth = Pleth(RATE_HZ, seed)
        self._finger = Finger(SEARCH_MS)
        self._stretch: list[Sample] = []
        self._beep = 0

    def sample(self, number: int) -> Sample:
        """The sample of this number; each is asked for once."""
        place = number % STRETCH
        if place == 0:
            self._stretch = self._next(number * 1_000 // RATE_HZ)
        return self._stretch[place]

    def _next(self, t_ms: int) -> list[Sample]:
        signs = self._source.at(t_ms)
        finger = self._finger
        finger.follow(t_ms, signs)
        if finger.off:
            return [Sample(pr=None, spo2=None, pleth=NO_FINGER_PLETH, probe_error=True)] * STRETCH
        wave = self._pleth.stretch(
            STRETCH,
            pr=signs.get("pr"),
            rr=signs.get("rr"),
            pi=signs.get("pi"),
            shaken="artifact" in signs.states,
        )
        return [self._one(signs, value, index in wave.beats) for index, value in enumerate(wave.samples)]

    def _one(self, signs: Signs, value: float, beat: bool) -> Sample:
        finger = self._finger
        spo2 = whole(signs.get("spo2"), 1, 100) if finger.measures else None
        pi = signs.get("pi") if finger.measures else None
        self._beep = BEEP_SAMPLES if beat else max(0, self._beep - 1)
        return Sample(
            pr=whole(signs.get("pr"), 1, MOST_RATE) if finger.measures else None,
            spo2=spo2,
            pleth=int(value * 127),
            pi=None if pi is None else min(MOST_PI, pi),
            bar=int(value * 15),
            signal=0 if finger.searching else _signal(pi),
            beep=self._beep > 0,
            dropping=spo2 is not None and spo2 < DROPPING_SPO2,
            searching=finger.searching,
            searching_long=finger.searching and finger.lost_for_ms >= SEARCHING_LONG_MS,
        )


def _signal(pi: float | None) -> int:
    return 5 if pi is None else max(1, min(8, round(2 + pi)))


class ContecShort:
    """An older oximeter: it streams by itself."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "contec-cms50-5byte"
        self.title = SHORT_TITLE
        self._oximeter = _Oximeter(source, options.seed)
        self._sent = 0

    def step(self, t_ms: int) -> bytes:
        """The packets due by `t_ms`."""
        due = t_ms * RATE_HZ // 1_000
        out = b"".join(encode_short(self._oximeter.sample(number)) for number in range(self._sent, due))
        self._sent = max(self._sent, due)
        return out

    def receive(self, data: bytes) -> None:
        """It has nothing stored to send, and else listens to nobody."""


class ContecLong:
    """A newer oximeter: silent until it is asked, and silent again when nobody says anything for half a minute."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "contec-cms50-9byte"
        self.title = LONG_TITLE
        self._oximeter = _Oximeter(source, options.seed)
        self._identity = f"{options.device or 'CMS50':<7.7}".encode("ascii", "replace")
        self._commands = Commands()
        self._waiting = bytearray()
        self._now_ms = 0
        self._measured = 0
        self._until_ms: int | None = None

    def step(self, t_ms: int) -> bytes:
        """Replies, and the packets due by `t_ms` while it streams."""
        out = bytearray(self._waiting)
        self._waiting.clear()
        for number in range(self._measured, t_ms * RATE_HZ // 1_000):
            self._measured = number + 1
            sample = self._oximeter.sample(number)
            if self._until_ms is not None and number * 1_000 // RATE_HZ < self._until_ms:
                out += encode_long(sample)
        self._now_ms = max(self._now_ms, t_ms)
        return bytes(out)

    def receive(self, data: bytes) -> None:
        """Commands of the host, in any pieces."""
        for command in self._commands.feed(data):
            self._obey(command[0])

    def _obey(self, code: int) -> None:
        streams = self._until_ms is not None and self._now_ms < self._until_ms
        if code == START or (code == KEEP_ALIVE and streams):
            self._until_ms = self._now_ms + STREAM_TIMEOUT_MS
        elif code == STOP:
            self._until_ms = None
        if code in (START, KEEP_ALIVE):
            return
        if code == 0xAA:
            self._waiting += pack(0x04, self._identity)
        elif code in SET_CLOCK:
            self._waiting += pack(FEEDBACK, (code, DONE))
        else:
            self._waiting += REPLIES.get(code) or pack(FEEDBACK, (code, NOT_SUPPORTED))
