"""The hub's eye on its projections: faults, a last will and silence are told; a lost broker is not."""

import pytest

from hub.projections.watch import SILENT_MS, ProjectionWatch
from vitals.projections import ProjectionFault, ProjectionsStatus


@pytest.fixture
def watch():
    return ProjectionWatch("hub-1", expected=True, now=0)


def status(*reasons, online=True, hub="hub-1"):
    faults = [ProjectionFault(sink=f"sink-{number}", reason=reason, since=1) for number, reason in enumerate(reasons)]
    return ProjectionsStatus(hub=hub, online=online, faults=faults)


def test_projections_that_were_never_heard_are_a_fault_after_their_time(watch):
    assert watch.fault(SILENT_MS - 1, connected=True) == ""
    assert watch.fault(SILENT_MS, connected=True) == "Projections are silent: readings may stay in the journal"


def test_the_last_will_is_a_fault_at_once_and_a_word_ends_it(watch):
    watch.take(status(online=False), 1_000)
    assert watch.fault(1_000, connected=True) == "Projections have stopped: readings stay in the journal"
    watch.take(status(), 2_000)
    assert watch.fault(2_000, connected=True) == ""


def test_the_first_fault_is_told_with_the_number_of_the_others_and_fits_an_alarm(watch):
    watch.take(status("refuses the login", "x", "y"), 1)
    assert watch.fault(1, connected=True) == "sink-0: refuses the login (and 2 more)"
    watch.take(status("long " * 50, "x"), 1)
    assert len(watch.fault(1, connected=True)) == 120


def test_without_a_broker_or_without_a_sink_nothing_is_claimed(watch):
    assert watch.fault(60_000, connected=False) == ""
    assert watch.fault(60_000 + SILENT_MS - 1, connected=True) == ""
    none = ProjectionWatch("hub-1", expected=False, now=0)
    none.take(status("refuses"), 1)
    assert none.fault(2**40, connected=True) == ""


def test_what_another_hub_says_does_not_count(watch):
    watch.take(status("refuses", hub="hub-2"), 1)
    assert watch.fault(1, connected=True) == ""
