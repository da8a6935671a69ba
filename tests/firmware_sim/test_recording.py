"""Recordings: zeros, gaps and nonsense never become numbers."""

import json

import pytest

from firmware_sim.monitors.json_line import JsonLine
from firmware_sim.monitors.monitor import Options
from firmware_sim.recording import (
    FOLDER,
    Player,
    find_recording,
    parse_recording,
    read_recording,
    shipped_recordings,
)
from firmware_sim.signs import Faster
from vitals.errors import DocumentError, UsageError
from vitals.parameters import PARAMETERS


def parse(*rows, header="t_s,hr,spo2"):
    return parse_recording("\n".join((header, *rows)) + "\n", "r.csv")


def shown(recording, *times, **options):
    player = Player(recording, **options)
    return [dict(player.at(t_ms).values) for t_ms in times]


def test_row_stands_until_the_next():
    recording = parse("0,60,97", "60,61,96")
    assert shown(recording, 0, 59_999, 60_000) == [{"hr": 60, "spo2": 97}] * 2 + [{"hr": 61, "spo2": 96}]


def test_zero_is_no_signal():
    recording = parse("0,0,97", "60,60,0.0")
    assert shown(recording, 0, 60_000) == [{"spo2": 97}, {"hr": 60}]
    assert recording.zeros == 2


def test_value_no_device_can_measure_is_missing_and_counted():
    recording = parse("0,60,11647", "60,-5,96")
    assert shown(recording, 0, 60_000) == [{"hr": 60}, {"spo2": 96}]
    assert recording.out_of_range == 2


def test_empty_cell_is_missing():
    assert shown(parse("0,,97", "60,60,"), 0, 60_000) == [{"spo2": 97}, {"hr": 60}]


def test_cuff_pressure_stands_over_empty_cells_until_it_is_stale():
    rows = [f"{minute * 60},60,{'120' if minute == 0 else ''}" for minute in range(40)]
    recording = parse(*rows, header="t_s,hr,nbp_sys")
    first, half_an_hour, later = shown(recording, 0, 1_800_000, 1_860_000)
    assert first == half_an_hour == {"hr": 60, "nibp_sys": 120}
    assert later == {"hr": 60}


def test_cuff_pressure_ends_with_a_zero():
    recording = parse("0,60,120", "60,60,", "120,60,0", "180,60,", header="t_s,hr,nbp_sys")
    assert ["nibp_sys" in values for values in shown(recording, 0, 60_000, 120_000, 180_000)] == [True, True] + [
        False
    ] * 2


def test_gap_between_rows_shows_nothing():
    recording = parse("0,60,97", "60,61,97", "120,62,97", "600,63,97")
    assert shown(recording, 120_000, 209_999, 210_000, 599_999, 600_000) == [
        {"hr": 62, "spo2": 97},
        {"hr": 62, "spo2": 97},
        {},
        {},
        {"hr": 63, "spo2": 97},
    ]


def test_recording_shows_nothing_after_its_end_unless_it_repeats():
    recording = parse("0,60,97", "60,61,97")
    assert shown(recording, 150_000) == [{}]
    assert shown(recording, 120_000, 180_000, repeat=True) == [{"hr": 60, "spo2": 97}, {"hr": 61, "spo2": 97}]


def test_recording_may_start_later():
    recording = parse("1000,60,97", "1060,61,97")
    assert shown(recording, 0, start_ms=60_000) == [{"hr": 61, "spo2": 97}]
    with pytest.raises(UsageError, match="lasts 120 s"):
        Player(recording, start_ms=120_000)


def test_faster_playing_keeps_the_rate_of_the_lines():
    recording = parse(*(f"{minute * 60},{60 + minute},97" for minute in range(10)))
    lines = JsonLine(Faster(Player(recording), 60.0), Options()).step(5_000).splitlines()
    assert [json.loads(line)["hr"] for line in lines] == [61, 62, 63, 64, 65]


def test_names_of_other_exports_are_known():
    recording = parse("0,1,2,3,4,5,6,7", header="t_min,pulse,rr,nbp_dia,nbp_sys,nbp_map,abp_map,temp_c")
    assert set(recording.parameters) == {"pr", "rr", "nibp_dia", "nibp_sys", "nibp_mean", "abp_mean", "temp"}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["1: the first column must be the time"]),
        ("hr,spo2\n1,2\n", ["1: the first column must be the time"]),
        ("t_s\n1\n", ["1: there is no column beside the time"]),
        ("t_s,hr\n", ["1: there is no row"]),
        ("t_s,hr,PLETH\n0,1,2\n", ["1: unknown column 'PLETH'"]),
        ("t_s,pulse,pr\n0,1,2\n", ["1: column 'pr' is a second column"]),
        ("t_s,hr\n0,60\n60\n", ["3: 1 cells, but the header has 2"]),
        ("t_s,hr\n0,60\n60,sixty\n", ["3: 'sixty' is not a number"]),
        ("t_s,hr\n0,60\n60,nan\n120,inf\n", ["3: 'nan' is not a number", "4: 'inf' is not a number"]),
        ("t_s,hr\n60,60\n60,61\n", ["3: time 60 is not after"]),
        ("t_s,hr\n,60\n", ["2: there is no time"]),
    ],
)
def test_bad_recording_is_refused_with_its_lines(text, problems):
    with pytest.raises(DocumentError) as caught:
        parse_recording(text, "r.csv")
    found = [str(problem) for problem in caught.value.problems]
    assert len(found) == len(problems)
    assert all(part in line for part, line in zip((f"r.csv:{p}" for p in problems), found, strict=True))


def test_hopeless_file_does_not_fill_the_screen():
    with pytest.raises(DocumentError) as caught:
        parse(*("x,y,z" for _ in range(1_000)))
    assert len(caught.value.problems) <= 20


def test_file_that_is_not_there_or_no_text_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_recording(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"t_s,hr\n0,\xff\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_recording(tmp_path / "binary.csv")


@pytest.mark.parametrize("name", shipped_recordings())
def test_shipped_recordings_hold_only_plausible_numbers(name):
    recording = find_recording(name)
    assert len(recording.rows) > 100
    for row in recording.rows:
        for parameter, value in row.values.items():
            assert value != 0
            assert PARAMETERS[parameter].plausible(value)


def test_monitor_export_has_the_drop_outs_it_is_known_for():
    recording = find_recording("mimic3wdb-s00001")
    silent = {name: sum(name in row.silent for row in recording.rows) for name in recording.parameters}
    assert len(recording.rows) == 1_936
    assert (silent["hr"], silent["rr"], silent["spo2"], silent["abp_sys"]) == (46, 45, 363, 1_929)


def test_every_zero_of_the_monitor_export_leaves_as_null():
    player = Player(find_recording("mimic3wdb-s00001"))
    lines = JsonLine(Faster(player, 60.0), Options()).step(1_935_000).splitlines()
    values = [json.loads(line) for line in lines]
    assert all(
        line[key] is None or line[key] > 0 for line in values for key in ("hr", "rr", "spo2", "sys", "dia", "map")
    )
    assert sum(line["spo2"] is None for line in values) >= 362


def test_recordings_are_small_and_carry_their_licence():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000
    text = (FOLDER / "LICENSE.md").read_text()
    assert "Open Database License" in text
    assert all(name in text for name in shipped_recordings())
