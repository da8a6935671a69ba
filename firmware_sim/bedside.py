"""The bedside: signs over time become what a monitor keeps of them, such as phases, breaths missed and cuff times.

Everything is worked out on a fixed grid of time, so that it does not depend on when and how often one asks.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from firmware_sim import waves
from firmware_sim.signs import Signs, Source

GRID_MS = 500
KEPT = 12  # moments a wave may still ask for
BREATHING_RR = 3.0  # slower than this is no breathing
NO_BREATH_MS = 20_000  # without a breath, then monitors call it apnoea
CUFF = ("nibp_sys", "nibp_dia", "nibp_mean")
VENT_PIP, VENT_PEEP, VENT_FLOW = 22.0, 5.0, 38.0  # mbar, mbar, l/min: a quiet volume-controlled breath


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known at one point of the grid."""

    t_ms: int
    signs: Signs
    beat: float
    breath: float
    breath_ms: int  # when the last breath was seen
    cuff_ms: int | None  # when the pressure that stands was measured
    fitted: frozenset[str]  # parameters that had a number so far: the modules this monitor has

    @property
    def no_breath_ms(self) -> int:
        """How long nobody has seen a breath."""
        return self.t_ms - self.breath_ms

    @property
    def apnoea(self) -> bool:
        """Whether a monitor calls this apnoea."""
        return "lead_off" not in self.signs.states and self.no_breath_ms >= NO_BREATH_MS

    @property
    def asystole(self) -> bool:
        return "asystole" in self.signs.states

    @property
    def probe_off(self) -> bool:
        return bool(self.signs.states & {"sensor_off", "no_sensor"})


class Bedside:
    """One source, remembered. Ask with times that grow; waves may look back a few seconds."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: deque[Moment] = deque(maxlen=KEPT)

    def at(self, t_ms: float) -> Moment:
        """The moment that holds at `t_ms`."""
        while not self._kept or self._kept[-1].t_ms + GRID_MS <= t_ms:
            self._kept.append(self._next(self._kept[-1] if self._kept else None))
        return next((moment for moment in reversed(self._kept) if moment.t_ms <= t_ms), self._kept[0])

    def wave(self, name: str, t_ms: float) -> float | None:
        """A sample in physical units (mV, mmHg, Ohm, %, mbar, l/min). None: the sensor is off or not there."""
        moment = self.at(t_ms)
        signs, since_s = moment.signs, (t_ms - moment.t_ms) / 1_000
        beat = (moment.beat + _per_second(_heart(signs)) * since_s) % 1.0
        breath = (moment.breath + _per_second(_breathing(signs)) * since_s) % 1.0
        shaken = waves.shaking(t_ms) if "artifact" in signs.states else 0.0
        match name:
            case "ecg_ii":
                return None if "lead_off" in signs.states else _ecg(signs, beat) + 0.6 * shaken
            case "resp":
                return None if "lead_off" in signs.states else waves.resp(breath) + 0.4 * shaken
            case "pleth":
                if moment.probe_off:
                    return None
                strength = signs.get("pi") or 2.0
                return (waves.pleth(beat, strength) if _heart(signs) else 0.0) + strength * abs(shaken)
            case "abp_w":
                sys, dia = signs.get("abp_sys"), signs.get("abp_dia")
                return None if sys is None or dia is None else waves.abp(beat, sys, dia)
            case "co2_w":
                etco2 = signs.get("etco2")
                if "etco2" not in moment.fitted or signs.states & {"no_line", "occlusion"}:
                    return None
                return 0.0 if etco2 is None else waves.co2(breath, etco2)
            case "paw":
                return waves.airway_pressure(breath, VENT_PIP, VENT_PEEP)
            case "flow":
                return waves.airway_flow(breath, VENT_FLOW)
        raise KeyError(name)

    def inhaling(self, t_ms: float) -> bool:
        """Whether the breath at `t_ms` goes in."""
        moment = self.at(t_ms)
        moved = _per_second(_breathing(moment.signs)) * (t_ms - moment.t_ms) / 1_000
        return (moment.breath + moved) % 1.0 < waves.INSPIRATION

    def _next(self, before: Moment | None) -> Moment:
        if before is None:
            signs = self._source.at(0)
            return Moment(0, signs, 0.0, 0.0, 0, 0 if _cuff(signs) else None, frozenset(signs.values))
        t_ms = before.t_ms + GRID_MS
        signs = self._source.at(t_ms)
        breathes = _breathing(signs) is not None or "lead_off" in signs.states
        step_s = GRID_MS / 1_000
        return Moment(
            t_ms=t_ms,
            signs=signs,
            beat=(before.beat + _per_second(_heart(before.signs)) * step_s) % 1.0,
            breath=(before.breath + _per_second(_breathing(before.signs)) * step_s) % 1.0,
            breath_ms=t_ms if breathes else before.breath_ms,
            cuff_ms=_measured(before, signs, t_ms),
            fitted=before.fitted | signs.values.keys(),
        )


def _ecg(signs: Signs, beat: float) -> float:
    rate = _heart(signs)
    if rate is None:
        return 0.0
    return waves.ecg_ventricular(beat) if "ventricular_tachycardia" in signs.states else waves.ecg(beat, rate)


def _heart(signs: Signs) -> float | None:
    if "asystole" in signs.states:
        return None
    return signs.get("hr") or signs.get("pr")


def _breathing(signs: Signs) -> float | None:
    rr = signs.get("rr")
    return rr if rr is not None and rr >= BREATHING_RR and "apnea" not in signs.states else None


def _per_second(per_minute: float | None) -> float:
    return 0.0 if per_minute is None else per_minute / 60.0


def _cuff(signs: Signs) -> tuple[float, ...]:
    return tuple(value for name in CUFF if (value := signs.get(name)) is not None and math.isfinite(value))


def _measured(before: Moment, signs: Signs, t_ms: int) -> int | None:
    """When the cuff pressure of `signs` was taken: a changed pressure is a new measurement."""
    if not _cuff(signs):
        return None
    same = _cuff(signs) == _cuff(before.signs) and signs.cuffs == before.signs.cuffs
    return before.cuff_ms if same else t_ms
