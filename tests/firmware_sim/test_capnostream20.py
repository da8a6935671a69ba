"""The Capnostream 20 encoder against the vectors of the sheet, and the conversation of the device."""

import hashlib
import random
from datetime import datetime

import pytest

from firmware_sim.monitors.capnostream20 import SHIFT_EVERY, Capnostream20
from firmware_sim.monitors.capnostream20_frames import (
    CO2_WAVE,
    DEVICE_ID,
    NUMERICS,
    SETUP,
    Command,
    Hearing,
    Numerics,
    encode_frame,
    encode_numerics,
    encode_wave,
)
from firmware_sim.monitors.monitor import Options
from firmware_sim.patient import Patient
from firmware_sim.signs import Signs

PROTOCOL = "capnostream20"
ENABLE, START, LINK = b"\x85\x01\x01\x00", b"\x85\x01\x04\x05", b"\x85\x01\x06\x07"
STOP, DISABLE = b"\x85\x01\x05\x04", b"\x85\x01\x02\x03"


class Bed:
    """A source whose signs change at given times."""

    def __init__(self, *changes):
        self.changes = changes

    def at(self, t_ms):
        return [signs for start, signs in self.changes if start <= t_ms][-1]


def signs(*states, without=(), **values):
    known = {"hr": 72.0, "pr": 72.0, "spo2": 97.0, "rr": 16.0, "pi": 4.0, "etco2": 38.0, **values}
    return Signs(values={k: v for k, v in known.items() if k not in without}, states=frozenset(states))


def device(*changes, **options):
    return Capnostream20(Bed(*(changes or ((0, signs()),))), Options(seed=1), **options)


def started(*changes, **options):
    made = device(*changes, **options)
    made.receive(ENABLE + START + LINK)
    return made


def messages(data):
    """Code and payload of each frame of a clean stream."""
    found = []
    for part in data.split(b"\x85")[1:]:
        body, rest = bytearray(), iter(part)
        for byte in rest:
            body.append(0x80 + next(rest) if byte == 0x80 else byte)
        check = 0
        for byte in body:
            check ^= byte
        assert check == 0
        assert body[0] == len(body) - 2
        found.append((body[1], bytes(body[2:-1])))
    return found


def numerics(data):
    return [payload for code, payload in messages(data) if code == NUMERICS]


def played(made, until_ms, step_ms=1_000, start_ms=0):
    """What it sends to a host that keeps the link active."""
    out = b""
    for t_ms in range(start_ms, until_ms + 1, step_ms):
        out += made.step(t_ms)
        made.receive(LINK)
    return out


def test_every_command_of_the_sheet_is_understood(vectors):
    found = vectors(PROTOCOL, "command")
    assert len(found) == 4
    for vector in found.values():
        assert Hearing().feed(bytes.fromhex(vector["hex"])) == [Command(vector["expect"][0]["command"]["code"])]


def test_command_is_understood_in_any_pieces_with_escapes_and_after_a_cut_frame():
    command = encode_frame(60, b"\x85\x80")
    hearing = Hearing()
    heard = [found for byte in b"\x01\x85\x05\x04" + command for found in hearing.feed(bytes((byte,)))]
    assert heard == [Command(60, b"\x85\x80")]


def numbers(vector, **changed):
    """The numbers of a vector of the sheet."""
    expected = vector["expect"][0]
    values = expected["values"]
    known = {
        "time_s": int((datetime.fromisoformat(expected["device_time"]) - datetime(1970, 1, 1)).total_seconds()),
        "etco2": values.get("etco2"),
        "fico2": 0,
        "rr": values.get("rr"),
        "spo2": values.get("spo2"),
        "pulse": values.get("pr"),
        "slow_status": 0x80,
        "co2_alarms": 0,
        "spo2_alarms": 0,
        "no_breath_s": 0,
        "etco2_limits": (60, 15),
        "rr_limits": (30, 5),
        "fico2_high": 8,
        "spo2_limits": (100, 85),
        "pulse_limits": (140, 50),
        "units": 1,
        "extended_status": 0,
    }
    return Numerics(**{**known, **changed})


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("numerics-normal", {}),
        (
            "numerics-no-breath",
            {
                "fico2": None,
                "slow_status": 0x88,
                "co2_alarms": 0x01,
                "spo2_alarms": 0x04,
                "no_breath_s": 25,
                "spo2_limits": (100, 90),
            },
        ),
        ("numerics-sensor-off", {"fico2": 1, "spo2_alarms": 0x20}),
    ],
)
def test_numerics_are_the_vector_byte_for_byte(vectors, name, changed):
    vector = vectors(PROTOCOL, "message")[name]
    assert encode_frame(NUMERICS, encode_numerics(numbers(vector, **changed))).hex() == vector["hex"].lower()


def test_wave_is_the_vector_byte_for_byte(vectors):
    assert (
        encode_frame(CO2_WAVE, encode_wave(7, 38.5, 0x08)).hex() == vectors(PROTOCOL, "message")["co2-wave-38.5"]["hex"]
    )


def test_identity_is_the_vector_byte_for_byte(vectors):
    made = Capnostream20(Bed((0, signs())), Options(seed=987_654))
    made.receive(ENABLE)
    assert made.step(1).hex() == vectors(PROTOCOL, "message")["device-id"]["hex"]


def test_device_nobody_enables_is_silent():
    made = device()
    made.receive(START + LINK)
    assert made.step(30_000) == b""


def test_enabled_device_tells_its_identity_and_nothing_else_until_started():
    made = device()
    made.receive(ENABLE)
    (message,) = messages(played(made, 10_000))
    assert message == (DEVICE_ID, b"V45.67 02/24/2008 B355000001  ")


def test_started_device_sends_numbers_each_second_and_twenty_samples():
    found = [code for code, _ in messages(played(started(), 10_000))]
    assert found.count(NUMERICS) == 10
    assert found.count(CO2_WAVE) == 200


def test_host_that_keeps_the_link_each_five_seconds_is_never_interrupted():
    assert len(numerics(played(started(), 60_000, step_ms=5_000))) == 60


def test_device_stops_five_seconds_after_the_last_link_is_active():
    made = started()
    played(made, 7_000)
    out = b"".join(made.step(t_ms) for t_ms in range(7_000, 60_000, 100))
    assert len(numerics(out)) == 5
    made.receive(START + LINK)
    assert made.step(70_000) == b""
    made.receive(ENABLE + START)
    assert len(numerics(made.step(73_000))) == 3


@pytest.mark.parametrize("end", [STOP, DISABLE])
def test_stop_and_disable_end_the_stream(end):
    made = started()
    assert made.step(2_000)
    made.receive(end + LINK)
    assert made.step(6_000) == b""


def test_stopped_device_can_be_started_again_and_a_disabled_one_cannot():
    stopped, disabled = started(), started()
    stopped.receive(STOP + START + LINK)
    disabled.receive(DISABLE + START + LINK)
    assert numerics(stopped.step(3_000))
    assert numerics(disabled.step(3_000)) == []


def test_setting_is_said_back_and_moves_its_limit():
    made = started()
    made.receive(encode_frame(SETUP, bytes((11, 101))) + encode_frame(SETUP, bytes((10, 98))))
    found = messages(made.step(1_000))
    assert [payload for code, payload in found if code == SETUP] == [bytes((11, 101)), bytes((10, 98))]
    (payload,) = [payload for code, payload in found if code == NUMERICS]
    assert (payload[21], payload[22], payload[14]) == (101, 98, 0x04)


def test_numbers_are_the_signs():
    payload = numerics(started().step(1_000))[0]
    assert tuple(payload[4:9]) == (38, 0, 16, 97, 72)
    assert (payload[9], payload[13], payload[14], payload[25], payload[26]) == (0x80, 0, 0, 1, 0)


@pytest.mark.parametrize("bpm", [127, 128, 133, 185, 254])
def test_pulse_rates_a_byte_can_hold_are_sent_and_escaped(bpm):
    assert numerics(started((0, signs(pr=float(bpm)))).step(1_000))[0][8] == bpm


@pytest.mark.parametrize("bpm", [255, 256, 300])
def test_pulse_rates_a_byte_cannot_hold_are_missing(bpm):
    assert numerics(started((0, signs(pr=float(bpm)))).step(1_000))[0][8] == 255


@pytest.mark.parametrize(("state", "alarm"), [("sensor_off", 0x20), ("no_sensor", 0x40)])
def test_lost_probe_is_told_and_has_no_number(state, alarm):
    payload = numerics(started((0, signs(state, without=("pr", "spo2", "pi")))).step(1_000))[0]
    assert (payload[7], payload[8], payload[14]) == (255, 255, alarm)


def test_pulse_nobody_finds_is_told():
    assert numerics(started((0, signs(without=("pr", "spo2")))).step(1_000))[0][14] == 0x01


def test_no_breath_is_told_after_twenty_seconds_and_has_no_number():
    made = started((0, signs()), (5_000, signs(rr=1.0)), (40_000, signs()))
    found = numerics(played(made, 42_000))
    assert (found[20][13], found[20][6], found[20][15]) == (0x10, 1, 16)  # 21 s: a low rate, no apnoea yet
    assert (found[29][4], found[29][6], found[29][13], found[29][15]) == (255, 255, 0x01, 25)
    assert (found[41][4], found[41][6], found[41][13], found[41][15]) == (38, 16, 0, 0)


def test_patient_without_a_line_has_no_co2_and_an_invalid_wave():
    made = started((0, signs(without=("etco2",))))
    found = messages(made.step(1_000))
    assert {payload[3] & 0x01 for code, payload in found if code == CO2_WAVE} == {0x01}
    (payload,) = [payload for code, payload in found if code == NUMERICS]
    assert (payload[4], payload[5], payload[6], payload[7]) == (255, 255, 255, 97)


def test_states_of_the_line_and_the_battery_are_told():
    made = started((0, signs("no_line", "low_battery")))
    found = messages(made.step(1_000))
    assert all(payload[3] & 0x41 == 0x41 for code, payload in found if code == CO2_WAVE)
    assert [payload[26] for code, payload in found if code == NUMERICS] == [0x80]


def test_wave_rises_to_the_end_tidal_value_and_ends_each_breath_once():
    waves = [payload for code, payload in messages(played(started(), 60_000)) if code == CO2_WAVE]
    assert max(payload[1] + payload[2] / 256 for payload in waves) == pytest.approx(38.0, abs=0.5)
    assert 15 <= sum(bool(payload[3] & 0x08) for payload in waves) <= 16
    assert [payload[0] for payload in waves[:300]] == [(index + 1) & 0xFF for index in range(300)]


def test_field_shift_puts_the_breathing_rate_where_the_saturation_belongs():
    found = numerics(played(started(field_shift=True), SHIFT_EVERY * 2_000))
    odd = [index for index, payload in enumerate(found) if payload[7] != 97]
    assert odd == [SHIFT_EVERY - 1, 2 * SHIFT_EVERY - 1]
    assert tuple(found[odd[0]][6:10]) == (16, 16, 97, 72)


def conversation(slice_ms, source):
    made = Capnostream20(source, Options(seed=7))
    out = b""
    for start in range(0, 20_000, 4_000):
        made.receive(ENABLE + START if start == 4_000 else LINK)
        for t_ms in [*range(start, start + 4_000, slice_ms), start + 4_000]:
            out += made.step(t_ms)
    return out


@pytest.mark.parametrize("slice_ms", [7, 40, 333, 1_999])
def test_bytes_do_not_depend_on_how_time_is_sliced(slice_ms):
    assert conversation(slice_ms, Patient(7)) == conversation(4_000, Patient(7))


def test_same_signs_give_the_same_bytes_for_ever():
    bed = Bed((0, signs()), (9_000, signs("sensor_off", without=("pr", "spo2"), etco2=61.0)))
    assert hashlib.sha256(conversation(100, bed)).hexdigest() == (
        "7f895c015daf10e947c12df31bb2fb0c8fe6155185abf49b0046247aea919faf"
    )


def test_same_seed_gives_the_same_bytes_and_another_seed_others():
    first, again, other = (conversation(100, Patient(seed)) for seed in (7, 7, 8))
    assert first == again != other


def test_noise_from_the_host_never_raises_and_never_starts_it():
    chance = random.Random(5)
    made = device()
    for _ in range(300):
        made.receive(chance.randbytes(200))
    made.receive(b"\x85\x00\x00\x85\xff" + b"\x80" * 600 + b"\x85\x01\x01\x01" + b"\x85\x01\x04\x04")
    assert made.step(5_000) == b""
    made.receive(ENABLE)
    assert len(messages(made.step(6_000))) == 1
