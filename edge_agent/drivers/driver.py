"""The contract of a driver: bytes of one device and the time in, observations and bytes to send out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from vitals.readings import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFrame:
    """Bytes that could not be used."""

    reason: str  # bad_checksum, bad_frame, bad_length, bad_line, incomplete, resync: counted per reason
    size: int  # how many bytes were given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one piece of the stream amounted to."""

    observations: tuple[Observation, ...] = ()
    good: int = 0  # frames that proved the link alive, with or without an observation
    bad: tuple[BadFrame, ...] = ()
    send: bytes = b""  # to be written to the line now


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """The line parameters a device leaves the factory with."""

    baud: int = 9600
    bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop: Literal[1, 2] = 1
    rtscts: bool = False
    dtr: bool | None = None  # None: leave the pin to the operating system


class Driver(Protocol):
    """One device on one line. Pure: no clock, no I/O; `now` is steady milliseconds that never step back.

    A driver that was never started reads a recording from its first byte. `start` says that a live line opened
    just now, somewhere in the middle of what the device was saying.
    """

    @property
    def silence_s(self) -> float:
        """No good frame for this long: the link counts as silent."""

    def start(self, now: int) -> bytes:
        """The line opened: forget half-read frames, return the bytes to send first."""

    def feed(self, data: bytes, now: int) -> Heard:
        """Take what arrived. Noise never raises, and how the line splits the stream makes no difference."""

    def tick(self, now: int) -> bytes:
        """Bytes to send because time passed; call at least once a second."""

    def finish(self, now: int) -> Heard:
        """The stream ended: what the bytes still held amount to, such as a last line without its line end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverPlugin:
    """What an entry point of the group `wardline.drivers` names."""

    name: str  # as in settings and on the command line; equal to the name of the entry point
    title: str
    options: type[msgspec.Struct]  # a strict document: frozen, forbid_unknown_fields
    line: SerialLine
    build: Callable[[Any], Driver]  # takes an instance of `options`
    other_lines: tuple[SerialLine, ...] = ()  # further settings a device may be found with
    serial: bool = True  # False: it comes in datagrams, `line` means nothing
