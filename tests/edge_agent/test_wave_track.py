"""The track of a waveform: evenly spaced samples, unevenly delivered, get the times they were measured at."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wave_track import LOOK_AHEAD_MS, STALE_MS, Track

RATE = 75.0
PIECE = 25


def play(track, pieces, *, rate=RATE, piece=PIECE, start=10_000, delays=None, lost=(), true_rate=None, tick=250):
    """Feed `pieces` pieces as a monitor that began at `start` says them; every stretch cut on the way."""
    heard, stretches, number = [], [], 0
    for index in range(pieces):
        values = [float(number + offset) for offset in range(piece)]
        number += piece
        if index in lost:
            continue
        at = start + number * 1_000 / (true_rate or rate) + (delays[index] if delays else 0)
        heard.append((round(at), values))
    heard.sort(key=lambda one: one[1][0])
    now = start
    for at, values in heard:
        while now + tick <= at:
            now += tick
            stretches += track.cut(now)
        track.take(values, max(at, now))
    return stretches + track.cut(heard[-1][0] + tick + STALE_MS + 1)


def numbers(stretches):
    return [value for stretch in stretches for value in stretch.values]


def worst_ms(stretches, *, rate=RATE, start=10_000):
    """How far any sample is from when it was measured; a sample's value is its number."""
    return max(abs(one.start - (start + one.values[0] * 1_000 / rate)) for one in stretches)


def test_every_sample_comes_once_in_order_in_stretches_of_a_second():
    stretches = play(Track(RATE, "raw"), 100)
    assert numbers(stretches) == [float(number) for number in range(2_500)]
    assert {len(stretch.values) for stretch in stretches[:-1]} == {75}
    assert worst_ms(stretches) < 1


@given(st.lists(st.floats(0, LOOK_AHEAD_MS * 0.9), min_size=200, max_size=200))
def test_whatever_the_line_does_to_the_pieces_no_sample_is_lost_doubled_or_moved(delays):
    stretches = play(Track(RATE, "raw"), 200, delays=delays)
    assert numbers(stretches) == [float(number) for number in range(5_000)]


def test_jitter_of_the_line_is_not_jitter_of_the_samples():
    generator = random.Random(7)
    delays = [generator.uniform(0, 16) if generator.random() < 0.9 else generator.uniform(0, 300) for _ in range(600)]
    stretches = play(Track(RATE, "raw"), 600, delays=delays)
    assert worst_ms(stretches) < 20


def test_pieces_that_waited_together_keep_their_own_times():
    delays = [1_000 / 3 * (2 - index % 3) for index in range(90)]  # three are always read at once
    stretches = play(Track(RATE, "raw"), 90, delays=delays)
    assert numbers(stretches) == [float(number) for number in range(2_250)]
    assert worst_ms(stretches) < 5


@pytest.mark.parametrize("ppm", [-300, -100, 100, 300, 2_000])
def test_a_crystal_that_runs_off_does_not_carry_the_times_away(ppm):
    true_rate = RATE * (1 + ppm / 1e6)
    stretches = play(Track(RATE, "raw"), 3 * 3_600, true_rate=true_rate)
    assert worst_ms(stretches, rate=true_rate) < 40
    ends = [one.start + len(one.values) * 1_000 / RATE for one in stretches]
    assert all(abs(after.start - end) < 5.01 for end, after in zip(ends, stretches[1:], strict=False))


@pytest.mark.parametrize("lost", [{10}, {10, 11}, {10, 20, 30}, set(range(40, 60))])
def test_samples_that_are_missing_move_no_other_sample(lost):
    stretches = play(Track(RATE, "raw"), 100, lost=lost)
    assert len(numbers(stretches)) == (100 - len(lost)) * PIECE
    assert worst_ms(stretches) < 2
    assert all(
        stretch.values == [stretch.values[0] + index for index in range(len(stretch.values))] for stretch in stretches
    )  # a hole is never inside a stretch


def test_what_a_monitor_said_last_is_not_kept_back():
    track = Track(RATE, "raw")
    track.take([1.0, 2.0], 10_000)
    assert track.cut(10_000 + STALE_MS) == []
    (stretch,) = track.cut(10_001 + STALE_MS)
    assert stretch.values == [1.0, 2.0]
    assert track.cut(20_000) == []


def test_after_a_pause_the_times_begin_anew():
    track = Track(RATE, "raw")
    first = play(track, 30)
    second = play(track, 30, start=60_000)
    assert worst_ms(first) < 1
    assert worst_ms(second, start=60_000) < 1


def test_one_sample_at_a_time_is_a_piece_too():
    stretches = play(Track(60.0, "raw"), 600, rate=60.0, piece=1)
    assert numbers(stretches) == [float(number) for number in range(600)]
    assert worst_ms(stretches, rate=60.0) < 3


def test_a_piece_of_a_second_is_a_stretch():
    stretches = play(Track(300.0, "mV"), 20, rate=300.0, piece=300)
    assert [len(stretch.values) for stretch in stretches] == [300] * 20
    assert worst_ms(stretches, rate=300.0) < 1
