"""What a Masimo line says: saturation, pulse rate, perfusion index, and why they are not to be believed."""

from __future__ import annotations

from edge_agent.drivers.masimo_ascii1.decoder import EXTRAS, AsciiLine
from vitals.parameters import PARAMETERS
from vitals.readings import Observation

_KEYS = {"spo2": "SPO2", "pr": "BPM", "pi": "PI"}

# The first of these that is up is why there is no number, whatever the line prints.
_WITHHOLDING = (
    (0x1001, "no_sensor"),
    (0x1C182, "sensor_fault"),
    (0x20, "sensor_off"),
    (0x08, "searching"),
    (0x20000, "calibrating"),
)
_DOUBTFUL = ((0x04, "low_perfusion"), (0x50, "artifact"), (0x400, "low_signal"))
_ALARMS = ((0x3F1F, "device_alarm"), (0x20, "alarm_silenced"), (0x40, "low_battery"))


def observe(line: AsciiLine) -> Observation:
    """The observation in one line."""
    exceptions = int(line.fields["EXC"], 16)
    alarms = int(line.fields.get("ALARM", "0"), 16)
    withheld = [flag for bits, flag in _WITHHOLDING if exceptions & bits]
    doubts = [flag for bits, flag in _DOUBTFUL if exceptions & bits]
    flags = {*withheld, *doubts, *(flag for bits, flag in _ALARMS if alarms & bits)}
    if doubts:
        flags.add("questionable")
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, key in _KEYS.items():
        if key not in line.fields:
            continue  # this model does not measure it
        number = _number(line.fields[key])
        reason = withheld[0] if withheld else _why_missing(name, number)
        if reason:
            missing[name] = reason
        elif number is not None:
            values[name] = number
    return Observation(
        values=values,
        missing=missing,
        flags=tuple(sorted(flags)),
        device=_device_fields(line, exceptions),
        device_time=line.time.isoformat() if line.time else None,
    )


def _why_missing(name: str, number: float | None) -> str | None:
    if number is None:
        return "not_measured"
    # An oximeter that has found no pulse has nothing to measure: 0 is no measurement.
    return None if number and PARAMETERS[name].plausible(number) else "out_of_range"


def _number(text: str) -> float | None:
    """The number in a field; None for dashes, which may keep a sign and a decimal point."""
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return None


def _device_fields(line: AsciiLine, exceptions: int) -> dict[str, object]:
    fields = line.fields
    found: dict[str, object] = {key.lower(): _number(fields[key]) for key in EXTRAS if key in fields}
    if "SN" in fields:
        found["sn"] = fields["SN"] if fields["SN"].strip("-") else None
    if "ALARM" in fields:
        found["alarm"] = int(fields["ALARM"], 16)
    return {**found, "exc": exceptions}
