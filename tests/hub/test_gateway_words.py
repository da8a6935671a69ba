"""What a hub makes of what gateways say of themselves: their clocks, their books, and what they no longer hold."""

import time

import pytest

from tests.fixtures_hub import Client, Hub

pytestmark = pytest.mark.system

HOUR_MS = 3_600_000


@pytest.fixture
def hub(broker, tmp_path, settings_text, probe_rules):
    hub = Hub(tmp_path, settings_text(broker.port, probe_rules))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def client(broker, hub):
    client = Client(broker.port, *(f"wardline/v1/{tree}/#" for tree in ("ward", "down", "hub")))
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
    yield client
    client.close()


def status(client, ahead_ms=0, **ledger):
    now = time.time_ns() // 1_000_000 + ahead_ms
    body = {"gateway": "gw-a", "online": True, "time": now, "epoch": 5}
    client.publish("up/gw-a/status", body | ({"ledger": [{"epoch": 5, **ledger}]} if ledger else {}), retain=True)


def hello(client, lowest, accepted):
    body = {"gateway": "gw-a", "epoch": 5, "lowest": lowest, "highest": accepted, "accepted": accepted}
    more = {"time": 0, "clock": "synced", "boot": "b", "version": "1", "settings": "s"}
    client.publish("up/gw-a/hello", body | more)


def test_a_gateway_whose_clock_is_wrong_is_named_with_its_offset(hub, client):
    status(client, ahead_ms=HOUR_MS)
    _, said = client.wait_for(lambda topic, body: topic == "hub/hub-test/status" and body.get("clocks_off_ms"))
    assert abs(said["clocks_off_ms"]["gw-a"] - HOUR_MS) < 5_000
    _, shown = client.wait_for(
        lambda topic, body: topic == "ward/icu/live" and "clock_offset_ms" in body["beds"][0]["devices"][0]
    )
    assert abs(shown["beds"][0]["devices"][0]["clock_offset_ms"] - HOUR_MS) < 5_000


def test_books_that_differ_are_shown_and_written_down(hub, client, payload, record):
    client.publish("up/gw-a/vitals", payload(record(1), record(2), epoch=5))
    client.wait_for(lambda topic, body: topic == "down/gw-a/receipt" and body["committed"] == [[1, 2]])
    status(client, accepted=7, receipted=6, spooled=1)
    _, said = client.wait_for(lambda topic, body: topic == "hub/hub-test/status" and body.get("books_differ"))
    assert said["books_differ"] == {"gw-a": 4}
    query = "SELECT accepted, spooled, stored, missing, unexplained FROM balance"
    deadline = time.monotonic() + 30
    while hub.rows(query) != [(7, 1, 2, 0, 4)]:
        assert time.monotonic() < deadline, hub.rows(query)


def test_what_a_gateway_no_longer_holds_is_settled_as_a_gap_of_the_hub(hub, client, payload, record):
    client.publish("up/gw-a/vitals", payload(record(1), record(2), epoch=5))
    hello(client, lowest=51, accepted=52)
    client.wait_for(lambda topic, body: topic == "down/gw-a/receipt" and body["committed"] == [[1, 2]])
    client.publish("up/gw-a/backfill", payload(record(51), record(52), epoch=5))
    client.wait_for(lambda topic, body: topic == "down/gw-a/receipt" and body["committed"] == [[1, 52]])
    assert hub.rows("SELECT first, last, missing, reason, source FROM gap") == [(3, 50, 48, "not_kept", "hub")]
    client.publish("up/gw-a/backfill", payload(record(7), epoch=5))  # found on another disk
    deadline = time.monotonic() + 30
    while hub.rows("SELECT missing, refilled FROM gap") != [(47, 1)]:
        assert time.monotonic() < deadline
    assert hub.rows("SELECT count(*) FROM record WHERE seq = 7") == [(1,)]
