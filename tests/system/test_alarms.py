"""Alarms over kill -9, lost gateways and lost brokers: a real hub on a real broker, gateways that never stop."""

import json
import threading
import time

import paho.mqtt.client as mqtt
import pytest

from tests.fixtures_hub import Client, Hub

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

RULES = """
format: 1
id: probe
title: Limits of each kind
provenance: for tests
include: [equipment]
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 0ms, hysteresis: 2, priority: high, message: SpO2 low}
  - {id: hr-high, parameter: hr, high: 120, for: 8s, priority: medium, message: HR high}
"""
SETTINGS = """
hub: hub-test
broker: {{port: {port}}}
rules: [{rules}]
wards: [{wards}]
gateways: [{gateways}]
"""
QUIET = {"hr": 72.0, "spo2": 97.0}


def ward(bed):
    return "icu" if bed <= 50 else f"ward-{bed // 51}"


def settings(port, rules, gateways):
    """`gateways` maps each to its beds; the device of bed 7 is mon-7. Fifty beds are a ward."""
    wards = {}
    for beds in gateways.values():
        for bed in beds:
            wards.setdefault(ward(bed), []).append(f'{{id: "{bed}"}}')
    entries = ", ".join(
        f"{{id: {name}, devices: [{', '.join(f'{{id: mon-{bed}, bed: {ward(bed)}/{bed}}}' for bed in beds)}]}}"
        for name, beds in gateways.items()
    )
    named = ", ".join(f"{{id: {name}, beds: [{', '.join(beds)}]}}" for name, beds in wards.items())
    return SETTINGS.format(port=port, rules=rules, wards=named, gateways=entries)


class Fleet:
    """Gateways that say their values each half second and how they are each second, until told to be silent."""

    def __init__(self, port: int, gateways: dict[str, list]) -> None:
        self.gateways = gateways
        self.values = {bed: dict(QUIET) for beds in gateways.values() for bed in beds}
        self.dead: set[str] = set()
        self._seq = dict.fromkeys(gateways, 0)
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(1_000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            for gateway in self.gateways.keys() - self.dead:
                self.say(gateway)

    def say(self, gateway: str) -> None:
        now = time.time_ns() // 1_000_000
        records = []
        for bed in self.gateways[gateway]:
            self._seq[gateway] += 1
            records.append({"seq": self._seq[gateway], "device": f"mon-{bed}", "time": now, "values": self.values[bed]})
        self._publish(f"up/{gateway}/vitals", {"epoch": 1, "records": records})
        self._publish(f"up/{gateway}/status", {"gateway": gateway, "online": True, "time": now}, retain=True)

    def _publish(self, topic: str, body: dict, *, retain: bool = False) -> None:
        self._client.publish(f"wardline/v1/{topic}", json.dumps(body), qos=1, retain=retain)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def rig(broker, tmp_path):
    """`rig({"gw-a": [1, 2]})`: a hub that runs, its gateways speaking, and a client that hears everything."""
    made = []

    def make(gateways, rules="probe.yaml"):
        (tmp_path / "probe.yaml").write_text(RULES)
        hub = Hub(tmp_path, settings(broker.port, rules, gateways))
        client = Client(broker.port, *(f"wardline/v1/{tree}/#" for tree in ("ward", "result", "hub")))
        fleet = Fleet(broker.port, gateways)
        made.extend([fleet.close, client.close, hub.stop])
        hub.start()
        client.wait_for(is_online)
        return hub, client, fleet

    yield make
    for close in made:
        close()


def is_online(topic, payload):
    return topic == "hub/hub-test/status" and payload["online"]


def event(change, rule, bed="1"):
    def fits(topic, payload):
        return (
            topic.endswith("/event")
            and payload["change"] == change
            and (payload["alarm"]["rule"], payload["alarm"]["bed"]) == (rule, str(bed))
        )

    return fits


def ask(client, action, **fields):
    request = f"r-{time.monotonic_ns()}"
    client.publish(f"command/pager-1/{action}", {"request": request, "by": "nurse-1", **fields})
    _, result = client.wait_for(lambda topic, payload: topic.startswith("result/") and payload["request"] == request)
    assert result["done"], result
    return result


def events_of(client):
    return [payload for topic, payload in client.kept if topic.endswith("/event")]


def listen(client, seconds):
    """Everything said in this time."""
    with pytest.raises(AssertionError):
        client.wait_for(lambda *_: False, timeout_s=seconds)
    return events_of(client)


def test_states_and_timers_go_on_where_kill_9_stopped_them(rig):
    hub, client, fleet = rig({"gw-a": [1, 2, 3, 4, 5]})
    for bed in (1, 2, 3):
        fleet.values[bed] = {"hr": 72.0, "spo2": 85.0}
        client.wait_for(event("raised", "spo2-low", bed))
    fleet.values[4] = {"hr": 72.0, "spo2": 85.0}
    _, low = client.wait_for(event("raised", "spo2-low", 4))
    seen = ask(client, "acknowledge", alarm=low["alarm"]["id"])
    assert seen["state"] == "acknowledged"
    silenced = ask(client, "pause-audio", bed="icu/2", for_ms=12_000, reason="drawing blood")
    ask(client, "pause-alarms", bed="icu/3", for_ms=12_000, reason="transport")
    fleet.values[5] = {"hr": 140.0, "spo2": 97.0}
    began = time.time() * 1_000
    client.wait_for(
        lambda topic, payload: topic == "ward/icu/live" and payload["beds"][4]["values"]["hr"]["value"] > 120
    )
    hub.kill()
    client.forget()
    hub.start()
    client.wait_for(is_online)
    live = lambda topic, payload: topic == "ward/icu/live" and all("alarms" in bed for bed in payload["beds"][:4])  # noqa: E731
    _, snapshot = client.wait_for(live)
    states = {bed["bed"]: [alarm["state"] for alarm in bed.get("alarms", [])] for bed in snapshot["beds"]}
    assert states == {"1": ["active"], "2": ["audio_paused"], "3": ["alarms_paused"], "4": ["acknowledged"], "5": []}
    assert snapshot["beds"][2]["pause"]["reason"] == "transport"
    _, raised = client.wait_for(event("raised", "hr-high", 5))
    assert raised["time"] == pytest.approx(began + 8_000, abs=1_500)  # the first value came within half a second
    for bed in (2, 3):
        _, again = client.wait_for(event("reraised", "spo2-low", bed))
        assert again["time"] == pytest.approx(silenced["time"] + 12_000, abs=1_000)
    # Nothing else was said, but what the broker may not have heard before the kill.
    assert {payload["change"] for payload in events_of(client)} <= {
        "raised",
        "acknowledged",
        "audio_paused",
        "alarms_paused",
    }


def test_an_acknowledgement_that_expires_while_the_hub_is_down_calls_again(rig):
    hub, client, fleet = rig({"gw-a": [1]})
    fleet.values[1] = {"hr": 72.0, "spo2": 85.0}
    _, low = client.wait_for(event("raised", "spo2-low"))
    ask(client, "acknowledge", alarm=low["alarm"]["id"])
    _, told = client.wait_for(event("acknowledged", "spo2-low"))
    wait = told["alarm"]["until"] - told["time"]
    assert wait == 300_000  # of a high alarm
    hub.kill()
    client.forget()
    hub.start(ahead_ms=wait - 10_000)  # long enough for a slow machine to start it
    client.wait_for(is_online)
    # It still stands acknowledged; what the broker may not have heard before the kill is said twice.
    said = {(payload["change"], payload["alarm"]["rule"]) for payload in listen(client, 2.0)}
    assert said <= {("raised", "spo2-low"), ("acknowledged", "spo2-low")}
    _, again = client.wait_for(event("reraised", "spo2-low"))
    assert again["alarm"]["id"] == low["alarm"]["id"]
    assert again["time"] == pytest.approx(told["alarm"]["until"], abs=1_000)


def test_a_limit_is_in_force_within_two_seconds_and_after_a_restart(rig):
    hub, client, _ = rig({"gw-a": [1, 2]})
    ask(client, "admit", bed="icu/1", patient="p-1")
    ask(client, "set-limit", scope="patient/p-1", rule="spo2-low", bound=98, reason="asked by the team")
    set_at = time.monotonic()
    client.wait_for(event("raised", "spo2-low"))
    assert time.monotonic() - set_at < 6.0  # two, and a busy machine
    hub.kill()
    client.forget()
    hub.start()
    client.wait_for(is_online)
    assert {payload["change"] for payload in listen(client, 2.0)} <= {"raised"}  # at most once more, and no second one
    ask(client, "discharge", bed="icu/1")
    client.wait_for(event("cleared", "spo2-low"))
    rows = hub.rows("SELECT change, scope, rule, bound FROM limit_override ORDER BY id")
    assert rows == [("set", "patient/p-1", "spo2-low", 98.0), ("discharged", "patient/p-1", "spo2-low", 98.0)]
    deeds = hub.rows('SELECT action, client, "by", reason FROM deed ORDER BY id')
    assert deeds == [
        ("admit", "pager-1", "nurse-1", ""),
        ("set-limit", "pager-1", "nurse-1", "asked by the team"),
        ("discharge", "pager-1", "nurse-1", ""),
    ]


def test_one_gateway_that_dies_with_thirty_devices_is_one_notice(rig):
    _, client, fleet = rig({"gw-a": list(range(1, 31)), "gw-b": [31]}, rules="adult-ward")
    client.wait_for(lambda topic, payload: topic == "ward/icu/live" and "values" in payload["beds"][0])
    client.forget()
    fleet.dead.add("gw-a")
    died = time.time() * 1_000
    (notice,) = listen(client, 20.0)
    alarm = notice["alarm"]
    assert (notice["change"], alarm["rule"], alarm["subject"]) == ("raised", "gateway-silent", "gateway/gw-a")
    assert (alarm["ward"], alarm["bed"], alarm["kind"]) == ("icu", "", "technical")
    assert 14_000 <= notice["time"] - died <= 16_500
    assert "30 devices" in alarm["message"]
    (state,) = [payload for topic, payload in client.kept if topic == "hub/hub-test/alarm/gateway/gw-a/gateway-silent"]
    assert state["id"] == alarm["id"]
    client.forget()
    fleet.dead.clear()
    _, back = client.wait_for(lambda topic, _: topic == "ward/icu/event")
    assert (back["change"], back["alarm"]["rule"]) == ("cleared", "gateway-silent")
    assert listen(client, 3.0) == []


def test_a_hub_that_restarts_with_two_hundred_beds_that_are_well_says_nothing(rig):
    gateways = {f"gw-{first:03}": list(range(first, first + 10)) for first in range(1, 201, 10)}
    hub, client, _ = rig(gateways, rules="adult-ward")
    client.wait_for(lambda topic, payload: topic == "ward/icu/live" and "values" in payload["beds"][49])
    client.forget()
    hub.kill()
    hub.start()
    client.wait_for(is_online)
    assert listen(client, 18.0) == []  # longer than any silence is tolerated


def test_a_broker_that_is_gone_is_one_fault_and_no_device_is_blamed(rig, broker):
    hub, client, _ = rig({"gw-a": [1, 2], "gw-b": [3]}, rules="adult-ward")
    client.wait_for(lambda topic, payload: topic == "ward/icu/live" and "values" in payload["beds"][2])
    client.forget()
    broker.kill()
    deadline = time.monotonic() + 30
    while not hub.rows("SELECT 1 FROM alarm_event WHERE rule = 'broker-lost'"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    broker.start()
    while not hub.rows("SELECT 1 FROM alarm_event WHERE rule = 'broker-lost' AND change = 'cleared'"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    listen(client, 16.0)
    assert hub.rows("SELECT rule, change, ward, bed FROM alarm_event ORDER BY id") == [
        ("broker-lost", "raised", "", ""),
        ("broker-lost", "cleared", "", ""),
    ]


def test_late_readings_are_judged_afterwards_told_once_and_never_as_an_alarm(rig):
    hub, client, fleet = rig({"gw-a": [1], "gw-b": [2]})
    client.wait_for(lambda topic, payload: topic == "ward/icu/live" and "values" in payload["beds"][0])
    fleet.dead.add("gw-a")  # as if cut off: what it measures now it will send later
    now = time.time_ns() // 1_000_000
    records = [
        {"seq": 1_000 + second, "device": "mon-1", "time": now - 60_000 + second * 1_000, "values": {"spo2": value}}
        for second, value in enumerate([97.0] * 10 + [85.0] * 20 + [97.0] * 10)
    ]
    client.forget()
    for _ in range(2):
        client.publish("up/gw-a/backfill", {"epoch": 1, "records": records})
    _, summary = client.wait_for(lambda topic, _: topic == "ward/icu/late", timeout_s=20)
    assert (summary["found"], summary["beds"], summary["records"]) == (1, ["1"], 40)
    (alarm,) = summary["alarms"]
    assert (alarm["late"], alarm["rule"], alarm["onset"]) == (True, "spo2-low", now - 50_000)
    assert hub.rows("SELECT change, time FROM alarm_event WHERE rule = 'spo2-low' ORDER BY id") == [
        ("raised", now - 50_000),
        ("cleared", now - 30_000),
    ]
    assert not [topic for topic, _ in client.kept if topic.endswith(("/event", "/alarm/spo2-low"))]


def test_observations_make_a_score_and_survive_the_hub(rig):
    hub, client, fleet = rig({"gw-a": [1]})
    fleet.values[1] = {"hr": 75.0, "spo2": 97.0, "rr": 16.0, "nibp_sys": 125.0, "temp": 37.0}
    ask(client, "observe", bed="icu/1", values={"acvpu": "A", "oxygen": "air"})
    hub.kill()
    client.forget()
    hub.start()
    scored = lambda topic, payload: (  # noqa: E731
        topic == "ward/icu/live" and payload["beds"][0].get("scores", {}).get("news2", {}).get("complete")
    )
    _, snapshot = client.wait_for(scored)
    bed = snapshot["beds"][0]
    assert (bed["scores"]["news2"]["total"], bed["scores"]["news2"]["risk"]) == (0, "low")
    assert bed["entries"]["acvpu"]["value"] == 0.0
    ask(client, "observe", bed="icu/1", values={"acvpu": None})
    _, snapshot = client.wait_for(
        lambda topic, payload: topic == "ward/icu/live" and payload["beds"][0]["scores"]["news2"]["complete"] is False
    )
    score = snapshot["beds"][0]["scores"]["news2"]
    assert "total" not in score
    assert score["missing"] == ["consciousness"]
