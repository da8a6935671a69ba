"""The hub as a process on a real broker: readings in; journal, alarms, receipts and answers out."""

import json

import pytest

from tests.fixtures_hub import Client, Hub
from vitals.readings import VOLATILE_FROM

pytestmark = pytest.mark.system

NOW = 1_763_682_504_123


@pytest.fixture
def hub(broker, tmp_path, settings_text, probe_rules):
    hub = Hub(tmp_path, settings_text(broker.port, probe_rules))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def client(broker):
    client = Client(broker.port, *(f"wardline/v1/{tree}/#" for tree in ("ward", "down", "result", "hub")))
    yield client
    client.close()


def ready(client: Client) -> None:
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])


def say_hello(client: Client, gateway: str = "gw-a", epoch: int = 1) -> None:
    client.publish(
        f"up/{gateway}/hello",
        {
            "gateway": gateway, "epoch": epoch, "lowest": 0, "highest": 0, "accepted": 0, "time": 1, "clock": "synced",
            "boot": "b", "version": "1", "settings": "s",
        },
    )  # fmt: skip


def receipt_for(seq: int, epoch: int = 1):
    return lambda topic, payload: (
        topic == "down/gw-a/receipt"
        and payload["epoch"] == epoch
        and any(low <= seq <= high for low, high in payload["committed"])
    )


def test_a_reading_is_committed_before_its_receipt_is_sent(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1), record(2)))
    client.wait_for(receipt_for(2))
    assert hub.rows("SELECT gateway, epoch, seq, ward, bed, late FROM record ORDER BY seq") == [
        ("gw-a", 1, 1, "icu", "1", 0),
        ("gw-a", 1, 2, "icu", "1", 0),
    ]


def test_a_repeated_reading_is_stored_once_and_receipted_again(hub, client, payload, record):
    ready(client)
    for _ in range(2):
        client.publish("up/gw-a/vitals", payload(record(1)))
        client.wait_for(receipt_for(1))
    client.publish("up/gw-a/backfill", payload(record(1)))
    client.wait_for(receipt_for(1))
    assert hub.rows("SELECT count(*) FROM record") == [(1,)]


def test_records_a_gateway_gave_up_are_final_and_disturb_no_bed(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1)))
    gap = {"first": 2, "last": 40, "count": 39, "reason": "spool_full"}
    client.publish("up/gw-a/vitals", payload(record(41, device="gateway", values={}, gap=gap)))
    client.wait_for(receipt_for(30))
    assert hub.rows("SELECT low, high FROM committed") == [(1, 41)]
    assert hub.rows("SELECT seq, device, ward, bed, late FROM record ORDER BY seq") == [
        (1, "mon-a", "icu", "1", 0),
        (41, "gateway", "", "", 0),
    ]
    assert json.loads(hub.rows("SELECT body FROM record WHERE seq = 41")[0][0]) == {"gap": gap}


def test_an_alarm_is_raised_acknowledged_and_cleared_where_a_pager_can_see_it(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1, values={"spo2": 85.0})))
    _, alarm = client.wait_for(lambda topic, _: topic == "ward/icu/1/alarm/spo2-low")
    assert (alarm["state"], alarm["priority"], alarm["value"], alarm["limit"]) == ("active", "high", 85.0, 90.0)
    _, event = client.wait_for(lambda topic, _: topic == "ward/icu/event")
    assert event["change"] == "raised"
    client.publish("command/pager-1/acknowledge", {"request": "r1", "alarm": alarm["id"], "by": "night nurse"})
    _, result = client.wait_for(lambda topic, _: topic == "result/pager-1/acknowledge")
    assert (result["request"], result["done"], result["state"]) == ("r1", True, "acknowledged")
    late = Client(client.client.port, "wardline/v1/ward/+/+/alarm/+")  # a pager that comes later sees the state
    _, retained = late.wait_for(lambda topic, _: topic == "ward/icu/1/alarm/spo2-low")
    assert (retained["state"], retained["acknowledged_by"]) == ("acknowledged", "night nurse")
    assert retained["rev"] > alarm["rev"]
    client.publish("up/gw-a/vitals", payload(record(2, values={"spo2": 97.0})))
    late.wait_for(lambda topic, payload: topic == "ward/icu/1/alarm/spo2-low" and payload is None)
    late.close()
    later = Client(client.client.port, "wardline/v1/ward/+/+/alarm/+")
    with pytest.raises(AssertionError, match="nothing fitted"):
        later.wait_for(lambda *_: True, timeout_s=1.0)
    later.close()


def test_commands_that_cannot_be_done_are_answered_with_the_reason(hub, client):
    ready(client)
    client.publish("command/pager-1/acknowledge", {"request": "r1", "alarm": "0" * 16, "by": "nurse"})
    _, result = client.wait_for(lambda topic, _: topic == "result/pager-1/acknowledge")
    assert not result["done"]
    assert result["reason"]
    client.publish("command/pager-1/acknowledge", b"please")
    _, result = client.wait_for(lambda topic, _: topic == "result/pager-1/acknowledge")
    assert not result["done"]
    assert "JSON" in result["reason"]
    client.publish("command/pager-1/dance", {"request": "r2", "alarm": "0" * 16, "by": "nurse"})
    _, result = client.wait_for(lambda topic, _: topic == "result/pager-1/dance")
    assert "no command" in result["reason"]


def test_late_data_is_stored_and_never_pages(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/backfill", payload(record(1, values={"spo2": 70.0})))
    client.wait_for(receipt_for(1))
    client.publish("up/gw-a/vitals", payload(record(2, device="mon-b", values={"hr": 200.0})))
    topic, _ = client.wait_for(lambda topic, _: "/alarm/" in topic)
    assert topic == "ward/icu/2/alarm/hr-high"  # the live one, and none before it
    client.wait_for(receipt_for(2))
    assert hub.rows("SELECT seq, late FROM record ORDER BY seq") == [(1, 1), (2, 0)]


def test_a_retained_message_never_creates_a_reading(broker, tmp_path, settings_text, probe_rules, client, payload):
    client.publish("up/gw-a/vitals", payload(), retain=True)
    hub = Hub(tmp_path, settings_text(broker.port, probe_rules))
    hub.start()
    try:
        ready(client)
        client.publish("up/gw-a/vitals", payload({"seq": 2, "device": "mon-a", "time": 1, "values": {}}))
        client.wait_for(receipt_for(2))
        assert hub.rows("SELECT seq FROM record") == [(2,)]
        assert "retained" in hub.rows("SELECT reason FROM quarantine")[0][0]
    finally:
        hub.stop()


def test_what_a_gateway_sends_from_memory_while_its_disk_fails_is_judged_as_live(hub, client, payload, record):
    ready(client)
    volatile = VOLATILE_FROM + 7
    client.publish("up/gw-a/vitals", payload(record(9, time=NOW)))
    client.publish("up/gw-a/vitals", payload(record(1, time=NOW + 1_000), epoch=volatile))
    client.publish("up/gw-a/vitals", payload(record(10, time=NOW + 2_000)))  # the disk is back
    client.publish("up/gw-a/vitals", payload(record(2, time=NOW + 1_500), epoch=volatile))  # sent again
    client.wait_for(receipt_for(2, epoch=volatile))
    assert hub.rows("SELECT epoch, seq, late FROM record ORDER BY time") == [
        (1, 9, 0),
        (volatile, 1, 0),
        (volatile, 2, 1),
        (1, 10, 0),
    ]


def test_an_unassigned_device_is_stored_without_a_bed(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1, device="spare"), record(2, device="never-heard-of")))
    client.wait_for(receipt_for(2))
    assert hub.rows("SELECT device, ward, bed FROM record ORDER BY seq") == [
        ("spare", "", ""),
        ("never-heard-of", "", ""),
    ]


def test_rubbish_is_quarantined_with_its_reason_and_disturbs_nobody(hub, client, payload, record):
    ready(client)
    rubbish = {
        "up/gw-a/vitals": [
            b"\xff\xfe", b"{", b'{"epoch":1,"records":' + b"[" * 50_000, b"x" * 100_000,
            payload(record(1), gateway="gw-b"), payload(record(5, values={"hr": float("nan")})),
        ],
        "up/gw-x/vitals": [payload(record(1))],
        "up/gw-a/hello": [b"hi", b'{"gateway":"gw-b"}'],
        "up/gw-a/status": [b"[]"],
    }  # fmt: skip
    sent = 0
    for topic, bodies in rubbish.items():
        for body in bodies:
            client.publish(topic, body)
            sent += 1
    client.publish("up/gw-a/vitals", payload(record(7, values={"spo2": 97.0, "hr": True}), record(8)))
    _, receipt = client.wait_for(receipt_for(8))
    assert [seq for seq, _ in receipt["rejected"]] == [7]
    quarantined = hub.rows("SELECT reason, records, head FROM quarantine")
    assert len(quarantined) == sent + 1
    assert all(reason for reason, _, _ in quarantined)
    assert all(len(head) <= 1024 for _, _, head in quarantined)
    assert hub.rows("SELECT seq FROM record") == [(8,)]


def test_alarms_survive_kill_9_and_are_not_announced_as_new(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1, values={"spo2": 85.0})))
    client.wait_for(receipt_for(1))
    _, event = client.wait_for(lambda topic, _: topic == "ward/icu/event")
    hub.kill()
    client.forget()
    hub.start()
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
    _, alarm = client.wait_for(lambda topic, _: topic == "ward/icu/1/alarm/spo2-low")
    assert (alarm["id"], alarm["rev"], alarm["state"]) == (event["alarm"]["id"], event["alarm"]["rev"], "active")
    client.publish("up/gw-a/vitals", payload(record(2, values={"spo2": 97.0})))
    client.wait_for(lambda topic, payload: topic == "ward/icu/event" and payload["change"] in ("cleared", "latched"))
    assert hub.rows("SELECT count(*) FROM alarm_event WHERE change = 'raised'") == [(1,)]


def test_the_hub_comes_back_after_the_broker_was_killed(hub, client, broker, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1, values={"spo2": 85.0})))
    client.wait_for(receipt_for(1))
    client.forget()
    broker.restart()
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
    client.wait_for(lambda topic, payload: topic == "ward/icu/1/alarm/spo2-low" and payload["state"] == "active")
    client.publish("up/gw-a/vitals", payload(record(2)))
    client.wait_for(receipt_for(2))


def test_a_retained_alarm_that_no_longer_stands_is_taken_back(broker, tmp_path, settings_text, probe_rules, client):
    client.publish("ward/icu/1/alarm/spo2-low", {"id": "old"}, retain=True)
    hub = Hub(tmp_path, settings_text(broker.port, probe_rules))
    hub.start()
    try:
        client.wait_for(lambda topic, payload: topic == "ward/icu/1/alarm/spo2-low" and payload is None)
    finally:
        hub.stop()


def test_hello_is_answered_from_the_journal_after_a_restart(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1), record(2)))
    client.wait_for(receipt_for(2))
    hub.kill()
    client.forget()
    hub.start()
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
    say_hello(client)
    _, receipt = client.wait_for(receipt_for(2))
    assert receipt["committed"] == [[1, 2]]


def test_the_live_snapshot_shows_values_reasons_and_silence(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1, values={"hr": 72}, flags={"spo2": "sensor_off"})))
    _, snapshot = client.wait_for(lambda topic, payload: topic == "ward/icu/live" and payload["beds"][0].get("values"))
    bed, empty = snapshot["beds"]
    assert bed["values"]["hr"]["value"] == 72
    assert bed["values"]["spo2"].get("value") is None
    assert bed["values"]["spo2"]["reason"] == "sensor_off"
    assert empty["silent"] is True
    assert "values" not in empty


def test_sigterm_ends_the_hub_in_order(hub, client, payload, record):
    ready(client)
    client.publish("up/gw-a/vitals", payload(record(1)))
    client.wait_for(receipt_for(1))
    assert hub.stop() == 0
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and not payload["online"])
