"""HL7 v2 messages: segments, fields, components and escapes. Only what is asked for is ever read."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.sources.messages import Refused

MAX_SEGMENTS = 5_000
_ESCAPES = {"F": 0, "S": 1, "R": 2, "E": 3, "T": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One line of a message; fields count from 1 as in the standard, MSH-1 included."""

    name: str
    fields: tuple[str, ...]
    marks: str  # field, component, repetition, escape, subcomponent separator

    def field(self, number: int) -> str:
        """A field as written; empty when it is not there. HL7's explicit nothing is two quotes."""
        found = self.fields[number] if number < len(self.fields) else ""
        return "" if found == '""' else found

    def parts(self, number: int) -> list[str]:
        """The components of the first repetition, unescaped."""
        first = self.field(number).split(self.marks[2])[0]
        return [_unescape(part, self.marks) for part in first.split(self.marks[1])]

    def part(self, number: int, component: int) -> str:
        """One component, counted from 1."""
        found = self.parts(number)
        return found[component - 1].strip() if component <= len(found) else ""

    def repetitions(self, number: int) -> list[str]:
        """The first component of every repetition."""
        found = self.field(number).split(self.marks[2])
        return [text.split(self.marks[1])[0].strip() for text in found if text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7Message:
    """A message with its head."""

    head: Segment
    segments: tuple[Segment, ...]

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.head.field(10)


def read_message(data: bytes) -> Hl7Message:
    """The message in `data`. Raises Refused."""
    text = _decode(data)
    lines = [line for line in text.replace("\n", "\r").split("\r") if line.strip()]
    if not lines or not lines[0].startswith("MSH") or len(lines[0]) < 9:
        raise Refused("no_msh", "the message does not begin with MSH")
    if len(lines) > MAX_SEGMENTS:
        raise Refused("too_many_items", f"a message may have {MAX_SEGMENTS} segments")
    field_mark, rest = lines[0][3], lines[0][4:]
    encoding = rest.split(field_mark)[0]
    if not 3 <= len(encoding) <= 5 or len({field_mark, *encoding}) != 1 + len(encoding) or encoding.isalnum():
        raise Refused("no_msh", "MSH-2 does not hold the encoding characters")
    marks = field_mark + (encoding + "&")[:4]
    head = Segment(name="MSH", fields=("MSH", field_mark, *rest.split(field_mark)), marks=marks)
    segments = [_segment(line, marks) for line in lines[1:]]
    return Hl7Message(head=head, segments=tuple(segments))


def escape(text: str, marks: str = "|^~\\&") -> str:
    """Text that may stand in a field."""
    letters = {marks[0]: "F", marks[1]: "S", marks[2]: "R", marks[3]: "E", marks[4]: "T"}
    escaped = (f"{marks[3]}{letters[mark]}{marks[3]}" if mark in letters else mark for mark in text)
    return "".join(mark if mark.isprintable() else " " for mark in escaped)


def _segment(line: str, marks: str) -> Segment:
    fields = tuple(line.split(marks[0]))
    return Segment(name=fields[0].strip(), fields=fields, marks=marks)


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        if b"UTF-8" in data[:1_000].split(b"\r")[0]:
            raise Refused("bad_utf8", "the message says that it is UTF-8 and is not") from exc
        return data.decode("latin-1")  # an older sender: what we read of it is ASCII


def _unescape(text: str, marks: str) -> str:
    mark = marks[3]
    if mark not in text:
        return text
    pieces = text.split(mark)
    read = pieces[0]
    inside = True
    for piece in pieces[1:]:
        if inside and piece in _ESCAPES:
            read += (marks[0], marks[1], marks[2], marks[3], marks[4])[_ESCAPES[piece]]
        elif not inside:
            read += piece
        inside = not inside
    return read
