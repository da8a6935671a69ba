"""Topics are built and read back in one place."""

import pytest

from vitals import topics


@pytest.mark.parametrize("channel", topics.UP_CHANNELS)
def test_what_is_built_for_a_gateway_is_read_back(channel):
    assert topics.parse_up(topics.up("gw-01", channel)) == ("gw-01", channel)


@pytest.mark.parametrize(
    "topic",
    [
        "wardline/v1/up/gw-01",
        "wardline/v1/up//vitals",
        "wardline/v1/up/gw-01/vitals/more",
        "wardline/v1/up/gw-01/secrets",
        "wardline/v2/up/gw-01/vitals",
        "wardline/v1/down/gw-01/receipt",
        "up/gw-01/vitals",
        "",
    ],
)
def test_a_topic_that_no_gateway_publishes_is_not_read(topic):
    assert topics.parse_up(topic) is None


def test_the_levels_of_a_foreign_topic_are_none():
    assert topics.split("other/v1/ward/icu/live") is None
    assert topics.split("wardline/v1/ward/icu/7/alarm/spo2-low") == ["ward", "icu", "7", "alarm", "spo2-low"]


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (topics.receipt("gw-01"), "wardline/v1/down/gw-01/receipt"),
        (topics.live("icu"), "wardline/v1/ward/icu/live"),
        (topics.event("icu"), "wardline/v1/ward/icu/event"),
        (topics.alarm("icu", "7", "spo2-low"), "wardline/v1/ward/icu/7/alarm/spo2-low"),
        (topics.command("pager-1", "acknowledge"), "wardline/v1/command/pager-1/acknowledge"),
        (topics.result("pager-1", "acknowledge"), "wardline/v1/result/pager-1/acknowledge"),
        (topics.hub_status("hub-1"), "wardline/v1/hub/hub-1/status"),
        (topics.heartbeat("hub-1"), "wardline/v1/hub/hub-1/heartbeat"),
    ],
)
def test_topics_are_a_contract_with_pagers_we_never_met(built, expected):
    assert built == expected
