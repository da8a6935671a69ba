"""The hub's eye on its paging: silence, a last will and a recipient out of reach are faults; a lost broker is not."""

import pytest

from hub.pagers.watch import SILENT_MS, PagerWatch
from vitals.pages import PagerFault, PagersStatus


@pytest.fixture
def watch():
    return PagerWatch("hub-1", expected=True, now=0)


def status(*faults, online=True, hub="hub-1"):
    return PagersStatus(hub=hub, online=online, faults=list(faults))


def test_a_paging_that_was_never_heard_is_a_fault_after_its_time(watch):
    assert watch.faults(SILENT_MS - 1, connected=True) == {}
    assert list(watch.faults(SILENT_MS, connected=True)) == ["hub/hub-1"]


def test_a_paging_that_speaks_is_well_and_its_last_will_is_a_fault_at_once(watch):
    watch.take(status(), 20_000)
    assert watch.faults(20_000, connected=True) == {}
    watch.take(status(online=False), 21_000)
    assert watch.faults(21_000, connected=True) == {"hub/hub-1": "Paging has stopped: nobody is paged"}
    watch.take(status(), 22_000)
    assert watch.faults(22_000, connected=True) == {}


def test_whom_pages_do_not_reach_is_a_fault_of_the_pager(watch):
    watch.take(
        status(PagerFault(recipient="nurse-1", reason="no receipt", since=1), PagerFault(reason="disk", since=1)), 5
    )
    assert watch.faults(5, connected=True) == {
        "pager/nurse-1": "Pages fail: no receipt",
        "hub/hub-1": "Pages fail: disk",
    }


def test_another_hub_or_a_lost_broker_says_nothing(watch):
    watch.take(status(online=False, hub="hub-2"), 1)
    assert watch.faults(60_000, connected=False) == {}
    assert watch.faults(60_000 + SILENT_MS - 1, connected=True) == {}
    assert watch.faults(60_000 + SILENT_MS, connected=True) != {}


def test_a_hub_without_a_pagers_file_expects_nothing():
    assert PagerWatch("hub-1", expected=False, now=0).faults(SILENT_MS * 9, connected=True) == {}
