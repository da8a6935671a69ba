"""The whole API in front of a real hub, on a real broker, with a bed that has readings."""

import subprocess
import sys

import paho.mqtt.client as mqtt
import pytest

from tests.conftest import Broker, _mosquitto, free_port
from tests.hub.console import rig
from vitals import topics
from vitals.codec import encode
from vitals.readings import Batch, Record


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A console that answers, beside a hub that carries out what it is asked."""
    broker = Broker(_mosquitto(), tmp_path_factory.mktemp("broker"))
    broker.start()
    console = rig.ConsoleProcess(
        tmp_path_factory.mktemp("api"), free_port(), broker.port, beds={"1": "Bed 1", "2": "Bed 2"}
    )
    words = [sys.executable, "-m", "wardline", "hub", "run", "--part", "ingest", "--config", str(console.config)]
    with (console.folder / "hub.log").open("ab") as log:
        hub = subprocess.Popen(words, stdout=log, stderr=log)
    console.start()
    rig.until(lambda: console.get("/healthz")[0] == 200, within=40, what="the hub is not heard")
    _measure(broker.port)
    rig.until(lambda: console.json("/api/v1/beds/icu/1/readings")["readings"], what="nothing was stored")
    yield console
    console.stop()
    hub.terminate()
    hub.wait(timeout=30)
    broker.kill()


def _measure(port):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gw-1", protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    records = [
        Record(seq=seq, device="mon-1", time=rig.now_ms() - 10_000 + seq * 1_000, values={"spo2": 97.0, "hr": 72.0})
        for seq in range(1, 6)
    ]
    client.publish(topics.up("gw-1", "vitals"), encode(Batch(epoch=1, records=records)), qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()
