"""Whatever is done to the clock of a gateway, its records keep their order and, once the time is known, their times."""

import itertools
import tempfile
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.anchors import Anchors
from edge_agent.clock_quality import ClockWatch, GatewayClock
from edge_agent.spool_file import open_spool
from edge_agent.stamp import CLOCK_FLOOR_MS, Stamper
from edge_agent.wave_desk import WaveDesk
from vitals.readings import Observation, Record, Wave
from vitals.waves import decode_frames

TRUE = CLOCK_FLOOR_MS + 200 * 86_400_000
DEVICES = ("mon-a", "mon-b")
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small spools: their disk is not the question here
STEPS = [sign * size for sign in (1, -1) for size in (1_000, 30_000, 3_600_000, 86_400_000, 10 * 365 * 86_400_000)]


class Gateway:
    """A gateway whose clock is played with. `truth` says when each record was made, by its seq."""

    def __init__(self, folder: Path):
        self.path = folder / "spool.db"
        self.elapsed = self.booted = 0
        self.boots = 0
        self.wall_ahead = 0
        self.synced = False
        self.truth = {}
        self.spool = None
        self.boot(wall=TRUE)

    def wall_ms(self):
        return max(0, TRUE + self.elapsed + self.wall_ahead)

    def steady_ms(self):
        return self.elapsed - self.booted + 1_000

    def boot(self, wall):
        """Power was away for a minute; the clock begins at `wall` and nothing has set it yet."""
        self.elapsed += 60_000
        self.booted = self.elapsed
        self.boots += 1
        self.wall_ahead = wall - TRUE - self.elapsed
        self.synced = False
        self.start()

    def start(self):
        """The agent starts, or starts again."""
        self.elapsed += 500
        if self.spool is not None:
            self.spool.close()
        self.spool = open_spool(self.path, max_bytes=1 << 26)
        known = self.spool.anchors()
        floor = max([self.spool.newest_known(), *(anchor.wall for anchor in known)], default=0)
        self.boot_id = f"boot-{self.boots}"
        self.watch = ClockWatch(lambda: self.synced, self, Anchors(self.boot_id, known, floor))
        self.found = list(self.watch.found)
        self.clock = GatewayClock(self, self.watch.anchors)
        times = self.spool.newest_times()
        self.stampers = {device: Stamper(device, self.boot_id, times.get(device, 0)) for device in DEVICES}

    def step(self, by):
        """Somebody sets the clock; the kernel takes that for the end of being disciplined."""
        self.wall_ahead += by
        self.synced = False

    def sync(self, on):
        self.synced = on
        if on:
            self.wall_ahead = 0

    def look(self):
        anchor = self.watch.look()
        self.found += [anchor] if anchor is not None else []
        while self.found:
            self.spool.keep_anchor(self.found.pop(0))
        while self.spool.has_guesses(self.boot_id) and self.watch.anchors.best is not None:
            _, newest = self.spool.date_anew(3)
            for device, time in newest.items():
                self.stampers[device].dated(time)

    def measure(self, device, passed):
        self.elapsed += passed
        draft = self.stampers[device].stamp(
            Observation(values={"hr": 72}),
            wall=self.clock.wall_ms(),
            steady=self.steady_ms(),
            clock=self.watch.quality,
        )
        done = self.spool.append([draft])
        self.truth[done.last] = TRUE + self.elapsed

    def records(self):
        return [msgspec.json.decode(body, type=Record) for _, body in self.spool.read([(1, 1 << 40)], 1 << 30)]


ACTS = st.one_of(
    st.tuples(st.just("measure"), st.sampled_from(DEVICES), st.sampled_from([0, 1, 40, 1_000, 10_000])),
    st.tuples(st.just("look")),
    st.tuples(st.just("step"), st.sampled_from(STEPS)),
    st.tuples(st.just("sync"), st.booleans()),
    st.tuples(st.just("boot"), st.sampled_from([0, TRUE - 86_400_000, TRUE, TRUE + 10 * 365 * 86_400_000])),
    st.tuples(st.just("start")),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, max_size=40), st.booleans())
def test_no_play_with_the_clock_disorders_records_or_dates_them_wrongly(acts, known_at_the_end):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        gateway = Gateway(Path(folder))
        for name, *arguments in acts:
            getattr(gateway, name)(*arguments)
        for device in DEVICES:
            gateway.measure(device, 1_000)
        gateway.sync(on=known_at_the_end)
        gateway.look()
        gateway.measure(DEVICES[0], 0)
        records = gateway.records()
        gateway.spool.close()
        assert [record.seq for record in records] == list(range(1, len(gateway.truth) + 1))
        assert not known_at_the_end or records[-1].clock == "synced"
        good = [record for record in records if record.clock != "unsynced"]
        assert [record for record in good if abs(record.time - gateway.truth[record.seq]) > 1_000] == []
        times = defaultdict(list)
        for record in good:
            times[record.device].append(record.time)
        for of_device in times.values():
            assert all(earlier < later for earlier, later in itertools.pairwise(of_device))


@pytest.mark.parametrize("wall", [0, TRUE - 86_400_000, TRUE + 10 * 365 * 86_400_000])
def test_what_was_measured_before_the_clock_was_set_gets_its_true_time(tmp_path, wall):
    gateway = Gateway(tmp_path)
    gateway.boot(wall)
    for _ in range(20):
        gateway.measure("mon-a", 1_000)
    assert {record.clock for record in gateway.records()} == {"unsynced"}
    gateway.sync(on=True)
    gateway.look()
    assert {record.seq: record.time for record in gateway.records()} == gateway.truth
    assert {record.clock for record in gateway.records()} == {"synced"}
    gateway.spool.close()


def test_a_gateway_that_died_before_its_clock_was_set_keeps_the_order_and_says_that_the_time_is_a_guess(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.sync(on=True)
    gateway.look()
    gateway.measure("mon-a", 1_000)
    gateway.boot(wall=0)
    gateway.measure("mon-a", 1_000)
    gateway.boot(wall=0)
    gateway.sync(on=True)
    gateway.look()
    gateway.measure("mon-a", 1_000)
    first, guess, last = gateway.records()
    gateway.spool.close()
    assert (first.clock, guess.clock, last.clock) == ("synced", "unsynced", "synced")
    assert first.time < guess.time < last.time  # between the last known time and the hub's


def test_a_long_wait_for_the_time_is_told_as_holdover(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.measure("mon-a", 1_000)
    gateway.measure("mon-a", 86_400_000)
    gateway.sync(on=True)
    gateway.look()
    assert [record.clock for record in gateway.records()] == ["holdover", "synced"]
    gateway.spool.close()


def test_waves_and_single_measurements_are_dated_anew_too(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.boot(wall=0)
    gateway.elapsed += 120_000
    desk = WaveDesk(gateway.boot_id)
    desk.add_device("mon-a", ["pleth"])
    desk.take("mon-a", Observation(waves={"pleth": Wave(rate_hz=10.0, samples=(1.0,) * 10)}), gateway.steady_ms())
    waves = desk.cut(wall=gateway.clock.wall_ms(), steady=gateway.steady_ms(), clock="unsynced", everything=True)
    cuff = gateway.stampers["mon-a"].stamp(
        Observation(values={"nibp_sys": 120}, aperiodic=True, age_ms=90_000),
        wall=gateway.clock.wall_ms(),
        steady=gateway.steady_ms(),
        clock="unsynced",
    )
    now = TRUE + gateway.elapsed
    gateway.spool.append([*waves, cuff])
    gateway.sync(on=True)
    gateway.look()
    (_, frame), (_, record) = gateway.spool.read([(1, 2)])
    gateway.spool.close()
    (wave,) = decode_frames(frame)
    assert (wave.clock, now - 1_100 <= wave.time <= now) == ("synced", True)
    record = msgspec.json.decode(record, type=Record)
    assert (record.time, record.clock) == (now - 90_000, "synced")


def test_a_time_nobody_knows_stays_so(tmp_path):
    gateway = Gateway(tmp_path)
    draft = gateway.stampers["mon-a"].stamp(
        Observation(values={"hr": 72}, untimed=True), wall=gateway.wall_ms(), steady=5_000, clock="unsynced"
    )
    gateway.spool.append([draft])
    gateway.sync(on=True)
    gateway.look()
    (record,) = gateway.records()
    gateway.spool.close()
    assert record.clock == "unsynced"


def test_guesses_of_a_damaged_spool_can_still_be_put_right(tmp_path, caplog):
    gateway = Gateway(tmp_path)
    gateway.boot(wall=0)
    for _ in range(3):
        gateway.measure("mon-a", 1_000)
    gateway.spool._database.execute("DELETE FROM meta")  # without its sentinel row a spool counts as damaged
    gateway.start()
    assert "3 records salvaged" in caplog.text
    gateway.sync(on=True)
    gateway.look()
    assert {record.seq: record.time for record in gateway.records() if record.gap is None} == gateway.truth
    gateway.spool.close()
