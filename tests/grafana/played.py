"""An hour of work of a ward, played to a real hub: journal, projection, metrics; what the dashboards are asked of."""

import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import yaml

from tests.conftest import Broker, free_port
from tests.conftest import _mosquitto as mosquitto
from tests.fixtures_hub import Client
from tests.fixtures_influx import TOKEN, wait_for
from tests.fixtures_prometheus import Prometheus
from vitals.parameters import PARAMETERS

MINUTES = 20
WITHIN_S = 60.0  # each step, on a machine that does much else
STEP_S = 5
RULES = """
format: 1
id: probe
title: Limits without delay
provenance: for tests
include: [early-warning, equipment]
limits:
  - {id: hr-high, parameter: hr, high: 120, for: 0ms, priority: high, message: HR high}
  - {id: rr-high, parameter: rr, high: 40, for: 0ms, priority: medium, message: RR high}
  - {id: temp-high, parameter: temp, high: 40, for: 0ms, priority: low, message: Temp high}
  - {id: spo2-low, parameter: spo2, low: 85, for: 0ms, priority: high, message: SpO2 low}
"""
HUB = """
hub: hub-1
broker: {{port: {port}}}
console: {{port: {console}}}
metrics: {{port: {metrics}}}
rules: [probe.yaml]
pagers: {{file: pagers.yaml}}
projections: {{influxdb: {{url: "{influx}", token: "file:token", bucket: {database}}}}}
wards: [{{id: icu, title: ICU, beds: [{{id: "1"}}, {{id: "2"}}, {{id: "3"}}]}}]
gateways:
  - {{id: gw-1, devices: [{{id: mon-a, bed: icu/1}}, {{id: mon-b, bed: icu/2}}]}}
  - {{id: gw-2, devices: [{{id: mon-c, bed: icu/3}}]}}
  - {{id: gw-3, devices: [{{id: spare}}]}}
  - {{id: gw-4, devices: [{{id: mon-d, bed: icu/3}}]}}
"""
PAGERS = """
format: 1
zone: UTC
recipients: [{id: nurse-1, fallback: charge-1}, {id: charge-1}]
policies: [{id: any, steps: [{after: 0s, page: [nurse-1]}, {after: 60s, page: [charge-1]}]}]
"""
EDGE = """
gateway: gw-2
broker: {{port: {port}}}
metrics: {{port: {metrics}}}
devices: [{{id: mon-c, driver: csv, replay: {{file: r.csv, loop: true}}}}]
"""
WELL = {"hr": 72, "spo2": 97, "rr": 14, "temp": 37.0, "nibp_sys": 120, "abp_sys": 120}
ILL = {"hr": 150, "rr": 50, "temp": 41.0}
METRICS_PORTS = {"ingest": 0, "projections": 1, "pagers": 2, "console": 3}


class Ward:
    """A hub of three beds: one that was ill and still desaturates, one with lost probes, one at a real agent."""

    def __init__(self, folder, influx, database) -> None:
        self.folder, self.influx, self.database = folder, influx, influx.create(database)
        self.base, self.edge_port = free_port(), free_port()
        self.broker = Broker(mosquitto(), folder)
        self.processes: list[subprocess.Popen] = []
        self.prometheus: Prometheus | None = None
        self._values: dict[str, float] = {}
        self._seq = 0
        self._over = threading.Event()
        (folder / "token").write_text(TOKEN)
        (folder / "token").chmod(0o600)
        for name, text in (
            ("probe.yaml", RULES),
            ("pagers.yaml", PAGERS),
            ("r.csv", "t_s,hr,spo2\n0,70,97\n1,71,97\n"),
        ):
            (folder / name).write_text(text)

    def play(self) -> None:
        """Twenty minutes late, an illness that is seen to, a desaturation nobody has seen, a ticket."""
        self.broker.start()
        filled = {"port": self.broker.port, "console": free_port(), "influx": self.influx.url}
        (self.folder / "hub.yaml").write_text(HUB.format(metrics=self.base, database=self.database, **filled))
        (self.folder / "edge.yaml").write_text(EDGE.format(port=self.broker.port, metrics=self.edge_port))
        self.run("hub", "run", "--part", "ingest", "--config", str(self.folder / "hub.yaml"))
        self.client = Client(
            self.broker.port, "wardline/v1/hub/#", "wardline/v1/result/#", "wardline/v1/ward/icu/event"
        )
        self.client.wait_for(lambda topic, payload: topic == "hub/hub-1/status" and payload["online"], WITHIN_S)
        self.run("edge", "run", "--config", str(self.folder / "edge.yaml"))
        for minute in range(MINUTES):
            self._send("backfill", self._minute(minute))
        self.client.publish("up/gw-1/vitals", b"neither JSON nor anything else")
        self._live = threading.Thread(target=self._speak)
        self._live.start()
        for part in ("projections", "pagers", "console"):
            self.run("hub", "run", "--part", part, "--config", str(self.folder / "hub.yaml"))
        self._command("observe", bed="icu/1", values={"acvpu": "A", "oxygen": "air"})
        self._command("open-ticket", device="gw-1/mon-b", note="probe is worn")
        self._values = ILL
        raised = [self._event("raised", rule) for rule in ("hr-high", "rr-high", "temp-high")]
        for event in raised:
            self._command("acknowledge", alarm=event["alarm"]["id"])
        self._values = {}
        for event in raised:
            self._event("cleared", event["alarm"]["rule"])
        self._values = {"spo2": 80}
        self._event("raised", "spo2-low")

    def watch(self, settings: dict, rules) -> None:
        """Let a Prometheus read every page, by the settings we ship."""
        settings["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        settings["rule_files"] = [str(rules)]
        hub, edge = settings["scrape_configs"]
        for part in hub["static_configs"]:
            part["targets"] = [f"127.0.0.1:{self.base + METRICS_PORTS[part['labels']['part']]}"]
        edge["static_configs"] = [{"targets": [f"127.0.0.1:{self.edge_port}"]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        self.prometheus = Prometheus(self.folder, self.folder / "prometheus.yml")

    def settle(self) -> None:
        """Wait until everything has arrived everywhere."""
        wait_for(lambda: self.influx.count(self.database) >= MINUTES * 60 // STEP_S * 2, "the records", WITHIN_S)
        wait_for(lambda: self.influx.count(self.database, "rev", "alarm") >= 10, "the alarms", WITHIN_S)
        here = "SELECT count(rev) FROM alarm WHERE bed = '-'"
        wait_for(lambda: self.influx.query(here, self.database), "an alarm of equipment", WITHIN_S)
        wait_for(lambda: self.influx.count(self.database, "records", "vitals_1m") >= MINUTES, "the minutes", WITHIN_S)
        wait_for(lambda: self.influx.count(self.database, "total", "score") >= 1, "a whole score", WITHIN_S)
        wait_for(lambda: self.influx.count(self.database, "open", "ticket") >= 1, "the ticket", WITHIN_S)
        wait_for(lambda: self.influx.count(self.database, "online", "device_state") >= 2, "the states", WITHIN_S)
        if self.prometheus is not None:
            self.prometheus.until("sum(up)", lambda found: found == {(): 5.0}, WITHIN_S)
            self.prometheus.until("sum(rate(wardline_alarm_announce_seconds_count[10s]))", bool, WITHIN_S)
            self.prometheus.until("sum(rate(wardline_records_committed_total[10s]))", bool, WITHIN_S)
            self.client.publish("up/gw-1/vitals", b"once more")
            self.prometheus.until('ALERTS{alertname="WardlineQuarantineGrowing"}', bool, WITHIN_S)
            self.prometheus.until(
                "sum(wardline_spool_receipted_total)", lambda found: min(found.values(), default=0) > 2
            )

    def run(self, *words: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen([sys.executable, "-m", "wardline", *words], stdout=log, stderr=log))

    def close(self) -> None:
        self._over.set()
        if self.prometheus is not None:
            self.prometheus.stop()
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=30)
        if hasattr(self, "_live"):
            self._live.join(10)
            self.client.close()
        self.broker.kill()

    def _speak(self) -> None:
        """Both devices each half second, and how the gateway is each second."""
        while not self._over.wait(0.5):
            now = time.time_ns() // 1_000_000
            self._send("vitals", self._both(now, self._values))
            devices = [
                {"id": "mon-a", "driver": "nonin", "link": "up", "since": 1},
                {"id": "mon-b", "driver": "nonin", "link": "silent", "since": 1, "detail": "no frames"},
            ]
            status = {"gateway": "gw-1", "online": True, "time": now, "epoch": 1, "clock": "synced", "devices": devices}
            self.client.publish("up/gw-1/status", status | {"spooled": 3}, retain=True)
            spare = status | {"gateway": "gw-3", "devices": [], "reason": "rules_rejected: signature is wrong"}
            self.client.publish("up/gw-3/status", spare, retain=True)

    def _minute(self, number: int):
        start = time.time_ns() // 1_000_000 - (MINUTES - number) * 60_000
        for step in range(60 // STEP_S):
            yield from self._both(start + step * STEP_S * 1_000, {})

    def _both(self, when: int, values: dict[str, float]):
        """Every parameter from bed 1; bed 2 has lost its probes, and only the cuff and the thermometer measure."""
        every = {name: float(WELL.get(name, _middle(name))) for name in PARAMETERS}
        lost = {name for name, parameter in PARAMETERS.items() if parameter.stale_s <= 60}
        yield {"device": "mon-a", "time": when, "values": every | values}
        kept = {name: value for name, value in every.items() if name not in lost}
        yield {"device": "mon-b", "time": when, "values": kept, "flags": dict.fromkeys(sorted(lost), "sensor_off")}

    def _send(self, channel: str, records) -> None:
        numbered = []
        for record in records:
            self._seq += 1
            numbered.append({"seq": self._seq, **record})
        self.client.publish(f"up/gw-1/{channel}", {"epoch": 1, "records": numbered})

    def _command(self, action: str, **fields) -> None:
        request = f"{action}-{time.monotonic_ns()}"
        self.client.publish(f"command/nurse-1/{action}", {"request": request, "by": "nurse-1", **fields})
        _, result = self.client.wait_for(lambda _, payload: payload and payload.get("request") == request)
        assert result["done"], result

    def _event(self, change: str, rule: str) -> dict:
        def fits(topic, payload):
            here = topic == "ward/icu/event" and payload["alarm"]["bed"] == "1"
            return here and payload["change"] == change and payload["alarm"]["rule"] == rule

        return self.client.wait_for(fits)[1]

    def write(self, lines: str) -> None:
        """Write line protocol as a projection would."""
        words = urllib.parse.urlencode({"bucket": self.database, "precision": "ns"})
        headers = {"Authorization": f"Token {TOKEN}"}
        request = urllib.request.Request(f"{self.influx.url}/api/v2/write?{words}", lines.encode(), headers)
        urllib.request.urlopen(request, timeout=30).close()


def _middle(name: str) -> float:
    parameter = PARAMETERS[name]
    return round((max(parameter.low, 0.0) + parameter.high) / 3, parameter.decimals)
