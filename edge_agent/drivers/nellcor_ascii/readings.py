"""What a Nellcor line says: saturation, pulse rate and the states behind its two-letter codes."""

from __future__ import annotations

from edge_agent.drivers.nellcor_ascii.decoder import DataLine, Title
from vitals.parameters import PARAMETERS
from vitals.readings import Observation

_FLAGS = {
    "SD": "no_sensor",
    "SO": "sensor_off",
    "LP": "signal_lost",
    "LM": "signal_lost artifact questionable",
    "MO": "artifact questionable",
    "PS": "searching questionable",
    "LB": "low_battery",
    "PH": "device_alarm",
    "PL": "device_alarm",
    "SH": "device_alarm",
    "SL": "device_alarm",
    "AO": "alarm_silenced",
    "AS": "alarm_silenced",
}
# The first of these that stands in the line is why there is no number, whatever the line prints.
_WITHHOLDING = {"SD": "no_sensor", "SO": "sensor_off", "LP": "signal_lost"}
# With these a number is printed or not.
_EXPLAINING = {"LM": "signal_lost", "PS": "searching"}


def observe(line: DataLine) -> Observation:
    """The observation in one data line."""
    flags = {flag for code in line.status for flag in _FLAGS.get(code, "").split()}
    if line.star:
        flags.add("device_alarm")
    withheld = _reason(_WITHHOLDING, line)
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, number in (("spo2", line.spo2), ("pr", line.pr)):
        if withheld:
            missing[name] = withheld
        elif number is None:
            missing[name] = _reason(_EXPLAINING, line) or "not_measured"
        # An oximeter that has found no pulse has nothing to measure: 0 is no measurement.
        elif number == 0 or not PARAMETERS[name].plausible(number):
            missing[name] = "out_of_range"
        else:
            values[name] = float(number)
    return Observation(
        values=values,
        missing=missing,
        flags=tuple(sorted(flags)),
        device={"pa": line.pa, "status": list(line.status)},
        device_time=line.time.isoformat() if line.time else None,
    )


def introduce(title: Title) -> Observation:
    """Who speaks and which limits are set there: no vital sign."""
    device = {"model": title.model, "version": title.version, "crc": title.crc, **dict(title.limits)}
    return Observation(device=device)


def _reason(reasons: dict[str, str], line: DataLine) -> str | None:
    return next((reason for code, reason in reasons.items() if code in line.status), None)
