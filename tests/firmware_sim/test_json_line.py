"""The canonical line of hobby boards, against its vector and over time."""

import json

import pytest

from firmware_sim.monitors.json_line import JsonLine, crc8, encode
from firmware_sim.monitors.monitor import Options
from firmware_sim.patient import Patient
from firmware_sim.signs import Signs


def fields(line):
    return json.loads(line)


def test_line_is_the_vector_byte_for_byte(vectors):
    vector = vectors("hobby-lines", "line")["canonical-ok"]
    expected = vector["expect"][0]
    line = encode(device="sim-03", seq=1234, t_ms=5678, signs=Signs(values=expected["values"]))
    assert line.decode() == vector["ascii"]


def test_check_is_over_the_bytes_before_it():
    line = JsonLine(Patient(3), Options(seed=3)).step(1_000)
    body, _, check = line.partition(b',"ck":"')
    assert int(check[:2], 16) == crc8(body)


def test_missing_numbers_are_null_and_never_zero():
    line = fields(encode(device="d", seq=1, t_ms=1, signs=Signs(values={"spo2": 97.0})))
    assert [line[key] for key in ("hr", "spo2", "rr", "temp_c", "sys", "dia", "map")] == [None, 97] + [None] * 5


def test_lead_off_is_said():
    line = fields(encode(device="d", seq=1, t_ms=1, signs=Signs(states=frozenset({"lead_off"}))))
    assert line["leads"] == "off"


def test_one_line_leaves_each_second_with_growing_numbers():
    lines = [fields(line) for line in JsonLine(Patient(1), Options(seed=1)).step(10_500).splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, 11))
    assert [line["t_ms"] for line in lines] == [second * 1_000 for second in range(1, 11)]


def test_sequence_wraps_at_sixteen_bits():
    class Still:
        def at(self, t_ms):
            return Signs()

    lines = JsonLine(Still(), Options()).step(65_537_000).splitlines()
    assert [fields(line)["seq"] for line in lines[-3:]] == [65_535, 0, 1]


@pytest.mark.parametrize("slice_ms", [1, 40, 999, 3_000])
def test_bytes_do_not_depend_on_how_time_is_sliced(slice_ms):
    options = Options(seed=2, boot_noise=True)
    sliced = JsonLine(Patient(2), options)
    times = [*range(0, 6_000, slice_ms), 6_000]
    assert b"".join(sliced.step(t_ms) for t_ms in times) == JsonLine(Patient(2), options).step(6_000)


def test_boot_noise_comes_before_the_first_line_and_only_once():
    board = JsonLine(Patient(2), Options(seed=2, boot_noise=True))
    first, second = board.step(1_000), board.step(2_000)
    assert b"POWERON_RESET" in first
    assert first.splitlines()[-1].startswith(b'{"v":1')
    assert second.startswith(b'{"v":1')


def test_lines_stay_within_what_a_reader_must_take():
    values = dict.fromkeys(("hr", "spo2", "rr", "temp", "nibp_sys", "nibp_dia", "nibp_mean"), 299.9)
    line = encode(device="d" * 31, seq=65_535, t_ms=10**12, signs=Signs(values=values))
    assert len(line) <= 512
