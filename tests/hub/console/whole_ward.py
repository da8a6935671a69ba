"""A hub and a console of one ward on a broker of their own, and all that is said there. For tests of both together."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import paho.mqtt.client as mqtt

from hub.history import History
from tests.conftest import Broker, _mosquitto, free_port
from tests.hub.console import rig as _rig
from vitals import topics
from vitals.codec import encode
from vitals.readings import Batch, Record


class Ward:
    """A hub and a console on one folder, and all that is said on the broker."""

    def __init__(self, make_folder) -> None:
        self.broker = Broker(_mosquitto(), make_folder("broker"))
        self.broker.start()
        beds = {"1": "Bed 1", "2": "Bed 2", "3": "Bed 3"}
        self.console = _rig.ConsoleProcess(make_folder("ward"), free_port(), self.broker.port, beds=beds)
        self.folder = self.console.folder
        words = [sys.executable, "-m", "wardline", "hub", "run", "--part", "ingest"]
        self.log = (self.folder / "hub.log").open("ab")
        self.hub = subprocess.Popen(
            [*words, "--config", str(self.console.config)], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL
        )
        self.heard = []
        self.ear = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gw-1")
        self.ear.on_message = lambda _client, _data, message: self.heard.append((message.topic, message.payload))
        self.ear.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.ear.connect("127.0.0.1", self.broker.port)
        self.ear.loop_start()
        self.console.start()
        _rig.until(lambda: self.console.get("/healthz")[0] == 200, within=40, what="the hub is not heard")
        self.seq = 0

    def close(self):
        self.console.stop()
        self.hub.kill()
        self.hub.wait(timeout=30)
        self.log.close()
        self.ear.disconnect()
        self.ear.loop_stop()
        self.broker.kill()

    def ask(self, method, path, body=None):
        """(status, answer) of a request; a str body goes as it is."""
        data = body.encode() if isinstance(body, str) else json.dumps(body or {}).encode() if method != "GET" else None
        request = urllib.request.Request(
            self.console.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def done(self, method, path, body=None):
        status, answer = self.ask(method, path, body)
        assert status == 200, answer
        return answer

    def free(self):
        """Nobody lies or ever lay anywhere."""
        for stay in self.done("GET", "/api/v1/admissions?state=all"):
            path = f"/api/v1/admissions/{stay['admission']}/correct"
            self.done("POST", path, {"cancel": True, "reason": "the next test"})

    def say(self, device, time, **values):
        self.seq += 1
        record = Record(seq=self.seq, device=device, time=time, values=values)
        self.ear.publish(topics.up("gw-1", "backfill"), encode(Batch(epoch=1, records=[record])), qos=1)
        _rig.until(lambda: self._last() >= self.seq, what="the record was not committed")

    def _last(self):
        history = History(self.folder / "journal.db")
        try:
            return history.select("SELECT coalesce(max(seq), 0) FROM record")[0][0]
        finally:
            history.close()
