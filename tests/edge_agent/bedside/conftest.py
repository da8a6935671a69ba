"""Builders: a hub's key, a bundle with defaults, its payload as the hub would send it."""

import msgspec
import pytest

from chassis.signing import SigningKey
from vitals.bundles import BedRules, Bundle, Phase, SignedBundle
from vitals.readings import Record

NOW = 1_763_682_504_000

PROBE = """
format: 1
id: probe
title: Limits with short delays
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 2s, off_delay: 1s, priority: high, message: SpO2 low}
  - {id: hr-high, parameter: hr, high: 120, for: 0ms, priority: medium, message: HR high}
conditions:
  - {id: device-silent, kind: technical, priority: low, when: silent(15s), for: 0ms, message: Device silent}
"""


@pytest.fixture
def hub_key():
    return SigningKey(b"\x07" * 32)


@pytest.fixture
def make_bundle():
    """A bundle for one bed with one device."""

    def make(**fields) -> Bundle:
        phases = [Phase(bounds=fields.pop("bounds"))] if "bounds" in fields else fields.pop("phases", [])
        defaults = {
            "hub": "hub-1", "gateway": "gw-1", "version": 1, "not_before": NOW, "heartbeat_ms": 5_000, "sets": [PROBE],
            "beds": [BedRules(bed="icu/7", devices=["mon-a"], sets=["probe"], phases=phases)],
        }  # fmt: skip
        return Bundle(**{**defaults, **fields})

    return make


@pytest.fixture
def sign(hub_key):
    """The payload of a bundle, signed by the hub or by `key`."""

    def make(bundle, key=None) -> bytes:
        text = msgspec.json.encode(bundle).decode()
        key = key or hub_key
        return msgspec.json.encode(SignedBundle(bundle=text, key=key.public, signature=key.sign(text.encode())))

    return make


@pytest.fixture
def record():
    """A record with defaults."""
    count = 0

    def make(time=NOW, device="mon-a", states=(), flags=None, **values) -> Record:
        nonlocal count
        count += 1
        return Record(
            seq=count, device=device, time=time, values={k: float(v) for k, v in values.items()}, flags=flags or {},
            states=states,
        )  # fmt: skip

    return make
