"""Whether the hub is heard: told apart from a broker that blinks, and from our own standing still."""

import pytest

from edge_agent.bedside.hearing import GRACE_MS, PERIOD_MS, Hearing

START = 1_000_000


def listen(hearing, start, end, beats=(), step=250):
    """Look four times a second; the first moment at which the hub was silent."""
    beats = set(beats)
    for now in range(start, end + 1, step):
        if now in beats:
            hearing.beat(now)
        hearing.look(now)
        if hearing.silent_since is not None:
            return now
    return None


@pytest.fixture
def hearing():
    """Connected and heard at START."""
    made = Hearing(START)
    made.connected()
    made.beat(START)
    return made


def test_a_hub_that_beats_is_heard(hearing):
    assert listen(hearing, START, START + 60_000, range(START, START + 60_000, PERIOD_MS)) is None


def test_two_missing_beats_are_no_silence_and_three_are(hearing):
    assert listen(hearing, START, START + 3 * PERIOD_MS - 1) is None
    assert listen(hearing, START + 3 * PERIOD_MS, START + 60_000) == START + 3 * PERIOD_MS
    assert hearing.silent_since == START


def test_the_period_is_that_of_the_hub(hearing):
    hearing.period_ms = 1_000
    assert listen(hearing, START, START + 60_000) == START + 3_000


def test_a_lost_broker_is_silence_after_a_short_grace(hearing):
    hearing.gone(START + 1_000)
    assert listen(hearing, START + 1_000, START + 60_000) == START + 1_000 + GRACE_MS
    assert hearing.silent_since == START + 1_000


def test_a_broker_that_is_back_within_the_grace_is_no_silence(hearing):
    hearing.gone(START + 1_000)
    assert listen(hearing, START + 1_000, START + 3_000) is None
    hearing.connected()
    assert listen(hearing, START + 3_250, START + 14_750, [START + 5_000]) is None


def test_a_hub_that_says_goodbye_and_is_back_within_the_grace_is_no_silence(hearing):
    hearing.gone(START + 1_000)  # its last will
    hearing.connected()  # its new status
    assert listen(hearing, START, START + 14_750) is None


def test_only_a_beat_ends_a_silence(hearing):
    hearing.gone(START)
    assert listen(hearing, START, START + 10_000) is not None
    hearing.connected()
    assert listen(hearing, START + 10_000, START + 20_000) == START + 10_000
    hearing.beat(START + 20_000)
    assert hearing.silent_since is None
    assert listen(hearing, START + 20_000, START + 34_750) is None


def test_a_gateway_that_never_heard_a_hub_knows_it_is_alone():
    alone = Hearing(START)
    assert listen(alone, START, START + 60_000) == START + GRACE_MS
    connected = Hearing(START)
    connected.connected()
    assert listen(connected, START, START + 60_000) == START + 3 * PERIOD_MS


def test_our_own_standing_still_is_not_the_hubs_silence(hearing):
    assert listen(hearing, START, START + 4_000) is None
    hearing.look(START + 64_000)  # the gateway was suspended for a minute
    assert hearing.silent_since is None
    assert listen(hearing, START + 64_000, START + 74_750) is None
    assert listen(hearing, START + 75_000, START + 90_000) == START + 75_000


def test_a_silence_goes_on_over_a_restart():
    again = Hearing(START, silent_since=START - 60_000)
    again.connected()
    assert listen(again, START, START + 1_000) == START
    assert again.silent_since == START - 60_000
