"""The wave desk: only what was asked for, in units the wire knows, with a time that is the clock's."""

import math

import pytest

from edge_agent.wave_desk import WaveDesk
from vitals.readings import Observation, Wave
from vitals.waves import decode_frames

WALL = 1_800_000_000_000


def desk(chosen="all"):
    made = WaveDesk("boot-1")
    made.add_device("mon-a", chosen)
    return made


def feed(made, channel="pleth", unit="", rate=75.0, values=None, device="mon-a", seconds=3):
    values = values or [float(number % 100) for number in range(75)]
    for second in range(1, seconds + 1):
        wave = Wave(rate_hz=rate, samples=tuple(values), unit=unit)
        made.take(device, Observation(waves={channel: wave}), 10_000 + 1_000 * second)


def frames(made, steady=20_000, wall=WALL, clock="synced"):
    drafts = made.cut(wall=wall, steady=steady, clock=clock)
    assert {draft.kind for draft in drafts} <= {"wave"}
    return [frame for draft in drafts for frame in decode_frames(draft.wave)]


def test_a_frame_says_when_its_first_sample_was_measured():
    made = desk()
    feed(made)
    found = frames(made)
    assert [frame.time for frame in found] == [WALL - 10_000 + 1_000 * second for second in range(3)]
    assert [frame.values() for frame in found] == [[float(number % 100) for number in range(75)]] * 3
    assert found[0][2:4] == ("mon-a", "pleth")


@pytest.mark.parametrize(
    ("unit", "written", "factor"),
    [("", "raw", 1), ("adc", "raw", 1), ("raw", "raw", 1), ("uV", "mV", 0.001), ("mmHg", "mm[Hg]", 1), ("%", "%", 1)],
)
def test_units_are_ucum_and_counts_stay_counts(unit, written, factor):
    made = desk()
    feed(made, unit=unit, values=[-120.0, 250.0] * 40)
    assert {frame.unit for frame in frames(made)} == {written}
    feed(made, unit=unit, values=[-120.0, 250.0] * 40)
    assert frames(made, steady=40_000)[0].values()[:2] == pytest.approx([-120 * factor, 250 * factor], rel=1e-4)


@pytest.mark.parametrize(
    ("chosen", "seen"), [("all", {"pleth"}), (["pleth"], {"pleth"}), (["ecg"], set()), ("none", set())]
)
def test_only_the_waves_asked_for_are_taken(chosen, seen):
    made = desk(chosen)
    feed(made)
    feed(made, channel="p1_w")  # a name of the driver's own, which the wire has no word for
    feed(made, device="mon-b")
    assert {frame.channel for frame in frames(made)} == seen


def test_a_wave_whose_rate_nobody_knows_is_counted_not_guessed():
    made = desk()
    feed(made, rate=None)
    feed(made, rate=0.0)
    assert frames(made) == []
    assert made.dropped == {"pleth: nobody knows its rate": 6}


def test_a_hole_in_the_samples_is_none_not_zero():
    made = desk()
    feed(made, values=[1.5, math.nan, 2.5] * 25, seconds=1)
    assert frames(made)[0].values()[:3] == [pytest.approx(1.5), None, pytest.approx(2.5)]


def test_a_monitor_that_changes_its_rate_loses_nothing():
    made = desk()
    feed(made, seconds=1)
    feed(made, rate=50.0, seconds=1)
    assert sorted(frame.rate_hz for frame in frames(made)) == [50.0, 75.0]


def test_a_clock_that_was_never_set_is_said_to_be_unsynced():
    made = desk()
    feed(made)
    assert {frame.clock for frame in frames(made, wall=5_000)} == {"unsynced"}
