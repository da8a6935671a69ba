"""The DRI encoder against the vectors of the sheet, and the conversation of the monitor."""

import hashlib
import random
import struct
from datetime import UTC, datetime

import pytest

from firmware_sim.monitors.datex_dri import DatexDri, groups
from firmware_sim.monitors.datex_dri_frames import (
    PHYSIOLOGICAL,
    WAVEFORM,
    Hearing,
    ValuesRequest,
    WaveRequest,
    encode_frame,
    encode_record,
)
from firmware_sim.monitors.datex_dri_values import (
    BASIC,
    NO_DATA,
    Group,
    encode_basic,
    encode_class,
    encode_extended,
    encode_wave,
    scaled,
)
from firmware_sim.monitors.monitor import Options
from firmware_sim.patient import Patient
from firmware_sim.signs import Signs

ON = 3  # present and active
PROTOCOL = "ge-datex-dri"


class Bed:
    """A source whose signs change at given times."""

    def __init__(self, *changes):
        self.changes = changes

    def at(self, t_ms):
        return [signs for start, signs in self.changes if start <= t_ms][-1]


def signs(*states, without=(), **values):
    known = {"hr": 72.0, "pr": 73.0, "spo2": 97.0, "rr": 16.0, "pi": 4.0, "temp": 36.8, **values}
    return Signs(values={k: v for k, v in known.items() if k not in without}, states=frozenset(states))


def monitor(*changes):
    return DatexDri(Bed(*(changes or ((0, signs()),))), Options(seed=1))


@pytest.fixture
def ask(vectors):
    """`ask(name)`: the bytes of a request vector."""
    return lambda name: bytes.fromhex(vectors(PROTOCOL, "request")[name]["hex"])


def unescape(data):
    out, data = bytearray(), iter(data)
    for byte in data:
        out.append(next(data) | 0x20 if byte == 0x7D else byte)
    return bytes(out)


def records(data):
    """The payloads of a clean stream, checksums checked."""
    payloads = [unescape(part) for part in data.split(b"\x7e") if part]
    for payload in payloads:
        assert sum(payload[:-1]) & 0xFF == payload[-1]
        assert struct.unpack_from("<h", payload)[0] == len(payload) - 1
    return [payload[:-1] for payload in payloads]


def basic(record):
    """Status, label and words of each group of the first subrecord."""
    body = record[44 : 44 + 270]
    return {
        name: (*struct.unpack_from("<IH", body, offset), *struct.unpack_from(f"<{count}h", body, offset + 6))
        for name, (offset, count) in BASIC.items()
    }


def one_record(*changes, t_ms=0, request="req-single-shot", vectors=None):
    device = monitor(*changes)
    device.step(t_ms)
    device.receive(bytes.fromhex(vectors(PROTOCOL, "request")[request]["hex"]))
    (record,) = records(device.step(t_ms + 1))
    return record


def basic_of_the_sheet(**changed):
    """The groups every numeric vector of the sheet is made of."""
    return {
        "ecg": Group(ON | 8, 0x12, (72, 10, -5, None, 16)),
        "p1": Group(ON, 1, (12_050, 7_825, 9_275, 72)),
        "p2": Group(ON, 2, (None, None, 850)),
        "nibp": Group(ON, 0x0B, (12_600, 7_100, 8_900, 74)),
        "t1": Group(ON, 1, (3_685,)),
        "t2": Group(ON, 7, (3_312,)),
        "spo2": Group(ON, 0, (9_700, 73, 25)),
        "co2": Group(ON, 1, (520, 3, 16, 7_600)),
        "o2": Group(ON, 0, (1_650, 2_100)),
        **changed,
    }


def vector_record(vector, groups, *, extended=()):
    """A record with number and time as the vector has them."""
    payload = unescape(bytes.fromhex(vector["hex"])[1:-1])
    time = datetime.fromisoformat(vector["expect"][0]["device_time"]).replace(tzinfo=UTC)
    time_s = int(time.timestamp())
    first = encode_class(0, time_s, encode_basic(groups, (72, 75, 68)))
    rest = [encode_class(number, time_s, bytes(270)) for number in extended]
    return encode_frame(
        encode_record(
            number=payload[2],
            level=9,
            time_s=time_s,
            maintype=PHYSIOLOGICAL,
            subrecords=[(1, data) for data in (first, *rest)],
        )
    )


@pytest.mark.parametrize(
    ("name", "changed", "extended"),
    [
        ("basic-one-subrecord-escapes", {}, ()),
        ("checksum-7e-escaped", {}, ()),
        ("four-subrecords-1152", {}, (1, 2, 3)),
        (
            "nibp-old-and-apnea",
            {
                "nibp": Group(ON, 0x10B, (12_600, 7_100, 8_900, 74)),
                "co2": Group(ON | 4, 2, (None, None, None, 7_600)),
            },
            (),
        ),
        (
            "special-codes",
            {
                "ecg": Group(ON | 8, 0x12, (None, 10, -5, None, 16)),
                "p1": Group(ON, 1, (-32_763, -32_764, -32_765, 72)),
                "t1": Group(ON, 1, (-32_762,)),
                "spo2": Group(ON, 0, (-32_766, -32_766, 25)),
                "o2": Group(ON, 0, (1_650, -32_767)),
            },
            (),
        ),
    ],
)
def test_numbers_are_the_vector_byte_for_byte(vectors, name, changed, extended):
    vector = vectors(PROTOCOL, "phdb")[name]
    made = vector_record(vector, basic_of_the_sheet(**changed), extended=extended)
    assert made.hex() == vector["hex"].lower()


def test_waves_are_the_vector_byte_for_byte(vectors):
    vector = vectors(PROTOCOL, "wave")["wave-ecg-pleth-co2"]
    made = encode_record(
        number=3,
        level=9,
        time_s=0x6B00DC32,
        maintype=WAVEFORM,
        subrecords=[
            (1, encode_wave(range(-150, 150))),
            (8, encode_wave(range(0, 1_000, 10))),
            (9, encode_wave([520] * 25)),
        ],
    )
    assert encode_frame(made).hex() == vector["hex"].lower()


def test_every_request_of_the_sheet_is_understood(vectors):
    found = vectors(PROTOCOL, "request")
    assert len(found) == 6
    for vector in found.values():
        (request,) = Hearing().feed(bytes.fromhex(vector["hex"]))
        expected = vector["expect"][0]["command"]
        if "maintype" in expected:
            assert request == WaveRequest(level=9, req_type=0, seconds=0, types=tuple(expected["types"]))
        else:
            assert request == ValuesRequest(**expected)


def test_request_is_understood_in_any_pieces_and_between_noise(ask):
    hearing = Hearing()
    heard = []
    for byte in b"\x31\x00\x7d" + ask("req-10s-level-9") + b"\x00\x7e\x7e" + ask("req-stop"):
        heard += hearing.feed(bytes((byte,)))
    assert [request.interval_s for request in heard] == [10, 0]


def test_monitor_nobody_asks_is_silent():
    assert monitor().step(60_000) == b""


@pytest.mark.parametrize("name", ["req-10s-level-0", "req-10s-level-9"])
def test_asked_monitor_sends_at_once_and_each_interval(ask, name):
    device = monitor()
    device.step(1_000)
    device.receive(ask(name))
    times = [t_ms for t_ms in range(1_000, 42_000, 100) if device.step(t_ms)]
    assert times == [1_000, 11_000, 21_000, 31_000, 41_000]


def test_request_of_another_level_is_ignored(ask):
    device = monitor()
    device.receive(ask("req-10s-level-8"))
    assert device.step(30_000) == b""


@pytest.mark.parametrize("interval_s", [1, 4, -2])
def test_interval_the_monitor_does_not_serve_is_ignored(interval_s):
    device = monitor()
    device.receive(values_request(interval_s=interval_s))
    assert device.step(30_000) == b""


def values_request(*, interval_s=5, classes=0x0E, type_=1, level=9):
    payload = encode_record(number=0, level=level, time_s=0, maintype=0, subrecords=[(0, b"")])
    payload = payload[:40] + struct.pack("<Bhih", type_, interval_s, classes, 0)
    return encode_frame(struct.pack("<h", 49) + payload[2:])


def wave_request(*types, req_type=0, seconds=0):
    payload = encode_record(number=0, level=9, time_s=0, maintype=1, subrecords=[(0, b"")])
    payload = payload[:40] + struct.pack("<hh8s20s", req_type, seconds, bytes((*types, 0xFF)), b"")
    return encode_frame(struct.pack("<h", 72) + payload[2:])


def test_request_builder_of_this_test_is_the_vector(ask):
    assert values_request(interval_s=10) == ask("req-10s-level-9")
    assert wave_request(1, 8, 9) == ask("req-waves-ecg1-pleth-co2")


def test_single_shot_is_one_record_and_leaves_a_running_stream(ask):
    device = monitor()
    device.receive(ask("req-single-shot"))
    assert len(records(device.step(30_000))) == 1
    device.receive(values_request(interval_s=5))
    device.receive(ask("req-single-shot"))
    assert len(records(device.step(40_000))) == 1 + 3


def test_stop_ends_the_numbers_and_leaves_the_waves(ask):
    device = monitor()
    device.receive(values_request(interval_s=5) + wave_request(8))
    assert {record[14] for record in records(device.step(10_000))} == {PHYSIOLOGICAL, WAVEFORM}
    device.receive(ask("req-stop"))
    assert {record[14] for record in records(device.step(20_000))} == {WAVEFORM}
    device.receive(wave_request(req_type=1))
    assert device.step(30_000) == b""


@pytest.mark.parametrize(
    ("classes", "expected"), [(0x0E, [0, 1, 2, 3]), (0x00, [0]), (0x0F, [1, 2, 3]), (0x04, [0, 2]), (0x01, [])]
)
def test_classes_are_the_ones_asked_for_in_their_order(classes, expected):
    device = monitor()
    device.receive(values_request(classes=classes))
    sent = records(device.step(1))
    starts = [range(40, len(record), 278) for record in sent]
    found = [sent[0][start + 277] & 0x0F for start in starts[0]] if sent else []
    assert found == expected
    if len(expected) == 4:
        assert len(sent[0]) == 1_152


def test_other_record_types_than_displayed_values_are_ignored():
    device = monitor()
    device.receive(values_request(type_=2) + values_request(type_=4))
    assert device.step(60_000) == b""


def test_numbers_are_the_signs(vectors):
    found = basic(one_record((0, signs(etco2=38.0, abp_sys=121.0, abp_dia=75.0, abp_mean=92.0)), vectors=vectors))
    assert found["ecg"] == (ON | 8, 2, 72, NO_DATA, NO_DATA, NO_DATA, 16)
    assert found["spo2"] == (ON, 0, 9_700, 73, 40, NO_DATA)
    assert found["p1"] == (ON, 1, 12_100, 7_500, 9_200, NO_DATA)
    assert found["t1"] == (ON, 11, 3_680)
    assert found["co2"][2] * found["co2"][5] * 1e-5 == pytest.approx(38.0, abs=0.05)
    for absent in ("p2", "t2", "o2", "aa", "flow"):
        assert found[absent] == (0, 0, *[NO_DATA] * BASIC[absent][1])


def test_parts_of_the_body_nobody_measures_are_no_data_and_never_zero():
    assert encode_extended(1)[6:48] == struct.pack("<h", NO_DATA) * 21
    assert scaled(None, 100) is None
    assert scaled(400.0, 100) is None


@pytest.mark.parametrize("bpm", [127, 128, 185, 255, 256, 300])
def test_every_heart_rate_is_sent_as_it_is(bpm, vectors):
    assert basic(one_record((0, signs(hr=float(bpm))), vectors=vectors))["ecg"][2] == bpm


def test_lead_off_marks_its_channels_and_has_no_rate(vectors):
    off = signs("lead_off", without=("hr", "rr"))
    status, _, hr, _, _, _, rr = basic(one_record((0, off), vectors=vectors))["ecg"]
    assert (status & 0x3800, hr, rr) == (0x3800, NO_DATA, NO_DATA)


def test_unplugged_probe_is_an_inactive_module_and_a_probe_in_the_air_has_no_number(vectors):
    def lost(state):
        gone = signs(state, without=("pr", "spo2", "pi"))
        return basic(one_record((0, signs()), (500, gone), t_ms=1_000, vectors=vectors))["spo2"]

    assert lost("no_sensor") == (1, 0, *[NO_DATA] * 4)
    assert lost("sensor_off") == (ON, 0, *[NO_DATA] * 4)


def test_artefact_and_asystole_are_told(vectors):
    assert basic(one_record((0, signs("artifact")), vectors=vectors))["ecg"][0] & 0x180 == 0x180
    assert basic(one_record((0, signs("asystole", without=("hr",))), vectors=vectors))["ecg"][0] & 4


def test_cuff_pressure_grows_old_after_a_minute_and_a_new_one_is_fresh(vectors):
    first = {"nibp_sys": 120.0, "nibp_dia": 80.0, "nibp_mean": 93.0}
    bed = (0, signs(**first)), (120_000, signs(**{**first, "nibp_sys": 126.0}))

    def old(t_ms):
        return bool(basic(one_record(*bed, t_ms=t_ms, vectors=vectors))["nibp"][1] & 0x100)

    assert [old(t_ms) for t_ms in (0, 60_000, 61_000, 119_000, 121_000, 181_000)] == [
        False,
        False,
        True,
        True,
        False,
        True,
    ]


def test_same_cuff_pressure_measured_again_is_fresh(ask):
    device = DatexDri(Patient(3, held={"nibp_sys": 120.0, "nibp_dia": 80.0}), Options())

    def cuff(t_ms):
        device.step(t_ms)
        device.receive(ask("req-single-shot"))
        return basic(records(device.step(t_ms + 1))[0])["nibp"][1:4]

    assert cuff(100_000) == (0x10B, 12_000, 8_000)
    assert cuff(121_000) == (0x00B, 12_000, 8_000)


def test_apnoea_is_told_by_the_gas_module_after_twenty_seconds(vectors):
    bed = (0, signs(etco2=38.0)), (5_000, signs(etco2=38.0, rr=1.0))
    assert not basic(one_record(*bed, t_ms=20_000, vectors=vectors))["co2"][0] & 4
    status, _, et, _, rr, _ = basic(one_record(*bed, t_ms=26_000, vectors=vectors))["co2"]
    assert (status & 4, et, rr) == (4, NO_DATA, NO_DATA)


def waves_of(device, t_ms):
    """Type and samples of every wave subrecord until `t_ms`."""
    found = []
    for record in records(device.step(t_ms)):
        for place in range(8):
            offset, type_ = struct.unpack_from("<hB", record, 16 + 3 * place)
            if type_ == 0xFF:
                break
            count, status, _ = struct.unpack_from("<HHH", record, 40 + offset)
            found.append((type_, status, struct.unpack_from(f"<{count}h", record, 46 + offset)))
    return found


def test_a_record_of_waves_leaves_each_second_with_all_its_samples(ask):
    device = monitor((0, signs(etco2=38.0)))
    device.receive(ask("req-waves-ecg1-pleth-co2"))
    found = waves_of(device, 10_000)
    assert [(type_, len(samples)) for type_, _, samples in found] == [(1, 300), (8, 100), (9, 25)] * 10
    ecg = [sample for type_, _, samples in found if type_ == 1 for sample in samples]
    peaks = [i for i in range(1, len(ecg) - 1) if ecg[i] > 800 and ecg[i - 1] < ecg[i] >= ecg[i + 1]]
    assert 11 <= len(peaks) <= 13  # 72 a minute
    co2 = [sample for type_, _, samples in found if type_ == 9 for sample in samples]
    assert max(co2) == pytest.approx(38.0 / 760 * 10_000, rel=0.02)


def test_waves_that_do_not_fit_or_do_not_exist_are_dropped_without_a_word():
    device = monitor()
    device.receive(wave_request(1, 2, 3, 99, 9, 8))
    assert {type_ for type_, _, _ in waves_of(device, 3_000)} == {1, 2}


def test_timed_waves_end_by_themselves():
    device = monitor()
    device.receive(wave_request(15, req_type=2, seconds=4))
    assert len(waves_of(device, 60_000)) == 4


def test_wave_without_its_lead_says_so_and_has_no_samples():
    device = monitor((0, signs("lead_off", without=("hr", "rr"))))
    device.receive(wave_request(1))
    assert waves_of(device, 1_000) == [(1, 8, (NO_DATA,) * 300)]


def conversation(slice_ms, ask, source=None):
    device = DatexDri(source or Patient(7), Options(seed=7))
    out = b""
    for start in range(0, 30_000, 10_000):
        for t_ms in [*range(start, start + 10_000, slice_ms), start + 10_000]:
            out += device.step(t_ms)
        device.receive(ask("req-10s-level-9") + ask("req-waves-ecg1-pleth-co2"))
    return out


@pytest.mark.parametrize("slice_ms", [7, 40, 333, 9_999])
def test_bytes_do_not_depend_on_how_time_is_sliced(slice_ms, ask):
    assert conversation(slice_ms, ask) == conversation(10_000, ask)


def test_same_signs_give_the_same_bytes_for_ever(ask):
    bed = Bed((0, signs()), (15_000, signs("artifact", hr=185.0, etco2=61.0)))
    assert hashlib.sha256(conversation(100, ask, bed)).hexdigest() == (
        "71be6141a01540f8f37c6dcfbc7ab97e170e1e0df56d64d55ae836cc78e28474"
    )


def test_same_seed_gives_the_same_bytes_and_another_seed_others(ask):
    first, again, other = (conversation(100, ask, Patient(seed)) for seed in (7, 7, 8))
    assert first == again != other


def test_noise_from_the_host_is_no_request(ask):
    chance = random.Random(3)
    device = monitor()
    for _ in range(300):
        device.receive(chance.randbytes(200))
    request = ask("req-10s-level-9")
    for place in range(1, len(request) - 1):
        device.receive(request[:place] + bytes((request[place] ^ 0x01,)) + request[place + 1 :])
    assert device.step(60_000) == b""
    device.receive(request)
    assert device.step(60_001)


def test_groups_of_an_empty_bed_have_no_number():
    device = DatexDri(Bed((0, Signs())), Options())
    found = groups(device._bedside.at(0), 0)
    assert all(word is None for name in ("ecg", "spo2") for word in found[name].words)
