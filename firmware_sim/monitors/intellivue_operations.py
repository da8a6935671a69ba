"""Remote operations of IntelliVue: events, polls and priority lists, as a monitor reads and writes them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from firmware_sim.monitors.intellivue_types import Attribute, Malformed, Object, Reader, encode_attributes, encode_list

DATA = b"\xe1\x00"
CONTEXT = 2
MDS_CONTEXT = 1  # of the objects in a poll result
INVOKE, RESULT, ERROR, LINKED = 1, 2, 3, 5
FIRST, MIDDLE, LAST = 1, 2, 3
EVENT_REPORT, CONFIRMED_EVENT_REPORT, GET, CONFIRMED_SET, CONFIRMED_ACTION = 0, 1, 3, 5, 7
NO_SUCH_CLASS, NO_SUCH_ACTION = 0, 9

MDS = bytes.fromhex("002100000000")
MDS_CREATE, CONNECT_INDICATION = 0x0D06, 0x0D17
SINGLE_POLL, EXTENDED_POLL = 0x0C16, 0xF13B
POLL_PERIOD = 0xF13E


@dataclass(frozen=True, slots=True)
class Operation:
    """A remote operation of the host: its kind, number, command and argument."""

    kind: int
    invoke_id: int
    command: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Poll:
    """The host wants the objects of a class; `period` in 1/8 ms for as long as that."""

    extended: bool
    number: int
    object_class: int
    group: int
    period: int | None


def encode_event(invoke_id: int, command: int, managed: bytes, time: int, type_: int, data: bytes) -> bytes:
    """An event of the monitor, without the head of a data message."""
    body = managed + struct.pack(">IHH", time, type_, len(data)) + data
    return _operation(INVOKE, struct.pack(">HHH", invoke_id, command, len(body)) + body)


def encode_result(invoke_id: int, command: int, body: bytes, *, link: tuple[int, int] | None = None) -> bytes:
    """The result of an operation; `link` is the place of one piece of many, and its number."""
    inner = struct.pack(">HHH", invoke_id, command, len(body)) + body
    if link is None:
        return in_context(_operation(RESULT, inner))
    return in_context(_operation(LINKED, bytes(link) + inner))


def encode_error(invoke_id: int, error: int) -> bytes:
    """The refusal of an operation."""
    return in_context(_operation(ERROR, struct.pack(">HHH", invoke_id, error, 0)))


def in_context(operation: bytes) -> bytes:
    """A data message."""
    return DATA + struct.pack(">H", CONTEXT) + operation


def encode_poll_results(
    invoke_id: int, poll: Poll, *, sequence: int, time: int, clock: bytes, objects: Sequence[Object], max_mtu: int
) -> list[bytes]:
    """The results of a poll: one message, or linked ones and an empty last where they do not fit in one."""
    action = EXTENDED_POLL if poll.extended else SINGLE_POLL
    head = struct.pack(">H", poll.number) + (struct.pack(">H", sequence) if poll.extended else b"")
    head += struct.pack(">I", time) + clock + struct.pack(">HHH", 1, poll.object_class, poll.group)

    def body(items: Sequence[bytes]) -> bytes:
        contexts = [struct.pack(">H", MDS_CONTEXT) + encode_list(items)] if items else []
        data = head + encode_list(contexts)
        return MDS + struct.pack(">HH", action, len(data)) + data

    room = max_mtu - len(encode_result(invoke_id, CONFIRMED_ACTION, body([b""]), link=(FIRST, 1)))
    pieces = _packed(
        [struct.pack(">H", handle) + encode_attributes(attributes) for handle, attributes in objects], room
    )
    if len(pieces) <= 1:
        return [encode_result(invoke_id, CONFIRMED_ACTION, body(pieces[0] if pieces else []))]
    places = [FIRST, *[MIDDLE] * (len(pieces) - 2), LAST]
    linked = [
        encode_result(invoke_id, CONFIRMED_ACTION, body(piece), link=(place, number))
        for number, (place, piece) in enumerate(zip(places, pieces, strict=True), start=1)
    ]
    return [*linked, encode_result(invoke_id, CONFIRMED_ACTION, body([]))]


def read_operation(message: bytes) -> Operation:
    """The operation in a data message. Raises Malformed."""
    reader = Reader(message)
    if reader.take(2) != DATA:
        raise Malformed
    reader.take(2)
    kind, length = reader.word(), reader.word()
    reader = Reader(reader.take(length))
    if kind not in (INVOKE, RESULT):
        raise Malformed
    invoke_id, command, length = reader.word(), reader.word(), reader.word()
    return Operation(kind, invoke_id, command, reader.take(length))


def read_action(body: bytes) -> tuple[int, bytes]:
    """Type and argument of an action on the monitor. Raises Malformed."""
    reader = Reader(body)
    reader.take(len(MDS) + 4)
    action, length = reader.word(), reader.word()
    return action, reader.take(length)


def read_poll(argument: bytes, *, extended: bool) -> Poll:
    """The argument of a poll. Raises Malformed."""
    reader = Reader(argument)
    number, _, object_class, group = reader.word(), reader.word(), reader.word(), reader.word()
    period = dict(reader.attributes()).get(POLL_PERIOD) if extended and reader.left else None
    if period is not None and len(period) != 4:
        raise Malformed
    return Poll(extended, number, object_class, group, None if period is None else int.from_bytes(period, "big"))


def read_event_result(body: bytes) -> int:
    """The type of the event a host confirms. Raises Malformed."""
    reader = Reader(body)
    reader.take(len(MDS) + 4)
    return reader.word()


def read_get(body: bytes) -> list[int]:
    """The attributes a host wants to know. Raises Malformed."""
    reader = Reader(body)
    reader.take(len(MDS) + 4)
    count, _ = reader.word(), reader.word()
    return [reader.word() for _ in range(count)]


def read_set(body: bytes) -> list[Attribute]:
    """The attributes a host sets, and their values. Raises Malformed."""
    reader = Reader(body)
    reader.take(len(MDS) + 4)
    count, _ = reader.word(), reader.word()
    found = []
    for _ in range(count):
        reader.word()
        id_, length = reader.word(), reader.word()
        found.append((id_, reader.take(length)))
    return found


def read_text_ids(value: bytes) -> list[int]:
    """The ids of a priority list, without their partition. Raises Malformed."""
    reader = Reader(value)
    count, _ = reader.word(), reader.word()
    return [int.from_bytes(reader.take(4), "big") & 0xFFFF for _ in range(count)]


def _operation(kind: int, inner: bytes) -> bytes:
    return struct.pack(">HH", kind, len(inner)) + inner


def _packed(items: Sequence[bytes], room: int) -> list[list[bytes]]:
    """The items in as few messages as they fit in, in their order."""
    pieces: list[list[bytes]] = []
    used = 0
    for item in items:
        if not pieces or used + len(item) > room:
            pieces.append([])
            used = 0
        pieces[-1].append(item)
        used += len(item)
    return pieces
