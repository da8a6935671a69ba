import asyncio
import json

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from chassis.mqtt import BrokerSettings
from edge_agent.settings import EdgeSettings, LoadedSettings, load_settings
from edge_agent.sources.fieldmap import FieldMap
from edge_agent.sources.listener_settings import KnownDevice, ListenerSettings, MqttSettings
from edge_agent.sources.mqtt import MqttListener
from vitals.document import read_document
from vitals.errors import DocumentError

FIELDS = read_document("values: [{parameter: spo2, path: s.v, unit: fraction}]", "map.yaml", FieldMap)


@pytest.fixture
def client(broker):
    made = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    made.reconnect_delay_set(1, 1)
    made.connect(broker.host, broker.port)
    made.loop_start()
    yield made
    made.disconnect()
    made.loop_stop()


def say(client, topic, message, *, retain=False):
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)


@pytest.fixture
def stand(new_desk, serve, broker, tmp_path):
    def play(scene, fields=FIELDS, topic="sensors/{device}/vitals", **options):
        desk = new_desk({"esp A": "mon-a", "7": "mon-b"})
        own = BrokerSettings(host=broker.host, port=broker.port, **options)
        section = MqttSettings(topic=topic, max_message=200)
        door = ListenerSettings(id="esp", devices=[KnownDevice(id="mon-a")], mqtt=section, map=fields)
        settings = EdgeSettings(gateway="gw-1", broker=own, listeners=[door])
        loaded = LoadedSettings(settings=settings, folder=tmp_path, digest="")
        listener = MqttListener(section, "esp", fields, desk.reception, loaded)
        serve(listener, desk.reception, lambda: scene(desk))
        return desk

    return play


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_topic_names_the_device(stand, client, soon, protocol):
    async def scene(desk):
        await asyncio.sleep(0.2)
        say(client, "sensors/esp A/vitals", {"s": {"v": 0.97}})
        say(client, "sensors/7/vitals", {"s": {"v": 0.95}})
        say(client, "sensors/7/other", {"s": {"v": 0.5}})
        await soon(lambda: len(desk.seen) == 2)

    desk = stand(scene, protocol=protocol)
    assert [(device, seen.values) for device, seen in desk.seen] == [
        ("mon-a", {"spo2": 97.0}),
        ("mon-b", {"spo2": 95.0}),
    ]


def test_a_retained_message_never_becomes_a_reading(stand, client, soon):
    say(client, "sensors/7/vitals", {"s": {"v": 0.5}}, retain=True)

    async def scene(desk):
        await soon(lambda: desk.refused == {"retained": 1})
        say(client, "sensors/7/vitals", {"s": {"v": 0.96}}, retain=True)  # live now, whatever the broker keeps of it
        await soon(lambda: desk.seen)

    assert stand(scene).values() == [{"spo2": 96.0}]


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("sensors/Z/vitals", b'{"s":{"v":0.9}}', "unknown_device"),
        ("sensors/7/vitals", b"", "bad_json"),
        ("sensors/7/vitals", b"97", "nothing_mapped"),
        ("sensors/7/vitals", b"\xff", "bad_utf8"),
        ("sensors/7/vitals", b'{"s":{"v":0.9},"x":"' + b"x" * 300 + b'"}', "oversized"),
    ],
)
def test_what_cannot_be_used_is_counted(stand, client, soon, topic, payload, reason):
    async def scene(desk):
        await asyncio.sleep(0.2)
        say(client, topic, payload)
        await soon(lambda: desk.refused == {reason: 1})

    assert stand(scene).seen == []


def test_a_topic_may_carry_one_bare_number(stand, client, soon):
    fields = read_document("values: [{parameter: hr, path: $, unit: bpm}]", "map.yaml", FieldMap)

    async def scene(desk):
        await asyncio.sleep(0.2)
        say(client, "home/7/pulse", b"71")
        await soon(lambda: desk.values() == [{"hr": 71.0}])

    stand(scene, fields, "home/{device}/pulse")


SETTINGS = """\
gateway: gw-1
broker: {{host: 127.0.0.1, port: {port}}}
spool: {{path: spool.db, commit_interval: 50ms}}
listeners:
  - id: esp
    mqtt: {{topic: "sensors/{{device}}/vitals"}}
    devices: [{{id: esp-1}}]
    map: {{values: [{{parameter: hr, path: hr, unit: bpm}}]}}
"""


def test_a_foreign_device_gets_the_same_guarantee(whole_agent, broker, client, until):
    agent = whole_agent(SETTINGS.format(port=broker.port))
    up = "device esp-1 (mqtt) is up"

    def heard(rate, times):
        if client.is_connected():
            say(client, "sensors/esp-1/vitals", {"hr": rate})
        return agent.said().count(up) == times

    until(lambda: "subscribed to sensors/{device}/vitals" in agent.said())
    until(lambda: heard(70, 1), step_s=0.2)
    broker.kill()
    until(lambda: "listener esp is down" in agent.said())
    broker.start()
    until(lambda: agent.said().count("listener esp is up") == 2)
    until(lambda: heard(80, 2), step_s=0.2)
    assert {record.values["hr"] for record in agent.records()} == {70.0, 80.0}


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("sensors/#/x", "is no topic filter"),
        ("sensors/a+", "is no topic filter"),
        ("sensors/{device}/{device}", "stands once"),
        ("sensors/esp-{device}", "stands once, for a whole level"),
        ("wardline/v1/up/{device}/vitals", "topics of Wardline itself"),
        ("sensors/vitals", "map.device is missing"),
    ],
)
def test_a_wrong_topic_is_told(tmp_path, topic, problem):
    file = tmp_path / "edge.yaml"
    file.write_text(SETTINGS.format(port=1).replace("sensors/{device}/vitals", topic))
    with pytest.raises(DocumentError) as caught:
        load_settings(file)
    assert problem in str(caught.value)
