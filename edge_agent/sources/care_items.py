"""Items of CARE TeleICU observations: what each says about one parameter. Whom they name is never read.

Waveform items are skipped, as are ST levels and the second temperature, of which nobody can tell where it is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.sources.messages import Refused
from vitals.units import conversion

_PARAMETERS = {
    "heart-rate": "hr",
    "pulse-rate": "pr",
    "SpO2": "spo2",
    "respiratory-rate": "rr",
    "body-temperature1": "temp",
}
_PRESSURE = {"systolic": "nibp_sys", "diastolic": "nibp_dia", "map": "nibp_mean"}
_UNITS = {
    "brpm": "/min",
    "beats/min": "/min",
    "bpm": "/min",
    "celsius": "Cel",
    "degree celsius": "Cel",
    "fahrenheit": "[degF]",
    "degree fahrenheit": "[degF]",
}
# Words of the status texts, the most telling first. A status we cannot read takes the value away all the same.
_REASONS = (
    ("leads off", "lead_off"),
    ("lead off", "lead_off"),
    ("unplugged", "no_sensor"),
    ("no probe", "no_sensor"),
    ("disconnected", "no_sensor"),
    ("probe off", "sensor_off"),
    ("sensor off", "sensor_off"),
    ("finger off", "sensor_off"),
    ("search", "searching"),
    ("calibrat", "calibrating"),
    ("fault", "sensor_fault"),
    ("fail", "sensor_fault"),
    ("weak", "signal_lost"),
    ("loss of pulse", "signal_lost"),
    ("no pulse", "signal_lost"),
    ("apnea", "apnea"),
    ("out of range", "out_of_range"),
    ("over range", "out_of_range"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One number of one device, or why there is none."""

    parameter: str
    value: float | None
    reason: str = ""


def texts(item: object) -> tuple[str, str, str]:
    """(kind, the monitor's address, its time) of an item. Raises Refused."""
    if not isinstance(item, dict):
        raise Refused("bad_item", "an observation must be an object")
    kind, address, time = (item.get(key) for key in ("observation_id", "device_id", "date-time"))
    if not isinstance(kind, str):
        raise Refused("bad_item", "an observation needs its observation_id")
    if not isinstance(address, str):
        raise Refused("no_device_id", "an observation needs its device_id")
    return kind, address, time if isinstance(time, str) else ""


def connection(item: dict[str, object]) -> bool | None:
    """Of a device-connection: whether the monitor is connected; None for a word nobody knows."""
    word = str(item.get("status", "")).strip().lower()
    return {"connected": True, "disconnected": False}.get(word)


def said(kind: str, item: dict[str, object]) -> Iterator[Said]:
    """What an item says about vital signs; nothing for kinds that say nothing of them."""
    if kind == "blood-pressure":
        for key, parameter in _PRESSURE.items():
            part = item.get(key)
            if isinstance(part, dict):
                yield _number(parameter, {"status": item.get("status"), **part})
            elif _reason(item.get("status")):
                yield Said(parameter=parameter, value=None, reason=_reason(item.get("status")))
    elif kind in _PARAMETERS:
        yield _number(_PARAMETERS[kind], item)


def _number(parameter: str, item: dict[str, object]) -> Said:
    reason = _reason(item.get("status"))
    value = item.get("value")
    if not reason and value in (None, ""):
        reason = "not_measured"
    if reason:
        return Said(parameter=parameter, value=None, reason=reason)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Said(parameter=parameter, value=None, reason="device_invalid")
    unit = str(item.get("unit") or "").strip()
    known = conversion(parameter, _UNITS.get(unit.lower(), unit))
    if known is None:
        return Said(parameter=parameter, value=None, reason="unit_unsupported")
    return Said(parameter=parameter, value=known.apply(float(value)))


def _reason(status: object) -> str:
    text = str(status or "final").strip().lower()
    if text == "final":
        return ""
    return next((reason for words, reason in _REASONS if words in text), "device_invalid")
