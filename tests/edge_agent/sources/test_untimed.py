from edge_agent.stamp import Stamper
from vitals.readings import Observation

NOW = 1_800_000_000_000


def stamp(**fields):
    observation = Observation(values={"hr": 72.0}, **fields)
    return Stamper("mon-a", "boot-1").stamp(observation, wall=NOW, steady=1, clock="synced")


def test_a_reading_nobody_can_date_has_the_time_of_arrival_and_is_marked():
    draft = stamp(untimed=True)
    assert (draft.time, draft.clock) == (NOW, "unsynced")


def test_a_reading_with_a_time_of_its_own_is_not_marked():
    draft = stamp(aperiodic=True, age_ms=4_000)
    assert (draft.time, draft.clock) == (NOW - 4_000, "synced")
