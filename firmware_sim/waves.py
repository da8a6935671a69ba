"""Waves: a phase of the beat or of the breath in, what a sensor sees at that moment out, in physical units.

Phases run from 0 to 1; a beat begins with its P wave, a breath with the start of inspiration.
"""

from __future__ import annotations

import math
from functools import cache

INSPIRATION = 0.4  # of each breath
RESP_OHM = 0.8  # how far the chest's impedance swings
PULSE_DELAY = 0.18  # of a beat, from the start of the ECG's to the start of the pulse
_POINTS = 512

# Height in mV, place in the beat and width of the P and the T wave of lead II: they shrink with the beat.
_ECG_SLOW = ((0.12, 0.12, 0.025), (0.30, 0.45, 0.045))
# Height in mV, seconds from the R peak and width of Q, R and S: they take as long at every rate.
_ECG_QRS = ((-0.10, -0.032, 0.012), (1.10, 0.0, 0.020), (-0.22, 0.034, 0.014))
_R_AT = 0.225  # of a beat
_RATE_STEP = 5  # per minute; finer differences of the shape cannot be seen


def ecg(beat: float, hr: float = 60.0) -> float:
    """Lead II in mV."""
    return _look_up(_ecg_table(max(1, round(hr / _RATE_STEP)) * _RATE_STEP), beat)


def ecg_ventricular(beat: float) -> float:
    """Lead II in mV while the ventricles beat on their own: wide, tall, without a P wave."""
    return _look_up(_VENTRICULAR_TABLE, beat)


def shaking(t_ms: float) -> float:
    """Movement of a sensor, around 0 and rarely past 1: no period a reader could take for a heart."""
    t_s = t_ms / 1_000
    slow = math.sin(10.7 * t_s + 2.0 * math.sin(3.1 * t_s))
    return 0.6 * slow + 0.5 * math.sin(23.7 * t_s + 1.3 * math.sin(0.7 * t_s))


def pulse(beat: float) -> float:
    """The pressure wave in a finger or an artery, 0 at its foot and 1 at its peak."""
    return _look_up(_PULSE_TABLE, (beat - PULSE_DELAY) % 1.0)


def pleth(beat: float, pi: float) -> float:
    """Modulation of the light through a finger in %."""
    return pi * pulse(beat)


def abp(beat: float, sys: float, dia: float) -> float:
    """Arterial pressure in mmHg."""
    return dia + (sys - dia) * pulse(beat)


def resp(breath: float) -> float:
    """Impedance of the chest in ohm, around its mean."""
    return RESP_OHM / 2 * -math.cos(2 * math.pi * _warped(breath))


def co2(breath: float, etco2: float) -> float:
    """CO2 at the airway in mmHg: none while inhaling, a slowly rising plateau while exhaling."""
    if breath < INSPIRATION:
        return etco2 * max(0.0, 1.0 - breath / 0.05)
    out = (breath - INSPIRATION) / (1.0 - INSPIRATION)
    return etco2 * (0.85 + 0.15 * out) * min(1.0, out / 0.15)


def airway_pressure(breath: float, pip: float, peep: float) -> float:
    """Pressure at the airway of a ventilated patient in mbar."""
    if breath < INSPIRATION:
        return peep + (pip - peep) * (1.0 - math.exp(-8.0 * breath / INSPIRATION))
    return peep + (pip - peep) * math.exp(-9.0 * (breath - INSPIRATION))


def airway_flow(breath: float, peak: float) -> float:
    """Flow into the patient in l/min; negative while exhaling."""
    if breath < INSPIRATION:
        return peak * math.exp(-2.0 * breath / INSPIRATION)
    return -peak * math.exp(-6.0 * (breath - INSPIRATION))


def _warped(breath: float) -> float:
    """The phase of a breath as if in and out took equally long."""
    if breath < INSPIRATION:
        return 0.5 * breath / INSPIRATION
    return 0.5 + 0.5 * (breath - INSPIRATION) / (1.0 - INSPIRATION)


def _look_up(table: list[float], phase: float) -> float:
    return table[int(phase * _POINTS) % _POINTS]


def _bump(phase: float, place: float, width: float) -> float:
    distance = (phase - place + 0.5) % 1.0 - 0.5
    return math.exp(-((distance / width) ** 2))


@cache
def _ecg_table(hr: int) -> list[float]:
    per_s = hr / 60.0
    parts = [*_ECG_SLOW, *((height, _R_AT + after_s * per_s, width_s * per_s) for height, after_s, width_s in _ECG_QRS)]
    phases = (index / _POINTS for index in range(_POINTS))
    return [sum(height * _bump(phase, place, width) for height, place, width in parts) for phase in phases]


_VENTRICULAR_TABLE = [
    1.6 * _bump(index / _POINTS, 0.30, 0.14) - 0.9 * _bump(index / _POINTS, 0.66, 0.17) for index in range(_POINTS)
]
_PULSE_RAW = [
    _bump(index / _POINTS, 0.18, 0.10) + 0.42 * _bump(index / _POINTS, 0.46, 0.16) for index in range(_POINTS)
]
_PULSE_TABLE = [(value - min(_PULSE_RAW)) / (max(_PULSE_RAW) - min(_PULSE_RAW)) for value in _PULSE_RAW]
