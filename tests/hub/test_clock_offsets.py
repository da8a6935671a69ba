"""Clock offsets: the quickest word of a minute says how far a gateway's clock is off."""

import pytest

from hub.clock_offsets import WINDOW_MS, ClockOffsets

NOW = 1_763_682_504_000


def test_nobody_knows_before_a_gateway_has_said_the_time():
    clocks = ClockOffsets()
    assert clocks.offset("gw-a") is None
    clocks.heard("gw-a", 0, NOW)  # a last will
    assert clocks.offset("gw-a") is None
    assert clocks.trouble("gw-a") == ""


@pytest.mark.parametrize("ahead", [-3_600_000, -300, 0, 1_500, 86_400_000])
def test_a_word_that_came_late_does_not_make_the_clock_wrong(ahead):
    clocks = ClockOffsets()
    for number, delay in enumerate([4_000, 12, 900, 30_000]):
        now = NOW + 5_000 * number
        clocks.heard("gw-a", now - delay + ahead, now)
    assert clocks.offset("gw-a") == ahead - 12


def test_a_clock_that_was_set_is_right_after_a_minute():
    clocks = ClockOffsets()
    clocks.heard("gw-a", NOW + 5_000, NOW)
    assert clocks.trouble("gw-a") == "The clock of gateway gw-a is 5.0 s ahead of the hub's"
    assert clocks.wrong() == {"gw-a": 5_000}
    later = NOW + WINDOW_MS + 1
    clocks.heard("gw-a", later - 20, later)
    assert clocks.offset("gw-a") == -20
    assert clocks.wrong() == {}


def test_a_gateway_that_believes_it_is_1970_is_far_behind():
    clocks = ClockOffsets()
    clocks.heard("gw-a", 5_000, NOW)
    assert "behind the hub's" in clocks.trouble("gw-a")
