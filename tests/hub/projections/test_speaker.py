"""The projections tell the hub over a real broker what needs a person, and a last will tells when they are gone."""

import json

import msgspec
import paho.mqtt.client as mqtt
import pytest

from chassis.mqtt import BrokerSettings
from tests.fixtures_influx import wait_for
from tests.hub.projections.conftest import write_token
from vitals import topics

pytestmark = pytest.mark.broker


@pytest.fixture
def heard(broker):
    """What the projections have said."""
    words = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: words.append(json.loads(message.payload))
    client.on_connect = lambda client, *_: client.subscribe(topics.projections_status("hub-1"), qos=1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield words
    client.disconnect()
    client.loop_stop()


def test_wrong_settings_are_told_at_once_and_so_is_that_they_are_right_and_the_end(
    ward, settings_for, project, broker, heard, tmp_path
):
    ward.add(1)
    settings = settings_for("http://127.0.0.1:9", batch=10)
    (tmp_path / "token").unlink()
    broker_settings = BrokerSettings(host="127.0.0.1", port=broker.port)
    running = project(msgspec.structs.replace(settings, broker=broker_settings))
    told = wait_for(lambda: next((one for one in heard if one.get("faults")), None), "a fault")
    assert told["sinks"] == ["influxdb", "influxdb-1m"]
    assert told["faults"][0]["sink"] in told["sinks"]
    assert "token" in told["faults"][0]["reason"]
    write_token(tmp_path, "admin:none")
    wait_for(lambda: heard[-1]["online"] and not heard[-1].get("faults"), "the end of the fault")
    assert running.stop()
    wait_for(lambda: not heard[-1]["online"], "the goodbye")
