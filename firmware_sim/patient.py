"""A seeded patient: heart, breath, saturation, CO2, pressure and temperature drifting together around a baseline.

Good enough to exercise a ward's software, and no more: it is not a model of any disease.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from firmware_sim.episode import Pull, Schedule
from firmware_sim.signs import Signs

TICK_MS = 500
CUFF_INTERVAL_MS = 120_000  # a cuff in frequent mode; the value stands until the next inflation
FOLLOW = 0.3  # the share of the patient's own restlessness that shows while an episode holds a target

# What the body can do at all; a model must not leave it, whatever the seed.
BOUNDS = {
    "hr": (20.0, 300.0),
    "rr": (1.0, 60.0),
    "spo2": (50.0, 100.0),
    "nibp_sys": (40.0, 260.0),
    "nibp_dia": (20.0, 160.0),
    "temp": (30.0, 43.0),
    "pi": (0.05, 20.0),
    "etco2": (5.0, 100.0),
}

# Parameter: standard deviation of its own drift, of its part in the common drift, and time constant in seconds.
_DRIFT = {
    "hr": (1.5, 3.0, 20.0),
    "rr": (0.8, 0.8, 30.0),
    "spo2": (0.45, 0.0, 40.0),
    "nibp_sys": (3.0, 4.0, 300.0),
    "nibp_dia": (2.0, 2.0, 300.0),
    "temp": (0.05, 0.02, 1_800.0),
    "pi": (0.3, -0.2, 60.0),
}
_CO2_DRIFT = (0.7, 60.0)  # standard deviation and time constant; its common part is that of the breathing
_CO2_ANSWER = 0.35  # slower breathing by 1 % raises the end-tidal CO2 by so many %
NO_BREATH_RR = 3.0  # slower than this nothing is exhaled
_ARREST = {"abp_sys": 17.0, "abp_dia": 15.0, "abp_mean": 16.0}  # what stays in the arteries without a beat

_AROUSAL_S = 150.0  # how slowly the common drift moves
_FURTHEST = 2.5  # standard deviations; beyond that a quiet patient would alarm by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a patient returns to."""

    hr: float
    rr: float
    spo2: float
    nibp_sys: float
    nibp_dia: float
    temp: float
    pi: float

    @classmethod
    def drawn(cls, chance: random.Random) -> Baseline:
        """An adult with nothing to alarm about."""
        sys = chance.uniform(112.0, 132.0)
        return cls(
            hr=chance.uniform(66.0, 86.0),
            rr=chance.uniform(13.5, 17.0),
            spo2=chance.uniform(96.2, 98.2),
            nibp_sys=sys,
            nibp_dia=sys * chance.uniform(0.58, 0.66),
            temp=chance.uniform(36.5, 37.1),
            pi=chance.uniform(2.5, 6.0),
        )


class Patient:
    """Signs over simulated time. The same seed gives the same signs, however often one asks."""

    def __init__(self, seed: int, *, held: Mapping[str, float] | None = None, schedule: Schedule | None = None) -> None:
        self._chance = random.Random(f"patient {seed}")  # noqa: S311 - a repeatable patient, not a secret
        drawn = Baseline.drawn(self._chance)
        self._held = dict(held or {})
        self._baseline = {name: self._held.get(name, getattr(drawn, name)) for name in _DRIFT}
        self._schedule = schedule or Schedule()
        self._airway = random.Random(f"airway {seed}")  # noqa: S311 - its own, so that seeds mean what they meant
        self._usual_rr = drawn.rr
        self._baseline["etco2"] = self._held.get("etco2", self._airway.uniform(35.5, 40.5))
        self._arousal = 0.0
        self._co2 = 0.0
        self._drift = dict.fromkeys(_DRIFT, 0.0)
        self._cuff: dict[str, float] = {}
        self._cuffs = 0
        self._tick = -1
        self._signs = Signs()

    def at(self, t_ms: int) -> Signs:
        """The signs at `t_ms`; they change each half second and never run backwards."""
        while self._tick < t_ms // TICK_MS:
            self._tick += 1
            self._move()
            self._signs = self._sense(self._tick * TICK_MS)
        return self._signs

    def _move(self) -> None:
        """One step of mean-reverting noise, common and per parameter."""
        self._arousal = self._wander(self._arousal, _AROUSAL_S, self._chance)
        for name, (_, _, slowness_s) in _DRIFT.items():
            self._drift[name] = self._wander(self._drift[name], slowness_s, self._chance)
        self._co2 = self._wander(self._co2, _CO2_DRIFT[1], self._airway)

    @staticmethod
    def _wander(place: float, slowness_s: float, chance: random.Random) -> float:
        step = TICK_MS / 1_000 / slowness_s
        place += -place * step + math.sqrt(2 * step) * chance.gauss(0.0, 1.0)
        return max(-_FURTHEST, min(_FURTHEST, place))

    def _sense(self, t_ms: int) -> Signs:
        pull = self._schedule.pull(t_ms)
        body = {name: self._value(name, pull) for name in _DRIFT}
        if t_ms % CUFF_INTERVAL_MS == 0:
            measured = _pressures("nibp", body["nibp_sys"], body["nibp_dia"])
            self._cuff = {} if pull.states & {"cuff_leak", "asystole"} else measured
            self._cuffs += 1
        values = {
            "hr": float(round(body["hr"])),
            "pr": float(round(body["hr"])),
            "rr": float(round(body["rr"])),
            "spo2": float(round(body["spo2"])),
            "temp": round(body["temp"], 1),
            "pi": round(body["pi"], 2),
            **self._cuff,
            **_pressures("abp", body["nibp_sys"], body["nibp_dia"]),
        }
        if body["rr"] >= NO_BREATH_RR:
            values["etco2"] = float(round(self._end_tidal(body["rr"], pull)))
        if "asystole" in pull.states:
            values |= _ARREST
        return Signs(values=_attached(values, pull.states), states=pull.states, cuffs=self._cuffs)

    def _value(self, name: str, pull: Pull) -> float:
        own_sd, common_sd, _ = _DRIFT[name]
        restless = 0.0 if name in self._held else self._drift[name] * own_sd + self._arousal * common_sd
        return _pulled(name, self._baseline[name], restless, pull)

    def _end_tidal(self, rr: float, pull: Pull) -> float:
        """CO2 at the end of a breath: the slower the breathing, the more of it is left."""
        if "etco2" in self._held:
            return _pulled("etco2", self._baseline["etco2"], 0.0, pull)
        left = (self._usual_rr / rr) ** _CO2_ANSWER
        return _pulled("etco2", self._baseline["etco2"] * left, self._co2 * _CO2_DRIFT[0], pull)


def _pulled(name: str, own: float, restless: float, pull: Pull) -> float:
    """A patient's own value and its restlessness, on the way to the target of an episode."""
    value = own + restless
    if name in pull.targets:
        target, weight = pull.targets[name]
        value += (target + FOLLOW * restless - value) * weight
    low, high = BOUNDS[name]
    return max(low, min(high, value))


def _pressures(stem: str, sys: float, dia: float) -> dict[str, float]:
    return {
        f"{stem}_sys": float(round(sys)),
        f"{stem}_dia": float(round(dia)),
        f"{stem}_mean": float(round(dia + (sys - dia) / 3)),
    }


def _attached(values: dict[str, float], states: frozenset[str]) -> dict[str, float]:
    """Only what a sensor that is on the patient can deliver; where no heart beats there is no rate, not a rate of 0."""
    lost: set[str] = set()
    if states & {"sensor_off", "no_sensor", "asystole"}:
        lost |= {"pr", "spo2", "pi"}
    if "lead_off" in states:
        lost |= {"hr", "rr"}
    if "asystole" in states:
        lost |= {"hr"}
    if states & {"no_line", "occlusion"}:
        lost |= {"etco2"}
    return {name: value for name, value in values.items() if name not in lost}
