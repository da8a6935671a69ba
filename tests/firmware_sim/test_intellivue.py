"""The IntelliVue messages against the vectors of the sheet, and the conversation of the monitor."""

import asyncio
import hashlib
import random
import socket
import struct

import pytest

from firmware_sim.lines.udp import ANNOUNCED_BELOW, UdpLine
from firmware_sim.monitors.intellivue import IntelliVue
from firmware_sim.monitors.intellivue_association import ABORT, RELEASE_RESPONSE, encode_accept, read_association
from firmware_sim.monitors.intellivue_frames import IntelliVueDatagrams, Unframer, encode_frame
from firmware_sim.monitors.intellivue_objects import WAVE_OBJECTS, encode_value
from firmware_sim.monitors.intellivue_operations import (
    Poll,
    encode_poll_results,
    read_action,
    read_operation,
    read_poll,
)
from firmware_sim.monitors.intellivue_types import NO_TIME, Reader, encode_float, encode_list
from firmware_sim.monitors.monitor import Options
from firmware_sim.patient import Patient
from firmware_sim.playback import Outlet, play
from firmware_sim.signs import Signs
from vitals.errors import UsageError

RELEASE = bytes.fromhex("0918c11661803080020101a08062808001000000000000000000")
NUMERICS, WAVES, ALERTS, SYSTEM = 0x0006, 0x0009, 0x0036, 0x0021


class Bed:
    """A source whose signs change at given times."""

    def __init__(self, *changes):
        self.changes = changes

    def at(self, t_ms):
        return [signs for start, signs in self.changes if start <= t_ms][-1]


def signs(*states, without=(), **values):
    known = {"hr": 72.0, "pr": 73.0, "spo2": 97.0, "rr": 16.0, "pi": 4.0, "temp": 36.8, **values}
    return Signs(values={k: v for k, v in known.items() if k not in without}, states=frozenset(states))


def monitor(*changes, **options):
    return IntelliVue(Bed(*(changes or ((0, signs()),))), Options(seed=1, **options))


@pytest.fixture
def request_(vectors):
    """The association request of the sheet."""
    return bytes.fromhex(vectors("intellivue", "pdu")["association-request"]["hex"])


def messages(data):
    return Unframer().feed(data)


def tell(made, *sent):
    """Say messages to the monitor; what it has sent meanwhile."""
    made.receive(b"".join(encode_frame(message) for message in sent))
    return messages(made.step(made._agenda.now_ms))


def invoke(invoke_id, command, body):
    inner = struct.pack(">HHH", invoke_id, command, len(body)) + body
    return bytes.fromhex("e1000002") + struct.pack(">HH", 1, len(inner)) + inner


def poll(object_class=NUMERICS, *, number=1, group=0, period=None, action=None, invoke_id=1):
    argument = struct.pack(">HHHH", number, 1, object_class, group)
    if period is not None:
        argument += struct.pack(">HHHHI", 1, 8, 0xF13E, 4, period * 8)
    action = action or (0x0C16 if period is None else 0xF13B)
    body = bytes.fromhex("00210000000000000000") + struct.pack(">HH", action, len(argument)) + argument
    return invoke(invoke_id, 7, body)


def answer_to(create):
    """What a host says to the create event, after the sheet."""
    invoke_id, time = create[8:10], create[20:24]
    return (
        bytes.fromhex("e1000002 0002 0014") + invoke_id + bytes.fromhex("0001 000e 002100000000") + time
        + bytes.fromhex("0d06 0000")
    )  # fmt: skip


def associated(request_, *changes, t_ms=0, **options):
    """A monitor that is associated and knows that the host knows it."""
    made = monitor(*changes, **options)
    made.step(t_ms)
    _, create = tell(made, request_)
    assert tell(made, answer_to(create)) == []
    return made


class Result:
    """One poll result taken apart."""

    def __init__(self, message, *, extended=False):
        reader = Reader(message)
        assert reader.take(4) == bytes.fromhex("e1000002")
        self.kind, _ = reader.word(), reader.word()
        self.link = tuple(reader.take(2)) if self.kind == 5 else None
        self.invoke_id, self.command, _ = reader.word(), reader.word(), reader.word()
        assert reader.take(6) == bytes.fromhex("002100000000")
        self.action, _ = reader.word(), reader.word()
        self.number = reader.word()
        self.sequence = reader.word() if extended else None
        self.time = int.from_bytes(reader.take(4), "big")
        self.clock = reader.take(8).hex()
        assert reader.word() == 1
        self.object_class, self.group = reader.word(), reader.word()
        self.objects = {}
        contexts, _ = reader.word(), reader.word()
        for _ in range(contexts):
            reader.word()
            count, _ = reader.word(), reader.word()
            for _ in range(count):
                handle = reader.word()
                self.objects[handle] = dict(reader.attributes())
        assert reader.left == 0

    def numbers(self):
        """State, unit, exponent and mantissa by physiological id."""
        found = {}
        for attributes in self.objects.values():
            raw = attributes.get(0x0950, b"") + attributes.get(0x094B, bytes(4))[4:]
            for place in range(0, len(raw), 10):
                id_, state, unit = struct.unpack_from(">HHH", raw, place)
                (exponent,) = struct.unpack_from(">b", raw, place + 6)
                mantissa = int.from_bytes(raw[place + 7 : place + 10], "big", signed=True)
                found[id_] = (state, unit, None if mantissa == 0x7FFFFF else round(mantissa * 10.0**exponent, 3))
        return found


def polled(request_, *changes, object_class=NUMERICS, t_ms=0, group=0):
    made = associated(request_, *changes, t_ms=t_ms)
    (message,) = tell(made, poll(object_class, group=group))
    return Result(message)


def test_frames_are_the_vectors_byte_for_byte(vectors):
    found = vectors("intellivue", "rs232")
    assert encode_frame(RELEASE).hex() == found["release-request"]["hex"]
    reply = vectors("intellivue", "pdu")["poll-reply-numerics"]["hex"]
    assert encode_frame(bytes.fromhex(reply)).hex() == found["poll-reply-numerics-framed"]["hex"]
    for name in ("release-request", "poll-reply-numerics-framed", "single-poll-numerics"):
        (message,) = messages(bytes.fromhex(found[name]["hex"]))
        assert encode_frame(message).hex() == found[name]["hex"]


def test_crc_is_the_one_of_the_guide(vectors):
    from firmware_sim.monitors.intellivue_frames import crc16

    assert crc16(b"123456789") == 0x906E
    assert crc16(b"\x3a\x71").to_bytes(2, "little").hex() == "9b26"


def test_noise_aborted_and_damaged_frames_leave_the_good_one(vectors):
    (vector,) = vectors("intellivue", "rs232-stream").values()
    good = bytes.fromhex(vectors("intellivue", "pdu")["poll-reply-numerics"]["hex"])
    unframer = Unframer()
    assert [found for byte in bytes.fromhex(vector["hex"]) for found in unframer.feed(bytes((byte,)))] == [good]


@pytest.mark.parametrize(
    ("name", "value", "decimals"),
    [
        ("float-fd007d00", 32.0, 3),
        ("float-ff000140", 32.0, 1),
        ("float-01000140", 3200.0, -1),
        ("float-ff000170", 36.8, 1),
        ("float-special-nan", None, 0),
    ],
)
def test_floats_are_the_vectors_byte_for_byte(vectors, name, value, decimals):
    assert encode_float(value, decimals).hex() == vectors("intellivue", "float")[name]["hex"]


def compound(unit, *values):
    return encode_list([encode_value(id_, 0, unit, value, 0) for id_, value in values])


@pytest.mark.parametrize(
    ("name", "objects"),
    [
        (
            "poll-reply-numerics",
            [
                (0x0101, [(0x0950, encode_value(0x4182, 0, 0x0AA0, 72, 0))]),
                (0x0102, [(0x0950, encode_value(0x4BB8, 0, 0x0220, 97, 0))]),
                (0x0103, [(0x0950, encode_value(0x4B48, 0, 0x17A0, 36.8, 1))]),
                (0x0104, [(0x094B, compound(0x0F20, (0x4A05, 120), (0x4A06, 80), (0x4A07, 93)))]),
            ],
        ),
        (
            "poll-reply-demo-kpa-abp",
            [
                (0x0101, [(0x0950, encode_value(0x4182, 0x0400, 0x0AA0, 80, 0))]),
                (0x0108, [(0x0950, encode_value(0x50B0, 0, 0x0F03, 5.1, 1))]),
                (0x0109, [(0x094B, compound(0x0F20, (0x4A15, 121), (0x4A16, 75), (0x4A17, 92)))]),
                (0x010A, [(0x0950, encode_value(0xF0E5, 0, 0x0AA0, 80, 0))]),
            ],
        ),
    ],
)
def test_poll_results_are_the_vectors_byte_for_byte(vectors, name, objects):
    (message,) = encode_poll_results(
        1, Poll(False, 1, NUMERICS, 0, None), sequence=0, time=0xC350, clock=NO_TIME, objects=objects, max_mtu=1_000
    )
    assert message.hex() == vectors("intellivue", "pdu")[name]["hex"]


def test_requests_of_the_sheet_are_understood(vectors, request_):
    asked = read_association(request_)
    assert (asked.min_poll_period, f"{asked.ext_options:08X}") == (2_500, "8C000000")
    (message,) = messages(bytes.fromhex(vectors("intellivue", "rs232")["single-poll-numerics"]["hex"]))
    action, argument = read_action(read_operation(message).body)
    assert action == 0x0C16
    assert read_poll(argument, extended=False) == Poll(False, 1, NUMERICS, 0, None)


def test_monitor_nobody_associates_with_is_silent():
    made = monitor()
    assert tell(made, poll(), RELEASE) == []
    assert made.step(60_000) == b""


def test_association_is_accepted_and_the_monitor_tells_what_it_is(request_):
    made = monitor(device="BED 12")
    accept, create = tell(made, request_)
    assert accept == encode_accept(read_association(request_), min_poll_period=8_000, max_mtu=1_000)
    assert (accept[0], accept[1]) == (0x0E, len(accept) - 2)
    operation = read_operation(create)
    assert (operation.command, operation.body[10:12]) == (1, b"\x0d\x06")
    reader = Reader(operation.body)
    reader.take(14 + 6)
    attributes = dict(reader.attributes())
    assert attributes[0x091E][2:].decode("utf-16-be") == "BED 12\0"
    assert attributes[0x0928].startswith(b"\0\x08Philips\0")
    assert reader.left == 0


def test_no_poll_is_answered_before_the_create_event_is(request_):
    made = monitor()
    _, create = tell(made, request_)
    assert tell(made, poll()) == []
    tell(made, answer_to(create))
    assert len(tell(made, poll())) == 1


def test_create_event_nobody_answers_is_repeated_and_then_the_association_aborted(request_):
    made = monitor()
    _, first = tell(made, request_)
    made.receive(encode_frame(poll()))  # talking past it does not help
    later = messages(made.step(30_000))
    assert [message[12:20] for message in later[:-1]] == [first[12:20]] * 3
    assert later[-1] == ABORT
    assert tell(made, poll()) == []


def test_answer_to_another_event_is_no_answer(request_):
    made = monitor()
    _, create = tell(made, request_)
    wrong = bytearray(answer_to(create))
    wrong[9] ^= 1
    tell(made, bytes(wrong))
    assert tell(made, poll()) == []


def test_host_that_is_silent_for_ten_seconds_is_aborted_and_may_come_back(request_):
    made = associated(request_)
    tell(made, poll(period=60_000))
    found = messages(made.step(30_000))
    assert found[-1] == ABORT
    assert len(found) == 11
    accept, _ = tell(made, request_)
    assert accept[0] == 0x0E


def test_polls_keep_the_association(request_):
    made = associated(request_)
    for t_ms in range(0, 60_000, 9_000):
        assert ABORT not in messages(made.step(t_ms))
        assert len(tell(made, poll(ALERTS))) == 1


def test_release_is_answered_and_ends_everything(request_):
    made = associated(request_)
    tell(made, poll(period=60_000))
    assert tell(made, RELEASE) == [RELEASE_RESPONSE]
    assert made.step(60_000) == b""


def test_abort_of_the_host_ends_everything_without_a_word(request_):
    made = associated(request_)
    tell(made, poll(period=60_000))
    made.receive(encode_frame(ABORT))
    assert made.step(60_000) == b""


def test_numerics_are_the_signs_with_their_units(request_):
    cuff = {"nibp_sys": 120.0, "nibp_dia": 80.0, "nibp_mean": 93.0}
    found = polled(request_, (0, signs(etco2=38.0, **cuff)), t_ms=2_000)
    assert found.numbers() == {
        0x4182: (0, 0x0AA0, 72),
        0x4822: (0, 0x0AA0, 73),
        0x4BB8: (0, 0x0220, 97),
        0x4BB0: (0, 0x0200, 4.0),
        0x500A: (0, 0x0AE0, 16),
        0x4A05: (0, 0x0F20, 120),
        0x4A06: (0, 0x0F20, 80),
        0x4A07: (0, 0x0F20, 93),
        0x4B48: (0, 0x17A0, 36.8),
        0x50B0: (0, 0x0F20, 38),
    }
    assert (found.number, found.invoke_id, found.time, found.clock) == (1, 1, 16_000, "2026010108000200")


@pytest.mark.parametrize("bpm", [127, 128, 185, 255, 256, 300])
def test_every_heart_rate_is_sent_as_it_is(request_, bpm):
    assert polled(request_, (0, signs(hr=float(bpm)))).numbers()[0x4182][2] == bpm


def test_lost_sensors_are_invalid_and_never_zero(request_):
    gone = signs("lead_off", "sensor_off", without=("hr", "rr", "pr", "spo2", "pi"))
    found = polled(request_, (0, signs()), (500, gone), t_ms=1_000).numbers()
    assert {id_: found[id_] for id_ in (0x4182, 0x500A, 0x4822, 0x4BB8, 0x4BB0)} == {
        0x4182: (0x8000, 0x0AA0, None),
        0x500A: (0x8000, 0x0AE0, None),
        0x4822: (0x8000, 0x0AA0, None),
        0x4BB8: (0x8000, 0x0220, None),
        0x4BB0: (0x8000, 0x0200, None),
    }


def test_number_that_is_gone_for_no_known_reason_is_unavailable(request_):
    found = polled(request_, (0, signs(etco2=38.0)), (500, signs(without=("temp",))), t_ms=1_000).numbers()
    assert found[0x50B0] == (0x2000, 0x0F20, None)
    assert found[0x4B48] == (0x2000, 0x17A0, None)


def test_states_of_a_number_tell_doubt_and_alarm(request_):
    assert polled(request_, (0, signs("artifact"))).numbers()[0x4BB8] == (0x4000, 0x0220, 97)
    assert polled(request_, (0, signs(spo2=82.0))).numbers()[0x4BB8] == (0x0002, 0x0220, 82)


def test_cuff_pressure_carries_the_time_it_was_taken_and_a_rate_the_present_one(request_):
    cuff = {"nibp_sys": 120.0, "nibp_dia": 80.0, "nibp_mean": 93.0}
    found = polled(request_, (0, signs()), (60_000, signs(**cuff)), t_ms=90_000)
    stamps = {struct.unpack(">HH", a[0x0924])[1]: (a[0x0990].hex(), a[0x0991]) for a in found.objects.values()}
    assert stamps[0x4A04] == ("2026010108010000", (60_000 * 8).to_bytes(4, "big"))
    assert stamps[0x4182] == ("2026010108013000", (90_000 * 8).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("group", "attributes"),
    [
        (0x0000, {0x0921, 0x092F, 0x0924, 0x0927, 0x0950, 0x0990, 0x0991}),
        (0x0803, {0x0950, 0x0990, 0x0991}),
        (0x0810, {0x0924, 0x0927}),
        (0x0811, {0x0921, 0x092F}),
    ],
)
def test_attribute_group_chooses_what_is_told(request_, group, attributes):
    found = polled(request_, group=group)
    assert set(next(iter(found.objects.values()))) == attributes
    assert found.group == group


def alarm_entries(value):
    reader = Reader(value)
    count, _ = reader.word(), reader.word()
    found = []
    for _ in range(count):
        source, code, type_, _ = (reader.word() for _ in range(4))
        reader.take(6)
        assert reader.word() == 516
        info = Reader(reader.take(reader.word()))
        info.take(10)
        found.append((source, code, type_, info.take(info.word()).decode("utf-16-be").rstrip("\0")))
    assert reader.left == 0
    return found


def alarms_of(result):
    (attributes,) = result.objects.values()
    return alarm_entries(attributes[0x0902]), alarm_entries(attributes[0x0904])


@pytest.mark.parametrize(
    ("now", "patient", "technical"),
    [
        (signs(), [], []),
        (signs("lead_off", without=("hr", "rr")), [], [(0x0102, 274, 2, "ECG LEADS OFF")]),
        (signs("no_sensor"), [], [(0x4BB8, 308, 1, "SpO2 NO SENSOR")]),
        (signs("low_battery"), [], [(0x0021, 194, 1, "BATTERY LOW")]),
        (signs("asystole", without=("hr",)), [(0x4182, 3076, 1024, "*** ASYSTOLE")], []),
        (signs(spo2=80.0), [(0x4BB8, 3246, 1024, "*** DESAT")], []),
        (signs(hr=38.0), [(0x4182, 62, 512, "** HR LOW")], []),
        (signs(hr=150.0), [(0x4182, 40, 512, "** HR HIGH")], []),
    ],
)
def test_alarms_are_told_with_source_code_and_priority(request_, now, patient, technical):
    assert alarms_of(polled(request_, (0, now), object_class=ALERTS)) == (patient, technical)


def test_apnoea_is_an_alarm_after_twenty_seconds_without_a_breath(request_):
    bed = (0, signs()), (5_000, signs(rr=1.0))
    assert alarms_of(polled(request_, *bed, object_class=ALERTS, t_ms=15_000))[0] == [(0x500A, 62, 512, "** RR LOW")]
    late = alarms_of(polled(request_, *bed, object_class=ALERTS, t_ms=26_000))[0]
    assert late == [(0x500A, 3072, 1024, "*** APNEA")]


def test_extended_poll_gives_results_each_second_until_it_ends(request_):
    made = associated(request_)
    made.receive(encode_frame(poll(number=7, period=5_000)))
    found = []
    for t_ms in range(0, 20_000, 1_000):
        found += [Result(message, extended=True) for message in messages(made.step(t_ms))]
        made.receive(encode_frame(invoke(9, 3, bytes.fromhex("00210000000000000000 0001 0002 f23a"))))
        made.step(t_ms)
    assert [result.time // 8 for result in found] == [0, 1_000, 2_000, 3_000, 4_000, 5_000]
    assert [result.sequence for result in found] == [0, 1, 2, 3, 4, 5]
    assert {(result.number, result.action, result.kind) for result in found} == {(7, 0xF13B, 2)}


def test_renewed_poll_goes_on_under_its_new_number(request_):
    made = associated(request_)
    tell(made, poll(number=1, period=5_000))
    made.step(3_500)
    assert tell(made, poll(number=2, period=5_000)) == []
    found = [Result(message, extended=True) for message in messages(made.step(12_000))]
    assert [(result.number, result.sequence) for result in found] == [(2, 4), (2, 5), (2, 6), (2, 7), (2, 8)]


def test_extended_poll_without_a_period_is_answered_once(request_):
    made = associated(request_)
    (message,) = tell(made, poll(action=0xF13B))
    assert Result(message, extended=True).number == 1
    assert messages(made.step(9_000)) == []


def waves_of(made, until_ms):
    """Samples, states and attributes of each wave, by physiological id."""
    samples, states, last = {}, {}, {}
    found = [Result(message, extended=True) for message in messages(made.step(until_ms)) if message != ABORT]
    for result in found:
        for attributes in result.objects.values():
            id_, state, length = struct.unpack_from(">HHH", attributes[0x096E])
            samples.setdefault(id_, []).extend(struct.unpack_from(f">{length // 2}H", attributes[0x096E], 6))
            states.setdefault(id_, set()).add(state)
            last[id_] = attributes
    return samples, states, last


def test_waves_come_each_quarter_second_with_rate_and_scale(request_):
    made = associated(request_, (0, signs(abp_sys=120.0, abp_dia=80.0, etco2=38.0)))
    tell(made, poll(WAVES, period=60_000))
    samples, states, last = waves_of(made, 8_192)
    assert {id_: len(values) for id_, values in samples.items()} == {
        0x0102: 4_096,
        0x4BB4: 1_024,
        0x5000: 512,
        0x4A14: 1_024,
        0x50AC: 512,
    }
    assert {id_: int.from_bytes(a[0x098D], "big") / 8 for id_, a in last.items()} == {
        wave.physio_id: wave.period_ms for wave in WAVE_OBJECTS
    }
    assert set().union(*states.values()) == {0}
    low, high, bottom, top = struct.unpack(">IIHH", last[0x4A14][0x096F])
    assert (low, high, bottom, top) == (0xFF000000 | (-400 & 0xFFFFFF), 0xFF000E10, 0, 4_000)
    pressure = [value / 4_000 * 400 - 40 for value in samples[0x4A14]]
    assert (min(pressure), max(pressure)) == pytest.approx((80, 120), abs=0.5)


def test_wave_without_its_sensor_is_invalid(request_):
    made = associated(request_, (0, signs("lead_off", without=("hr", "rr"))))
    tell(made, poll(WAVES, period=60_000))
    _, states, _ = waves_of(made, 2_000)
    assert (states[0x0102], states[0x4BB4]) == ({0x8000}, {0})


def priority_list(*ids):
    value = struct.pack(">HH", len(ids), 4 * len(ids)) + b"".join(struct.pack(">HH", 2, id_) for id_ in ids)
    modification = struct.pack(">HHH", 0, 0xF23A, len(value)) + value
    return invoke(5, 5, bytes.fromhex("00210000000000000000") + struct.pack(">HH", 1, len(modification)) + modification)


def test_priority_list_chooses_the_waves_and_is_told_back(request_):
    made = associated(request_)
    (told,) = tell(made, priority_list(0x4BB4))
    assert told.hex().endswith("0001000cf23a00080001000400024bb4")
    tell(made, poll(WAVES, period=60_000))
    assert set(waves_of(made, 2_000)[0]) == {0x4BB4}
    (got,) = tell(made, invoke(6, 3, bytes.fromhex("00210000000000000000 0001 0002 f23a")))
    assert got.hex().endswith("0001000cf23a00080001000400024bb4")


def test_results_too_long_for_one_message_are_linked_and_end_with_an_empty_one(request_):
    rich = signs(
        abp_sys=121.0, abp_dia=75.0, abp_mean=92.0, cvp=8.0, icp=12.0, etco2=38.0, fio2=40.0, temp_core=37.1,
        nibp_sys=120.0, nibp_dia=80.0, nibp_mean=93.0, temp_skin=33.0,
    )  # fmt: skip
    made = associated(request_, (0, rich))
    found = tell(made, poll())
    assert all(len(message) <= 1_000 for message in found)
    results = [Result(message) for message in found]
    assert [(result.kind, result.link) for result in results] == [(5, (1, 1)), (5, (3, 2)), (2, None)]
    assert len(results[0].objects | results[1].objects) == 14
    assert results[-1].objects == {}
    assert {result.invoke_id for result in results} == {1}


@pytest.mark.parametrize(("message", "error"), [(poll(0x0999), 0), (poll(action=0x0BAD), 9)])
def test_operation_the_monitor_does_not_know_is_refused(request_, message, error):
    (refusal,) = tell(associated(request_), message)
    assert refusal == bytes.fromhex("e1000002 0003 0006 0001") + struct.pack(">HH", error, 0)


@pytest.mark.parametrize("object_class", [0x0005, 0x002A])
def test_classes_with_nothing_in_them_are_answered_empty(request_, object_class):
    assert polled(request_, object_class=object_class).objects == {}


def test_system_object_names_the_bed_and_no_patient(request_):
    (attributes,) = polled(request_, object_class=SYSTEM).objects.values()
    assert set(attributes) == {0x0984, 0x0928, 0x091E, 0x0987, 0x098F}


def test_monitor_on_a_network_announces_itself_until_somebody_associates(request_):
    made = monitor(udp_port=24_105)
    found = messages(made.step(12_000))
    assert len(found) == 3
    (head,) = {message[:8] for message in found}
    assert head[:6].hex() == "000001000001"
    assert found[0][14:20].hex() == "002300000000"
    assert found[0][24:26].hex() == "0d17"
    assert struct.pack(">HHHH", 1, 1, 24_105, 0) in found[0]
    _, create = tell(made, request_)
    tell(made, answer_to(create))
    assert all(message == ABORT for message in messages(made.step(22_500))), "it announces itself while associated"
    assert len(messages(made.step(30_000))) == 2


def test_datagrams_carry_the_messages_and_nothing_else():
    datagrams = IntelliVueDatagrams()
    framed = encode_frame(b"\xe1\x00abc") + encode_frame(b"\x00\x00\x01\x00xyz")
    cut = [found for byte in framed for found in datagrams.cut(bytes((byte,)))]
    assert cut == [(b"\xe1\x00abc", False), (b"\x00\x00\x01\x00xyz", True)]
    assert Unframer().feed(datagrams.wrap(b"\x0d\xc0\xc1\x7d")) == [b"\x0d\xc0\xc1\x7d"]


def test_monitor_talks_to_a_host_over_real_datagrams(request_):
    async def run():
        loop = asyncio.get_running_loop()
        line = await UdpLine.open(0, IntelliVueDatagrams())
        host, port = line.address.split(":")
        stop = asyncio.Event()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lobby,
        ):
            for end, local in ((client, 0), (lobby, int(port) - ANNOUNCED_BELOW)):
                end.setblocking(False)
                end.bind((host, local))
            outlet = Outlet(monitor(udp_port=line.port), line)
            playing = asyncio.create_task(play([outlet], stop))
            async with asyncio.timeout(10):
                assert (await loop.sock_recv(lobby, 2_000)).startswith(b"\x00\x00\x01\x00")
                client.sendto(request_, (host, int(port)))
                assert (await loop.sock_recv(client, 2_000))[0] == 0x0E
                client.sendto(answer_to(await loop.sock_recv(client, 2_000)), (host, int(port)))
                client.sendto(poll(), (host, int(port)))
                assert Result(await loop.sock_recv(client, 2_000)).numbers()[0x4182][2] == 72
            stop.set()
            await playing
        line.close()

    asyncio.run(run())


def test_taken_udp_port_is_said():
    async def run():
        first = await UdpLine.open(0, IntelliVueDatagrams())
        with pytest.raises(UsageError, match=r"--udp PORT"):
            await UdpLine.open(first.port, IntelliVueDatagrams())
        first.close()

    asyncio.run(run())


def test_command_runs_the_monitor_on_udp_and_refuses_one_without_a_network(running, until, wardline, request_):
    process = running("sim", "intellivue", "--udp", "0", "--seed", "3")
    host, port = process.stdout.readline().strip().split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(request_, (host, int(port)))
        assert client.recv(2_000)[0] == 0x0E
    refused = wardline("sim", "nonin", "--udp", "0")
    assert refused.returncode == 2
    assert b"choose intellivue" in refused.stderr


def conversation(slice_ms, source, request_):
    made = IntelliVue(source, Options(seed=7))
    out = b""
    sent = [
        [request_],
        [bytes.fromhex("e1000002 0002 0014 0002 0001 000e 002100000000 00000000 0d06 0000")],
        [poll(period=30_000), poll(WAVES, period=30_000)],
        [poll(ALERTS)],
        [RELEASE],
    ]
    for index, host in enumerate(sent):
        made.receive(b"".join(encode_frame(message) for message in host))
        start = index * 4_000
        for t_ms in [*range(start, start + 4_000, slice_ms), start + 4_000]:
            out += made.step(t_ms)
    return out


@pytest.mark.parametrize("slice_ms", [7, 40, 333, 1_999])
def test_bytes_do_not_depend_on_how_time_is_sliced(slice_ms, request_):
    assert conversation(slice_ms, Patient(7), request_) == conversation(4_000, Patient(7), request_)


def test_same_signs_give_the_same_bytes_for_ever(request_):
    bed = Bed((0, signs()), (9_000, signs("sensor_off", without=("pr", "spo2"), etco2=61.0)))
    data = conversation(100, bed, request_)
    assert len(messages(data)) > 40
    assert hashlib.sha256(data).hexdigest() == ("4fae66076afb1ade0a3e3ba982c74d8acfbebed7c882c7c59fa4b67ba331bd48")


def test_same_seed_gives_the_same_bytes_and_another_seed_others(request_):
    first, again, other = (conversation(100, Patient(seed), request_) for seed in (7, 7, 8))
    assert first == again != other


def test_noise_from_the_host_never_raises_and_starts_nothing(request_):
    chance = random.Random(4)
    made = monitor()
    for _ in range(300):
        made.receive(chance.randbytes(200))
        made.receive(encode_frame(b"\x0d" + chance.randbytes(chance.randrange(250))))
        made.receive(encode_frame(request_[: chance.randrange(len(request_) - 64)]))
    assert made.step(60_000) == b""


def test_cut_and_bent_operations_never_raise(request_):
    chance = random.Random(8)
    made = associated(request_)
    good = [poll(), poll(WAVES, period=5_000), priority_list(0x0102, 0x4BB4), poll(ALERTS)]
    for t_ms in range(0, 20_000, 20):
        bent = bytearray(chance.choice(good))
        for _ in range(chance.randrange(4)):
            bent[chance.randrange(4, len(bent))] = chance.randrange(256)
        made.receive(encode_frame(bytes(bent[: chance.randrange(4, len(bent) + 1)])))
        made.step(t_ms)
    made.receive(encode_frame(RELEASE))
    assert RELEASE_RESPONSE in messages(made.step(20_100))
