"""What a client says to the monitor: association, answers and polls, as the bytes of one message each."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.drivers.intellivue.messages import (
    ACTION,
    CONFIRMED_EVENT,
    DATA,
    EXTENDED_POLL,
    INVOKE,
    POLL_PROFILE,
    POLL_PROFILE_EXT,
    RESULT,
    SINGLE_POLL,
    Event,
)

PRESENTATION = 2  # the presentation context until the monitor has named another
MDS = b"\x00\x21\x00\x00\x00\x00"
CONFIRMED_SET = 5
POLL_PERIOD, WAVE_PRIORITY = 0xF13E, 0xF23A
EVERY_SECOND, WAVES, ENUMERATIONS = 0x80000000, 0x08000000, 0x04000000  # options of the extended poll profile
TICKS_PER_S = 8_000

_SESSION_HEADER = bytes.fromhex("0508130100160102800014020002")
_PRESENTATION_HEADER = bytes.fromhex(
    "3180a0808001010000a280a003000001a4803080020101060452010001308006025101000000003080020102"
    "060c2a8648ce14020100000001013080060c2a8648ce140201000000020100000000000061803080020101a0"
    "806080a180060c2a8648ce14020100000003010000be802880060c2a8648ce140201000000010102010281"
)
_RELEASE_REQUEST = bytes.fromhex("0918c11661803080020101a08062808001000000000000000000")
_RELEASE_RESPONSE = bytes.fromhex("0a18c11661803080020101a08063808001000000000000000000")
_ABORT = bytes.fromhex(
    "192e110103c129a080a0803080020101060251010000000061803080020101a080648080010100000000000000000000"
)


def association_request(options: int = EVERY_SECOND | WAVES | ENUMERATIONS) -> bytes:
    """Ask to become the monitor's client."""
    extension = _number(options) + _list([])
    profile = (
        _number(0x80000000)  # revision of the poll profile
        + _number(2_500)  # shortest poll period, in 1/8 ms
        + _number(2_500)  # largest message we take; the monitor lowers it to its own 1,000 or 1,364
        + _number(1_000)  # largest message we send
        + _number(0xFFFFFFFF)  # bandwidth: not estimated
        + _number(0x60000000)  # objects may come and go
        + _list([_attribute(POLL_PROFILE_EXT, extension)])
    )
    user = (
        _number(0x80000000)  # protocol version
        + _number(0x40000000)  # nomenclature version
        + _number(0)  # functional units
        + _number(0x80000000)  # a client
        + _number(0x20000000)  # cold start
        + _list([])
        + _list([_attribute(POLL_PROFILE, profile)])
    )
    presentation = _PRESENTATION_HEADER + bytes([len(user)]) + user + bytes(16)
    body = _SESSION_HEADER + b"\xc1" + bytes([len(presentation)]) + presentation
    return b"\x0d" + bytes([len(body)]) + body


def release_request() -> bytes:
    """Leave in peace."""
    return _RELEASE_REQUEST


def release_response() -> bytes:
    """Let the monitor leave in peace."""
    return _RELEASE_RESPONSE


def abort() -> bytes:
    """Leave a monitor that no longer answers."""
    return _ABORT


def event_result(event: Event) -> bytes:
    """The answer to a confirmed event report."""
    body = event.subject + _number(event.time) + _short(event.event_type) + _short(0)
    return _operation(event.presentation, RESULT, event.invoke_id, CONFIRMED_EVENT, body)


def single_poll(
    object_class: int, group: int = 0, *, number: int, invoke_id: int, presentation: int = PRESENTATION
) -> bytes:
    """Ask once for the objects of a class; `group` 0 asks for all their attributes."""
    return _action(presentation, invoke_id, SINGLE_POLL, _poll(object_class, group, number))


def extended_poll(
    object_class: int, group: int = 0, *, seconds: int, number: int, invoke_id: int, presentation: int = PRESENTATION
) -> bytes:
    """Ask for the objects of a class again and again for so many seconds."""
    period = _list([_attribute(POLL_PERIOD, _number(seconds * TICKS_PER_S))])
    return _action(presentation, invoke_id, EXTENDED_POLL, _poll(object_class, group, number) + period)


def wave_priorities(texts: Sequence[int], *, invoke_id: int, presentation: int = PRESENTATION) -> bytes:
    """Choose the waves the monitor exports, by the text ids of their labels."""
    chosen = _list([_number(text) for text in texts])
    change = _short(0) + _attribute(WAVE_PRIORITY, chosen)  # 0: replace
    body = MDS + _number(0) + _list([change])
    return _operation(presentation, INVOKE, invoke_id, CONFIRMED_SET, body)


def _poll(object_class: int, group: int, number: int) -> bytes:
    return _short(number) + _short(1) + _short(object_class) + _short(group)


def _action(presentation: int, invoke_id: int, action: int, argument: bytes) -> bytes:
    body = MDS + _number(0) + _short(action) + _sized(argument)
    return _operation(presentation, INVOKE, invoke_id, ACTION, body)


def _operation(presentation: int, kind: int, invoke_id: int, command: int, body: bytes) -> bytes:
    operation = _short(invoke_id) + _short(command) + _sized(body)
    return DATA + _short(presentation) + _short(kind) + _sized(operation)


def _attribute(number: int, value: bytes) -> bytes:
    return _short(number) + _sized(value)


def _list(items: Sequence[bytes]) -> bytes:
    return _short(len(items)) + _sized(b"".join(items))


def _sized(data: bytes) -> bytes:
    return _short(len(data)) + data


def _short(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _number(number: int) -> bytes:
    return number.to_bytes(4, "big")
