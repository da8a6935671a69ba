import pytest

from edge_agent.anchors import DOUBT_MS, Anchors
from edge_agent.clock_quality import ClockWatch, GatewayClock, kernel_synced
from edge_agent.stamp import CLOCK_FLOOR_MS

TRUE = CLOCK_FLOOR_MS + 100 * 86_400_000  # what the time is when the steady clock shows 0
YEARS_10 = 10 * 365 * 86_400_000


class Machine:
    """The clocks of a machine: `boot` sets how wrong the wall clock is."""

    def __init__(self, wrong_by=0):
        self.steady = 5_000
        self.wrong_by = wrong_by
        self.synced = False

    def wall_ms(self):
        return TRUE + self.steady + self.wrong_by

    def steady_ms(self):
        return self.steady


@pytest.fixture
def bench():
    """(machine, watch, clock) of a gateway whose wall clock is wrong by so much at boot."""

    def make(wrong_by=0, synced=False, known=(), floor=0):
        machine = Machine(wrong_by)
        machine.synced = synced
        watch = ClockWatch(lambda: machine.synced, machine, Anchors("boot-1", known, floor))
        return machine, watch, GatewayClock(machine, watch.anchors)

    return make


def test_a_disciplined_clock_is_synced(bench):
    assert bench(synced=True)[1].quality == "synced"


def test_a_clock_nobody_ever_set_is_unsynced(bench):
    assert bench()[1].quality == "unsynced"


def test_a_good_clock_left_alone_holds_over_and_can_be_synced_again(bench):
    machine, watch, _ = bench(synced=True)
    machine.synced = False
    watch.look()
    assert watch.quality == "holdover"
    machine.synced = True
    watch.look()
    assert watch.quality == "synced"


def test_where_the_kernel_does_not_say_it_is_holdover_and_the_wall_clock_counts(bench):
    machine, watch, clock = bench(synced=None)
    assert watch.quality == "holdover"
    machine.wrong_by = 3_000
    assert clock.wall_ms() == machine.wall_ms()


def test_the_kernel_of_this_machine_gives_an_answer_or_none():
    assert kernel_synced() in (True, False, None)


@pytest.mark.parametrize("step", [sign * size for sign in (1, -1) for size in (1_000, 60_000, 3_600_000, YEARS_10)])
def test_setting_a_clock_that_was_known_moves_no_time(bench, step):
    machine, watch, clock = bench(synced=True)
    machine.wrong_by, machine.synced = step, False  # the kernel calls a clock unsynced that somebody has set
    for _ in range(100):
        machine.steady += 1_000
        watch.look()
        assert clock.wall_ms() == TRUE + machine.steady
    assert watch.quality == "holdover"
    assert watch.wrong_by == step


def test_a_step_is_believed_when_the_kernel_stands_by_it_for_a_while(bench):
    machine, watch, clock = bench(synced=True)
    machine.wrong_by = 5_000
    for _ in range(DOUBT_MS // 1_000):
        machine.steady += 1_000
        watch.look()
        assert (clock.wall_ms(), watch.quality) == (TRUE + machine.steady, "holdover")
    machine.steady += 1_000
    assert watch.look() is not None
    assert (clock.wall_ms(), watch.quality) == (TRUE + machine.steady + 5_000, "synced")


def test_a_clock_that_is_slewed_is_followed(bench):
    machine, watch, clock = bench(synced=True)
    for _ in range(100):
        machine.steady += 1_000
        machine.wrong_by += 10
        watch.look()
        assert clock.wall_ms() == machine.wall_ms()
    assert watch.quality == "synced"


def test_an_anchor_is_kept_now_and_then_and_not_at_each_look(bench):
    machine, watch, _ = bench(synced=True)
    kept = list(watch.found)
    for _ in range(3_600):
        machine.steady += 1_000
        kept += [anchor for anchor in [watch.look()] if anchor is not None]
    assert 6 <= len(kept) <= 8


def test_a_clock_at_1970_is_taken_for_the_latest_time_that_is_surely_over_and_goes_on_from_there(bench):
    machine, watch, clock = bench(wrong_by=-TRUE, floor=TRUE - 60_000)
    begin = clock.wall_ms()
    machine.steady += 7_000
    assert (begin, clock.wall_ms()) == (TRUE - 60_000, TRUE - 60_000 + 7_000)
    assert watch.quality == "unsynced"


def test_a_kernel_that_calls_1970_synced_is_not_believed(bench):
    _, watch, _ = bench(wrong_by=-TRUE, synced=True)
    assert watch.quality == "unsynced"


def test_an_agent_that_starts_again_in_the_same_boot_still_knows_the_time(bench):
    machine, watch, _ = bench(synced=True)
    again, later, clock = bench(wrong_by=YEARS_10, known=watch.found)
    assert again.synced is False
    assert later.quality == "holdover"
    assert clock.wall_ms() == TRUE + machine.steady


def test_an_anchor_of_another_boot_says_nothing(bench):
    _, watch, _ = bench(synced=True)
    assert Anchors("boot-2", watch.found).quality == "unsynced"


def test_without_ntp_the_hub_says_what_time_it_is(bench):
    machine, watch, clock = bench(wrong_by=-TRUE)
    assert watch.anchors.heard(time=TRUE + machine.steady - 40, steady=machine.steady, error_ms=80) is not None
    assert (watch.quality, clock.wall_ms()) == ("holdover", TRUE + machine.steady - 40)
    # Of words that agree, the latest time is the one that was quickest here.
    assert watch.anchors.heard(time=TRUE + machine.steady - 300, steady=machine.steady, error_ms=900) is None
    assert watch.anchors.heard(time=TRUE + machine.steady - 5, steady=machine.steady, error_ms=10) is not None
    assert clock.wall_ms() == TRUE + machine.steady - 5


@pytest.mark.parametrize(("time", "error_ms"), [(0, 10), (1_000, 10), (CLOCK_FLOOR_MS - 1, 10), (TRUE + 5_000, 1_001)])
def test_a_hub_without_a_clock_or_a_word_that_took_long_is_not_believed(bench, time, error_ms):
    _, watch, _ = bench()
    assert watch.anchors.heard(time=time, steady=5_000, error_ms=error_ms) is None
    assert watch.quality == "unsynced"


def test_ntp_is_believed_rather_than_the_hub(bench):
    machine, watch, clock = bench(synced=True)
    assert watch.anchors.heard(time=TRUE + machine.steady + 60_000, steady=machine.steady, error_ms=5) is None
    machine, watch, clock = bench()
    watch.anchors.heard(time=TRUE + machine.steady + 60_000, steady=machine.steady, error_ms=5)
    machine.synced = True
    watch.look()
    assert (clock.wall_ms(), watch.quality) == (TRUE + machine.steady, "synced")
