"""The association of an IntelliVue monitor with one host: the request read, the answers written."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from firmware_sim.monitors.intellivue_types import Malformed, Reader, encode_attributes

ASSOCIATION_REQUEST, ACCEPT = 0x0D, 0x0E
RELEASE_REQUEST = 0x09
ABORT_TYPE = 0x19

RELEASE_RESPONSE = bytes.fromhex("0a18c1166180 3080 020101 a080 6380 800100 0000000000000000")
ABORT = bytes.fromhex(
    "192e110103c129 a080 a080 3080 020101 06025101 00000000 6180 3080 020101 a080 6480 800101 00000000000000000000"
)

_SESSION = bytes.fromhex("0508 1301 00 1601 02 8000 1402 0002")
_REQUEST_MARK = bytes.fromhex("be80 2880 060c 2a8648ce140201000000 0101 0201 0281")  # the presentation header's end
_ACCEPT_PRESENTATION = bytes.fromhex(
    "3180 a080 80010100 00 a280 a003000001 a580 3080 800100 81025101 0000"
    "3080 800100 810c2a8648ce140201000000 0201 0000 0000 6180 3080 020101 a080 6180 a180"
    "060c2a8648ce140201000000 0301 0000 a203020100 a305a103020100 be80 2880 0201 0281"
)
_TRAILER = bytes(16)
_USER_INFO = struct.Struct(">IIIII")
_POLL_PROFILE = struct.Struct(">IIIIII")
_CLIENT, _SERVER = 0x8000_0000, 0x0080_0000
POLL_PROFILE, POLL_PROFILE_EXT = 0x0001, 0xF001
SUPPORTED_OPTIONS = 0x8C00_0000  # numerics each second, waves, enumerations


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """What the host wants of an association."""

    min_poll_period: int
    max_mtu: int
    ext_options: int


def encode_accept(asked: Association, *, min_poll_period: int, max_mtu: int) -> bytes:
    """The answer to an association request."""
    profile = (
        _POLL_PROFILE.pack(0x8000_0000, min_poll_period, max_mtu, max_mtu, 0xFFFF_FFFF, 0x6000_0000)
        + encode_attributes(
            [(POLL_PROFILE_EXT, struct.pack(">II", asked.ext_options & SUPPORTED_OPTIONS, 0))],
        )
    )  # fmt: skip
    user = (
        _USER_INFO.pack(0x8000_0000, 0x4000_0000, 0, _SERVER, 0x2000_0000)
        + encode_attributes([])
        + encode_attributes([(POLL_PROFILE, profile)])
    )
    presentation = _ACCEPT_PRESENTATION + bytes((len(user),)) + user + _TRAILER
    body = _SESSION + b"\xc1" + _li(len(presentation)) + presentation
    return bytes((ACCEPT,)) + _li(len(body)) + body


def read_association(message: bytes) -> Association:
    """What an association request asks for. Raises Malformed."""
    place = message.find(_REQUEST_MARK)
    if place < 0:
        raise Malformed
    reader = Reader(message[place + len(_REQUEST_MARK) :])
    length = reader.byte()
    if length & 0x80:
        reader.take(length & 0x7F)
    *_, system, _ = reader.unpack(_USER_INFO)
    if system != _CLIENT:
        raise Malformed
    reader.attributes()
    profile = Reader(_found(reader.attributes(), POLL_PROFILE))
    _, min_poll_period, max_mtu, _, _, _ = profile.unpack(_POLL_PROFILE)
    options = dict(profile.attributes()).get(POLL_PROFILE_EXT, bytes(4))
    return Association(min_poll_period=min_poll_period, max_mtu=max_mtu, ext_options=int.from_bytes(options[:4], "big"))


def _found(attributes: list[tuple[int, bytes]], id_: int) -> bytes:
    for known, value in attributes:
        if known == id_:
            return value
    raise Malformed


def _li(length: int) -> bytes:
    return bytes((length,)) if length < 0xFF else b"\xff" + struct.pack(">H", length)
