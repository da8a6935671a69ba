"""Names of parameters as sketches print them, and which numbers a hobby sensor can mean."""

from __future__ import annotations

import math

from vitals.parameters import PARAMETERS

_ALIASES = {
    "hr": "hr bpm heartrate",
    "pr": "pr pulse pulserate",
    "spo2": "spo2 sao2 oxygen",
    "temp": "temp tempc bodytemp temperature t1",
    "rr": "rr resp",
    "nibp_sys": "nibpsys sys",
    "nibp_dia": "nibpdia dia",
    "nibp_mean": "nibpmean map",
}
_PARAMETER_OF = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}

# MAX3010x maths yields rates such as 187 or 214 from a moving finger and saturations down to 0.
_NARROWER = {"hr": (20.0, 300.0), "pr": (20.0, 300.0), "spo2": (50.0, 100.0)}

_NOTHING = (0, -999)  # what sketches print when they have no number


def parameter_of(key: str) -> str | None:
    """The parameter a key means, whatever its case, spaces and underscores; None if it means none."""
    return _PARAMETER_OF.get(plain(key))


def plain(key: str) -> str:
    """A key without case, spaces and underscores."""
    return key.lower().replace(" ", "").replace("_", "")


def why_missing(name: str, number: float) -> str | None:
    """Why this number is no value of the parameter; None if it is one."""
    if number in _NOTHING or math.isnan(number):
        return "not_measured"
    low, high = _NARROWER.get(name, (PARAMETERS[name].low, PARAMETERS[name].high))
    return None if low <= number <= high else "out_of_range"
