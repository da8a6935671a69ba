"""Who asks what when: the handshake, one request at a time, keep-alive and starting again after silence."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum

from edge_agent.drivers.medibus.frames import Code, command

CALL_MS = 2_500  # between two attempts to reach the device
REPLY_MS = 3_000  # a reply that took longer is not waited for
LOST_MS = 10_000  # without any good frame: the device has given up on us, begin anew
IDLE_MS = 2_000  # silence of ours after which we say that we are still there

CYCLE = (Code.DATA_CP1, Code.DATA_CP2, Code.ALARMS_CP1, Code.ALARMS_CP2, Code.TEXT)
# One of these per cycle: nothing waits for them.
_RARE = (
    Code.SETTINGS,
    Code.DATE_TIME,
    Code.LOW_LIMITS_CP1,
    Code.HIGH_LIMITS_CP1,
    Code.LOW_LIMITS_CP2,
    Code.HIGH_LIMITS_CP2,
)


class Phase(Enum):
    """How far we have come."""

    LISTENING = "listening"  # to a recording: nobody is there to be asked
    CALLING = "calling"  # ICC was sent, the device has not answered
    TALKING = "talking"


@dataclass(frozen=True, slots=True)
class _Request:
    code: Code
    argument: bytes = b""
    again: bool = False  # asked a second time, because the first reply came damaged


class Conversation:
    """Our side of the line."""

    def __init__(self, *, poll_ms: int) -> None:
        self.phase = Phase.LISTENING
        self.cycle: tuple[Code, ...] = CYCLE
        self._poll_ms = poll_ms
        self._forget(0)

    def _forget(self, now: int) -> None:
        self._asked: _Request | None = None
        self._urgent: deque[_Request] = deque()
        self._round: deque[Code] = deque()
        self._round_at: int | None = None
        self._rounds = 0
        self._sent_at = self._heard_at = now

    def start(self, now: int) -> bytes:
        """Call the device."""
        self._forget(now)
        self.phase = Phase.CALLING
        return self._send(_Request(Code.ICC), now)

    def stopped(self, now: int) -> None:
        """The device has ended the conversation: call it again after a while."""
        if self.phase is Phase.TALKING:
            self._forget(now)
            self.phase = Phase.CALLING

    def greet(self) -> None:
        """The device begins anew: ask who it is, and for the states that decide how numbers are read."""
        for code in (Code.DEVICE_ID, Code.TEXT, Code.ALARMS_CP1):
            self.ask(code)

    def ask(self, code: Code, argument: bytes = b"") -> None:
        """Ask this before the next round."""
        self._urgent = deque(request for request in self._urgent if request.code is not code)
        self._urgent.append(_Request(code, argument))

    def heard(self, now: int) -> None:
        """A good frame came."""
        self._heard_at = now

    def lost(self, now: int) -> bool:
        """Whether the device has been silent for so long that it must be called again."""
        return self.phase is not Phase.LISTENING and now - self._heard_at >= LOST_MS

    def replied(self, code: int, now: int) -> bytes:
        """A good reply came. Gives the next request."""
        if self.phase is Phase.CALLING and code == Code.ICC:
            self.phase = Phase.TALKING
            self._asked = None
            self.greet()
        elif self._asked is not None and self._asked.code == code:
            self._asked = None
        return self._next(now)

    def failed(self, now: int) -> bytes:
        """The reply came damaged, or the device got our request damaged: ask once more, then go on."""
        if self.phase is Phase.TALKING and self._asked is not None:
            if not self._asked.again:
                self._urgent.appendleft(replace(self._asked, again=True))
            self._asked = None
        return self._next(now)

    def tick(self, now: int) -> bytes:
        """Time passed."""
        if self.phase is Phase.CALLING:
            return self._send(_Request(Code.ICC), now) if now - self._sent_at >= CALL_MS else b""
        if self._asked is not None and now - self._sent_at >= REPLY_MS:
            self._asked = None
        return self._next(now)

    def _next(self, now: int) -> bytes:
        if self.phase is not Phase.TALKING or self._asked is not None:
            return b""
        if not self._urgent and not self._round and (self._round_at is None or now - self._round_at >= self._poll_ms):
            self._round_at = now
            self._round.extend((*self.cycle, _RARE[self._rounds % len(_RARE)]))
            self._rounds += 1
        if self._urgent:
            return self._send(self._urgent.popleft(), now)
        if self._round:
            return self._send(_Request(self._round.popleft()), now)
        return self._send(_Request(Code.NOP), now) if now - self._sent_at >= IDLE_MS else b""

    def _send(self, request: _Request, now: int) -> bytes:
        self._asked, self._sent_at = request, now
        return command(request.code, request.argument)
