"""A gateway that speaks to a real broker for the pages: one monitor with two waves."""

import contextlib
import threading

import paho.mqtt.client as mqtt

from tests.conftest import Broker, _mosquitto, free_port
from tests.hub.console import rig as _rig
from vitals import topics
from vitals.codec import encode
from vitals.readings import Batch, Record
from vitals.waves import WaveFrame, encode_frame, quantise


class Gateway:
    """Sends a reading and a second of two waves each second; `values` may be changed at any time."""

    def __init__(self, port):
        self.values = {"hr": 72.0, "spo2": 97.0, "rr": 16.0, "nibp_sys": 125.0, "nibp_dia": 80.0, "temp": 37.0}
        self._seq = 0
        self._over = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gw-1")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(1.0):
            now = _rig.now_ms()
            record = Record(seq=self._number(), device="mon-1", time=now, values=dict(self.values))
            self._client.publish(topics.up("gw-1", "vitals"), encode(Batch(epoch=1, records=[record])), qos=1)
            frames = b"".join(self._frame(channel, now - 1_000) for channel in ("ecg_ii", "pleth"))
            self._client.publish(topics.up("gw-1", "wave"), frames)

    def _frame(self, channel, time):
        scale, offset, samples = quantise([float(number % 25) for number in range(125)], -5, 30)
        unit = "mV" if channel == "ecg_ii" else "1"
        return encode_frame(
            WaveFrame(1, self._number(), "mon-1", channel, time, "synced", 125.0, scale, offset, unit, samples)
        )

    def _number(self):
        self._seq += 1
        return self._seq

    def say(self, topic, payload, *, retain=False):
        """Any other word of the gateway."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def close(self):
        self._over.set()
        self._thread.join(timeout=5)
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def fed_console(folders):
    """(console, gateway) with a broker and a real hub between them; `folders`: pytest's tmp_path_factory."""
    broker = Broker(_mosquitto(), folders.mktemp("broker"))
    broker.start()
    beds = {"1": "Bed 1", "2": "Bed 2", "3": "Bed 3"}
    console = _rig.ConsoleProcess(folders.mktemp("console"), free_port(), broker.port, beds=beds)
    with _rig.real_hub(console):
        console.start()
        gateway = Gateway(broker.port)
        _rig.until(lambda: console.json("/api/v1/beds")[0]["values"], within=40, what="no reading came through")
        try:
            yield console, gateway
        finally:
            gateway.close()
            console.stop()
    broker.kill()
