"""The stream of a running console: whole first, numbered, alive when the hub is not, and never in anybody's way."""

import contextlib
import json
import socket
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from vitals import topics
from vitals.codec import encode
from vitals.live import WardSnapshot

pytestmark = pytest.mark.broker


def screen(console, **options):
    return connect(f"ws://127.0.0.1:{console.port}/api/v1/stream", open_timeout=20, max_size=None, **options)


def hear(socket, wanted, within=20.0):
    """The next message that `wanted` holds for; checks on the way that no number is missing."""
    deadline = time.monotonic() + within
    number = None
    while True:
        message = json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
        assert number is None or message["type"] == "whole" or message["number"] == number + 1
        number = message["number"]
        if wanted(message):
            return message


def is_a(kind):
    return lambda message: message["type"] == kind


def test_the_first_word_is_the_whole(console, hub):
    with screen(console) as socket:
        whole = json.loads(socket.recv(timeout=20))
    assert whole["type"] == "whole"
    assert [bed["bed"] for bed in whole["wards"][0]["beds"]] == ["1", "2", "3"]
    assert whole["wards"][0]["title"] == "Intensive care"
    assert whole["parameters"]["nibp_sys"] == {
        "label": "NIBP sys", "unit": "mmHg", "decimals": 0, "stale_s": 1800, "aperiodic": True,
    }  # fmt: skip
    assert (whole["hub"]["connected"], whole["broker"]) == (True, True)
    assert abs(whole["time"] / 1000 - time.time()) < 5


def test_every_snapshot_alarm_and_event_follows_with_a_number(console, hub, rig):
    with screen(console) as socket:
        alarm = rig.alarm()
        hub.raise_alarm(alarm)
        assert hear(socket, is_a("alarm"))["alarm"]["id"] == alarm.id
        event = hear(socket, is_a("event"))["event"]
        assert (event["change"], event["alarm"]["id"]) == ("raised", alarm.id)
        seen = hear(socket, lambda message: message["type"] == "ward" and message["ward"]["beds"][0]["alarms"])
        assert seen["ward"]["beds"][0]["alarms"][0]["id"] == alarm.id
        hub.end_alarm(alarm)
        assert hear(socket, is_a("alarm"))["alarm"] is None


def test_the_console_beats_each_second_and_tells_how_long_the_hub_is_silent(console, hub):
    hub.silence()
    try:
        with screen(console) as socket:
            first = hear(socket, is_a("beat"))
            started = time.monotonic()
            second = hear(socket, is_a("beat"))
            assert 0.5 < time.monotonic() - started < 6
            assert 500 < second["hub_silent_ms"] - first["hub_silent_ms"] < 6_000
    finally:
        hub.speak()


def test_a_retained_snapshot_is_not_taken_for_the_present(new_console, broker, rig):
    hub = rig.FakeHub(broker.port, beds=[rig.bed("1")])
    hub.silence()
    old = WardSnapshot(ward="icu", title="x", hub="hub-1", time=1, number=1, beds=[rig.bed("1")])
    hub.publish(topics.live("icu"), encode(old), retain=True)
    alarm = rig.alarm()
    hub.raise_alarm(alarm)  # comes after the snapshot: when it is seen, so was the snapshot
    try:
        new_console.start()
        rig.until(lambda: new_console.json("/api/v1/alarms"))
        assert new_console.json("/api/v1/beds")[0]["values"] == {}
    finally:
        hub.close()


def test_what_cannot_be_read_is_left_and_disturbs_nothing(console, hub, rig):
    for topic in (topics.live("icu"), topics.event("icu"), topics.alarm("icu", "1", "x"), topics.heartbeat("hub-1")):
        for payload in (b"{", b"null", b"\xff\xfe", b"[" * 100_000, b'{"ward":"other"}', b'{"hub":1}'):
            hub.publish(topic, payload)
    hub.put(rig.bed("1", values={"hr": rig.value(61)}))
    with screen(console) as socket:
        hear(socket, lambda m: m["type"] != "beat" and _heart(m) == 61)
    assert console.process.poll() is None


def _heart(message):
    wards = message.get("wards") or [message.get("ward")]
    bed = wards[0]["beds"][0] if isinstance(wards[0], dict) else {"values": {}}
    return bed["values"].get("hr", {}).get("value")


def test_a_page_of_somebody_else_gets_no_stream(console):
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
        with pytest.raises(InvalidStatus) as refused, screen(console, additional_headers=headers):
            pass
        assert refused.value.response.status_code == 403
    with screen(console, origin=console.url) as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "whole"


def test_a_screen_that_takes_nothing_delays_nobody(console, hub, rig):
    stuck = socket.create_connection(("127.0.0.1", console.port))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
    stuck.sendall(
        b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with stuck, screen(console) as quick:
        for number in range(300):
            hub.put(rig.bed("1", values={"hr": rig.value(number)}))
        started = time.monotonic()
        hear(quick, lambda message: message["type"] in ("ward", "whole") and _heart(message) == 299)
        assert time.monotonic() - started < 8  # a stuck one is let go after 10


def test_what_a_screen_says_is_not_listened_to_and_too_much_ends_it(console, hub):
    with screen(console) as socket:
        socket.send("hello")
        socket.send(b"\x00")
        hear(socket, is_a("beat"))
        with contextlib.suppress(ConnectionClosed):
            socket.send("x" * 10_000)
        with pytest.raises(ConnectionClosed):
            hear(socket, lambda message: False, within=20)


def test_the_console_goes_down_within_a_second_and_tells_its_screens(new_console, broker, rig):
    new_console.start()
    with screen(new_console) as socket:
        hear(socket, is_a("beat"))
        assert new_console.stop() < 6  # one second for who does not leave, the exit of the process, and a busy machine
        with pytest.raises(ConnectionClosed) as closed:
            hear(socket, lambda message: False, within=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert new_console.process.returncode == 0


def test_the_console_lives_without_broker_hub_and_journal_and_gets_well_by_itself(new_console, broker, rig):
    broker.kill()
    new_console.start()
    status, _, body = new_console.get("/healthz")
    said = json.loads(body)
    assert (status, said["status"], said["broker"]["connected"]) == (503, "failed", False)
    assert "broker" in said["reason"]
    assert new_console.get("/api/v1/quarantine")[0] == 503
    assert [bed["silent"] for bed in new_console.json("/api/v1/beds")] == [True, True, True]
    broker.start()
    rig.until(lambda: b"has not spoken" in new_console.get("/healthz")[2], what="the broker is not found again")
    hub = rig.FakeHub(broker.port, beds=[rig.bed("1")])
    try:
        rig.until(lambda: new_console.get("/healthz")[0] == 200, what="the hub is not heard")
        hub.silence()
        rig.until(lambda: new_console.get("/healthz")[0] == 503, within=40, what="silence is not noticed")
        assert b"silent for" in new_console.get("/healthz")[2]
        assert not new_console.json("/api/v1/beds")[0]["values"]["hr"]["fresh"]
        hub.speak()
        rig.until(lambda: new_console.get("/healthz")[0] == 200, what="the hub is not heard again")
    finally:
        hub.close()


def test_alarms_that_were_raised_before_the_console_started_are_shown(new_console, broker, rig):
    hub = rig.FakeHub(broker.port, beds=[rig.bed("1")])
    hub.silence()
    alarm = rig.alarm()
    hub.raise_alarm(alarm)
    try:
        new_console.start()
        found = rig.until(lambda: new_console.json("/api/v1/alarms"))
        assert found[0]["id"] == alarm.id
    finally:
        hub.close()


def test_a_taken_port_is_said_in_one_sentence(console, tmp_path, rig):
    other = rig.ConsoleProcess(tmp_path, console.port, 1, beds={"1": "Bed 1"})
    other.launch()
    assert other.process.wait(timeout=30) == 2
    (line,) = other.log.read_text().splitlines()
    assert "change console.port" in line
