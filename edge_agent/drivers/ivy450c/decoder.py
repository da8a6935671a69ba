"""Decoder for the frames of an Ivy 450C: bytes in, waves and text lines out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_agent.drivers.driver import BadFrame
from vitals.parameters import PARAMETERS

HEADER = b"\xffANSAR-B "
_END = 0xFE
_EDGE = re.compile(b"[\xfe\xff]")  # never inside a frame
TRACES = (("ecg", 200), ("resp", 50), ("pleth", 50), ("p1", 50), ("p2", 50))  # name and bytes, as they follow
_TEXT = len(HEADER) + sum(size for _, size in TRACES)
LONGEST = 1024  # bytes of a frame; with all numbers and long alarm texts it has about 700
# Bytes that are no frame are reported in pieces, so that a line that brings nothing but noise is seen to do so.
REPORT_EVERY = 1024

# The lines of the text in their order, and the parameters whose ranges their numbers keep.
LINES = {
    "HR": ("hr",),
    "RR": ("rr",),
    "ETCO2": ("etco2",),
    "SPO2": ("spo2",),
    "NIBP": ("nibp_sys", "nibp_dia", "nibp_mean", "pr"),
    "P1": ("abp_sys", "abp_dia", "abp_mean"),
    "P2": ("abp_sys", "abp_dia", "abp_mean"),
    "T1": ("temp",),
    "T2": ("temp",),
}
_WHOLE = re.compile(r" *(-?\d{1,3})? *")
_DECIMAL = re.compile(r" *(\d{1,2}(?:\.\d{1,2})?)? *")  # of temperatures
_PULSE = re.compile(r"PR= *(\d{1,3})? *")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """One line: its numbers (None: empty), what it is called, and the text of its alarm."""

    numbers: tuple[float | None, ...]
    label: str
    alarm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One second of the monitor."""

    traces: dict[str, bytes]
    lines: dict[str, TextLine]
    pr: float | None  # the pulse rate, which is told in the line of the saturation


class FrameDecoder:
    """Finds frames in a stream of bytes; holds less than one."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard; the next bytes may stand anywhere inside a frame."""
        self._rest = b""
        self._skipped = 0  # bytes given up since the last frame
        self._opening = True  # nothing found yet: up to a frame of bytes is the tail of one we came too late for

    def feed(self, data: bytes) -> list[Frame | BadFrame]:
        """Take the next piece of the stream."""
        found: list[Frame | BadFrame] = []
        buffer = self._rest + data
        at = 0
        while True:
            start = buffer.find(HEADER, at)
            if start < 0:
                start = _begun(buffer, at)
                self._skip(start - at, found)
                self._rest = buffer[start:]
                return found
            self._skip(start - at, found)
            edge = _EDGE.search(buffer, start + 1, start + LONGEST)
            if edge is None and len(buffer) - start < LONGEST:
                self._rest = buffer[start:]
                return found
            self._close_gap(found)
            end = edge.end() if edge and buffer[edge.start()] == _END else edge.start() if edge else start + LONGEST
            found.append(self._frame(buffer[start:end]))
            at = end

    def finish(self) -> list[Frame | BadFrame]:
        """The stream ended. A frame cut by the end is no fault; bytes that never made sense are."""
        found: list[Frame | BadFrame] = []
        if not self._rest.startswith(HEADER):
            self._skip(len(self._rest), found)
        if self._skipped:
            found.append(BadFrame(reason="resync", size=self._skipped))
        self.reset()
        return found

    def _frame(self, data: bytes) -> Frame | BadFrame:
        if data[-1] != _END:
            return BadFrame(reason="incomplete" if len(data) < LONGEST else "bad_length", size=len(data))
        return unpack(data) or BadFrame(reason="bad_frame", size=len(data))

    def _skip(self, count: int, found: list[Frame | BadFrame]) -> None:
        self._skipped += count
        while self._skipped >= REPORT_EVERY:
            found.append(BadFrame(reason="resync", size=REPORT_EVERY))
            self._skipped -= REPORT_EVERY
            self._opening = False

    def _close_gap(self, found: list[Frame | BadFrame]) -> None:
        if self._skipped and not self._opening:
            found.append(BadFrame(reason="resync", size=self._skipped))
        self._skipped, self._opening = 0, False


def _begun(buffer: bytes, at: int) -> int:
    """Where a header begins that the end of the buffer cuts; the end if none does."""
    start = buffer.rfind(HEADER[:1], max(at, len(buffer) - len(HEADER)))
    return start if start >= 0 and HEADER.startswith(buffer[start:]) else len(buffer)


def unpack(data: bytes) -> Frame | None:
    """The frame in these bytes, from its header to its last byte; None if anything in it is not as it must be."""
    if not data.startswith(HEADER) or len(data) <= _TEXT or data[-1] != _END:
        return None
    *lines, rest = data[_TEXT:-1].decode("ascii", "replace").split("\r")
    if rest or len(lines) != len(LINES):
        return None
    read = {name: _text_line(line, name) for name, line in zip(LINES, lines, strict=True)}
    good = {name: line for name, line in read.items() if line is not None}
    if len(good) < len(LINES) or not (pulse := _pulse(good["SPO2"].label)):
        return None
    return Frame(traces=_traces(data), lines=good, pr=pulse.number)


def _text_line(line: str, name: str) -> TextLine | None:
    head, equals, tail = line.partition("=")
    count, *fields = tail.split(";")
    parameters = LINES[name]
    if (head, equals, count) != (name, "=", str(len(parameters))) or len(fields) != len(parameters) + 2:
        return None
    if not line.isascii() or not line.isprintable():
        return None
    form = _DECIMAL if name in ("T1", "T2") else _WHOLE
    *numbers, label, alarm = fields
    read = [_number(form, *pair) for pair in zip(numbers, parameters, strict=True)]
    if not all(read):
        return None
    return TextLine(numbers=tuple(item.number for item in read if item), label=label.strip(), alarm=alarm.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field that could be read; an empty one has no number."""

    number: float | None


def _number(form: re.Pattern[str], text: str, parameter: str) -> _Field | None:
    match = form.fullmatch(text)
    if match is None:
        return None
    number = float(match[1]) if match[1] else None
    return _Field(number=number) if number is None or PARAMETERS[parameter].plausible(number) else None


def _pulse(label: str) -> _Field | None:
    """The pulse rate, which stands where other lines have their label."""
    return _number(_PULSE, label, "pr") if label.startswith("PR=") else _Field(number=None)


def _traces(data: bytes) -> dict[str, bytes]:
    traces: dict[str, bytes] = {}
    at = len(HEADER)
    for name, size in TRACES:
        traces[name] = data[at : at + size]
        at += size
    return traces
