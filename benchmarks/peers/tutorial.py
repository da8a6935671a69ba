"""What most tutorials show: one script, paho, json, a threshold, and one synchronous InfluxDB write per message.

    python benchmarks/peers/tutorial.py --port 1883 --url http://127.0.0.1:8086 --token user:password --bucket ward

The alarm is published before the write, which is the kinder order. Nothing is kept when the process or the store ends.
"""

from __future__ import annotations

import argparse
import json

import paho.mqtt.client as mqtt
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from paho.mqtt.enums import CallbackAPIVersion

LIMIT = 100.0


def main() -> None:
    """Subscribe and work until killed."""
    parser = argparse.ArgumentParser()
    for name in ("port", "url", "token", "bucket"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    store = InfluxDBClient(url=arguments.url, token=arguments.token, org="-", enable_gzip=False)
    write_api = store.write_api(write_options=SYNCHRONOUS)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="tutorial")

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        reading = json.loads(message.payload)
        values = reading["values"]
        if values["icp"] > LIMIT:
            client.publish(f"alarms/{reading['ward']}/{reading['bed']}", json.dumps({"icp": values["icp"]}), qos=1)
        point = Point("vitals").tag("ward", reading["ward"]).tag("bed", reading["bed"])
        for name, value in values.items():
            point = point.field(name, float(value))
        write_api.write(arguments.bucket, "-", point.time(reading["time"], WritePrecision.MS))

    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe("beds/+/+/vitals", qos=1)
    client.connect("127.0.0.1", int(arguments.port))
    client.loop_forever()


if __name__ == "__main__":
    main()
