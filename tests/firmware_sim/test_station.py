"""A station of monitors, and the commands that run them, as processes."""

import asyncio
import json
import os
import signal
import socket
import time

import pytest
import serial

from firmware_sim.monitors.json_line import JsonLine
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nonin import NoninMonitor
from firmware_sim.patient import Patient
from firmware_sim.plan import FOLDER, StationMonitor
from firmware_sim.playback import LATEST_MS, Outlet, Pace
from firmware_sim.station import run_station
from vitals.errors import UsageError


def test_sim_writes_the_bytes_of_its_seed(wardline):
    done = wardline("sim", "nonin-df2", "--stdout", "--seconds", "5", "--seed", "9")
    assert done.stdout == NoninMonitor(Patient(9), 2, Options(seed=9)).step(5_000)
    assert done.returncode == 0


@pytest.mark.parametrize(("alias", "name"), [("nonin", "nonin-df2"), ("hobby-lines", "json-line")])
def test_aliases_are_the_same_monitor(wardline, alias, name):
    words = ("--stdout", "--seconds", "2")
    assert wardline("sim", alias, *words).stdout == wardline("sim", name, *words).stdout


def test_stdout_with_an_end_is_faster_than_the_monitor(wardline):
    started = time.monotonic()
    assert len(wardline("sim", "nonin", "--stdout", "--seconds", "600").stdout) == 600 * 375
    assert time.monotonic() - started < 60


def test_set_and_episode_reach_the_wire(wardline):
    words = ("sim", "json-line", "--stdout", "--seconds", "40", "--set", "hr=185,spo2=92", "--episode")
    lines = [json.loads(line) for line in wardline(*words, "desaturation@10").stdout.splitlines()]
    assert {line["hr"] for line in lines[:9]} == {185}
    assert lines[8]["spo2"] == 92
    assert lines[-1]["spo2"] == 81


def test_noise_is_repeatable(wardline):
    words = ("sim", "nonin", "--stdout", "--seconds", "20", "--seed", "3")
    noisy = wardline(*words, "--noise", "0.01").stdout
    assert noisy == wardline(*words, "--noise", "0.01").stdout
    assert noisy != wardline(*words).stdout


def test_noise_may_be_chosen_kind_by_kind(wardline):
    words = ("sim", "masimo-ascii1", "--stdout", "--seconds", "60", "--seed", "3")
    clean = wardline(*words).stdout
    assert wardline(*words, "--noise", "skip=50").stdout == clean[50:]
    assert wardline(*words, "--noise", "garbage=9").stdout[9:] == clean
    assert len(wardline(*words, "--noise", "loss=0.05").stdout) < len(clean)
    flipped = wardline(*words, "--noise", "flips=0.01,one-byte").stdout
    assert len(flipped) == len(clean)
    assert flipped != clean


def test_monitor_restarts_from_the_command_line(wardline):
    words = ("sim", "nellcor-ascii", "--stdout", "--seconds", "40", "--episode", "monitor-restart@8")
    lines = wardline(*words).stdout.decode().splitlines()
    assert [line[10:18] for line in lines if line[2:3] == "-"] == [
        f"08:00:{second:02d}" for second in (2, 4, 6, 8, 30, 32, 34, 36, 38, 40)
    ]
    assert sum("VERSION" in line for line in lines) == 2


def test_list_names_everything(wardline):
    listing = json.loads(wardline("sim", "--list", "--json").stdout)
    assert {"nonin-df2", "nonin-df7", "json-line"} < {entry["name"] for entry in listing["monitors"]}
    text = wardline("sim", "--list").stdout.decode()
    names = [entry["name"] for entry in listing["monitors"]] + [entry["id"] for entry in listing["episodes"]]
    assert all(name in text for name in (*names, *listing["recordings"]))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("sim",), "name a monitor"),
        (("sim", "nonin"), "--pty, --tcp PORT or --stdout"),
        (("sim", "x", "--pty"), "there is no monitor 'x'"),
        (("sim", "nonin", "--stdout", "--episode", "nap"), "there is no episode 'nap'"),
        (("sim", "nonin", "--stdout", "--episode", "motion@soon"), "--episode motion@soon"),
        (("sim", "nonin", "--stdout", "--set", "hr=fast"), "expected a number"),
        (("sim", "nonin", "--stdout", "--set", "hr=nan"), "hr must be from"),
        (("sim", "nonin", "--stdout", "--set", "mood=3"), "--set knows hr"),
        (("sim", "nonin", "--stdout", "--noise", "2"), "from 0 to 1"),
        (("sim", "nonin", "--stdout", "--noise", "hum=0.1"), "loss=0.01"),
        (("sim", "nonin", "--stdout", "--seconds", "0"), "--seconds"),
        (("sim", "nonin", "--stdout", "--speed", "0"), "--speed"),
        (("sim", "nonin", "--stdout", "--count", "2"), "carries one monitor"),
        (("sim", "nonin", "--stdout", "--link", "x"), "add --pty"),
        (("sim", "nonin", "--tcp", "70000"), "is no port"),
        (("sim", "nonin", "--stdout", "--boot-noise"), "has no boot_noise"),
        (("sim", "nonin", "--stdout", "--csv", "none.csv"), "cannot read none.csv"),
        (("sim", "--plan", "none.yaml"), "--folder"),
        (("replay", "none.csv"), "cannot read none.csv"),
        (("replay", "mimic3wdb-s00001", "--from", "9999999"), "choose an earlier moment"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(wardline, words, text):
    done = wardline(*words)
    message = done.stderr.decode()
    assert done.returncode == 2
    assert text in message
    assert message.count("\n") == 1
    assert done.stdout == b""


def test_bad_recording_is_exit_1_with_its_line(wardline, tmp_path):
    (tmp_path / "bad.csv").write_text("t_s,hr\n0,60\n60,sixty\n")
    done = wardline("replay", str(tmp_path / "bad.csv"))
    assert done.returncode == 1
    assert f"{tmp_path / 'bad.csv'}:3: 'sixty' is not a number" in done.stderr.decode()


def test_replay_sends_a_recorded_minute_each_second_and_ends_with_the_recording(wardline, tmp_path):
    rows = "".join(f"{minute * 60},{60 + minute},{0 if minute == 2 else 97}\n" for minute in range(5))
    (tmp_path / "r.csv").write_text("t_s,hr,spo2\n" + rows)
    done = wardline("replay", str(tmp_path / "r.csv"), "--speed", "60")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["hr"], line["spo2"]) for line in lines] == [(61, 97), (62, None), (63, 97), (64, 97), (64, 97)]


def test_replay_may_speak_nonin(wardline):
    done = wardline("replay", "mimic3wdb-s00001", "--monitor", "nonin-df7", "--seconds", "3", "--from", "50400")
    assert len(done.stdout) == 3 * 375


def test_reader_that_goes_away_ends_the_replay_without_a_trace(running):
    process = running("replay", "mimic3wdb-s00001")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == ""
    process.stdout = None


def test_sim_on_a_pty_prints_its_path_and_stops_on_sigterm(running, tmp_path):
    link = tmp_path / "mon"
    process = running("sim", "json-line", "--pty", "--link", str(link), "--seed", "5")
    assert process.stdout.readline().strip() == str(link)
    with serial.Serial(str(link), 115_200, timeout=5) as port:
        line = json.loads(port.read_until(b"\n"))
    assert line["dev"] == "sim-05"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert not os.path.lexists(link)


def test_many_monitors_in_one_process_each_with_a_seed(running, tmp_path):
    process = running("sim", "json-line", "--pty", "--link", str(tmp_path / "mon"), "--count", "3", "--seed", "7")
    table = [process.stdout.readline().split() for _ in range(3)]
    assert [row[0] for row in table] == [str(tmp_path / f"mon-{number}") for number in (1, 2, 3)]
    assert [row[-1] for row in table] == ["7", "8", "9"]
    with serial.Serial(table[2][0], 115_200, timeout=5) as port:
        assert json.loads(port.read_until(b"\n"))["dev"] == "sim-09"


def test_fifty_monitors_are_told_as_a_table_of_their_ptys(running, tmp_path):
    process = running("sim", "masimo-ascii1", "--pty", "--count", "50", "--noise", "one-byte")
    table = [process.stdout.readline().split() for _ in range(50)]
    assert len({row[0] for row in table}) == 50
    assert [row[1:] for row in table] == [["masimo-ascii1", "seed", str(seed)] for seed in range(50)]
    with serial.Serial(table[49][0], 9_600, timeout=5) as port:
        assert port.read_until(b"\r\n")[18:30] == b"SN=000014504"


def test_sim_on_tcp_keeps_real_time(running):
    process = running("sim", "nonin", "--tcp", "0", "--seconds", "30")
    host, _, port = process.stdout.readline().strip().partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        started = time.monotonic()
        received = 0
        while received < 375:
            received += len(connection.recv(4_096))
        assert 0.3 < time.monotonic() - started < 20


def test_plan_runs_as_one_process_and_leaves_nothing_behind(running, tmp_path, until):
    folder = tmp_path / "lines"
    process = running("sim", "--plan", str(FOLDER / "demo.yaml"), "--folder", str(folder))
    until(lambda: folder.exists() and len(list(folder.glob("mon-*"))) == 8)
    with serial.Serial(str(folder / "mon-4"), 9_600, timeout=5) as port:
        assert len(port.read(500)) == 500
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert time.monotonic() - asked < 6
    assert list(folder.iterdir()) == []


def test_station_stops_when_told_and_removes_its_links(tmp_path):
    async def run():
        stop = asyncio.Event()
        plan = [StationMonitor(link=f"m{number}", monitor="nonin", seed=number) for number in range(3)]
        task = asyncio.create_task(run_station(plan, tmp_path, stop))
        async with asyncio.timeout(5):
            while len(list(tmp_path.iterdir())) < 3:
                await asyncio.sleep(0.01)
            stop.set()
            await task
        assert list(tmp_path.iterdir()) == []

    asyncio.run(run())


def test_station_that_cannot_start_leaves_no_link(tmp_path):
    (tmp_path / "b").write_text("in the way")
    plan = [StationMonitor(link=name, monitor="nonin") for name in ("a", "b")]
    with pytest.raises(UsageError):
        asyncio.run(run_station(plan, tmp_path, asyncio.Event()))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_was_due_during_a_long_pause_is_lost_not_sent_in_a_burst():
    now = 100.0
    pace = Pace(lambda: now)
    now += 0.040
    assert pace.next() == (40, False)
    now += LATEST_MS / 1_000 + 0.1
    assert pace.next() == (2_140, True)
    now += 0.040
    assert pace.next() == (2_180, False)


def test_late_bytes_do_not_reach_the_line_and_the_next_ones_do():
    class Ear:
        address, dropped = "ear", 0

        def __init__(self):
            self.heard = b""

        def write(self, data):
            self.heard += data

        def read(self):
            return b""

    ear = Ear()
    outlet = Outlet(JsonLine(Patient(1), Options()), ear)
    outlet.step(1_000)
    outlet.step(9_000, late=True)
    outlet.step(10_000)
    assert [json.loads(line)["seq"] for line in ear.heard.splitlines()] == [1, 10]
