"""Quotas: a flood is cut to its rate, costs nobody else anything, and is told once."""

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.quota import BURST_S, STRANGERS, TOLD_MS, Quotas


def quotas(messages=100, size=10_000):
    return Quotas({"gw-a", "gw-b"}, messages, size)


def test_a_gateway_within_its_quota_never_loses_a_message():
    quota = quotas()
    assert all(quota.take("gw-a", 100, at) for at in range(0, 60_000, 10))
    assert not quota.dropped


def test_a_burst_after_a_silence_is_taken():
    quota = quotas()
    quota.take("gw-a", 1, 0)
    taken = sum(quota.take("gw-a", 1, 60_000) for _ in range(1_000))
    assert taken == 100 * BURST_S


@given(st.lists(st.integers(0, 20), min_size=1, max_size=300))
def test_whatever_the_rhythm_no_more_than_rate_and_burst_gets_through(steps):
    quota, now, taken = quotas(), 0, 0
    for step in steps:
        now += step
        taken += sum(quota.take("gw-a", 1, now) for _ in range(10))
    assert taken <= 100 * BURST_S + now * 0.1 + 1
    assert taken + quota.dropped["gw-a"] == 10 * len(steps)


def test_large_messages_use_up_the_bytes():
    quota = quotas(messages=1_000, size=10_000)
    taken = sum(quota.take("gw-a", 5_000, 0) for _ in range(100))
    assert taken == 4  # two seconds' worth


def test_a_flood_of_one_takes_nothing_from_another():
    quota = quotas()
    for _ in range(10_000):
        quota.take("gw-a", 1_000, 0)
    assert quota.take("gw-b", 1_000, 0)


def test_all_strangers_together_have_one_quota():
    quota = quotas()
    taken = sum(quota.take(f"gw-{number}", 1, 0) for number in range(10_000))
    assert taken == 100 * BURST_S
    assert quota.dropped == {STRANGERS: 10_000 - taken}
    assert quota.news(0) == []


def test_a_flood_is_told_when_it_begins_and_when_it_is_over():
    quota = quotas()
    for _ in range(1_000):
        quota.take("gw-a", 1, 0)
    assert [(gateway, bool(words)) for gateway, words in quota.news(0)] == [("gw-a", True)]
    assert quota.news(1) == []
    quota.take("gw-a", 1, TOLD_MS)
    assert quota.news(TOLD_MS) == [("gw-a", "")]


def test_a_clock_that_stands_still_lets_nothing_more_through():
    quota = quotas()
    assert sum(quota.take("gw-a", 1, 5) for _ in range(1_000)) == 100 * BURST_S
