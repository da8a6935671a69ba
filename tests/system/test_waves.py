"""Waves from the monitor's wire to the journal: a real pty, agent, broker and hub, of which some are killed."""

import sqlite3
import time
from contextlib import closing
from itertools import pairwise

import pytest

from edge_agent.drivers.registry import build
from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.registry import find_kind
from firmware_sim.patient import Patient
from tests.chaos.proxy import Proxy
from tests.conftest import free_port
from tests.edge_agent.conftest import Line
from vitals.waves import WaveFrame, encode_frame

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

EDGE = """
gateway: gw-1
broker: {{port: {port}}}
spool: {{path: spool.db, commit_interval: 50ms}}
devices:
  - id: mon-a
    driver: nonin
    options: {{format: df7}}
    serial: {{path: {folder}/mon-a}}
    waves: {waves}
"""
RATE = 75
COLUMNS = 'epoch, seq, device, channel, time, clock, rate, scale, "offset", unit, samples'


class Oximeter:
    """A simulated finger, played in real time; it remembers the samples it has said."""

    def __init__(self, path):
        self.line = Line(path)
        self.line.plug()
        kind = find_kind("nonin-df7")
        self._monitor = kind.make(Patient(7), Options(seed=7))
        self._reader = build("nonin", {"format": "df7"})
        self._started = None
        self.said = []

    def play(self, seconds=0.0):
        """Say what is due, for so long."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            self._started = self._started or now
            data = self._monitor.step(round((now - self._started) * 1_000))
            if data:
                self.line.say(data)
                for observation in self._reader.feed(data, 0).observations:
                    self.said += observation.waves["pleth"].samples
            if now >= until:
                return
            time.sleep(0.02)


@pytest.fixture
def oximeter(tmp_path):
    made = Oximeter(tmp_path / "mon-a")
    yield made
    made.line.pull()


@pytest.fixture
def waved(bed, oximeter):
    """Bed 7 with an oximeter whose pleth goes to the hub."""
    edge = EDGE.format(port=bed.broker.port, folder=bed.folder, waves="[pleth]")
    (bed.folder / "edge.yaml").write_text(edge)
    return bed


def frames(bed):
    return [WaveFrame(*row) for row in bed.rows(f"SELECT {COLUMNS} FROM wave ORDER BY epoch, seq")]


def samples(bed):
    return [value for frame in frames(bed) for value in frame.values()]


def play_until(oximeter, condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        oximeter.play(0.1)


def place_in(said, stored):
    """Where `stored` begins in what was said: the first packets go by before the line is open.

    None while something is missing in the middle: what is new comes before what waited.
    """
    return next((at for at in range(len(said)) if said[at : at + len(stored)] == stored), None)


def test_every_sample_a_monitor_sends_is_in_the_journal_once_in_order_with_its_time(waved, oximeter):
    waved.start_hub()
    waved.start_edge()
    play_until(oximeter, lambda: len(frames(waved)) >= 3)
    waved.kill("hub")
    oximeter.play(2.0)
    waved.start_hub()
    oximeter.play(1.0)
    waved.broker.stop()
    oximeter.play(1.0)
    waved.broker.start()
    oximeter.play(1.0)
    total = len(oximeter.said)
    waved.until(lambda: place_and_rest(oximeter.said, samples(waved), total), 40)
    found = frames(waved)
    assert {(frame.device, frame.channel, frame.rate_hz, frame.unit) for frame in found} == {
        ("mon-a", "pleth", RATE, "raw")
    }
    for before, after in pairwise(found):
        assert abs(after.time - (before.time + before.duration_ms)) < 40
    assert waved.rows("SELECT DISTINCT ward, bed FROM wave") == [("icu", "7")]
    assert waved.rows("SELECT count(*) FROM gap") == [(0,)]


def place_and_rest(said, stored, total):
    """Whether all that was said from the first stored sample on is stored, and in that order."""
    place = place_in(said, stored)
    return bool(stored) and place is not None and stored == said[place:total]


def test_what_a_killed_gateway_had_on_its_disk_reaches_the_hub_whole(waved, oximeter):
    waved.start_hub()
    waved.start_edge()
    play_until(oximeter, lambda: len(frames(waved)) >= 2)
    waved.kill("hub")
    oximeter.play(3.0)
    waved.kill("edge")
    with closing(sqlite3.connect(f"file:{waved.folder / 'spool.db'}?mode=ro", uri=True)) as spool:
        (accepted,) = spool.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
        (waves,) = spool.execute("SELECT count(*) FROM record WHERE kind = 'wave'").fetchone()
    assert waves >= 4
    waved.start_hub()
    waved.start_edge()
    waved.until(lambda: [high for _, high in waved.rows("SELECT low, high FROM committed")][:1] >= [accepted], 40)
    stored = [value for frame in frames(waved) if frame.seq <= accepted for value in frame.values()]
    assert stored == oximeter.said[place_in(oximeter.said, stored) :][: len(stored)]
    assert len([frame for frame in frames(waved) if frame.seq <= accepted]) == waves


def test_a_device_whose_waves_nobody_asked_for_sends_none(waved, oximeter):
    (waved.folder / "edge.yaml").write_text(EDGE.format(port=waved.broker.port, folder=waved.folder, waves="none"))
    waved.start_hub()
    waved.start_edge()
    play_until(oximeter, lambda: waved.records() >= 3)
    assert frames(waved) == []


THIN = 6_000  # bytes a second
BACKLOG = 1_500  # frames: minutes of work for such a line


def fill_with_waves(folder):
    """A spool full of waves that no hub has had."""
    frame = WaveFrame(1, 1, "mon-a", "ecg_ii", 1_000, "synced", 250.0, 1.0, 0.0, "raw", b"\1\0" * 250)
    wave = {"device": "mon-a", "time": 1_000, "steady": 0, "boot": "before", "clock": "synced", "kind": "wave"}
    spool = open_spool(folder / "spool.db", 64 << 20)
    spool.append([Draft(**wave, wave=encode_frame(frame)) for _ in range(BACKLOG)])
    spool.close()


def test_on_a_thin_line_no_reading_waits_for_the_waves(waved, oximeter):
    proxy = Proxy(free_port(), waved.broker.port).start()
    try:
        proxy.bytes_per_s = THIN
        edge = EDGE.format(port=proxy.port, folder=waved.folder, waves="[pleth]")
        (waved.folder / "edge.yaml").write_text(edge)
        fill_with_waves(waved.folder)
        waved.start_hub()
        waved.until(lambda: (waved.folder / "hub/hub.pub").exists())
        waved.start_edge()
        play_until(oximeter, lambda: waved.records() >= 3)
        (begin,) = waved.rows("SELECT max(id) FROM record")[0]
        sent = waved.rows("SELECT count(*) FROM wave")[0][0]
        play_until(oximeter, lambda: waved.records() >= begin + 12)
        delays = [
            delay for (delay,) in waved.rows(f"SELECT received - time FROM record WHERE id > {begin} ORDER BY id")
        ]
        # At most one message of waves is on the line: a frame takes it a tenth of a second.
        assert max(delays) < 2_000
        assert waved.rows(f"SELECT count(*) FROM record WHERE id > {begin} AND late") == [(0,)]
        moved = waved.rows("SELECT count(*) FROM wave")[0][0]
        assert sent < moved < BACKLOG  # the waves did go, and the line was never free of them
    finally:
        proxy.stop()
