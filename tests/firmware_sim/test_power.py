"""A monitor that loses its power or the time of day."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from firmware_sim.clock import SWITCHED_ON, Clock
from firmware_sim.monitors.monitor import MonitorKind, Options
from firmware_sim.plan import StartedEpisode, StationMonitor
from vitals.durations import Duration


def station_monitor(monitor, episode, start_ms=10_000, **fields):
    started = StartedEpisode(episode=episode, start=Duration(start_ms))
    return StationMonitor(link="a", monitor=monitor, seed=3, episodes=(started,), **fields)


def board(**fields):
    return station_monitor("json-line", "monitor-restart", **fields).build(Path())


def test_monitor_without_power_is_silent_and_then_counts_from_one():
    monitor = board()
    assert len(monitor.step(10_000).splitlines()) == 10
    assert monitor.step(30_000) == b""
    lines = [json.loads(line) for line in monitor.step(35_000).splitlines()]
    assert [(line["seq"], line["t_ms"]) for line in lines] == [
        (1, 1_000),
        (2, 2_000),
        (3, 3_000),
        (4, 4_000),
        (5, 5_000),
    ]


def test_patient_lives_on_while_the_monitor_is_off():
    quiet = StationMonitor(link="a", monitor="json-line", seed=3).build(Path())
    never_off = [json.loads(line) for line in quiet.step(90_000).splitlines()]
    back = [json.loads(line) for line in board().step(90_000).splitlines()]
    assert [line["hr"] for line in back[10:]] == [line["hr"] for line in never_off[30:]]


def test_board_prints_its_boot_text_again():
    assert board(boot_noise=True).step(40_000).count(b"POWERON_RESET") == 2


@pytest.mark.parametrize("slice_ms", [1, 40, 333, 7_000])
def test_bytes_do_not_depend_on_how_time_is_sliced(slice_ms):
    sliced = board()
    times = [*range(0, 45_000, slice_ms), 45_000]
    assert b"".join(sliced.step(t_ms) for t_ms in times) == board().step(45_000)


def test_oximeter_starts_again_with_the_first_frame_of_a_packet():
    data = station_monitor("nonin", "monitor-restart", start_ms=10_500).build(Path()).step(40_000)
    before = 10_500 * 75 // 1_000 * 5
    assert data[before : before + 2] == b"\x01\x81"
    assert before % 125 != 0


class Parrot:
    """Repeats what it hears, with its own time."""

    name = title = "parrot"

    def __init__(self, source, options):
        self.options, self.heard = options, b""

    def receive(self, data):
        self.heard += data

    def step(self, t_ms):
        heard, self.heard = self.heard, b""
        return heard and heard + b" " + self.options.clock.at(t_ms).isoformat().encode()


@pytest.fixture
def parrot(monkeypatch):
    kind = MonitorKind(name="parrot", title="", baud=9_600, make=Parrot)
    monkeypatch.setattr("firmware_sim.plan.find_kind", lambda name: kind)
    return lambda episode: station_monitor("parrot", episode).build(Path())


def test_monitor_without_power_is_deaf(parrot):
    monitor = parrot("monitor-restart")
    monitor.step(15_000)
    monitor.receive(b"who is there")
    assert monitor.step(40_000) == b""


def test_clock_runs_on_while_the_monitor_is_off(parrot):
    monitor = parrot("monitor-restart")
    monitor.step(40_000)
    monitor.receive(b"now?")
    assert monitor.step(40_000) == b"now? 2026-01-01T08:00:40"


def test_clock_jumps_and_jumps_back(parrot):
    monitor = parrot("clock-step")
    told = []
    for t_ms in (9_000, 11_000, 320_000):
        monitor.step(t_ms)
        monitor.receive(b"?")
        told.append(monitor.step(t_ms).decode())
    assert told == ["? 2026-01-01T08:00:09", "? 2026-01-01T09:02:11", "? 2026-01-01T08:05:20"]


def test_clock_of_a_monitor_switched_on_later_is_the_same_clock():
    clock = Clock(ahead_ms=lambda t_ms: 60_000 if t_ms >= 5_000 else 0)
    assert [clock.later(4_000).at(t_ms) for t_ms in (500, 1_000)] == [clock.at(4_500), clock.at(5_000)]
    assert clock.at(0) == SWITCHED_ON == Options().clock.at(0) == datetime(2026, 1, 1, 8)
