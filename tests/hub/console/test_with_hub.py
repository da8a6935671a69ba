"""The console beside the real hub: a reading becomes a number, an alarm, an acknowledgement and a row of history."""

import json
import subprocess
import sys
import time

import paho.mqtt.client as mqtt
import pytest

from vitals import topics
from vitals.codec import encode
from vitals.readings import Batch, Record

pytestmark = [pytest.mark.broker, pytest.mark.system]


@pytest.fixture
def gateway(broker):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gw-1")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def real_hub(new_console):
    words = [sys.executable, "-m", "wardline", "hub", "run", "--part", "ingest", "--config", str(new_console.config)]
    with (new_console.folder / "hub.log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    yield process
    process.kill()
    process.wait(timeout=30)


def test_a_reading_goes_all_the_way_to_an_acknowledged_alarm(new_console, real_hub, gateway, rig):
    new_console.start()
    rig.until(lambda: new_console.get("/healthz")[0] == 200, within=40, what="the hub is not heard")
    seq = 0

    def alarmed():
        nonlocal seq
        seq += 1
        record = Record(seq=seq, device="mon-1", time=rig.now_ms(), values={"spo2": 80.0}, flags={"hr": "lead_off"})
        gateway.publish(topics.up("gw-1", "vitals"), encode(Batch(epoch=1, records=[record])), qos=1)
        time.sleep(0.1)  # the pace of a monitor, ten times over
        return [alarm for alarm in new_console.json("/api/v1/alarms") if alarm["kind"] == "physiological"]

    (alarm, *_) = rig.until(alarmed, within=40, what="no alarm was raised")
    (bed, *_) = new_console.json("/api/v1/beds")
    assert (bed["values"]["spo2"]["value"], bed["values"]["hr"]["value"]) == (80.0, None)
    assert bed["flags"] == {"hr": "lead_off"}
    status, _, body = new_console.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", {"by": "AB"})
    assert (status, json.loads(body)["state"]) == (200, "acknowledged")
    events = new_console.json("/api/v1/alarms?state=all&bed=1")
    changes = [event["change"] for event in events if event["alarm"]["id"] == alarm["id"]]
    assert changes == ["acknowledged", "raised"]
    found = new_console.json("/api/v1/beds/icu/1/readings?parameter=spo2")["readings"]
    assert {reading["values"]["spo2"] for reading in found} == {80.0}
    assert new_console.post(f"/api/v1/alarms/{alarm['id']}/reset", {"by": "AB"})[0] == 409
    real_hub.kill()
    rig.until(lambda: new_console.get("/healthz")[0] == 503, within=40, what="nobody noticed that the hub is dead")
