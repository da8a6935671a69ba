import math

import pytest

from edge_agent.stamp import CLOCK_FLOOR_MS, Stamper
from edge_agent.thinning import Thinner
from vitals.codec import check_record
from vitals.readings import Observation, Wave

NOW = CLOCK_FLOOR_MS + 100 * 86_400_000


def stamp(observation, stamper=None, wall=NOW, steady=0, clock="synced"):
    return (stamper or Stamper("mon-a", "boot-1")).stamp(observation, wall=wall, steady=steady, clock=clock)


def test_a_plain_observation_becomes_a_record_the_hub_accepts():
    draft = stamp(Observation(values={"hr": 72}, missing={"spo2": "sensor_off"}, flags=("sensor_off",)))
    record = draft.record(7)
    assert (record.seq, record.time, record.clock) == (7, NOW, "synced")
    assert (record.values, record.flags, record.states) == ({"hr": 72.0}, {"spo2": "sensor_off"}, ("sensor_off",))
    assert check_record(record) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 351.0, True])
def test_an_impossible_number_is_a_missing_one(value):
    draft = stamp(Observation(values={"hr": value}))
    assert (draft.values, draft.flags) == ({}, {"hr": "out_of_range"})


def test_words_the_wire_does_not_know_are_dropped_and_counted():
    stamper = Stamper("mon-a", "boot-1")
    draft = stamp(
        Observation(values={"hr": 72, "aura": 1}, missing={"rr": "tired", "mood": "apnea"}, flags=("bored",)), stamper
    )
    assert (draft.values, draft.flags, draft.states) == ({"hr": 72.0}, {"rr": "device_invalid"}, ())
    assert stamper.dropped == {
        "unknown parameter: aura": 1,
        "unknown reason: tired": 1,
        "unknown parameter: mood": 1,
        "unknown state: bored": 1,
    }
    assert check_record(draft.record(1)) is None


def test_a_reason_to_distrust_a_number_wins_over_the_number():
    draft = stamp(Observation(values={"spo2": 97}, missing={"spo2": "questionable"}))
    assert (draft.values, draft.flags) == ({}, {"spo2": "questionable"})


def test_an_observation_that_says_nothing_is_no_record():
    assert stamp(Observation()) is None


def test_two_observations_in_one_millisecond_have_different_times():
    stamper = Stamper("mon-a", "boot-1")
    first, second = (stamp(Observation(values={"hr": 72}), stamper) for _ in range(2))
    assert second.time == first.time + 1


def test_a_clock_set_back_an_hour_never_makes_time_run_backwards_and_is_caught_up_with():
    stamper = Stamper("mon-a", "boot-1")
    observation = Observation(values={"hr": 72})
    last = stamp(observation, stamper, wall=NOW, steady=0)
    qualities = set()
    for second in range(1, 3 * 3600):
        draft = stamp(observation, stamper, wall=NOW - 3_600_000 + second * 1_000, steady=second * 1_000)
        assert draft.time > last.time
        last = draft
        qualities.add(draft.clock)
    assert last.time == NOW - 3_600_000 + (3 * 3600 - 1) * 1_000
    assert qualities == {"synced", "unsynced"}


def test_times_go_on_after_those_of_the_last_run():
    draft = stamp(Observation(values={"hr": 72}), Stamper("mon-a", "boot-2", last_time=NOW + 50))
    assert draft.time == NOW + 51


@pytest.mark.parametrize("wall", [-5, 0, 1_000, CLOCK_FLOOR_MS - 1])
def test_a_clock_that_was_never_set_is_unsynced_whatever_the_kernel_says(wall):
    draft = stamp(Observation(values={"hr": 72}), wall=wall)
    assert draft.clock == "unsynced"
    assert draft.time >= 0


@pytest.mark.parametrize("clock", ["synced", "holdover", "unsynced"])
def test_the_quality_of_the_clock_travels_along(clock):
    assert stamp(Observation(values={"hr": 72}), clock=clock).clock == clock


def test_without_an_interval_everything_is_kept():
    thinner = Thinner(0)
    assert [thinner.keep(Observation(values={"hr": 72}), 5) for _ in range(3)] == [True] * 3


def test_one_observation_is_kept_per_interval():
    thinner = Thinner(1_000)
    kept = [now for now in range(0, 3_000, 250) if thinner.keep(Observation(values={"hr": 72}), now)]
    assert kept == [0, 1_000, 2_000]


@pytest.mark.parametrize(
    "change",
    [
        Observation(missing={"hr": "sensor_off"}),
        Observation(values={"hr": 72}, flags=("low_perfusion",)),
    ],
)
def test_a_change_of_what_is_missing_is_kept_at_once(change):
    thinner = Thinner(60_000)
    assert thinner.keep(Observation(values={"hr": 72}), 0)
    assert thinner.keep(change, 1)
    assert thinner.keep(Observation(values={"hr": 72}), 2)
    assert not thinner.keep(Observation(values={"hr": 90}), 3)


def test_numbers_said_in_turns_are_thinned_each_by_itself():
    thinner = Thinner(1_000)
    turns = [Observation(values={"hr": 72}), Observation(values={"etco2": 38})]
    kept = [(now, turn.values) for now in range(0, 2_000, 250) for turn in turns if thinner.keep(turn, now)]
    assert kept == [(0, {"hr": 72}), (0, {"etco2": 38}), (1_000, {"hr": 72}), (1_000, {"etco2": 38})]


def test_curves_with_standing_states_do_not_undo_the_thinning():
    thinner = Thinner(60_000)
    states = ("consumer_grade",)
    assert thinner.keep(Observation(values={"hr": 72}, flags=states), 0)
    assert thinner.keep(Observation(flags=states), 1)  # the first of its kind
    assert not thinner.keep(Observation(values={"hr": 90}, flags=states), 2)
    assert not thinner.keep(Observation(flags=states), 3)


def test_states_that_come_with_every_curve_are_kept_once_a_second_even_without_an_interval():
    thinner = Thinner(0)
    kept = [now for now in range(0, 2_000, 125) if thinner.keep(Observation(flags=("consumer_grade",)), now)]
    assert kept == [0, 1_000]
    assert thinner.keep(Observation(flags=("lead_off",)), 1_001)


def test_a_measurement_made_before_it_was_heard_carries_its_own_time():
    stamper = Stamper("mon-a", "boot-1")
    live = stamp(Observation(values={"hr": 72}), stamper)
    cuff = stamp(Observation(values={"nibp_sys": 120}, aperiodic=True, age_ms=90_000), stamper, wall=NOW + 10)
    after = stamp(Observation(values={"hr": 73}), stamper, wall=NOW + 20)
    assert (live.time, cuff.time, after.time) == (NOW, NOW + 10 - 90_000, NOW + 20)
    assert cuff.clock == "synced"


def test_a_single_measurement_is_never_thinned_away():
    thinner = Thinner(60_000)
    assert thinner.keep(Observation(values={"nibp_sys": 120}), 0)
    assert thinner.keep(Observation(values={"nibp_sys": 121}, aperiodic=True), 1)


def test_curves_between_two_sets_of_numbers_do_not_undo_the_thinning():
    thinner = Thinner(60_000)
    curve = Observation(waves={"pleth": Wave(rate_hz=62.5, samples=(1.0,))})
    assert thinner.keep(Observation(values={"hr": 72}), 0)
    assert thinner.keep(curve, 1)
    assert not thinner.keep(Observation(values={"hr": 90}), 2)
