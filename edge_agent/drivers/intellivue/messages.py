"""Messages of the Data Export protocol: the bytes of a datagram or of a frame in, what they say out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.intellivue.cursor import Cursor, TruncatedError

SESSION = {
    0x0C: "refuse",
    0x0D: "association_request",
    0x0E: "accept",
    0x09: "release_request",
    0x0A: "release_response",
    0x19: "abort",
}
DATA = b"\xe1\x00"
NOMENCLATURE = b"\x00\x00\x01\x00"  # a connect indication begins with the version of its nomenclature

INVOKE, RESULT, ERROR, LINKED = 1, 2, 3, 5
EVENT, CONFIRMED_EVENT, ACTION = 0, 1, 7
SINGLE_POLL, EXTENDED_POLL = 0x0C16, 0xF13B
MDS_CREATE, CONNECT = 0x0D06, 0x0D17
FIRST_LINK, LAST_LINK = 1, 3
POLL_PROFILE, POLL_PROFILE_EXT = 0x0001, 0xF001

# What comes before the user data of an association accept; the sheet's two spellings.
_USER_DATA = re.compile(rb"\xbe\x80\x28\x80(?:\x02\x01\x02)?\x81")

Attributes = Mapping[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Association, release or abort; of an accept also what the monitor grants."""

    kind: str
    min_poll_period: int | None = None  # 1/8 ms
    extended: int = 0  # option bits of the extended poll profile, 0 if it is not granted


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event report; a confirmed one waits for our answer."""

    invoke_id: int
    confirmed: bool
    presentation: int  # the presentation context, to be used in every message we send
    subject: bytes  # the managed object
    time: int  # 1/8 ms
    event_type: int
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """One object of a poll reply."""

    context: int
    handle: int
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReply:
    """The result of a poll, or one link of a chain of results."""

    invoke_id: int
    link: int | None  # 1 first, 2 middle, 3 last; None: not linked, or what ends a chain
    place: int  # number within the chain
    extended: bool
    time: int  # 1/8 ms
    clock: bytes  # 8 bytes of BCD
    object_class: int
    objects: tuple[Polled, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of anything but a poll."""

    invoke_id: int
    command: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteError:
    """The monitor did not do what we asked for."""

    invoke_id: int
    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """A well-formed message that says nothing to us."""

    what: str = field(default="")


Message = Session | Event | PollReply | Result | RemoteError | Unused


def read_messages(data: bytes) -> list[Message | BadFrame]:
    """What a frame or a datagram says. It holds one message; recordings may hold several, one after the other."""
    found: list[Message | BadFrame] = []
    at = Cursor(data)
    while at.left:
        before = at.left
        try:
            found.append(_read(at))
        except TruncatedError:
            found.append(BadFrame(reason="bad_length", size=before))
            break
        if isinstance(found[-1], BadFrame):
            break
    return found


def _read(at: Cursor) -> Message | BadFrame:
    left = at.left
    kind = at.u8()
    if kind in SESSION:
        return _session(SESSION[kind], at)
    head = bytes([kind]) + at.take(1)
    if head == DATA:
        return _operation(at.u16(), at)
    if head + at.take(2) == NOMENCLATURE:
        return _operation(0, at)
    return BadFrame(reason="bad_frame", size=left)


def _session(kind: str, at: Cursor) -> Session:
    size = at.u8()
    body = at.take(at.u16() if size == 0xFF else size)
    mark = _USER_DATA.search(body) if kind == "accept" else None
    if mark is None:
        return Session(kind=kind)
    try:
        return _accept(Cursor(body[mark.end() :]))
    except TruncatedError:  # accepted all the same; we just do not know what
        return Session(kind=kind)


def _accept(at: Cursor) -> Session:
    size = at.u8()
    user = Cursor(at.take(size if size < 0x80 else int.from_bytes(at.take(size & 0x7F), "big")))
    user.take(20)  # versions, functional units, system type, start-up mode
    user.listed()
    profile = Cursor(_attributes(user).get(POLL_PROFILE, b""))
    profile.take(4)
    period = profile.u32()
    profile.take(16)  # sizes, bandwidth, options
    granted = _attributes(profile).get(POLL_PROFILE_EXT, b"")
    return Session(kind="accept", min_poll_period=period, extended=int.from_bytes(granted[:4], "big"))


def _operation(presentation: int, at: Cursor) -> Message | BadFrame:
    kind = at.u16()
    body = at.inner()
    if kind == INVOKE:
        return _invoke(presentation, body)
    if kind == RESULT:
        return _result(body, None, 0)
    if kind == LINKED:
        return _result(body, body.u8(), body.u8())
    if kind == ERROR:
        return RemoteError(invoke_id=body.u16(), code=body.u16())
    return BadFrame(reason="bad_frame", size=body.left)


def _invoke(presentation: int, at: Cursor) -> Message:
    invoke_id, command = at.u16(), at.u16()
    body = at.inner()
    if command not in (EVENT, CONFIRMED_EVENT):
        return Unused(what="a request")
    return Event(
        invoke_id=invoke_id,
        confirmed=command == CONFIRMED_EVENT,
        presentation=presentation,
        subject=body.take(6),
        time=body.u32(),
        event_type=body.u16(),
        attributes=_event_attributes(body.inner()),
    )


def _event_attributes(at: Cursor) -> Attributes:
    """Of an MDS create event the managed object stands before the list; of a connect indication nothing does."""
    data = at.take(at.left)
    for offset in (0, 6):
        inner = Cursor(data[offset:])
        try:
            found = _attributes(inner)
        except TruncatedError:
            continue
        if not inner.left:
            return found
    return {}


def _result(at: Cursor, link: int | None, place: int) -> Message:
    invoke_id, command = at.u16(), at.u16()
    body = at.inner()
    if command != ACTION:
        return Result(invoke_id=invoke_id, command=command)
    body.take(6)
    action = body.u16()
    reply = body.inner()
    if action not in (SINGLE_POLL, EXTENDED_POLL):
        return Result(invoke_id=invoke_id, command=command)
    reply.u16()  # poll number
    if action == EXTENDED_POLL:
        reply.u16()  # sequence number
    time, clock = reply.u32(), reply.take(8)
    reply.u16()  # partition of the object class
    object_class = reply.u16()
    reply.u16()  # attribute group
    return PollReply(
        invoke_id=invoke_id,
        link=link,
        place=place,
        extended=action == EXTENDED_POLL,
        time=time,
        clock=clock,
        object_class=object_class,
        objects=_contexts(reply),
    )


def _contexts(at: Cursor) -> tuple[Polled, ...]:
    found: list[Polled] = []
    contexts, inside = at.listed()
    for _ in range(contexts):
        context = inside.u16()
        objects, polled = inside.listed()
        for _ in range(objects):
            handle = polled.u16()
            found.append(Polled(context=context, handle=handle, attributes=_attributes(polled)))
    return tuple(found)


def _attributes(at: Cursor) -> dict[int, bytes]:
    """Attribute values by their id. Raises TruncatedError."""
    count, inside = at.listed()
    found = {}
    for _ in range(count):
        number = inside.u16()
        found[number] = inside.take(inside.u16())
    return found
