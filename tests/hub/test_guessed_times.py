"""Records whose gateway guessed the time: they are not yet to come, whatever it guessed."""

import json

import pytest

from hub.ingest.intake import Intake
from hub.journal import Journal
from hub.late import Gaps
from hub.live import LivePicture
from hub.registry import Registry
from hub.tickets.workshop import Workshop
from rules.engine import Engine

NOW = 1_763_682_504_000
YEARS_10 = 315_360_000_000


@pytest.mark.parametrize(
    ("clock", "time", "stored"),
    [
        ("unsynced", NOW + YEARS_10, NOW),
        ("unsynced", NOW - 5_000, NOW - 5_000),
        ("holdover", NOW + 300, NOW + 300),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_guessed_time_is_at_most_that_of_the_arrival(make_settings, tmp_path, clock, time, stored, late):
    registry = Registry(make_settings())
    journal = Journal(tmp_path / "journal.db")
    intake = Intake(
        registry,
        journal,
        Engine([], registry.beds()),
        LivePicture(registry, "hub"),
        Workshop(registry, journal, NOW),
        Gaps(),
    )
    record = {"seq": 1, "device": "mon-a", "time": time, "clock": clock, "values": {"hr": 72}}
    intake.records("gw-a", "up", json.dumps({"epoch": 1, "records": [record]}).encode(), late=late, now=NOW)
    (row,) = intake.take().records
    journal.close()
    assert (row.time, row.received) == (stored, NOW)
