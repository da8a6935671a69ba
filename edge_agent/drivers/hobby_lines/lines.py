"""Decoder for text lines: bytes in, whole lines out; never holds more than one line."""

from __future__ import annotations

from edge_agent.drivers.driver import BadFrame

MAX_LINE = 512  # bytes before the line feed
# A line that never ends is reported each time this much of it was given up.
REPORT_EVERY = 4096


class LineDecoder:
    """Splits a stream at its line feeds; line ends and blank lines are taken off."""

    def __init__(self) -> None:
        self.reset(whole=True)

    def reset(self, *, whole: bool) -> None:
        """Forget a half-read line. `whole`: the next byte begins a line; otherwise the first line is dropped."""
        self._rest = b""
        self._late = not whole  # the line under way began before we listened
        self._dropped = 0  # bytes of a line that is too long

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
        """The stream ended: a last line without a line feed counts as a line."""
        found: list[bytes | BadFrame] = []
        self._end(found)
        return found

    def _add(self, piece: bytes, found: list[bytes | BadFrame]) -> None:
        if self._dropped:
            self._dropped += len(piece)
        else:
            self._rest += piece
            if len(self._rest) > MAX_LINE:
                self._dropped, self._rest = len(self._rest), b""
        while self._dropped > REPORT_EVERY:
            found.append(BadFrame(reason="bad_length", size=REPORT_EVERY))
            self._dropped -= REPORT_EVERY

    def _end(self, found: list[bytes | BadFrame]) -> None:
        if self._dropped:
            found.append(BadFrame(reason="bad_length", size=self._dropped))
        elif not self._late and (line := self._rest.strip()):
            found.append(line)
        self._rest, self._dropped, self._late = b"", 0, False
