"""Hub and gateway as processes, watched by a real Prometheus with the settings and alerts we ship."""

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from hub.settings import METRICS_PORTS
from tests.conftest import free_port
from tests.fixtures_prometheus import Prometheus, promtool

pytestmark = [pytest.mark.system, pytest.mark.prometheus]

SHIPPED = Path(__file__).parents[2] / "config/prometheus"
HUB = """
hub: hub-1
broker: {{port: {port}}}
console: {{port: {console}, demo_person: true}}
metrics: {{port: {metrics}}}
rules: [probe.yaml]
projections: {{influxdb: {{url: "http://127.0.0.1:9", token: "env:WARDLINE_TEST_TOKEN"}}}}
wards: [{{id: oncology-west, title: Oncology, beds: [{{id: window-bed, title: At the window}}]}}]
gateways: [{{id: gw-1, devices: [{{id: mon-a, bed: oncology-west/window-bed}}]}}, {{id: gw-2}}]
"""
RULES = """
format: 1
id: probe
title: One limit
provenance: for tests
limits: [{id: hr-high, parameter: hr, high: 120, for: 0ms, priority: high, message: HR high}]
"""
EDGE = """
gateway: gw-1
broker: {{port: {port}}}
metrics: {{port: {metrics}}}
devices: [{{id: mon-a, driver: csv, replay: {{file: r.csv, loop: true}}}}]
"""


class System:
    """A hub with all its parts, a gateway that plays a recording, and where their pages are."""

    def __init__(self, broker, folder: Path) -> None:
        self.base, self.edge_port = free_port(), free_port()
        (folder / "hub.yaml").write_text(HUB.format(port=broker.port, console=free_port(), metrics=self.base))
        (folder / "probe.yaml").write_text(RULES)
        (folder / "edge.yaml").write_text(EDGE.format(port=broker.port, metrics=self.edge_port))
        (folder / "r.csv").write_text("t_s,hr,spo2\n0,150,97\n1,151,97\n2,152,96\n")
        environment = {"PATH": "/usr/bin:/bin", "WARDLINE_TEST_TOKEN": "x:y"}
        run = [sys.executable, "-m", "wardline"]
        self.hub = subprocess.Popen([*run, "hub", "run", "--config", str(folder / "hub.yaml")], env=environment)
        self.edge = subprocess.Popen([*run, "edge", "run", "--config", str(folder / "edge.yaml")], env=environment)

    def page(self, port: int) -> str:
        """The page, as soon as there is one."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                    return answer.read().decode()
            except urllib.error.URLError:
                assert time.monotonic() < deadline, "no page"
                time.sleep(0.05)

    def stop(self) -> None:
        for process in (self.edge, self.hub):
            process.send_signal(signal.SIGTERM)
        for process in (self.edge, self.hub):
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def system(broker, tmp_path):
    system = System(broker, tmp_path)
    yield system
    system.stop()


@pytest.fixture
def prometheus(system, tmp_path):
    """A Prometheus with our settings, at the addresses of this system, and asking each second."""
    settings = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    settings["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(SHIPPED / "alerts.yml")]
    hub, edge = settings["scrape_configs"]
    hub["static_configs"] = [part for part in hub["static_configs"] if part["labels"]["part"] != "pagers"]
    for part in hub["static_configs"]:
        part["targets"] = [f"127.0.0.1:{system.base + METRICS_PORTS[part['labels']['part']]}"]
    edge["static_configs"] = [{"targets": [f"127.0.0.1:{system.edge_port}"]}]
    config = tmp_path / "prometheus.yml"
    config.write_text(yaml.safe_dump(settings))
    server = Prometheus(tmp_path, config)
    yield server
    server.stop()


def test_a_prometheus_reads_every_process_and_misses_the_hub_when_it_is_gone(system, prometheus):
    prometheus.until("sum(up)", lambda found: found == {(): 4.0})
    prometheus.until("wardline_records_committed_total", lambda found: min(found.values(), default=0) > 2)
    prometheus.until("wardline_spool_receipted_total", lambda found: min(found.values(), default=0) > 2)
    prometheus.until("sum(wardline_alarms) by (priority, state)", lambda found: found == {("high", "active"): 1.0})
    for name in ("sample_age", "commit_wait", "receipt_wait", "alarm_announce", "journal_commit", "loop_lag"):
        prometheus.until(f"wardline_{name}_seconds_count", lambda found: min(found.values(), default=0) > 0)
    prometheus.until("wardline_projection_waiting", lambda found: 1.0 in found.values())
    prometheus.until("wardline_gateway_clock_offset_seconds", lambda found: abs(min(found.values(), default=9)) < 1)
    prometheus.until("sum(wardline_bookkeeping_mismatch_records)", lambda found: found == {(): 0.0})
    system.hub.send_signal(signal.SIGTERM)
    absent = 'count(ALERTS{alertname="WardlineHubAbsent"})'
    prometheus.until(absent, lambda found: found == {(): 1.0})


def test_the_pages_are_well_formed_and_name_no_ward_and_no_bed(system):
    ports = [system.base + METRICS_PORTS[part] for part in ("ingest", "projections", "console")]
    for port in (*ports, system.edge_port):
        page = system.page(port)
        assert promtool("check", "metrics", folder=SHIPPED, typed=page) == ""
        assert not any(word in labels(page) for word in ("oncology-west", "window-bed", "hr-high", "hr"))
    assert 'gateway="gw-1"' in page_with(system, 'wardline_gateway_online{gateway="gw-1"} 1.0')


def page_with(system: System, line: str) -> str:
    deadline = time.monotonic() + 30
    while line not in (page := system.page(system.base)):
        assert time.monotonic() < deadline, page
        time.sleep(0.1)
    return page


def labels(page: str) -> set[str]:
    """Every word the labels of a page hold."""
    return set(re.findall(r"[a-z-]+", " ".join(re.findall(r'="([^"]*)"', page))))
