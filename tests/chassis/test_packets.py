"""Packets of a listening connection: whatever the line does to them, each message is told once, or the line ends."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.packets import MAX_PACKET, Ear, PacketError, RefusedError, connect, length, subscribe

CONNACK = {"5": b"\x20\x03\x00\x00\x00", "3.1.1": b"\x20\x02\x00\x00"}
SUBACK = {"5": b"\x90\x04\x00\x01\x00\x01", "3.1.1": b"\x90\x03\x00\x01\x01"}
PING_ANSWER = b"\xd0\x00"


def publish(topic: bytes, payload: bytes, *, version="5", packet_id=7, retain=False, properties=b"") -> bytes:
    head = 0x30 | (0x02 if packet_id else 0) | (0x01 if retain else 0)
    body = struct.pack("!H", len(topic)) + topic
    if packet_id:
        body += struct.pack("!H", packet_id)
    if version == "5":
        body += length(len(properties)) + properties
    body += payload
    return bytes([head]) + length(len(body)) + body


def ear(version="5"):
    told = []
    return Ear(version, lambda *message: told.append(message)), told


STREAMS = {
    version: b"".join(
        (
            CONNACK[version],
            SUBACK[version],
            publish(b"a/b", b"one", version=version),
            PING_ANSWER,
            publish(b"a/b", b"", version=version, packet_id=0, retain=True),
            publish("ä".encode(), bytes(300), version=version, packet_id=65_535),
        )
    )
    for version in ("5", "3.1.1")
}
MESSAGES = [("a/b", b"one", False), ("a/b", b"", True), ("ä", bytes(300), False)]
ANSWERS = b"\x40\x02\x00\x07\x40\x02\xff\xff"


@pytest.mark.parametrize("version", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 10_000])
def test_messages_do_not_depend_on_how_the_line_splits_them(version, size):
    listening, told = ear(version)
    stream = STREAMS[version]
    answers = b"".join(listening.feed(stream[at : at + size]) for at in range(0, len(stream), size))
    assert (told, answers) == (MESSAGES, ANSWERS)
    assert listening.accepted
    assert listening.subscribed


@given(st.lists(st.integers(1, len(STREAMS["5"]))))
def test_any_split_tells_the_same(cuts):
    listening, told = ear()
    marks = [0, *sorted(cuts), len(STREAMS["5"])]
    for start, end in itertools.pairwise(marks):
        listening.feed(STREAMS["5"][start:end])
    assert told == MESSAGES


def test_properties_of_a_message_are_passed_over():
    listening, told = ear()
    listening.feed(publish(b"t", b"x", properties=b"\x26" + b"\x00\x01k\x00\x01v" * 30))
    assert told == [("t", b"x", False)]


def test_the_keepalive_a_broker_asks_for_is_found_behind_other_properties():
    listening, _ = ear()
    properties = b"\x21\x00\xc8\x26\x00\x01k\x00\x01v\x13\x00\x05"
    listening.feed(b"\x20" + length(2 + 1 + len(properties)) + b"\x00\x00" + length(len(properties)) + properties)
    assert listening.keepalive_s == 5


@pytest.mark.parametrize(
    ("version", "reason", "other"), [("5", 0x84, True), ("5", 0x01, True), ("5", 0x86, False), ("3.1.1", 0x05, False)]
)
def test_a_refusal_says_whether_another_version_may_help(version, reason, other):
    listening, _ = ear(version)
    with pytest.raises(RefusedError) as refused:
        listening.feed(b"\x20\x03\x00" + bytes([reason]) + b"\x00")
    assert refused.value.version is other


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x90\x04\x00\x01\x00\x87", "0x87"),
        (b"\x90\x03\x00\x01\x00", "subscription refused"),
        (b"\xe0\x01\x8e", "0x8e"),
    ],
)
def test_a_broker_that_takes_its_word_back_ends_the_connection(data, sentence):
    listening, _ = ear()
    with pytest.raises(RefusedError, match=sentence):
        listening.feed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x34\x05\x00\x01t\x00\x01",  # QoS 2
        b"\x30" + length(MAX_PACKET + 1),
        b"\x30\xff\xff\xff\xff\x7f",
        b"\x30\x03\x00\x00\x00",  # no topic
        b"\x30\x04\x00\x01\xff\x00",  # a topic that is not UTF-8
        b"\x32\x05\x00\x09t\x00\x01",  # a topic longer than the packet
        b"\x30\x04\x00\x01t\xff",  # properties without an end
        b"\x30\x01\x00",
        b"\x10\x00",  # CONNECT, from a broker
        b"\x20\x01\x00",
        b"\x90\x02\x00\x01",
    ],
)
def test_what_is_no_mqtt_ends_the_connection_with_a_word(data):
    listening, told = ear()
    with pytest.raises((PacketError, RefusedError)):
        listening.feed(data)
    assert told == []


@given(st.binary(max_size=200))
def test_random_bytes_never_do_anything_else_than_end_the_connection(data):
    for version in ("5", "3.1.1"):
        listening, _ = ear(version)
        try:
            listening.feed(data)
        except (PacketError, RefusedError):
            continue


def test_what_we_say_is_spelled_as_the_standard_spells_it():
    assert connect("3.1.1", "hub", 15, None, None) == b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x0f\x00\x03hub"
    said = connect("5", "hub", 15, "me", "secret")
    assert said[:11] == b"\x10\x24\x00\x04MQTT\x05\xc2\x00"
    assert said.endswith(b"\x00\x03hub\x00\x02me\x00\x06secret")
    assert subscribe("3.1.1", ["a/+", "b"]) == b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x01"
    assert subscribe("5", ["a/+"]) == b"\x82\x09\x00\x01\x00\x00\x03a/+\x01"
