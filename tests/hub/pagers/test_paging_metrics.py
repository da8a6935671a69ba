"""The paging's own numbers, out of a real file of pages."""

import time

import pytest

from hub.pagers.events import BEGINNING
from hub.pagers.metrics import DAY_MS, PagingMetrics
from hub.pagers.store import PageStore
from rules.paging import Changes, Delivery

NOW = time.time_ns() // 1_000_000


@pytest.fixture
def store(tmp_path):
    store = PageStore(tmp_path / "pages.db")
    yield store
    store.close()


def numbers(metrics):
    return {
        (metric.name, *sample.labels.values()): sample.value
        for metric in (*metrics.collect(), *metrics.read())
        for sample in metric.samples
    }


def delivery(number, **fields):
    return Delivery(
        id=f"d{number}", recipient="nurse-1", ward="icu", **({"test": False, "time": NOW} | fields), calls=[]
    )


def test_pages_are_counted_by_what_became_of_them_and_tests_and_old_ones_are_not(store, tmp_path):
    deliveries = [
        delivery(1),
        delivery(2, sent=NOW),
        delivery(3, sent=NOW),
        delivery(4, sent=NOW, received=NOW),
        delivery(5, failed=NOW),
        delivery(6, test=True),
        delivery(7, time=NOW - DAY_MS - 60_000),
    ]
    store.save(BEGINNING, Changes([], [], deliveries), [], [], NOW)
    found = numbers(PagingMetrics(tmp_path / "pages.db", lambda: 2, lambda: True))
    assert {state: found["wardline_pages", state] for state in ("waiting", "sent", "received", "failed")} == {
        "waiting": 1,
        "sent": 2,
        "received": 1,
        "failed": 1,
    }
    assert found["wardline_pager_faults",] == 2
    assert found["wardline_broker_connected", "session"] == 1


def test_without_a_file_pages_are_unknown_and_not_none(tmp_path):
    found = numbers(PagingMetrics(tmp_path / "pages.db", lambda: 0, lambda: False))
    assert not any(name == "wardline_pages" for name, *_ in found)
