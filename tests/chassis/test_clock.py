"""Durations run on a clock that no administrator can step."""

import itertools

from chassis.clock import DisciplinedClock, SystemClock, boot_id


class HandClock:
    def __init__(self) -> None:
        self.wall = 1_763_682_504_000
        self.steady = 5_000

    def wall_ms(self) -> int:
        return self.wall

    def steady_ms(self) -> int:
        return self.steady


def test_a_stepped_system_clock_does_not_move_the_disciplined_one():
    hand = HandClock()
    clock = DisciplinedClock(hand)
    born = clock.now()
    assert born == 1_763_682_504_000
    hand.wall += 3_600_000
    assert clock.now() == born
    hand.wall -= 7_200_000
    hand.steady += 250
    assert clock.now() == born + 250


def test_the_machines_own_clocks_agree_on_their_units():
    clock = SystemClock()
    assert clock.wall_ms() > 1_600_000_000_000
    readings = [clock.steady_ms() for _ in range(100)]
    assert all(later >= earlier for earlier, later in itertools.pairwise(readings))


def test_a_boot_has_one_id():
    assert boot_id() == boot_id()
