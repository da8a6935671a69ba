"""Printer lines of Nonin desk units, one a second, become observations."""

from __future__ import annotations

import re

from edge_agent.drivers.driver import BadFrame, Heard
from edge_agent.drivers.lines import LineDecoder, hear
from edge_agent.drivers.nonin.readings import numbers
from vitals.readings import Observation

SILENCE_S = 3.0

_NUMBER = r"(\d{1,3}|-{2,3})"
_LINE = re.compile(rf"(?:(\d\d:[0-5]\d:[0-5]\d) +)?SPO2={_NUMBER} +HR={_NUMBER}((?: *[FB*]){{0,3}})", re.ASCII)
_HEADING = re.compile(r"(?!.*(?:SPO2|HR *=))[ -~\t]*", re.ASCII)
LONGEST = 80  # bytes; the printers have fewer columns


def read_line(line: bytes) -> Observation | BadFrame:
    """The observation in one line."""
    match = _LINE.fullmatch(line.decode("latin-1"))
    if match is None:
        return BadFrame(reason="bad_line", size=len(line))
    clock, saturation, rate, marks = match.groups()
    values, missing = numbers(_number(rate), _number(saturation), set(), lost=False)
    for name, word in (("pr", rate), ("spo2", saturation)):
        if not word.isdigit():
            missing[name] = "not_measured"
    device: dict[str, object] = {"fast": "F" in marks, "event": "*" in marks, "breath": "B" in marks}
    if clock:
        device["clock"] = clock  # without a date
    return Observation(values=values, missing=missing, device=device)


def is_heading(line: bytes) -> bool:
    """Whether this is text that is printed at power-up, such as the date."""
    return _HEADING.fullmatch(line.decode("latin-1")) is not None


class Printer:
    """The lines of one desk unit."""

    silence_s = SILENCE_S

    def __init__(self) -> None:
        self._lines = LineDecoder(longest=LONGEST, exact=True)

    def reset(self) -> None:
        """A line opened: the line of text under way is not whole."""
        self._lines.reset(whole=False)

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per line."""
        return _hear(self._lines.feed(data))

    def finish(self, now: int) -> Heard:
        """A last line without its line end is given up."""
        return _hear(self._lines.finish())


def _hear(lines: list[bytes | BadFrame]) -> Heard:
    """Headings count neither as good nor as bad: short pieces of noise look like them."""
    return hear([line for line in lines if isinstance(line, BadFrame) or not is_heading(line)], read_line)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else 0
