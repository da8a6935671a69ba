"""Decoder for text lines, shared by devices that print them: bytes in, whole lines out; holds one line at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge_agent.drivers.driver import BadFrame, Heard
from vitals.readings import Observation

MAX_LINE = 512  # bytes before the line feed
# A line that never ends is reported each time this much of it was given up.
REPORT_EVERY = 4096


class LineDecoder:
    """Splits a stream at its line feeds; line ends and blank lines are taken off.

    `exact` is for devices whose shortened lines would still read well: a last line without its line feed is given up,
    and once a line has ended in CR LF, a bare line feed ends a broken one.
    """

    def __init__(self, *, longest: int = MAX_LINE, exact: bool = False) -> None:
        self._longest = longest
        self._exact = exact
        self.reset(whole=True)

    def reset(self, *, whole: bool) -> None:
        """Forget a half-read line. `whole`: the next byte begins a line; otherwise the first line is dropped."""
        self._rest = b""
        self._late = not whole  # the line under way began before we listened
        self._dropped = 0  # bytes of a line that is too long
        self._returns = False  # lines end in CR LF

    def feed(self, data: bytes) -> list[bytes | BadFrame]:
        """Take the next piece of the stream."""
        found: list[bytes | BadFrame] = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._add(piece, found)
            self._end(found)
        self._add(rest, found)
        return found

    def finish(self) -> list[bytes | BadFrame]:
        """The stream ended: a last line without a line feed counts as a line, unless lines are to be exact."""
        found: list[bytes | BadFrame] = []
        if self._exact and not self._dropped and not self._late and self._rest.strip():
            found.append(BadFrame(reason="incomplete", size=len(self._rest)))
            self._rest = b""
        self._end(found)
        return found

    def _add(self, piece: bytes, found: list[bytes | BadFrame]) -> None:
        if self._dropped:
            self._dropped += len(piece)
        else:
            self._rest += piece
            if len(self._rest) > self._longest:
                self._dropped, self._rest = len(self._rest), b""
        while self._dropped > REPORT_EVERY:
            found.append(BadFrame(reason="bad_length", size=REPORT_EVERY))
            self._dropped -= REPORT_EVERY

    def _end(self, found: list[bytes | BadFrame]) -> None:
        if self._dropped:
            found.append(BadFrame(reason="bad_length", size=self._dropped))
        elif line := self._rest.strip():
            returned = self._rest.endswith(b"\r")
            if not self._late:
                broken = self._exact and self._returns and not returned
                found.append(BadFrame(reason="bad_line", size=len(self._rest)) if broken else line)
            self._returns |= returned
        self._rest, self._dropped, self._late = b"", 0, False


def hear(lines: Iterable[bytes | BadFrame], read: Callable[[bytes], Observation | BadFrame | None]) -> Heard:
    """What the lines amount to; `read` gives None for a line that is known to say nothing."""
    observations: list[Observation] = []
    bad: list[BadFrame] = []
    good = 0
    for line in lines:
        item = line if isinstance(line, BadFrame) else read(line)
        if isinstance(item, BadFrame):
            bad.append(item)
            continue
        good += 1
        if item is not None:
            observations.append(item)
    return Heard(observations=tuple(observations), good=good, bad=tuple(bad))
