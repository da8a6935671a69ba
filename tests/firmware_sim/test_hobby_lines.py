"""The lines of public sketches against vectors, and over time."""

import json

import pytest

from firmware_sim.monitors import hobby_lines
from firmware_sim.monitors.hobby_lines import SHAPES, HobbyBoard
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Signs

NOBODY = Signs()


def shape(name):
    return next(shape for shape in SHAPES if shape.name == name)


@pytest.fixture
def board(bed, signs):
    def build(name, *changes, **options):
        return HobbyBoard(shape(name), bed(*(changes or ((0, signs()),))), Options(seed=1, **options))

    return build


@pytest.fixture
def vector(vectors):
    return lambda name: vectors("hobby-lines", "line")[name]["ascii"].encode()


def test_json_is_the_vector(signs, vector):
    assert hobby_lines.encode_json(signs()) == vector("json-heartRate")
    assert hobby_lines.encode_json_snake(NOBODY) == vector("json-null")


def test_csv_is_the_vector(signs, vector):
    assert hobby_lines.encode_csv(signs()) == vector("csv-bare")


def test_key_value_is_the_vector(signs, vector):
    line = hobby_lines.encode_key_value(signs(rr=16.0, nibp_sys=120.0, nibp_dia=80.0))
    assert line == vector("key-value")


def test_sparkfun_lines_are_the_vectors(signs, vector):
    worn = hobby_lines.encode_sparkfun_spo2(signs(pr=75.0, spo2=98.0), red=123_456, ir=110_021)
    assert worn == vector("sparkfun-spo2-valid")
    assert hobby_lines.encode_sparkfun_spo2(NOBODY, red=0, ir=0) == vector("sparkfun-spo2-invalid")
    assert hobby_lines.encode_sparkfun_bpm(ir=112_345, bpm=71.43, average=70) == vector("sparkfun-bpm")


def test_max30100_line_is_the_vector(signs, vector):
    assert hobby_lines.encode_max30100(signs()) == vector("max30100lib")


def test_count_of_the_converter_is_the_vector(vector):
    assert hobby_lines.encode_adc(0.0) == vector("ad8232-sample")
    assert hobby_lines.encode_adc(None) == vector("ad8232-leads-off")


@pytest.mark.parametrize("name", [shape.name for shape in SHAPES if shape.name not in ("ad8232", "max30100lib")])
def test_one_line_leaves_each_second(board, name):
    assert board(name).step(10_000).count(b"\r\n") == 10


@pytest.mark.parametrize("bpm", [127, 128, 185, 255, 256, 300])
def test_numbers_are_those_of_the_patient(board, signs, bpm):
    changes = (0, signs(hr=float(bpm), pr=float(bpm), spo2=91.0))
    assert json.loads(board("hobby-json", changes).step(1_000)) == {"heartRate": bpm, "spo2": 91}
    assert board("hobby-csv", changes).step(1_000) == b"%d.00,91.00\r\n" % bpm
    assert b"HR=%d, HRvalid=1, SPO2=91" % bpm in board("sparkfun-spo2", changes).step(1_000)
    assert b"Avg BPM=%d\r\n" % bpm in board("sparkfun-bpm", changes).step(1_000)
    assert b"Heart rate:%dbpm / SpO2:91%%\r\n" % bpm in board("max30100lib", changes).step(1_000)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hobby-json", b'{"heartRate":72,"spo2":null}'),
        ("hobby-json-snake", b'{"heart_rate": 72.0, "spo2": null}'),
        ("hobby-csv", b"72.00,0.00"),
        ("hobby-key-value", b"HR=72;SPO2=-999;TEMP=36.8;RR=15;SYS=-999;DIA=-999"),
        ("sparkfun-spo2", b"red=1344, ir=1200, HR=-999, HRvalid=0, SPO2=-999, SPO2Valid=0"),
        ("sparkfun-bpm", b"IR=1200, BPM=0.00, Avg BPM=0 No finger?"),
        ("max30100lib", b"Heart rate:0bpm / SpO2:0%"),
    ],
)
def test_missing_number_is_what_the_sketch_prints_for_it(board, signs, name, line):
    assert board(name, (0, signs("sensor_off"))).step(1_000) == line + b"\r\n"


def test_moving_finger_has_a_wild_rate_that_is_marked_as_not_valid(board, signs):
    assert b"HR=214, HRvalid=0," in board("sparkfun-spo2", (0, signs("artifact"))).step(1_000)


def test_each_beat_is_a_line(board, signs):
    data = board("max30100lib", (0, signs(pr=90.0))).step(60_000)
    assert data.count(b"Beat!\r\n") == pytest.approx(90, abs=1)
    assert data.count(b"Heart rate:90bpm") == 60


def test_converter_counts_a_hundred_times_a_second_and_follows_the_heart(board, signs):
    counts = [int(line) for line in board("ad8232", (0, signs(hr=60.0))).step(10_000).split()]
    assert len(counts) == 1_000
    assert all(0 <= count <= 1_023 for count in counts)
    peaks = [at for at, count in enumerate(counts) if count > 650 and count == max(counts[max(0, at - 20) : at + 20])]
    assert len(peaks) == pytest.approx(10, abs=1)


def test_lead_that_is_off_is_a_mark_and_no_count(board, signs):
    assert set(board("ad8232", (0, signs("lead_off"))).step(1_000).split()) == {b"!"}


def test_boot_text_comes_once_before_the_first_line(board):
    device = board("hobby-csv", boot_noise=True)
    assert device.step(0) == b""
    first, second = device.step(1_000), device.step(2_000)
    assert b"POWERON_RESET" in first
    assert first.endswith(b"\r\n72.00,97.00\r\n")
    assert second == b"72.00,97.00\r\n"
