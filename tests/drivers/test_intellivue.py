"""IntelliVue monitors: messages become observations, and the conversation survives whatever the line does to it."""

import json
import math
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.intellivue import (
    IntellivueOptions,
    SerialIntellivue,
    UdpIntellivue,
    driver,
    requests,
    udp_driver,
)
from edge_agent.drivers.intellivue.conversation import NEXT, Cause, Conversation, State, Wishes
from edge_agent.drivers.intellivue.cursor import Cursor, TruncatedError
from edge_agent.drivers.intellivue.framing import MAX_RAW, FrameDecoder, enclose, fcs, wrap
from edge_agent.drivers.intellivue.messages import Session, read_messages
from edge_agent.drivers.registry import build
from vitals.durations import Duration
from vitals.errors import UsageError
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

VECTORS = json.loads((Path(__file__).parent / "vectors" / "intellivue.json").read_text())
HEX = {vector["name"]: bytes.fromhex(vector["hex"]) for vector in VECTORS}
NOT_SET = b"\xff" * 8

# --- a monitor, written from the sheet -------------------------------------------------------------------------


def short(*numbers):
    return struct.pack(f">{len(numbers)}H", *numbers)


def long(number):
    return struct.pack(">I", number)


def sized(data):
    return short(len(data)) + data


def listed(*items):
    return short(len(items)) + sized(b"".join(items))


def flt(mantissa, exponent=0):
    return long((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF)


def attribute(number, value):
    return short(number) + sized(value)


def observed(code, mantissa, unit=0x0AA0, state=0, exponent=0):
    return short(code, state, unit) + flt(mantissa, exponent)


def numeric(code, mantissa, unit=0x0AA0, state=0, exponent=0, handle=None, extra=()):
    return polled(handle or code, attribute(0x0950, observed(code, mantissa, unit, state, exponent)), *extra)


def polled(handle, *attributes):
    return short(handle) + listed(*attributes)


def action_result(
    *objects,
    kind=0x0006,
    time=80_000,
    clock=NOT_SET,
    extended=False,
    invoke=1,
    link=None,
    contexts=None,
    presentation=2,
):
    sequence = short(7) if extended else b""
    contexts = contexts or [short(1) + listed(*objects)]
    reply = short(1) + sequence + long(time) + clock + short(1, kind, 0) + listed(*contexts)
    body = short(0x21, 0, 0) + short(0xF13B if extended else 0x0C16) + sized(reply)
    head = bytes(link) if link else b""
    return b"\xe1\x00" + short(presentation, 5 if link else 2) + sized(head + short(invoke, 7) + sized(body))


def event(event_type=0x0D06, attributes=(), invoke=1, time=77, confirmed=True, presentation=2):
    info = short(0x21, 0, 0) + listed(*attributes)
    body = short(0x21, 0, 0) + long(time) + short(event_type) + sized(info)
    return b"\xe1\x00" + short(presentation, 1) + sized(short(invoke, 1 if confirmed else 0) + sized(body))


def accept(period=2_500, options=0x8C000000):
    ext = attribute(0xF001, long(options) + listed()) if options else b""
    packages = listed(ext) if options else listed()
    profile = long(0x80000000) + long(period) + long(1000) + long(1000) + long(0xFFFFFFFF) + long(0x60000000) + packages
    user = long(0x80000000) + long(0x40000000) + long(0) + long(0x00800000) + long(0x20000000) + listed()
    user += listed(attribute(1, profile))
    presentation = bytes(40) + bytes.fromhex("be80288081") + bytes([len(user)]) + user + bytes(16)
    body = bytes.fromhex("0508130100160102800014020002") + b"\xc1" + bytes([len(presentation)]) + presentation
    return b"\x0e" + bytes([len(body)]) + body


def remote_error(invoke, code=9):
    return b"\xe1\x00" + short(2, 3) + sized(short(invoke, code, 0))


REFUSE = bytes.fromhex("0c0411020102")
ABORT = bytes.fromhex("192e110103c129") + bytes(41)


def alert(code, kind=0x0400, state=0, text=None, source=0x4182):
    info = short(1) + long(0x00040000 | code) + short(3, 0)
    if text is not None:
        info += sized(text.encode("utf-16-be") + b"\0\0")
    return short(source, code, kind, state) + short(0x21, 0, 5) + short(516 if text else 513) + sized(info)


def alert_reply(patient=(), technical=(), **keys):
    lists = [attribute(0x0902, listed(*patient)), attribute(0x0904, listed(*technical))]
    return action_result(polled(9, *lists), kind=0x0036, **keys)


ECG_SHAPE = (
    attribute(0x098D, long(16)),  # 2 ms
    attribute(0x096D, short(4) + bytes([16, 14]) + short(0x3000)),
    attribute(0x096F, flt(-40_96, -3) + flt(40_95, -3) + short(0, 8191)),
    attribute(0x0996, short(0x10B2)),
)


def samples(code, *counts, state=0):
    return short(code, state) + sized(short(*counts))


def wave_reply(*attributes, handle=33, **keys):
    return action_result(polled(handle, *attributes), kind=0x0009, extended=True, **keys)


def cuff(sys, dia, mean, *stamps, state=0, handle=44):
    together = [observed(code, value, 0x0F20, state) for code, value in ((0x4A05, sys), (0x4A06, dia), (0x4A07, mean))]
    return polled(handle, attribute(0x094B, listed(*together)), *stamps)


def at_ticks(ticks):
    return attribute(0x0991, long(ticks))


def at_clock(digits):
    return attribute(0x0990, bytes.fromhex(digits))


# --- listening ------------------------------------------------------------------------------------------------


def hear(*messages):
    """What a driver that reads a recording makes of these messages, one datagram each."""
    listener = UdpIntellivue(IntellivueOptions())
    heard = [*(listener.feed(message, 0) for message in messages), listener.finish(0)]
    return [seen for part in heard for seen in part.observations]


def hear_one(*messages):
    (observation,) = hear(*messages)
    return observation


def test_the_extended_poll_is_the_one_of_the_sheet():
    poll = requests.extended_poll(6, seconds=600, number=5, invoke_id=2)
    assert poll.endswith(bytes.fromhex("f13b0014 0005 0001 0006 0000 0001 0008 f13e 0004 00493e00"))


# --- frames ---------------------------------------------------------------------------------------------------


def test_the_check_sequence_is_crc16_x25():
    assert fcs(b"123456789") == bytes.fromhex("6e90")  # 906E, low byte first


@given(message=st.binary(min_size=1, max_size=400))
@settings(max_examples=100, deadline=None)
def test_a_frame_brings_back_its_message(message):
    frame = wrap(message)
    assert not set(frame[1:-1]) & {0xC0, 0xC1}
    assert FrameDecoder().feed(frame) == [message]


@pytest.mark.parametrize("byte", [0xC0, 0xC1, 0x7D])
def test_each_special_byte_is_escaped_wherever_it_stands(byte):
    for message in (bytes([byte]), bytes([byte] * 5), bytes([1, byte]), bytes([byte, 1])):
        assert FrameDecoder().feed(wrap(message)) == [message]


def test_a_message_that_ends_with_an_escaped_escape_is_no_aborted_frame():
    endings = [bytes([n]) for n in range(256) if enclose(b"\x11\x01\x00\x01" + bytes([n]))[-3:-1] == b"\x7d\x5d"]
    assert endings  # the second byte of the check sequence is 7D
    for message in endings:
        assert FrameDecoder().feed(wrap(message)) == [message]


STREAM = b"\x55\xc1" + HEX["abort-bad-fcs-restart"] + wrap(alert_reply([alert(3072)])) + b"\xc0\x01\x02"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 61, 200])
def test_frames_do_not_depend_on_how_the_line_splits_them(size, listen):
    whole = listen("intellivue", STREAM)
    assert len(whole.observations) == 3
    assert listen("intellivue", STREAM, size=size) == whole


def test_a_stream_can_be_cut_at_each_byte(listen):
    whole = listen("intellivue", STREAM)
    for at in range(1, len(STREAM)):
        listener = SerialIntellivue(IntellivueOptions())
        parts = [listener.feed(STREAM[:at], 0), listener.feed(STREAM[at:], 0), listener.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole.observations
        assert [bad for part in parts for bad in part.bad] == whole.bad


@given(seed=st.integers(0, 2**32), size=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_damaged_frames_do_not_depend_on_how_the_line_splits_them(listen, damage, seed, size):
    data = damage(STREAM * 3, seed=seed, rate=0.01)
    assert listen("intellivue", data, size=size) == listen("intellivue", data)


def test_what_is_said_does_not_depend_on_how_the_line_splits_the_frames():
    stream = wrap(accept()) + wrap(event()) + wrap(action_result(numeric(0x4182, 72))) + wrap(event())
    said = set()
    for size in (1, 2, 7, len(stream)):
        listener = SerialIntellivue(IntellivueOptions())
        listener.start(0)
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        said.add(b"".join(listener.feed(piece, 100).send for piece in pieces))
    assert len(said) == 1
    assert said != {b""}


def test_no_single_flipped_bit_changes_what_is_read(listen):
    """The whole frame, delimiters and check sequence included, between two frames that were not touched."""
    frame = HEX["poll-reply-numerics-framed"]
    other = wrap(action_result(numeric(0x4182, 60)))
    good = listen("intellivue", frame).observations
    calm = listen("intellivue", other).observations
    allowed = [*calm, *good, *calm]
    survived = 0
    for bit in range(8 * len(frame)):
        hit = bytearray(frame)
        hit[bit // 8] ^= 1 << bit % 8
        heard = listen("intellivue", other + bytes(hit) + other)
        # Of the neighbours at most the second may be lost, to a closing delimiter that was hit.
        assert all(seen in allowed for seen in heard.observations)
        assert heard.observations[: len(calm)] == calm
        survived += heard.observations == allowed
    assert survived == 0


def test_the_frame_after_a_damaged_one_is_read(listen):
    frame = wrap(action_result(numeric(0x4182, 60)))
    for at in range(1, len(frame) - 1):
        hit = frame[:at] + bytes([frame[at] ^ 0x04]) + frame[at + 1 :]
        assert [seen.values for seen in listen("intellivue", hit + frame).observations][-1] == {"hr": 60}


def test_a_frame_whose_header_lies_about_its_length_is_refused(listen):
    message = action_result(numeric(0x4182, 60))
    lie = enclose(b"\x11\x01" + short(len(message) + 1) + message)
    heard = listen("intellivue", lie + enclose(b"\x12\x01" + sized(message)))
    assert heard.observations == []
    assert heard.reasons() == ["bad_frame", "bad_length"]


def test_a_frame_without_end_is_given_up_and_never_kept():
    listener = SerialIntellivue(IntellivueOptions())
    heard = listener.feed(b"\xc0" + bytes(MAX_RAW) + bytes(100_000), 0)
    assert {bad.reason for bad in heard.bad} == {"bad_length", "resync"}
    assert len(listener.feed(wrap(action_result(numeric(0x4182, 60))), 0).observations) == 1


def test_starting_again_forgets_half_a_frame():
    frame = wrap(action_result(numeric(0x4182, 60)))
    listener = SerialIntellivue(IntellivueOptions())
    listener.feed(frame[:20], 0)
    listener.start(0)
    assert listener.feed(frame[20:], 0).observations == ()


@pytest.mark.parametrize("size", [37, 4096])
def test_a_megabyte_of_noise_is_no_reading(size, listen):
    heard = listen("intellivue", random.Random(20).randbytes(1_000_000), size=size)
    assert (heard.observations, heard.good) == ([], 0)
    assert sum(bad.size for bad in heard.bad) <= 1_000_000
    assert sum(bad.size for bad in heard.bad) > 990_000


def test_a_megabyte_of_noise_in_datagrams_is_no_reading():
    noise = random.Random(21)
    listener = UdpIntellivue(IntellivueOptions())
    for _ in range(1_000):
        assert listener.feed(noise.randbytes(1_000), 0).observations == ()


@given(data=st.binary(max_size=600), size=st.integers(1, 200))
@settings(max_examples=150, deadline=None)
def test_no_bytes_at_all_raise_or_pass_for_a_reading_on_a_line(listen, data, size):
    heard = listen("intellivue", data, size=size)
    assert heard.observations == []
    assert all(isinstance(bad, BadFrame) and bad.size > 0 for bad in heard.bad)


# --- messages with lengths that lie ---------------------------------------------------------------------------

MESSAGES = [
    accept(),
    event(attributes=[attribute(0x0928, sized(b"Philips") + sized(b"MX800"))]),
    HEX["poll-reply-numerics"],
    HEX["connect-indication-m8003"],
    alert_reply([alert(3072, text="APNEA")], [alert(274)]),
    wave_reply(attribute(0x096E, samples(0x0102, 0, 8191)), *ECG_SHAPE),
    wave_reply(attribute(0x0967, listed(samples(0x0102, 1), samples(0x0101, 2))), *ECG_SHAPE),
    action_result(cuff(120, 80, 93, at_ticks(8), at_clock("2026112023480000"))),
]


def assert_in_our_words(observations):
    for seen in observations:
        assert not set(seen.values) & set(seen.missing)
        assert set(seen.missing.values()) <= MISSING_REASONS
        assert set(seen.flags) <= DEVICE_STATES
        assert list(seen.flags) == sorted(seen.flags)
        assert seen.age_ms >= 0
        assert all(PARAMETERS[name].plausible(value) for name, value in seen.values.items())


@given(message=st.sampled_from(MESSAGES), hits=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6))
@settings(max_examples=400, deadline=None)
def test_whatever_a_message_claims_nothing_raises_and_no_word_is_unknown(message, hits):
    hit = bytearray(message)
    for at, byte in hits:
        hit[at % len(hit)] = byte
    listener = UdpIntellivue(IntellivueOptions(waves=("ecg_ii",)))
    listener.start(0)
    for now in (10, 1_000):
        assert_in_our_words(listener.feed(bytes(hit), now).observations)
        listener.tick(now + 100)
    listener.finish(2_000)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_cut_anywhere_is_no_reading(message):
    for size in range(1, len(message)):
        heard = UdpIntellivue(IntellivueOptions()).feed(message[:size], 0)
        assert heard.observations == ()
        assert heard.bad


@pytest.mark.parametrize("message", MESSAGES[1:])
def test_each_pair_of_bytes_may_claim_anything_as_a_length(message):
    """65535 and 0 at every place where a length or a count may stand: nothing loops, nothing reads too far."""
    for at in range(len(message) - 1):
        for lie in (b"\xff\xff", b"\x00\x00", b"\x00\x01"):
            assert_in_our_words(hear(message[:at] + lie + message[at + 2 :]))


def test_a_cursor_never_reads_outside_of_its_bytes():
    with pytest.raises(TruncatedError):
        Cursor(b"\x00\x05abc").inner()
    inside = Cursor(b"\x00\x02abc").inner()
    assert inside.take(2) == b"ab"
    with pytest.raises(TruncatedError):
        inside.u8()


def test_a_datagram_with_something_after_its_message_loses_only_that():
    heard = UdpIntellivue(IntellivueOptions()).feed(action_result(numeric(0x4182, 60)) + b"\x99\x98", 0)
    assert [seen.values for seen in heard.observations] == [{"hr": 60}]
    assert [bad.size for bad in heard.bad] == [2]


# --- numerics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "name", "unit"),
    [
        (0x4182, "hr", 0x0AA0), (0x4822, "pr", 0x0AA0), (0x480A, "pr", 0x0AA0), (0x4BB8, "spo2", 0x0220),
        (0x4BB0, "pi", 0x0200), (0x4A15, "abp_sys", 0x0F20), (0x4A16, "abp_dia", 0x0F20),
        (0x4A17, "abp_mean", 0x0F20), (0x4A11, "abp_sys", 0x0F20), (0x4A12, "abp_dia", 0x0F20),
        (0x4A13, "abp_mean", 0x0F20), (0x4A47, "cvp", 0x0F20), (0x580B, "icp", 0x0F20), (0x4B48, "temp", 0x17A0),
        (0xE004, "temp", 0x17A0), (0xE014, "temp", 0x17A0), (0x4B60, "temp_core", 0x17A0),
        (0x4B64, "temp_core", 0x17A0), (0x4B74, "temp_skin", 0x17A0), (0x500A, "rr", 0x0AE0),
        (0x5012, "rr", 0x0AE0), (0x50B0, "etco2", 0x0F20), (0x5284, "fio2", 0x0220),
        (0x4A05, "nibp_sys", 0x0F20), (0x4A06, "nibp_dia", 0x0F20), (0x4A07, "nibp_mean", 0x0F20),
    ],
)  # fmt: skip
def test_each_code_has_its_parameter(code, name, unit):
    assert hear_one(action_result(numeric(code, 25, unit))).values == {name: 25}


@pytest.mark.parametrize("rate", [0, 1, 127, 128, 185, 255, 256, 300, 350])
def test_rates_keep_all_their_bits(rate):
    assert hear_one(action_result(numeric(0x4182, rate))).values == {"hr": rate}


def test_a_decimal_stays_a_decimal():
    assert hear_one(action_result(numeric(0x4B48, 368, 0x17A0, exponent=-1))).values == {"temp": 36.8}
    assert hear_one(action_result(numeric(0x4B48, 36_800, 0x17A0, exponent=-3))).values == {"temp": 36.8}
    assert hear_one(action_result(numeric(0x4182, 8, exponent=1))).values == {"hr": 80}
    assert hear_one(action_result(numeric(0x4A47, -35, 0x0F20, exponent=-1))).values == {"cvp": -3.5}


@pytest.mark.parametrize(
    ("code", "mantissa", "exponent", "unit", "name", "value"),
    [
        (0x50B0, 51, -1, 0x0F03, "etco2", 38.253),
        (0x4A47, 10, 0, 0x0F40, "cvp", 7.356),
        (0x4A15, 160, -1, 0x0F03, "abp_sys", 120.01),
        (0x4A15, 160, 0, 0x0F72, "abp_sys", 120.01),
        (0x4B48, 986, -1, 0x1140, "temp", 37.0),
        (0x4B48, 1011, -1, 0x1140, "temp", 38.389),
    ],
)
def test_units_are_converted(code, mantissa, exponent, unit, name, value):
    seen = hear_one(action_result(numeric(code, mantissa, unit, exponent=exponent)))
    assert seen.values == pytest.approx({name: value}, abs=0.001)


@pytest.mark.parametrize(
    ("code", "unit", "name"),
    [(0x50B0, 0x0220, "etco2"), (0x4182, 0x0220, "hr"), (0x4B48, 0x0F20, "temp"), (0x4BB8, 0x0200, "spo2")],
)
def test_a_unit_that_cannot_be_converted_gives_no_value(code, unit, name):
    seen = hear_one(action_result(numeric(code, 30, unit)))
    assert (seen.values, seen.missing) == ({}, {name: "unit_unsupported"})


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (0x8000, "invalid_code"),
        (0x4000, "questionable"),
        (0x2000, "not_measured"),
        (0x1000, "calibrating"),
        (0x0800, "test"),
        (0xC000, "invalid_code"),
        (0x3800, "not_measured"),
    ],
)
def test_a_state_that_is_no_measurement_gives_its_reason(state, reason):
    seen = hear_one(action_result(numeric(0x4182, 72, state=state)))
    assert (seen.values, seen.missing, seen.flags) == ({}, {"hr": reason}, ())


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        (0x0400, ("demo",)),
        (0x0002, ("device_alarm",)),
        (0x0001, ("alarm_silenced",)),
        (0x0403, ("alarm_silenced", "demo", "device_alarm")),
        (0x00E0, ()),  # validated, early, going on
    ],
)
def test_states_that_go_with_a_value_are_flags(state, flags):
    seen = hear_one(action_result(numeric(0x4182, 72, state=state)))
    assert (seen.values, seen.flags) == ({"hr": 72}, flags)


@pytest.mark.parametrize("special", [0x7FFFFF, 0x800000, 0x7FFFFE, 0x800002, 0x800001])
@pytest.mark.parametrize("exponent", [0, -1, 5])
def test_a_special_float_is_no_number(special, exponent):
    seen = hear_one(action_result(numeric(0x4182, special, exponent=exponent)))
    assert (seen.values, seen.missing) == ({}, {"hr": "invalid_code"})


@pytest.mark.parametrize(("mantissa", "exponent"), [(351, 0), (-1, 0), (1, 127), (8_388_605, 100)])
def test_a_number_nobody_can_measure_is_out_of_range(mantissa, exponent):
    seen = hear_one(action_result(numeric(0x4182, mantissa, exponent=exponent)))
    assert (seen.values, seen.missing) == ({}, {"hr": "out_of_range"})


def test_the_airway_rate_counts_only_where_there_is_no_impedance_rate():
    both = hear_one(action_result(numeric(0x5012, 14, 0x0AE0), numeric(0x500A, 16, 0x0AE0)))
    assert (both.values, both.device) == ({"rr": 16}, {"awrr": 14})
    off = hear_one(action_result(numeric(0x5012, 14, 0x0AE0), numeric(0x500A, 0, 0x0AE0, 0x8000)))
    assert (off.values, off.missing) == ({}, {"rr": "invalid_code"})


def test_of_two_sources_the_first_of_the_table_counts_if_it_has_a_value():
    both = hear_one(action_result(numeric(0x480A, 71), numeric(0x4822, 72)))
    assert (both.values, both.device) == ({"pr": 72}, {"id_480a": 71})
    one = hear_one(action_result(numeric(0x480A, 71), numeric(0x4822, 0, state=0x2000)))
    assert (one.values, one.missing) == ({"pr": 71}, {})


def test_what_is_no_parameter_of_ours_is_shown_and_not_published():
    seen = hear_one(action_result(numeric(0xF0E5, 80), numeric(0x1234, 5), numeric(0x5804, 0, state=0x8000)))
    assert (seen.values, seen.missing) == ({}, {})
    assert seen.device == {"nibp_pulse": 80, "id_1234": 5, "cpp": None}


def test_numerics_of_several_contexts_are_one_observation():
    contexts = [short(1) + listed(numeric(0x4182, 72)), short(2) + listed(numeric(0x4BB8, 97, 0x0220))]
    assert hear_one(action_result(contexts=contexts)).values == {"hr": 72, "spo2": 97}


def test_an_attribute_that_is_too_short_costs_only_itself():
    heard = UdpIntellivue(IntellivueOptions()).feed(
        action_result(polled(1, attribute(0x0950, b"\x41\x82\x00")), numeric(0x4BB8, 97, 0x0220)), 0
    )
    assert [seen.values for seen in heard.observations] == [{"spo2": 97}]
    assert [(bad.reason, bad.size) for bad in heard.bad] == [("bad_length", 3)]


def test_the_clock_of_the_monitor_is_told_if_it_was_set():
    clock = bytes.fromhex("2026112023480700")
    assert hear_one(action_result(numeric(0x4182, 72), clock=clock)).device_time == "2026-11-20T23:48:07"
    for unset in (NOT_SET, bytes(8), bytes.fromhex("2026133223480700")):
        assert hear_one(action_result(numeric(0x4182, 72), clock=unset)).device_time is None


def test_the_first_empty_result_of_an_extended_poll_says_nothing():
    assert hear(action_result(extended=True)) == []
    assert hear_one(action_result(numeric(0x4182, 72), extended=True)).values == {"hr": 72}


# --- cuff pressures -------------------------------------------------------------------------------------------


def test_a_cuff_pressure_is_told_once_with_its_age():
    first = action_result(numeric(0x4182, 72), cuff(120, 80, 93, at_ticks(8_000)), time=8_000 * 61)
    again = action_result(numeric(0x4182, 73), cuff(120, 80, 93, at_ticks(8_000)), time=8_000 * 62)
    later = action_result(cuff(120, 80, 93, at_ticks(8_000 * 300)), time=8_000 * 302)
    seen = hear(first, again, later)
    assert [(one.aperiodic, one.age_ms, dict(one.values)) for one in seen] == [
        (False, 0, {"hr": 72}),
        (True, 60_000, {"nibp_sys": 120, "nibp_dia": 80, "nibp_mean": 93}),
        (False, 0, {"hr": 73}),
        (True, 2_000, {"nibp_sys": 120, "nibp_dia": 80, "nibp_mean": 93}),
    ]
    assert not any(one.untimed for one in seen)


def test_the_age_of_a_cuff_pressure_survives_a_wrap_of_the_counter():
    seen = hear_one(action_result(cuff(120, 80, 93, at_ticks(2**32 - 4_000)), time=4_000))
    assert seen.age_ms == 1_000


def test_a_cuff_pressure_from_the_future_has_no_age():
    assert hear_one(action_result(cuff(120, 80, 93, at_ticks(90_000)), time=80_000)).age_ms == 0


def test_a_cuff_pressure_with_a_clock_only_is_dated_by_it():
    stamp = at_clock("2026112023480000")
    seen = hear_one(action_result(cuff(120, 80, 93, stamp), clock=bytes.fromhex("2026112023493000")))
    assert (seen.age_ms, seen.device_time, seen.untimed) == (90_000, "2026-11-20T23:48:00", False)


def test_a_restarted_monitor_does_not_tell_a_dated_cuff_pressure_again():
    stamp = at_clock("2026112023480000")
    seen = hear(
        action_result(cuff(120, 80, 93, stamp, at_ticks(900_000)), time=1_000_000), event(),
        action_result(cuff(120, 80, 93, stamp, at_ticks(50)), time=1_000),
    )  # fmt: skip
    assert [one.aperiodic for one in seen] == [True, False]


def test_a_cuff_pressure_without_any_stamp_is_told_when_it_changes_and_marked_untimed():
    seen = hear(*[action_result(cuff(sys, 80, 93)) for sys in (120, 120, 121, 121)])
    assert [(one.values["nibp_sys"], one.untimed) for one in seen] == [(120, True), (121, True)]


def test_a_cuff_without_a_measurement_says_so_once():
    seen = hear_one(*[action_result(cuff(0, 0, 0, state=0x2000))] * 3)
    assert seen.aperiodic
    assert seen.missing == {"nibp_sys": "not_measured", "nibp_dia": "not_measured", "nibp_mean": "not_measured"}


# --- alerts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "flag"),
    [
        (3072, "apnea"),
        (3076, "asystole"),
        (274, "lead_off"),
        (308, "no_sensor"),
        (194, "low_battery"),
        (40, "device_alarm"),
        (62, "device_alarm"),
        (3246, "device_alarm"),
        (275, "lead_off"),  # the last bit names the partition of the source
    ],
)
def test_an_active_alert_is_a_flag(code, flag):
    assert hear_one(alert_reply(technical=[alert(code)])).flags == (flag,)


def test_alerts_of_both_lists_add_up_and_their_words_are_shown():
    seen = hear_one(
        alert_reply([alert(3072, text="** APNEA"), alert(40, 0x0200)], [alert(274, 0x0001, 0x0008, text="LEADS OFF")])
    )
    assert seen.flags == ("apnea", "device_alarm", "lead_off")
    assert (seen.values, seen.missing) == ({}, {})
    alarms = seen.device["alarms"]
    assert [(alarm["code"], alarm["kind"], alarm["states"], alarm.get("text")) for alarm in alarms] == [
        (3072, "high patient", [], "** APNEA"),
        (40, "medium patient", [], None),
        (274, "low technical", ["new"], "LEADS OFF"),
    ]


def test_no_alert_is_no_flag():
    assert hear_one(alert_reply()).flags == ()
    assert hear_one(alert_reply([alert(40, kind=0)])).flags == ()


@pytest.mark.parametrize("state", [0x8000, 0x4000, 0x1000])
def test_an_alert_that_was_silenced_stays_and_says_so(state):
    assert hear_one(alert_reply([alert(3076, state=state)])).flags == ("alarm_silenced", "asystole")


def test_alerts_go_with_the_numerics_until_the_monitor_says_they_are_over():
    numbers = action_result(numeric(0x4182, 72))
    seen = hear(alert_reply([alert(3072)]), numbers, alert_reply([alert(3072)]), numbers, alert_reply(), numbers)
    assert [one.flags for one in seen] == [("apnea",), ("apnea",), ("apnea",), (), ()]


def test_alerts_are_forgotten_when_the_monitor_no_longer_tells_them():
    listener = UdpIntellivue(IntellivueOptions())
    listener.feed(alert_reply([alert(3072)]), 0)
    numbers = action_result(numeric(0x4182, 72))
    flags = [listener.feed(numbers, now).observations[0].flags for now in (1_000, 10_000, 10_001)]
    assert flags == [("apnea",), ("apnea",), ()]


def test_flags_of_numerics_and_alerts_never_hide_each_other():
    demo = action_result(numeric(0x4182, 72, state=0x0400))
    seen = hear(demo, alert_reply([alert(3072)]), demo)
    assert [one.flags for one in seen] == [("demo",), ("apnea", "demo"), ("apnea", "demo")]


# --- waves ----------------------------------------------------------------------------------------------------


def test_a_wave_has_the_rate_and_the_scale_the_monitor_tells():
    wave = hear_one(wave_reply(attribute(0x096E, samples(0x0102, 0, 4096, 8191)), *ECG_SHAPE[:1], *ECG_SHAPE[2:]))
    ecg = wave.waves["ecg_ii"]
    assert (ecg.rate_hz, ecg.unit) == (500, "mV")
    assert ecg.samples == pytest.approx((-4.096, 0.0, 4.095), abs=0.001)
    assert (wave.values, wave.missing, wave.flags) == ({}, {}, ())


@pytest.mark.parametrize(
    ("code", "name", "period", "rate"),
    [
        (0x0102, "ecg_ii", 16, 500), (0x4BB4, "pleth", 64, 125), (0x5000, "resp", 128, 62.5),
        (0x4A14, "abp_w", 64, 125), (0x50AC, "co2_w", 128, 62.5),
    ],
)  # fmt: skip
def test_each_wave_has_its_name(code, name, period, rate):
    seen = hear_one(wave_reply(attribute(0x096E, samples(code, 5, 6)), attribute(0x098D, long(period))))
    assert seen.waves[name].rate_hz == rate
    assert (seen.waves[name].samples, seen.waves[name].unit) == ((5, 6), "raw")


def test_the_shape_of_a_wave_is_remembered_and_forgotten_with_the_association():
    block = wave_reply(attribute(0x096E, samples(0x0102, 0)))
    before, shaped, after, _, anew = hear(
        block, wave_reply(attribute(0x096E, samples(0x0102, 0)), *ECG_SHAPE), block, event(), block
    )
    assert before.waves == {}
    assert before.device == {"ecg_ii_missing": "not_measured"}
    assert shaped.waves == after.waves != {}
    assert anew.waves == {}


def test_leads_that_share_a_handle_have_their_own_shapes():
    lead_i = wave_reply(attribute(0x096E, samples(0x0101, 0)), attribute(0x098D, long(32)))
    lead_ii = wave_reply(attribute(0x096E, samples(0x0102, 0)), attribute(0x098D, long(16)))
    again = wave_reply(attribute(0x096E, samples(0x0102, 0)))
    assert [one.waves["ecg_ii"].rate_hz for one in hear(lead_i, lead_ii, lead_i, again)] == [500, 500]


def test_a_compound_ecg_gives_its_second_lead():
    leads = listed(samples(0x0101, 1), samples(0x0102, 2), samples(0x0103, 3))
    seen = hear_one(wave_reply(attribute(0x0967, leads), attribute(0x098D, long(32))))
    assert (dict(seen.waves).keys(), seen.waves["ecg_ii"].samples) == ({"ecg_ii"}, (2,))


def test_bits_that_are_not_significant_are_masked_where_the_monitor_says_so():
    block = attribute(0x096E, samples(0x4BB4, 0xF123))
    period = attribute(0x098D, long(64))
    masked = wave_reply(block, period, attribute(0x096D, short(1) + bytes([16, 12]) + short(0x1000)))
    whole = wave_reply(block, period, attribute(0x096D, short(1) + bytes([16, 12]) + short(0)))
    assert hear_one(masked).waves["pleth"].samples == (0x123,)
    assert hear_one(whole).waves["pleth"].samples == (0xF123,)


def test_samples_of_eight_bits_are_read():
    block = attribute(0x096E, short(0x4BB4, 0) + sized(b"\x01\x02\xff"))
    spec = attribute(0x096D, short(3) + bytes([8, 8]) + short(0))
    assert hear_one(wave_reply(block, spec, attribute(0x098D, long(64)))).waves["pleth"].samples == (1, 2, 255)


def test_invalid_samples_are_holes_and_a_pacer_spike_is_a_flag():
    marks = attribute(0x0A16, listed(short(1, 0x4000), short(2, 0x2000)))
    period = attribute(0x098D, long(64))
    holed = hear_one(wave_reply(attribute(0x096E, samples(0x4BB4, 1, 0x4001, 2)), marks, period))
    assert [math.isnan(sample) for sample in holed.waves["pleth"].samples] == [False, True, False]
    invalid = hear_one(wave_reply(attribute(0x096E, samples(0x4BB4, 0x4000, 0x4001)), marks, period))
    assert (invalid.waves, invalid.device) == ({}, {"pleth_missing": "invalid_code"})
    paced = hear_one(wave_reply(attribute(0x096E, samples(0x4BB4, 1, 0x2001)), marks, period))
    assert (list(paced.waves), paced.flags) == (["pleth"], ("pacer",))


@pytest.mark.parametrize(("state", "shown"), [(0x8000, False), (0x2000, False), (0x0400, True)])
def test_a_wave_that_is_no_measurement_is_not_shown(state, shown):
    seen = hear_one(wave_reply(attribute(0x096E, samples(0x0102, 0, state=state)), *ECG_SHAPE))
    assert bool(seen.waves) == shown
    assert seen.flags == (("demo",) if state == 0x0400 else ())


def test_a_wave_without_absolute_values_is_given_in_counts():
    scale = attribute(0x096F, flt(0x7FFFFF) + flt(0x7FFFFF) + short(0, 4095))
    seen = hear_one(wave_reply(attribute(0x096E, samples(0x4BB4, 77)), scale, attribute(0x098D, long(64))))
    assert (seen.waves["pleth"].samples, seen.waves["pleth"].unit) == ((77,), "raw")


def test_carbon_dioxide_in_kilopascal_is_shown_in_millimetres_of_mercury():
    shape = (attribute(0x098D, long(128)), attribute(0x096F, flt(0) + flt(10) + short(0, 1000)))
    block = attribute(0x096E, samples(0x50AC, 500))
    seen = hear_one(wave_reply(block, *shape, attribute(0x0996, short(0x0F03))))
    assert seen.waves["co2_w"].samples == pytest.approx((37.503,), abs=0.001)


def test_the_memory_for_waves_is_bounded():
    block = wave_reply(attribute(0x0967, listed(*[samples(code, 1) for code in range(300)])), *ECG_SHAPE)
    listener = UdpIntellivue(IntellivueOptions())
    for _ in range(3):
        listener.feed(block, 0)
    assert len(listener._readings._waves._shapes) <= 32


# --- linked results -------------------------------------------------------------------------------------------

HR, SPO2, TEMP = numeric(0x4182, 72), numeric(0x4BB8, 97, 0x0220), numeric(0x4B48, 368, 0x17A0, exponent=-1)
ALL = {"hr": 72, "spo2": 97, "temp": 36.8}


def test_linked_results_are_one_reply():
    with_result = [
        action_result(HR, link=(1, 1)),
        action_result(SPO2, link=(3, 2)),
        action_result(TEMP),
    ]
    assert hear_one(*with_result).values == ALL
    assert hear_one(action_result(HR, link=(1, 1)), action_result(SPO2, TEMP)).values == ALL


def test_a_chain_may_end_with_its_last_link():
    chain = [action_result(HR, link=(1, 1)), action_result(SPO2, link=(2, 2)), action_result(TEMP, link=(3, 3))]
    assert hear_one(*chain).values == ALL
    listener = UdpIntellivue(IntellivueOptions())
    seen = [*chain, action_result(HR, invoke=9)]
    assert [one.values for message in seen for one in listener.feed(message, 0).observations] == [ALL, {"hr": 72}]


def test_a_chain_of_the_next_second_is_not_mixed_with_the_last_one():
    first = [action_result(HR, link=(1, 1)), action_result(SPO2, link=(3, 2))]
    second = [
        action_result(numeric(0x4182, 90), link=(1, 1), time=88_000),
        action_result(numeric(0x4BB8, 91, 0x0220), link=(3, 2), time=88_000),
    ]
    assert [one.values for one in hear(*first, *second)] == [{"hr": 72, "spo2": 97}, {"hr": 90, "spo2": 91}]
    plain = action_result(numeric(0x4182, 90), time=88_000)
    assert [one.values for one in hear(*first, plain)] == [{"hr": 72, "spo2": 97}, {"hr": 90}]


def test_the_airway_rate_of_a_later_link_does_not_count_beside_the_impedance_rate():
    chain = [action_result(numeric(0x5012, 14, 0x0AE0), link=(1, 1)), action_result(numeric(0x500A, 16, 0x0AE0))]
    assert hear_one(*chain).values == {"rr": 16}


def test_chains_of_two_polls_may_be_interleaved():
    wave = attribute(0x096E, samples(0x0102, 0))
    seen = hear(
        action_result(HR, link=(1, 1), invoke=1),
        action_result(polled(3, wave, *ECG_SHAPE), kind=9, extended=True, link=(1, 1), invoke=2),
        action_result(SPO2, link=(2, 2), invoke=1),
        action_result(kind=9, extended=True, invoke=2),
        action_result(TEMP, invoke=1),
    )
    assert [(one.values, list(one.waves)) for one in seen] == [({}, ["ecg_ii"]), (ALL, [])]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_chain_with_a_missing_link_is_given_up(lost):
    chain = [action_result(HR, link=(1, 1)), action_result(SPO2, link=(2, 2)), action_result(TEMP, link=(3, 3))]
    del chain[lost]
    listener = UdpIntellivue(IntellivueOptions())
    heard = [*(listener.feed(message, 0) for message in chain), listener.finish(0)]
    assert [seen for part in heard for seen in part.observations] == []
    assert {bad.reason for part in heard for bad in part.bad} == {"incomplete"}


def test_chains_that_never_end_are_bounded():
    listener = UdpIntellivue(IntellivueOptions())
    for invoke in range(100):
        for place in range(1, 50):
            listener.feed(action_result(HR, link=(1 if place == 1 else 2, place), invoke=invoke), 0)
    assert len(listener._readings._chains._chains) <= 4


def test_an_old_chain_is_given_up():
    listener = UdpIntellivue(IntellivueOptions())
    listener.feed(action_result(HR, link=(1, 1), invoke=5), 0)
    heard = listener.feed(alert_reply(invoke=6), 5_001)
    assert [bad.reason for bad in heard.bad] == ["incomplete"]


# --- the conversation -----------------------------------------------------------------------------------------


def is_request(message):
    return message == HEX["association-request"]


def asked_for(message):
    """(action, object class) of a poll; None for anything else."""
    if message[:2] != b"\xe1\x00" or message[4:6] != short(1) or message[10:12] != short(7):
        return None
    return struct.unpack(">H", message[24:26])[0], struct.unpack(">H", message[32:34])[0]


class Bedside:
    """A monitor and its driver over UDP, with a clock that is moved."""

    def __init__(self, plugin=udp_driver, **options):
        self.driver = plugin.build(IntellivueOptions(**options))
        self.now = 1_000
        self.said = []  # (time, message)
        self.seen = []
        self._note(self.driver.start(self.now))

    def _note(self, message):
        if message:
            self.said.append((self.now, message))

    def says(self, message):
        heard = self.driver.feed(message, self.now)
        self.seen += heard.observations
        self._note(heard.send)
        return heard

    def wait(self, seconds, answer=lambda message: ()):
        """Ticks every 200 ms; `answer` gives what the monitor says to each message."""
        for _ in range(round(seconds * 5)):
            self.now += 200
            count = len(self.said)
            self._note(self.driver.tick(self.now))
            for _, message in self.said[count:]:
                for reply in answer(message):
                    self.says(reply)

    def polls(self, since=0):
        return [asked_for(message) for when, message in self.said if when >= since and asked_for(message)]

    def associate(self, **keys):
        self.says(accept(**keys))
        self.says(event())
        return self


def test_the_first_words_ask_for_an_association_and_again_every_two_seconds():
    bedside = Bedside()
    bedside.wait(6)
    assert all(is_request(message) for _, message in bedside.said)
    assert [when for when, _ in bedside.said] == [1_000, 3_000, 5_000, 7_000]


def test_the_description_of_the_monitor_is_answered_before_any_poll():
    bedside = Bedside()
    bedside.says(accept())
    bedside.wait(3)
    assert len(bedside.said) == 1
    bedside.says(event(invoke=0x1234, time=0x01020304, presentation=3))
    answer = bedside.said[1][1]
    assert answer == bytes.fromhex("e100 0003 0002 0014 1234 0001 000e 0021 0000 0000 01020304 0d06 0000")
    bedside.wait(1)
    assert bedside.said[2][1][:4] == bytes.fromhex("e100 0003")  # in the presentation context of the monitor
    assert asked_for(bedside.said[2][1])


def test_a_description_that_comes_again_is_answered_again():
    bedside = Bedside().associate()
    before = len(bedside.said)
    bedside.says(event(invoke=2))
    assert bedside.said[before][1][8:10] == short(2)


def test_an_event_that_needs_no_answer_gets_none():
    bedside = Bedside()
    assert bedside.says(HEX["connect-indication-m8003"]).send == b""
    assert bedside.seen[0].device["model"] == "866062"


def test_a_monitor_without_extended_polls_is_asked_each_second():
    bedside = Bedside().associate(options=0)
    bedside.wait(10, lambda message: [action_result(HR)] if asked_for(message) == (0x0C16, 6) else [alert_reply()])
    assert set(bedside.polls()) == {(0x0C16, 0x0006), (0x0C16, 0x0036)}
    assert 9 <= bedside.polls().count((0x0C16, 0x0006)) <= 11
    assert 4 <= bedside.polls().count((0x0C16, 0x0036)) <= 6
    assert [one.values for one in bedside.seen if one.values] == [{"hr": 72}] * bedside.polls().count((0x0C16, 6))


def test_a_monitor_that_grants_extended_polls_is_asked_once_a_minute_and_kept_alive_by_asking_for_alerts():
    bedside = Bedside().associate()
    renewals = []
    for _ in range(55):
        bedside.wait(1, lambda message: [alert_reply()] if asked_for(message)[1] == 0x36 else [])
        bedside.says(action_result(HR, extended=True))
        renewals.append(bedside.polls().count((0xF13B, 6)))
    assert (renewals[0], renewals[45], renewals[-1]) == (1, 1, 2)  # renewed before its 60 s are over
    assert bedside.polls().count((0x0C16, 6)) == 0
    gaps = [later - earlier for (earlier, _), (later, _) in zip(bedside.said, bedside.said[1:], strict=False)]
    assert max(gaps) < 5_000


def test_single_polls_fill_in_when_an_extended_poll_brings_nothing():
    bedside = Bedside().associate()
    answers = {(0x0C16, 6): [action_result(HR)], (0x0C16, 0x36): [alert_reply()]}
    bedside.wait(10, lambda message: answers.get(asked_for(message), []))
    assert bedside.polls().count((0x0C16, 6)) >= 5
    assert bedside.polls().count((0xF13B, 6)) >= 2


def test_an_extended_poll_that_the_monitor_refuses_is_not_asked_again():
    bedside = Bedside().associate()

    def answer(message):
        kind = asked_for(message)
        if kind == (0xF13B, 6):
            return [remote_error(struct.unpack(">H", message[8:10])[0])]
        return [action_result(HR)] if kind == (0x0C16, 6) else [alert_reply()]

    bedside.wait(20, answer)
    assert bedside.polls().count((0xF13B, 6)) == 1
    assert bedside.polls().count((0x0C16, 6)) >= 18


@pytest.mark.parametrize(("polling", "action"), [("single", 0x0C16), ("extended", 0xF13B)])
def test_the_way_of_polling_can_be_chosen(polling, action):
    bedside = Bedside(polling=polling).associate(options=0x8C000000 if polling == "single" else 0)
    bedside.wait(2)
    assert (action, 6) in bedside.polls()
    assert ((0x0C16 if action == 0xF13B else 0xF13B), 6) not in bedside.polls()


def test_a_monitor_that_wants_to_be_asked_less_often_is():
    bedside = Bedside(polling="single").associate(period=5 * 8_000)
    bedside.wait(20, lambda message: [alert_reply()])
    assert 4 <= bedside.polls().count((0x0C16, 6)) <= 5


def test_without_alarms_the_identification_keeps_the_association_alive():
    bedside = Bedside(alarms=False, interval=Duration(60_000), polling="single").associate()
    bedside.wait(20, lambda message: [action_result(kind=0x21)])
    assert (0x0C16, 0x36) not in bedside.polls()
    assert 4 <= bedside.polls().count((0x0C16, 0x21)) <= 6
    assert not any(is_request(message) for _, message in bedside.said[1:])


def test_waves_are_chosen_before_they_are_asked_for():
    bedside = Bedside(waves=("ecg_ii", "pleth")).associate()
    bedside.wait(3)
    sets = [message for _, message in bedside.said if message[4:6] == short(1) and message[10:12] == short(5)]
    assert sets[0].endswith(bytes.fromhex("00000000 0001 0012 0000 f23a 000c 0002 0008 00020102 00024bb4"))
    order = [message for _, message in bedside.said]
    assert (0xF13B, 9) in bedside.polls()
    assert order.index(sets[0]) < [asked_for(message) for message in order].index((0xF13B, 9))


def test_waves_are_not_asked_for_without_being_granted_or_wished():
    for options, granted in ((("ecg_ii",), 0x80000000), ((), 0x8C000000)):
        bedside = Bedside(waves=options).associate(options=granted)
        bedside.wait(3)
        assert (0xF13B, 9) not in bedside.polls()


@pytest.mark.parametrize("end", [REFUSE, ABORT])
def test_after_a_refusal_or_an_abort_we_rest_and_ask_again(end):
    bedside = Bedside()
    if end == ABORT:
        bedside.associate()
    bedside.says(end)
    before, since = len(bedside.said), bedside.now
    bedside.wait(2.4)
    ((when, message),) = bedside.said[before:]
    assert is_request(message)
    assert when - since == 2_000


def test_a_release_is_answered():
    bedside = Bedside().associate()
    heard = bedside.says(requests.release_request())
    assert heard.send == requests.release_response()
    bedside.wait(3)
    assert is_request(bedside.said[-1][1])


def test_ten_seconds_of_silence_end_with_an_abort_and_a_new_association():
    bedside = Bedside().associate()
    bedside.wait(9.8)
    assert requests.abort() not in [message for _, message in bedside.said]
    bedside.wait(1)
    (at,) = [n for n, (_, message) in enumerate(bedside.said) if message == requests.abort()]
    assert is_request(bedside.said[at + 1][1])
    bedside.associate()
    bedside.wait(1)
    assert asked_for(bedside.said[-1][1])


def test_a_monitor_that_accepts_and_never_describes_itself_is_given_up():
    bedside = Bedside()
    bedside.says(accept())
    bedside.wait(11)
    assert [message == requests.abort() for _, message in bedside.said] == [False, True, False]


def test_noise_does_not_keep_a_dead_association_alive():
    bedside = Bedside().associate()
    for _ in range(11):
        bedside.wait(1)
        bedside.says(b"\x99\x98\x97")
    assert requests.abort() in [message for _, message in bedside.said]


def test_a_description_without_an_accept_means_we_are_associated():
    bedside = Bedside()
    bedside.says(event())
    bedside.wait(2, lambda message: [action_result(HR)])
    assert (0x0C16, 6) in bedside.polls()
    assert bedside.seen[-1].values == {"hr": 72}


@pytest.mark.parametrize("plugin", [driver, udp_driver])
def test_no_more_than_four_messages_leave_in_128_ms(plugin):
    listener = plugin.build(IntellivueOptions(waves=("ecg_ii", "pleth", "resp", "abp_w", "co2_w")))
    pack = wrap if plugin is driver else bytes
    times = [0] if listener.start(0) else []
    for now in range(1, 3_000):
        told = {50: accept(), 60: event()}.get(now)
        if told:
            times += [now] if listener.feed(pack(told), now).send else []
        if listener.tick(now):
            times.append(now)
    assert len(times) > 6
    assert all(later - earlier > 128 for earlier, later in zip(times, times[4:], strict=False))


def test_a_frame_on_the_line_holds_each_message():
    listener = SerialIntellivue(IntellivueOptions())
    assert FrameDecoder().feed(listener.start(0)) == [HEX["association-request"]]
    listener.feed(wrap(accept()), 100)
    (answer,) = FrameDecoder().feed(listener.feed(wrap(event()), 200).send)
    assert answer[4:6] == short(2)
    assert asked_for(FrameDecoder().feed(listener.tick(400))[0])
    assert FrameDecoder().feed(listener.finish(500).send) == [requests.release_request()]


def test_what_leaves_over_udp_is_never_more_than_one_message():
    listener = UdpIntellivue(IntellivueOptions())
    listener.start(0)
    listener.feed(accept(), 100)
    send = listener.feed(event(invoke=1) + event(invoke=2), 200).send
    assert send[8:10] == short(1)
    assert len(send) == 28


def test_a_recording_is_read_without_a_word():
    listener = UdpIntellivue(IntellivueOptions())
    for message in (accept(), event(), action_result(HR)):
        assert listener.feed(message, 0).send == b""
    assert listener.tick(5_000) == b""
    assert listener.finish(6_000).send == b""


def test_starting_again_asks_again_at_once():
    bedside = Bedside().associate()
    assert is_request(bedside.driver.start(bedside.now + 1))


def test_every_cause_leads_to_a_state_of_the_table():
    assert set(NEXT) == set(State)
    assert {there for causes in NEXT.values() for there in causes.values()} | {State.LISTENING} == set(State)
    assert {cause for causes in NEXT.values() for cause in causes} == set(Cause)


@given(st.lists(st.tuples(st.sampled_from([*MESSAGES, REFUSE, ABORT, remote_error(1)]), st.integers(0, 15_000))))
@settings(max_examples=100, deadline=None)
def test_whatever_comes_the_conversation_finds_back_to_an_association(heard):
    talk, now = Conversation(Wishes(waves=("ecg_ii",))), 0
    assert is_request(talk.start(now))
    for message, after in heard:
        now += after
        for part in read_messages(message):
            talk.hear(part, now)
        talk.speak(now + 50)
    said = [talk.speak(now := now + 200) for _ in range(100)]
    assert any(is_request(message) for message in said)


def test_the_accept_is_read_with_both_spellings_of_its_header():
    spelled = accept().replace(bytes.fromhex("be80288081"), bytes.fromhex("be802880020102") + b"\x81")
    spelled = b"\x0e" + bytes([spelled[1] + 3]) + spelled[2:16] + b"\xc1" + bytes([spelled[17] + 3]) + spelled[18:]
    granted = Session(kind="accept", min_poll_period=2_500, extended=0x8C000000)
    assert read_messages(accept()) == read_messages(spelled) == [granted]


def test_an_accept_that_cannot_be_read_is_an_accept_all_the_same():
    assert read_messages(bytes.fromhex("0e040508 1301")) == [Session(kind="accept")]


def test_the_description_tells_model_and_bed_but_no_patient():
    bed = attribute(0x091E, sized("BED 7".encode("utf-16-be") + b"\0\0"))
    model = attribute(0x0928, sized(b"Philips\0") + sized(b"M8004A"))
    name = attribute(0x095C, sized("NAME".encode("utf-16-be")))
    (seen,) = hear(event(attributes=[bed, model, name]))
    assert seen.device == {
        "event_type": 3334,
        "attributes": 3,
        "manufacturer": "Philips",
        "model": "M8004A",
        "bed_label": "BED 7",
    }


@pytest.mark.parametrize(
    "options", [{"waves": ["ecg_v"]}, {"waves": ["pleth", "pleth"]}, {"interval": "500ms"}, {"polling": "fast"}]
)
@pytest.mark.parametrize("name", ["intellivue", "intellivue-udp"])
def test_wrong_options_are_refused(name, options):
    with pytest.raises(UsageError):
        build(name, options)


def test_ten_minutes_of_a_bad_line_publish_nothing_wrong(damage, listen):
    """Every reply says its own number twice, so a mixture or a wrong number would be seen."""
    rates = [60 + number % 97 for number in range(600)]
    frames = [wrap(action_result(numeric(0x4182, rate), numeric(0x4822, rate))) for rate in rates]
    parts = [damage(frame, seed=number, rate=1e-3) for number, frame in enumerate(frames)]
    said = [{"hr": rate, "pr": rate} for rate in rates]
    # A frame is over with its end: the next is lost only if that end was hit.
    heard = [dict(seen.values) for seen in listen("intellivue", b"".join(parts), size=41).observations]
    whole = [words for words, part, frame in zip(said, parts, frames, strict=True) if part == frame]
    assert all(words in said for words in heard)
    assert len(whole) - 5 <= len(heard) <= len(whole)
    assert 450 < len(whole) < 600
