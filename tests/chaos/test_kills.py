"""Zero loss: gateways, broker and hub are killed at random, alone and together, and the books of both ends agree.

WARDLINE_CHAOS_KILLS says how many kills; the seed is printed and can be given again with WARDLINE_CHAOS_SEED; the
books are written into the folder WARDLINE_CHAOS_BOOKS. The negative control runs such kills with spools that forget
on the broker's acknowledgement. It must lose readings, or the first test proves nothing.
"""

import json
import os
from pathlib import Path

import pytest

from tests.chaos.faults import schedule, seed_of_the_day
from tests.chaos.oracle import artefact, raised_twice
from tests.chaos.rig import GATEWAYS

KILLS = int(os.environ.get("WARDLINE_CHAOS_KILLS", "100"))
CONTROL_KILLS = 16  # of the control, and more until there are enough of what tempts it
TEMPTATIONS = 3  # a hub killed before the broker, which then has promised what no hub will ever hear

pytestmark = [pytest.mark.system, pytest.mark.timeout(120 + 4 * KILLS)]


def torment(rig, seed: int, kills: int) -> dict:
    """Carry out the schedule of `seed`, let things settle, and give the books."""
    for strike in schedule(seed, kills, GATEWAYS):
        rig.strike(strike)
    rig.settle()
    books = artefact(seed, rig.kills, rig.balances(), raised_twice=raised_twice(rig.journal))
    folder = Path(os.environ.get("WARDLINE_CHAOS_BOOKS") or rig.folder)
    (folder / f"balance-{seed}.json").write_text(json.dumps(books, indent=2))
    return books


def test_nothing_is_lost_or_doubled_when_edge_broker_and_hub_are_killed(new_rig):
    seed = seed_of_the_day()
    rig = new_rig()
    rig.start_all()
    books = torment(rig, seed, KILLS)
    assert books["kills"] >= KILLS
    assert books["accepted"] > 5 * KILLS
    assert all(one.is_even for one in rig.balances()), rig.words()
    assert books["raised_twice"] == []


def test_a_spool_that_forgets_on_puback_loses_readings_under_the_same_kills(new_rig):
    rig = new_rig(forget_on="puback")
    rig.start_all()
    seed, kills = seed_of_the_day(), CONTROL_KILLS
    while sum(bool(strike.then) for strike in schedule(seed, kills, GATEWAYS)) < TEMPTATIONS:
        kills += 1
    books = torment(rig, seed, kills)
    assert books["lost"] > 0
    assert books["doubled"] == 0
