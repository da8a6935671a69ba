"""Builders with defaults: a hub's settings, a record, a batch payload."""

import json

import pytest

from hub.settings import HubSettings
from vitals.document import read_document

NOW = 1_763_682_504_000

SETTINGS = """
hub: hub-test
broker: {port: %d}
rules: [%s]
wards:
  - id: icu
    title: Test ICU
    beds: [{id: "1", title: Bed 1}, {id: "2"}]
gateways:
  - id: gw-a
    devices: [{id: mon-a, bed: icu/1}, {id: mon-b, bed: icu/2}, {id: spare}]
  - id: gw-b
    devices: []
"""

PROBE_RULES = """
format: 1
id: probe
title: Limits without delay
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 0ms, priority: high, message: SpO2 low}
  - {id: hr-high, parameter: hr, high: 120, for: 0ms, priority: medium, message: HR high}
"""


@pytest.fixture
def make_settings():
    """HubSettings of one ward with two beds and two gateways."""

    def make(port=1883, rules="adult-ward") -> HubSettings:
        return read_document(SETTINGS % (port, rules), "hub.yaml", HubSettings)

    return make


@pytest.fixture
def settings_text():
    """The same as YAML text, for hubs in a process of their own."""

    def make(port, rules="probe.yaml"):
        return SETTINGS % (port, rules)

    return make


@pytest.fixture
def probe_rules(tmp_path):
    """A rule document with limits that act at once, beside the settings."""
    (tmp_path / "probe.yaml").write_text(PROBE_RULES)
    return "probe.yaml"


@pytest.fixture
def record():
    """One record as the wire has it."""

    def make(seq=1, device="mon-a", time=NOW, **fields):
        fields.setdefault("values", {"spo2": 97.0})
        return {"seq": seq, "device": device, "time": time, **fields}

    return make


@pytest.fixture
def payload(record):
    """A batch payload of the given records (or one default record)."""

    def make(*records, epoch=1, **fields):
        return json.dumps({"epoch": epoch, "records": list(records) or [record()], **fields}).encode()

    return make
