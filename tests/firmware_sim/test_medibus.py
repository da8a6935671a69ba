"""The MEDIBUS encoder against the vectors of the sheet, and the conversation of the device."""

import hashlib
import random
from datetime import datetime

import pytest

from firmware_sim.clock import Clock
from firmware_sim.monitors.medibus import EVITA_4, EVITA_V500, Medibus
from firmware_sim.monitors.medibus_frames import (
    Command,
    Damaged,
    Hearing,
    Outgoing,
    Reply,
    Streams,
    encode_command,
    encode_reply,
    encode_samples,
)
from firmware_sim.monitors.medibus_values import (
    Curve,
    encode_alarms,
    encode_curves,
    encode_data,
    encode_settings,
    encode_texts,
    encode_time,
)
from firmware_sim.monitors.monitor import Options
from firmware_sim.patient import Patient
from firmware_sim.signs import Signs

ICC, NOP, STOP = encode_command(0x51), encode_command(0x30), encode_command(0x55)
DATA, TEXT, ALARMS = encode_command(0x24), encode_command(0x2A), encode_command(0x27)
ICC_REPLY = encode_reply(0x51)
CONFIGURE = encode_command(0x54, b"00010101")
ENABLE, DISABLE = b"\xd0\xc1\xc3\xc0\xc0", b"\xd0\xc1\xc0\xc0\xc0"


class Bed:
    """A source whose signs change at given times."""

    def __init__(self, *changes):
        self.changes = changes

    def at(self, t_ms):
        return [signs for start, signs in self.changes if start <= t_ms][-1]


def signs(*states, without=(), **values):
    known = {"hr": 72.0, "pr": 73.0, "spo2": 97.0, "rr": 16.0, "pi": 4.0, "temp": 36.8, "etco2": 38.0, **values}
    return Signs(values={k: v for k, v in known.items() if k not in without}, states=frozenset(states))


def device(*changes, generation=EVITA_4, **options):
    return Medibus(generation, Bed(*(changes or ((0, signs()),))), Options(seed=1, **options))


def said(data):
    """Every frame of the device in the order it ends, nested ones before the one around them; fast bytes apart."""
    frames, around, fast = [], [], bytearray()
    for byte in data:
        if byte & 0x80:
            fast.append(byte)
        elif byte in (0x1B, 0x01):
            around.append(bytearray((byte,)))
        elif byte == 0x0D:
            frame = bytes(around.pop())
            assert frame[-2:] == b"%02X" % (sum(frame[:-2]) & 0xFF)
            frames.append(frame[:-2])
        else:
            around[-1].append(byte)
    assert not around
    return frames, bytes(fast)


def replies(data):
    """Code and payload of each reply."""
    return [(frame[1], frame[2:]) for frame in said(data)[0] if frame[0] == 0x01]


def commands(data):
    return [frame[1] for frame in said(data)[0] if frame[0] == 0x1B]


def asked(made, *requests, from_ms=0, wait_ms=500):
    made.step(from_ms)
    made.receive(b"".join(requests))
    return made.step(from_ms + wait_ms)


def records(payload, width=6):
    text = payload.decode()
    return {text[i : i + 2]: text[i + 2 : i + width] for i in range(0, len(text), width)}


def test_every_command_of_the_sheet_is_understood(vectors):
    found = vectors("medibus", "command")
    assert len(found) == 12
    for name, vector in found.items():
        (heard,) = Hearing().feed(bytes.fromhex(vector["hex"]))
        expected = vector["expect"][0]["command"]
        if name == "cmd-enable-rt-1-2":
            assert heard == Streams(frozenset(expected["streams"]))
        else:
            assert heard.code == int(expected["code"], 16)
            assert bytes.fromhex(vector["hex"]) == encode_command(heard.code, heard.argument)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("reply-icc", encode_reply(0x51)),
        ("reply-nop", encode_reply(0x30)),
        ("reply-device-id-empty", encode_reply(0x52)),
        ("reply-nak", encode_reply(0x15)),
        ("data-pip-mv-fio2", encode_reply(0x24, encode_data([("7D", "22"), ("B9", "7.2"), ("F0", "40")]))),
        (
            "data-vitals-cp1",
            encode_reply(
                0x24,
                encode_data(
                    [("DC", "185"), ("E1", "184"), ("EB", "91"), ("D6", "28"), ("E6", "61"), ("C3", "38.9")],
                ),
            ),
        ),
        ("alarm-paw-high", encode_reply(0x27, encode_alarms([("10", 31, "PAW HIGH")]))),
        ("device-id-evita4", encode_reply(0x52, EVITA_4.identity.encode())),
        ("text-mode-simv", encode_reply(0x2A, encode_texts([("06", "Mode SIMV")]))),
        ("settings-fio2-peep", encode_reply(0x29, encode_settings([("01", " 40  "), ("0B", "5.0")]))),
        ("datetime-missing-zero", encode_reply(0x28, b"09:33:007-OKT-14")),
        (
            "rt-config-two-streams",
            encode_reply(0x53, encode_curves([Curve("00", "paw", -50, 150), Curve("01", "flow", -180, 180)])),
        ),
    ],
)
def test_replies_are_the_vectors_byte_for_byte(vectors, name, made):
    assert made.hex() == vectors("medibus", "response")[name]["hex"].lower()


def test_every_reply_of_the_sheet_is_tried(vectors):
    assert len(vectors("medibus", "response")) == 12


def test_samples_are_the_vector_byte_for_byte(vectors):
    vector = vectors("medibus", "realtime")["rt-insp-start-two-samples"]
    assert encode_samples({1: 2048, 2: 1365}, inhales=True).hex() == vector["hex"]


def test_streams_above_the_fourth_have_masks_of_their_own():
    assert encode_samples({5: 0, 9: 4095}) == bytes.fromhex("d0 c4c1 c5c1 8080 bfbf")


@pytest.mark.parametrize(
    ("german", "month", "text"), [(True, 10, "OKT"), (False, 10, "OCT"), (True, 5, "MAI"), (False, 12, "DEC")]
)
def test_time_is_said_in_seventeen_places(german, month, text):
    assert encode_time(datetime(2014, month, 7, 9, 33, 5), german=german) == f"09:33:0507-{text}-14".encode()


def test_frames_are_heard_one_in_another_with_fast_bytes_between_and_byte_by_byte():
    inner = encode_command(0x30)
    outer = encode_reply(0x52, b"0161'Wardline'01.00")
    line = b"xx\r\x11" + outer[:6] + b"\xd0\xc1" + inner[:2] + b"\xc1\xc0\xc0" + inner[2:] + outer[6:]
    hearing = Hearing()
    heard = [found for byte in line for found in hearing.feed(bytes((byte,)))]
    assert heard == [Streams(frozenset({1})), Command(0x30), Reply(0x52, b"0161'Wardline'01.00")]


def test_command_with_a_wrong_checksum_is_damaged_and_such_a_reply_is_nothing():
    assert Hearing().feed(b"\x1b$00\r\x01Q00\r") == [Damaged()]


def test_device_command_is_put_into_the_middle_of_a_reply():
    outgoing = Outgoing()
    outgoing.reply(b"reply-one")
    assert outgoing.take(3) == b"rep"
    outgoing.command(b"COMMAND")
    assert outgoing.take(2) == b"CO"
    outgoing.command(b"NEXT")
    assert outgoing.take(99) == b"MMANDNEXTly-one"


def test_device_nobody_answers_only_asks_whether_anybody_is_there():
    assert commands(device().step(29_000)) == [0x51] * 9
    assert replies(device().step(30_000)) == []


@pytest.mark.parametrize("opening", [ICC, ICC_REPLY])
def test_device_that_found_somebody_asks_who_it_is_and_keeps_the_link_alive(opening):
    made = device()
    made.receive(opening)
    out = made.step(1_500)
    for t_ms in range(2_000, 9_001, 1_000):
        made.receive(encode_reply(0x30))
        out += made.step(t_ms)
    assert commands(out) == [0x52, 0x30, 0x30, 0x30, 0x30]


@pytest.mark.parametrize(
    ("generation", "payload"),
    [(EVITA_4, b"8214'Evita 4'02.00:03.00"), (EVITA_V500, b"8411'Evita V500'02.51:06.00")],
)
def test_each_generation_names_itself_and_its_protocol(generation, payload):
    assert replies(asked(device(generation=generation), encode_command(0x52))) == [(0x52, payload)]


def test_every_command_is_answered_unknown_ones_by_an_echo_and_damaged_ones_by_nak():
    requests = [code for code in range(0x20, 0x80) if code not in (0x55,)]
    out = asked(device(), *(encode_command(code) for code in requests), b"\x1b$00\r", wait_ms=1_900)
    assert [code for code, _ in replies(out)] == [*requests, 0x15]
    assert dict(replies(out))[0x7A] == b""


def test_measured_data_are_the_signs():
    ((_, payload),) = replies(asked(device((0, signs(hr=185.0, temp=38.9, abp_sys=121.0))), DATA))
    found = records(payload)
    shown = {code: found[code] for code in ("DC", "E1", "EB", "D6", "E6", "C3", "D2")}
    assert shown == {
        "DC": " 185",
        "E1": "  73",
        "EB": "  97",
        "D6": "  16",
        "E6": "  38",
        "C3": "38.9",
        "D2": " 121",
    }
    assert found["B9"] == " 7.7"
    assert "96" not in found  # a cuff nobody ever put on


def test_numbers_that_are_gone_are_blank_and_never_zero():
    gone = signs("lead_off", "sensor_off", without=("hr", "rr", "pr", "spo2"))
    ((_, payload),) = replies(asked(device((0, signs()), (500, gone)), DATA, from_ms=1_000))
    assert {records(payload)[code] for code in ("DC", "E1", "EB", "D6", "B9")} == {"    "}


def test_cuff_pressure_says_how_many_minutes_old_it_is():
    cuff = {"nibp_sys": 120.0, "nibp_dia": 80.0, "nibp_mean": 93.0}
    made = device((0, signs()), (60_000, signs(**cuff)))
    found = records(replies(asked(made, DATA, from_ms=250_000))[0][1])
    assert (found["96"], found["8C"], found["91"], found["92"]) == (" 120", "  80", "  93", "   3")


@pytest.mark.parametrize(
    ("now", "code", "priority"),
    [
        (signs("sensor_off"), "01", 15),
        (signs("no_sensor"), "35", 12),
        (signs("low_battery"), "4B", 10),
        (signs(spo2=82.0), "07", 28),
        (signs(hr=38.0), "05", 30),
        (signs(etco2=61.0), "28", 22),
    ],
)
def test_alarms_are_told_with_priority_code_and_phrase(now, code, priority):
    ((_, payload),) = replies(asked(device((0, now)), ALARMS))
    assert payload[:3] == bytes((0x30 + priority,)) + code.encode()
    assert len(payload) == 15


def test_quiet_patient_has_no_alarm_and_apnoea_is_the_worst():
    assert replies(asked(device(), ALARMS)) == [(0x27, b"")]
    made = device((0, signs()), (5_000, signs(rr=1.0, spo2=85.0)))
    ((_, payload),) = replies(asked(made, ALARMS, from_ms=30_000))
    assert payload == b"O00APNEA       L07SPO2 LOW    "


def test_texts_name_the_unit_of_co2_and_standby():
    ((_, payload),) = replies(asked(device((0, signs("standby"))), TEXT))
    assert payload == b"069Mode SIMV\x03205Adult\x03228CO2 mmHg\x031E7Standby\x03"


def test_configured_data_are_the_only_ones_until_the_next_icc():
    made = device()
    out = asked(made, ICC, encode_command(0x4A, b"24EBDC"), DATA)
    assert list(records(replies(out)[2][1])) == ["DC", "EB"]
    assert len(records(replies(asked(made, ICC, DATA, from_ms=1_000))[1][1])) > 5


def test_stop_is_answered_and_then_only_icc_is():
    made = device()
    assert [code for code, _ in replies(asked(made, ICC, CONFIGURE, STOP))] == [0x51, 0x54, 0x55]
    made.receive(DATA + NOP + ENABLE + b"\x1b$00\r" + ICC_REPLY)
    assert made.step(60_000) == b""
    made.receive(ICC + DATA)
    assert [code for code, _ in replies(made.step(60_500))] == [0x51, 0x24]


def test_host_that_is_silent_for_ten_seconds_is_lost_and_looked_for():
    made = device()
    made.receive(ICC + CONFIGURE + ENABLE)
    before, after = made.step(9_900), made.step(30_000)
    assert len(before) > 3_000
    assert commands(after[after.index(b"\x1bQ") :]) == [0x51] * 6
    assert len(said(after)[1]) < 100


def test_any_byte_of_the_host_keeps_the_link():
    made = device()
    made.receive(ICC)
    out = b""
    for t_ms in range(9_000, 60_000, 9_000):
        out += made.step(t_ms)
        made.receive(b"\x80")
    assert 0x51 not in commands(out)


def fast_records(fast):
    """Samples by mask of each realtime record, and the phases told."""
    found, phases, place = [], [], 0
    while place < len(fast):
        assert fast[place] & 0xF0 == 0xD0
        mask, place = fast[place] & 0x0F, place + 1
        if fast[place : place + 1] == b"\xc6":
            phases.append(fast[place + 1])
            place += 2
        count = mask.bit_count()
        found.append(
            (
                mask,
                [fast[place + 2 * i] & 0x3F | (fast[place + 2 * i + 1] & 0x3F) << 6 for i in range(count)],
            )
        )
        place += 2 * count
    return found, phases


def streaming(made, until_ms, configure=CONFIGURE, enable=ENABLE):
    made.receive(ICC + configure + enable)
    out = b""
    for t_ms in range(0, until_ms + 1, 1_000):
        out += made.step(t_ms)
        made.receive(DATA)
    return out


def test_realtime_records_leave_each_sixteen_milliseconds_with_the_phase_of_the_breath():
    found, phases = fast_records(said(streaming(device(), 60_000))[1])
    assert len(found) == pytest.approx(60_000 / 16, abs=2)
    assert {mask for mask, _ in found} == {0b11}
    assert 15 <= phases.count(0xC0) <= 17
    assert abs(phases.count(0xC0) - phases.count(0xC1)) <= 1
    paw = [samples[0] / 0xFFF * 200 - 50 for _, samples in found]
    assert min(paw) == pytest.approx(5, abs=0.2)
    assert max(paw) == pytest.approx(22, abs=0.2)


def test_fast_bytes_stand_inside_the_replies_and_both_arrive_whole():
    out = streaming(device(), 10_000)
    assert len(replies(out)) == 2 + 10
    inside = False
    mixed = 0
    for byte in out:
        inside = byte in (0x01, 0x1B) or (inside and byte != 0x0D)
        mixed += inside and byte & 0x80 != 0
    assert mixed > 100


def test_device_asks_back_in_the_middle_of_its_own_reply():
    made = device()
    made.receive(ICC)
    made.step(990)
    made.receive(DATA)
    frames = [frame[:2] for frame in said(made.step(2_000))[0]]
    assert frames == [b"\x1bR", b"\x01$"]


def test_multiplier_thins_a_stream_and_a_lost_probe_leaves_its_stream_out():
    made = device((0, signs()), (5_000, signs("sensor_off", without=("pr", "spo2", "pi"))))
    configure = encode_command(0x54, b"00010202")
    found, _ = fast_records(said(streaming(made, 10_000, configure))[1])
    masks = [mask for mask, _ in found]
    assert masks[:4] in ([0b01, 0b11, 0b01, 0b11], [0b11, 0b01, 0b11, 0b01])
    assert set(masks[320:]) == {0b01}


def test_unknown_curve_keeps_its_number_and_is_never_sent():
    found, _ = fast_records(said(streaming(device(), 2_000, encode_command(0x54, b"7F010001")))[1])
    assert {mask for mask, _ in found} == {0b10}


def test_disabled_streams_fall_silent_and_unconfigured_ones_never_speak():
    made = device()
    assert said(streaming(made, 2_000))[1]
    made.receive(DISABLE)
    assert said(made.step(4_000))[1] == b""
    assert said(streaming(device(), 2_000, configure=b""))[1] == b""


def test_nobody_is_streamed_to_without_a_link():
    made = device()
    made.receive(CONFIGURE + ENABLE)
    assert said(made.step(2_000))[1] == b""


def test_offered_curves_can_be_configured():
    ((_, payload),) = replies(asked(device(), encode_command(0x53)))
    assert [payload[i : i + 23][:10] for i in range(0, len(payload), 23)] == [
        b"00   16000",
        b"01   16000",
        b"02   16000",
        b"06   16000",
    ]


def test_clock_that_is_set_is_told_and_read_again():
    made = device(clock=Clock(ahead_ms=lambda t_ms: 3_600_000 if t_ms >= 3_000 else 0))
    made.receive(ICC)
    early = made.step(2_900)
    late = made.step(4_500)
    assert 0x49 not in commands(early)
    assert commands(late).count(0x49) == 1
    made.receive(encode_command(0x28))
    assert dict(replies(made.step(5_000)))[0x28].startswith(b"09:00:04")


def conversation(slice_ms, source):
    made = Medibus(EVITA_4, source, Options(seed=7))
    out = b""
    for start in range(0, 20_000, 4_000):
        made.receive(ICC + CONFIGURE + ENABLE if start == 4_000 else DATA + TEXT + ALARMS)
        for t_ms in [*range(start, start + 4_000, slice_ms), start + 4_000]:
            out += made.step(t_ms)
    return out


@pytest.mark.parametrize("slice_ms", [7, 40, 333, 1_999])
def test_bytes_do_not_depend_on_how_time_is_sliced(slice_ms):
    assert conversation(slice_ms, Patient(7)) == conversation(4_000, Patient(7))


def test_same_signs_give_the_same_bytes_for_ever():
    bed = Bed((0, signs()), (9_000, signs("sensor_off", without=("pr", "spo2"), etco2=61.0)))
    assert hashlib.sha256(conversation(100, bed)).hexdigest() == (
        "fa9038305c997f3abf8d92b9996ba9b92a140cd187bf8686943e452959d233d2"
    )


def test_same_seed_gives_the_same_bytes_and_another_seed_others():
    first, again, other = (conversation(100, Patient(seed)) for seed in (7, 7, 8))
    assert first == again != other


def test_noise_from_the_host_never_raises_and_a_clean_command_is_answered_after_it():
    chance = random.Random(9)
    made = device()
    for t_ms in range(0, 6_000, 20):
        made.receive(chance.randbytes(200))
        made.receive(encode_command(0x54, chance.randbytes(9)) + encode_command(0x4A, chance.randbytes(5)))
        made.step(t_ms)
    made.receive(b"\r" * 5 + ICC)
    made.step(60_000)
    made.receive(ICC + DATA)
    assert [code for code, _ in replies(made.step(61_000))][-2:] == [0x51, 0x24]
