"""Poison and floods on a real broker: nothing of one client's rubbish reaches another's readings or stops the hub."""

import json
import os
import signal
import subprocess
import sys
import threading

import paho.mqtt.client as mqtt
import pytest

from tests.fixtures_hub import Client, Hub

pytestmark = pytest.mark.system

NOW = 1_763_682_504_123


def said(**fields) -> bytes:
    record = {"seq": 1, "device": "mon-1", "time": NOW, "values": {"hr": 72.0}} | fields
    return json.dumps({"epoch": 1, "records": [record]}).encode()


def raw(values: str, seq: int = 1) -> bytes:
    return f'{{"epoch":1,"records":[{{"seq":{seq},"device":"mon-1","time":{NOW},"values":{values}}}]}}'.encode()


# What is sent, where, and how the reason in the quarantine begins.
POISON = [
    ("up/gw-a/vitals", b"", "not JSON"),
    ("up/gw-a/vitals", b"hello", "not JSON"),
    ("up/gw-a/vitals", b"\xff\xfe\x00", "not JSON"),
    ("up/gw-a/vitals", b'{"epoch":1,"gateway":"\xff","records":[]}', "not UTF-8"),
    ("up/gw-a/vitals", b'{"epoch":1,"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "nested too deeply"),
    ("up/gw-a/vitals", b" " * 70_000, "oversized"),
    ("up/gw-a/vitals", b'{"records":[]}', "invalid"),
    ("up/gw-a/vitals", raw("NaN"), "not JSON"),
    ("up/gw-a/vitals", raw('{"hr":Infinity}'), "not JSON"),
    ("up/gw-a/vitals", said(gateway_in_record="x").replace(b'"epoch": 1', b'"epoch": 1, "epoch": 2'), "ambiguous"),
    ("up/gw-a/vitals", b'{"epoch":1,"gateway":"gw-b","records":[]}', "identity"),
    ("up/gw-z/vitals", said(), "identity"),
    ("up/gw-a/hello", b"{}", "invalid"),
    ("up/gw-a/status", b"[]", "invalid"),
    ("up/gw-a/wave", b"\x00\x01", "wave"),
    ("up/gw-a/bedside", b"7", "invalid"),
    ("up/gw-a/nonsense", b"{}", "unknown topic"),
]
# The same where a seq can be read: settled as rejected, so that its gateway does not send it for ever.
NUMBERED = [
    (raw('{"hr":1e999}', 101), "invalid"),
    (raw('{"hr":true}', 102), "invalid"),
    (raw('{"hr":"72"}', 103), "invalid"),
    (raw('{"hr":null}', 104), "invalid"),
    (raw('{"hr":9000}', 105), "implausible"),
    (raw('{"mood":1}', 106), "unknown parameter"),
    (raw('{"hr":72,"hr":30}', 107), "ambiguous"),
    (raw('{"hr":-0.5}', 108), "implausible"),
]


@pytest.fixture
def hub(broker, tmp_path, settings_text, probe_rules):
    settings = settings_text(broker.port, probe_rules)
    hub = Hub(tmp_path, settings + "\nquota: {messages_per_s: 100, mb_per_s: 0.5}\n")
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def client(broker, hub):
    client = Client(broker.port, *(f"wardline/v1/{tree}/#" for tree in ("ward", "down", "hub")))
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
    yield client
    client.close()


def settled(seq: int):
    return lambda topic, payload: (
        topic == "down/gw-a/receipt" and any(low <= seq <= high for low, high in payload["committed"])
    )


def test_each_kind_of_poison_is_kept_with_its_reason_and_a_good_reading_passes_after_it(hub, client):
    for topic, payload, _ in POISON:
        client.publish(topic, payload)
    for payload, _ in NUMBERED:
        client.publish("up/gw-a/vitals", payload)
    client.publish("up/gw-a/vitals", said(seq=200))
    client.wait_for(settled(200))
    kept = hub.rows("SELECT topic, reason FROM quarantine ORDER BY id")
    expected = [(topic, reason) for topic, _, reason in POISON] + [("up/gw-a/vitals", reason) for _, reason in NUMBERED]
    assert len(kept) == len(expected)
    for (topic, reason), (found_topic, found) in zip(expected, kept, strict=True):
        assert found_topic == f"wardline/v1/{topic}"
        assert found.startswith(reason), (topic, found)
    assert hub.rows("SELECT seq FROM record") == [(200,)]


def test_poison_with_a_number_is_receipted_as_rejected_with_its_reason(hub, client):
    for payload, _ in NUMBERED:
        client.publish("up/gw-a/vitals", payload)
    rejected = {}
    while len(rejected) < len(NUMBERED):
        _, receipt = client.wait_for(lambda topic, payload: topic == "down/gw-a/receipt" and payload["rejected"])
        rejected |= dict(receipt["rejected"])
    assert {seq: reason.partition(":")[0] for seq, reason in rejected.items()} == {
        101 + number: reason for number, (_, reason) in enumerate(NUMBERED)
    }


def flood(port: int, stop: threading.Event, topics, payload: bytes) -> None:
    """Send a thousand messages or 50 MB, more than the quotas let through in the time of the test."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(200)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for _ in range(min(20_000, 50_000_000 // len(payload))):
        if stop.is_set():
            break
        client.publish(f"wardline/v1/{next(topics)}", payload, qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def forever(topic):
    while True:
        yield topic


def ten_thousand():
    while True:
        yield from (f"up/stranger-{number}/vitals" for number in range(10_000))


@pytest.mark.parametrize(
    ("topics", "payload", "told"),
    [
        (forever("up/gw-b/vitals"), said(device="mon-2"), True),
        (forever("up/gw-b/vitals"), b"x" * 200_000, True),
        (ten_thousand(), said(), False),
    ],
    ids=["messages", "bytes", "topics"],
)
def test_a_flood_is_cut_and_told_and_the_readings_of_others_are_all_there(hub, client, broker, topics, payload, told):
    stop = threading.Event()
    flooder = threading.Thread(target=flood, args=(broker.port, stop, topics, payload))
    flooder.start()
    try:
        for seq in range(1, 101):
            client.publish("up/gw-a/vitals", said(seq=seq))
        client.wait_for(settled(100))
        if told:
            fault = client.wait_for(lambda topic, payload: topic == "hub/hub-test/alarm/gateway/gw-b/flood")[1]
            assert (fault["subject"], fault["kind"]) == ("gateway/gw-b", "technical")
    finally:
        stop.set()
        flooder.join()
    assert hub.rows("SELECT count(*) FROM record WHERE gateway = 'gw-a'") == [(100,)]


LISTEN = """
import sys
import paho.mqtt.client as mqtt
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.on_connect = lambda client, *_: client.subscribe("wardline/v1/#", qos=1)
client.on_subscribe = lambda *_: print("listening", flush=True)
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_forever()
"""


def test_a_frozen_pager_or_screen_holds_up_neither_alarms_nor_receipts(hub, client, broker):
    words = [sys.executable, "-c", LISTEN, str(broker.port)]
    frozen = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert frozen.stdout.readline() == "listening\n"
        os.kill(frozen.pid, signal.SIGSTOP)
        for seq in range(1, 101):
            value = 85 if seq % 2 else 97
            client.publish("up/gw-a/vitals", said(seq=seq, device="mon-a", values={"spo2": value}))
        client.wait_for(settled(100))
        raised = client.wait_for(lambda topic, payload: topic == "ward/icu/event" and payload["change"] == "raised")[1]
        assert raised["alarm"]["rule"] == "spo2-low"
    finally:
        frozen.kill()
        frozen.communicate()
    assert hub.rows("SELECT count(*) FROM record WHERE gateway = 'gw-a'") == [(100,)]
