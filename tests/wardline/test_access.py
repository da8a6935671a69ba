"""Every role against every topic, on both brokers: what arrives is what the table says, and nothing else."""

import asyncio
import os
import signal
import socket

import paho.mqtt.client as mqtt
import pytest

from chassis.listener import Listener
from chassis.mqtt import BrokerSettings
from chassis.session import Session
from vitals.errors import LinkError

HUB, GATEWAY_A, GATEWAY_B, CONSOLE, PAGER = NAMES = ("hub", "gw-a", "gw-b", "console", "pager")

# topic: (who may publish, who may receive)
TABLE = {
    "up/gw-a/vitals": ([GATEWAY_A], [HUB]),
    "up/gw-a/wave": ([GATEWAY_A], [HUB, CONSOLE]),
    "up/gw-a/status": ([GATEWAY_A], [HUB, CONSOLE]),
    "up/gw-a/bedside": ([GATEWAY_A], [HUB, CONSOLE, PAGER]),
    "up/gw-b/vitals": ([GATEWAY_B], [HUB]),
    "down/gw-a/receipt": ([HUB], [GATEWAY_A]),
    "down/gw-b/receipt": ([HUB], [GATEWAY_B]),
    "down/gw-a/settings": ([HUB], [GATEWAY_A]),
    "down/gw-b/drill": ([HUB], [GATEWAY_B]),
    "ward/icu/live": ([HUB], [CONSOLE, PAGER]),
    "ward/icu/event": ([HUB], [CONSOLE, PAGER]),
    "ward/icu/1/alarm/hr-high": ([HUB], [HUB, CONSOLE, PAGER]),
    "command/console/acknowledge": ([CONSOLE], [HUB]),
    "command/pager/acknowledge": ([PAGER], [HUB]),
    "result/console/acknowledge": ([HUB], [CONSOLE]),
    "result/pager/acknowledge": ([HUB], [PAGER]),
    "ward/icu/late": ([HUB], [CONSOLE, PAGER]),
    "hub/hub/alarm/gateway/gw-a/gateway-silent": ([HUB], [HUB, CONSOLE, PAGER]),
    "hub/hub/event": ([HUB], [CONSOLE, PAGER]),
    "hub/hub/heartbeat": ([HUB], [GATEWAY_A, GATEWAY_B, CONSOLE, PAGER]),
    "hub/hub/pagers": ([HUB], [HUB, CONSOLE, PAGER]),
    "page/pager": ([HUB], [PAGER]),
    "page/pager/received": ([PAGER], [HUB]),
    "page/other-pager": ([HUB], []),
    "hub/hub/status": ([HUB], [GATEWAY_A, GATEWAY_B, CONSOLE, PAGER]),
    "somewhere/else": ([], []),
}
TOPICS = {f"wardline/v1/{topic}": cell for topic, cell in TABLE.items()}

BROKERS = [
    pytest.param("mosquitto", mqtt.MQTTv5, id="mosquitto-5", marks=pytest.mark.broker),
    pytest.param("mosquitto", mqtt.MQTTv311, id="mosquitto-3.1.1", marks=pytest.mark.broker),
    pytest.param("embedded", mqtt.MQTTv311, id="embedded-3.1.1"),
]
KINDS = [pytest.param("mosquitto", marks=pytest.mark.broker), "embedded"]


@pytest.mark.parametrize(("kind", "version"), BROKERS)
def test_each_role_publishes_and_receives_exactly_what_the_table_grants(
    enrolled, run_broker, port, listener, until, kind, version
):
    run_broker(kind, enrolled, port)
    clients = {name: listener(enrolled, name, port, version=version) for name in NAMES}
    for client in clients.values():
        for topic in ("#", "wardline/v1/#", *TOPICS):
            client.subscribe(topic)
    for topic in TOPICS:
        for name, client in clients.items():
            client.publish(topic, f"canary of {name}")
    for topic, (writers, _) in TOPICS.items():  # behind every canary, one last message on each topic
        for name in writers:
            clients[name].publish(topic, "end")

    readable = {name: {topic for topic, (_, readers) in TOPICS.items() if name in readers} for name in NAMES}
    for name, client in clients.items():
        until(lambda client=client, name=name: {t for t, p in client.received if p == "end"} >= readable[name])
    for name, client in clients.items():
        expected = {(topic, f"canary of {writer}") for topic in readable[name] for writer in TOPICS[topic][0]}
        assert {pair for pair in client.received if pair[1] != "end"} == expected, name


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_enters_without_the_secret_of_an_enrolled_client(enrolled, run_broker, port, listener, kind):
    run_broker(kind, enrolled, port)
    assert listener(enrolled, "", port).refused
    assert listener(enrolled, "pager", port, password="").refused
    assert listener(enrolled, "pager", port, password="guess").refused
    assert listener(enrolled, "stranger", port, password="guess").refused
    assert not listener(enrolled, "pager", port).refused


@pytest.mark.parametrize("kind", KINDS)
def test_a_last_will_obeys_the_rules_too(enrolled, run_broker, port, listener, until, kind):
    run_broker(kind, enrolled, port)
    hub, pager = listener(enrolled, "hub", port), listener(enrolled, "pager", port)
    hub.subscribe("wardline/v1/up/+/+")
    pager.subscribe("wardline/v1/ward/#")
    listener(enrolled, "gw-b", port, will="wardline/v1/ward/icu/1/alarm/hr-high").vanish()
    listener(enrolled, "gw-a", port, will="wardline/v1/up/gw-a/status").vanish()
    until(lambda: hub.received)
    assert hub.received == [("wardline/v1/up/gw-a/status", "gone")]
    hub.publish("wardline/v1/ward/icu/event", "end")
    until(lambda: pager.received)
    assert pager.received == [("wardline/v1/ward/icu/event", "end")]


@pytest.mark.parametrize("kind", KINDS)
def test_retained_messages_reach_only_those_who_may_read_and_did_subscribe(
    enrolled, run_broker, port, listener, until, kind
):
    run_broker(kind, enrolled, port)
    hub = listener(enrolled, "hub", port)
    hub.subscribe("wardline/v1/up/+/+")
    listener(enrolled, "gw-a", port).publish("wardline/v1/up/gw-a/status", "online", retain=True)
    hub.publish("wardline/v1/ward/icu/1/alarm/hr-high", "active", retain=True)
    until(lambda: hub.received)
    pager = listener(enrolled, "pager", port)
    pager.subscribe("wardline/v1/up/+/+")
    pager.subscribe("wardline/v1/ward/+/+/alarm/+")
    until(lambda: pager.received)
    hub.publish("wardline/v1/ward/icu/1/alarm/hr-high", "end")
    until(lambda: len(pager.received) > 1)
    assert [payload for _, payload in pager.received] == ["active", "end"]


def test_the_embedded_broker_refuses_a_subscription_wider_than_the_role(enrolled, run_broker, port, listener):
    run_broker("embedded", enrolled, port)
    pager = listener(enrolled, "pager", port)
    assert pager.subscribe("wardline/v1/ward/#")
    assert not pager.subscribe("wardline/v1/#")
    assert not pager.subscribe("wardline/v1/+/icu/event")
    assert not pager.subscribe("#")


def test_the_embedded_broker_tells_an_mqtt_5_client_at_once_to_step_down(enrolled, run_broker, port, listener):
    run_broker("embedded", enrolled, port)
    refused = listener(enrolled, "gw-a", port, version=mqtt.MQTTv5, will="wardline/v1/up/gw-a/status").refused
    assert refused.getName() == "Unsupported protocol version"


@pytest.mark.parametrize(
    "noise", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff", b"\x10\x0c\x00\x04MQTT"]
)
def test_noise_on_the_port_does_not_disturb_the_embedded_broker(enrolled, run_broker, port, listener, noise):
    run_broker("embedded", enrolled, port)
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(noise)
    assert not listener(enrolled, "pager", port).refused


@pytest.mark.broker
def test_a_mosquitto_that_dies_is_back_within_two_seconds(enrolled, run_broker, port, listener, until):
    running, said = run_broker("mosquitto", enrolled, port)
    os.kill(running.child.pid, signal.SIGKILL)
    until(lambda: running.child.restarts == 1)
    assert len(said) == 1
    assert said[0].startswith("broker was ended by SIGKILL; starting it again in ")


@pytest.mark.parametrize("connection", [Session, Listener])
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_connections_find_the_version_the_broker_speaks_and_stay(
    enrolled, run_broker, port, listener, kind, connection
):
    run_broker(kind, enrolled, port)
    heard = []

    async def story():
        ours = connection(
            BrokerSettings(port=port, username="hub", password="file:secrets/hub"),
            enrolled,
            client_id="hub-test",
            subscriptions=["wardline/v1/up/+/+"],
            on_message=lambda topic, payload, retained: heard.append(payload),
        )
        run = asyncio.create_task(ours.run())
        gateway = await asyncio.to_thread(listener, enrolled, "gw-a", port)
        async with asyncio.timeout(10):
            while not heard and not run.done():
                gateway.client.publish("wardline/v1/up/gw-a/vitals", "raised", qos=1)
                await asyncio.sleep(0.05)
        run.cancel()
        return await asyncio.gather(run, return_exceptions=True)

    assert isinstance(asyncio.run(story())[0], asyncio.CancelledError)
    assert heard[0] == b"raised"


@pytest.mark.parametrize("kind", KINDS)
def test_a_listener_with_a_wrong_secret_is_told_so(enrolled, run_broker, port, kind):
    run_broker(kind, enrolled, port)
    (enrolled / "wrong").write_text("no secret of ours")
    (enrolled / "wrong").chmod(0o600)
    ours = Listener(
        BrokerSettings(port=port, username="hub", password="file:wrong"),
        enrolled,
        client_id="hub-test",
        subscriptions=["wardline/v1/up/+/+"],
        on_message=lambda *_: None,
    )
    with pytest.raises(LinkError, match=f"{port} refused hub-test"):
        asyncio.run(ours.run())
    assert not ours.connected
