"""A stream of JSON texts, framed by nothing but their own brackets, becomes single messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKENS = re.compile(rb'["\\{}\[\]\n]')
_BLANK = b" \t\r\n\0\x1e,"  # what senders put between two objects; 1E is RFC 7464
_BEFORE_OBJECT = b":,["


@dataclass(frozen=True, slots=True)
class Broken:
    """A piece of the stream that is no message, and why."""

    reason: str
    size: int


class JsonStream:
    """Cuts a stream into objects and arrays; holds one unfinished message, of `limit` bytes at most.

    A broken message costs itself and at most the next one: where JSON cannot go on, a `{` begins anew.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._at = 0  # scanned up to here
        self._depth = 0
        self._in_string = False

    @property
    def held(self) -> int:
        """How many bytes of an unfinished message are kept."""
        return len(self._held)

    def feed(self, data: bytes) -> list[bytes | Broken]:
        """The messages that are complete now."""
        found: list[bytes | Broken] = []
        self._held += data
        while self._step(found):
            pass
        if len(self._held) > self._limit:
            found.append(Broken("oversized", len(self._held)))
            self._restart(len(self._held))
        return found

    def finish(self) -> list[bytes | Broken]:
        """The stream ended."""
        self._skip_blank()
        size = len(self._held)
        self._restart(size)
        return [Broken("incomplete", size)] if size else []

    def _step(self, found: list[bytes | Broken]) -> bool:
        """Go on by one message or one piece of garbage; False when more bytes are needed."""
        if self._depth == 0 and not self._begin(found):
            return False
        held = self._held
        while match := _TOKENS.search(held, self._at):
            token, start = held[match.start()], match.start()
            self._at = match.end()
            if self._in_string:
                if token == 0x5C:
                    if self._at == len(held):  # what it escapes has not arrived
                        self._at = start
                        return False
                    self._at += 1
                elif token == 0x22:
                    self._in_string = False
                elif token == 0x0A:  # no string of JSON holds a line end: the object was cut off
                    return self._give_up(found, self._at)
            elif token == 0x22:
                self._in_string = True
            elif token in b"{[":
                if token == 0x7B and self._depth and not self._expects_value(start):
                    return self._give_up(found, start)
                self._depth += 1
            elif token in b"}]":
                self._depth -= 1
                if self._depth == 0:
                    whole = self._at <= self._limit
                    found.append(bytes(held[: self._at]) if whole else Broken("oversized", self._at))
                    self._restart(self._at)
                    return True
        self._at = len(held)
        return False

    def _begin(self, found: list[bytes | Broken]) -> bool:
        """Find where a message begins; what stands before it is garbage."""
        self._skip_blank()
        held = self._held
        starts = [place for place in (held.find(b"{"), held.find(b"[")) if place >= 0]
        garbage = min(starts) if starts else len(held)
        if garbage:
            found.append(Broken("garbage", garbage))
            self._restart(garbage)
        return bool(self._held)

    def _skip_blank(self) -> None:
        if self._depth == 0:
            del self._held[: len(self._held) - len(self._held.lstrip(_BLANK))]

    def _expects_value(self, start: int) -> bool:
        place = start - 1
        while self._held[place] in b" \t\r\n":
            place -= 1
        return self._held[place] in _BEFORE_OBJECT

    def _give_up(self, found: list[bytes | Broken], size: int) -> bool:
        found.append(Broken("bad_json", size))
        self._restart(size)
        return True

    def _restart(self, size: int) -> None:
        del self._held[:size]
        self._at = self._depth = 0
        self._in_string = False
