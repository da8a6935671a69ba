"""The shipped Prometheus settings and alerts, judged by the real promtool."""

import re
from pathlib import Path

import pytest
import yaml

from edge_agent import metrics as edge
from hub import metrics as hub
from hub.console import metrics as console
from hub.pagers import metrics as pagers
from hub.projections import metrics as projections
from hub.settings import METRICS_PORTS
from tests.fixtures_prometheus import promtool

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config/prometheus"


def rules() -> list[dict]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.prometheus
def test_the_settings_are_good():
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", folder=FOLDER)


@pytest.mark.prometheus
def test_every_alert_is_raised_when_it_should_and_only_then():
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml", folder=FOLDER)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_is_tried_explained_and_says_who_must_act(rule):
    tried = (FOLDER / "alerts.test.yml").read_text()
    assert f'alertname="{rule["alert"]}"' in tried
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith((".", "drill"))
    row = f"| `{rule['alert']}` | .+ | {rule['labels']['severity']} |"
    assert re.search(row, (ROOT / "docs/how-to/prometheus.md").read_text())


def test_alerts_ask_only_for_metrics_there_are():
    families = {family for part in (hub, projections, pagers, console, edge) for family in part.FAMILIES}
    there = {f.name for f in families} | {f"{f.name}_bucket" for f in families if f.kind == "histogram"} | {"up"}
    for rule in rules():
        asked = set(re.findall(r"\b(wardline_\w+|up)\b", rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= there, rule["alert"]


def test_the_example_asks_each_process_of_a_hub_at_its_port():
    jobs = {job["job_name"]: job for job in yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]}
    ports = {
        entry["labels"]["part"]: int(entry["targets"][0].rpartition(":")[2])
        for entry in jobs["wardline-hub"]["static_configs"]
    }
    assert {part: port - ports["ingest"] for part, port in ports.items()} == METRICS_PORTS
