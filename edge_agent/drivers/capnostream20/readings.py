"""What the messages of a Capnostream say: CO2, breathing, saturation, pulse, states and the CO2 wave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from edge_agent.drivers.capnostream20.framing import CO2_WAVE, DEVICE_ID, NUMERICS, Message
from edge_agent.drivers.capnostream20.identity import read_identity
from edge_agent.drivers.driver import BadFrame
from vitals.parameters import PARAMETERS
from vitals.readings import Observation, Wave

CO2_HZ = 20.0

_NONE = 0xFF  # no value, no limit
_MMHG, _KPA, _VOL = 1, 2, 3
_KPA_PER_MMHG = 0.133322
_WATER_MMHG = 47.0  # vapour pressure in the lungs

SUDDEN = 10  # a saturation that falls so far from one second to the next
DOUBTS = 2  # in a row; whatever comes then is believed

_FAST = {0x02: "initialising", 0x04: "occlusion", 0x40: "no_line", 0x80: "device_fault"}
_NO_SAMPLE = 0x01 | 0x02 | 0x80
_END_OF_BREATH = 0x08
_SLOW = {0x02: "alarm_silenced", 0x04: "alarm_silenced"}
_MASIMO, _NEONATE = 0x80, 0x01
_NO_BREATH = 0x01
_SPO2 = {0x01: "signal_lost", 0x20: "sensor_off", 0x40: "no_sensor"}
_SPO2_REASONS = ("no_sensor", "sensor_off", "signal_lost")  # the strongest first
_EXTENDED = {0x01: "calibrating", 0x80: "low_battery"}

FRESH_MS = 3_000  # states of the other kind of message still hold


@dataclass(slots=True)
class CapnostreamReader:
    """Reads one message after the other, and remembers what later ones must be held against."""

    ambient_mmhg: float | None
    _units: int | None = _MMHG
    _saturation: int | None = None  # the last one that was believed
    _doubted: tuple[int, ...] = ()  # those that fell suddenly and wait for another like them
    _states: dict[int, tuple[frozenset[str], int]] = field(default_factory=dict)  # by code of message; since when

    def reset(self) -> None:
        """A line opened: the units are known from the first numerics on."""
        self._units = None
        self._saturation, self._doubted = None, ()
        self._states = {}

    def read(self, message: Message, now: int) -> Observation | BadFrame | None:
        """The observation in one message; None if there is none in it."""
        if message.code == CO2_WAVE:
            return self._wave(message.payload, now)
        if message.code == NUMERICS:
            return self._numerics(message.payload, now)
        if message.code == DEVICE_ID:
            identity = read_identity(message.payload)
            return Observation(device=identity) if identity else None
        return None

    def _wave(self, payload: bytes, now: int) -> Observation:
        number, whole, part, status = payload
        sample = None if status & _NO_SAMPLE else self._co2(whole + part / 256)
        return Observation(
            flags=self._joined(CO2_WAVE, _named(_FAST, status), now),
            waves={"co2_w": Wave(rate_hz=CO2_HZ, samples=() if sample is None else (sample,), unit="mm[Hg]")},
            device={"msg": number, "end_of_breath": bool(status & _END_OF_BREATH)},
        )

    def _numerics(self, payload: bytes, now: int) -> Observation | BadFrame:
        etco2, fico2, rate, saturation, pulse, slow = payload[4:10]
        co2_alarms, spo2_alarms, no_breath_s = payload[13:16]
        units, extended = payload[25:27]
        if units not in (_MMHG, _KPA, _VOL):  # shifted fields, whatever the checksum says
            return BadFrame(reason="bad_frame", size=len(payload))
        self._units = units
        states = _named(_SLOW, slow) | _named(_SPO2, spo2_alarms) | _named(_EXTENDED, extended)
        if co2_alarms & _NO_BREATH:
            states |= {"apnea"}
        if co2_alarms or spo2_alarms:
            states |= {"device_alarm"}
        values, missing = self._numbers(etco2, rate, saturation, pulse, states)
        if self._doubtful(values.get("spo2")):
            states |= {"questionable"}
            missing |= dict.fromkeys(values, "questionable")
            values = {}
        return Observation(
            values=values,
            missing=missing,
            flags=self._joined(NUMERICS, states, now),
            device={
                "fico2": None if fico2 == _NONE else self._co2(fico2),
                "oximeter": "Masimo" if slow & _MASIMO else "Nellcor",
                "neonate": bool(slow & _NEONATE),
                "no_breath_s": no_breath_s,
                "limits": _limits(payload),
            },
            device_time=datetime.fromtimestamp(int.from_bytes(payload[:4], "big"), UTC)
            .replace(tzinfo=None)
            .isoformat(),
        )

    def _numbers(
        self, etco2: int, rate: int, saturation: int, pulse: int, states: frozenset[str]
    ) -> tuple[dict[str, float], dict[str, str]]:
        values: dict[str, float] = {}
        missing: dict[str, str] = {}
        breath = "apnea" if "apnea" in states else None
        sensor = next((state for state in _SPO2_REASONS if state in states), None)
        for name, number in (("etco2", etco2), ("rr", rate), ("spo2", saturation), ("pr", pulse)):
            value = self._co2(number) if name == "etco2" else float(number)
            if name in ("spo2", "pr") and sensor:
                missing[name] = sensor
            elif number == _NONE or (breath and number == 0 and name in ("etco2", "rr")):
                missing[name] = (breath if name in ("etco2", "rr") else None) or "invalid_code"
            elif value is None:
                missing[name] = "unit_unsupported"
            elif not PARAMETERS[name].plausible(value) or (number == 0 and name != "etco2"):
                missing[name] = "out_of_range"
            else:
                values[name] = value
        return values, missing

    def _co2(self, number: float) -> float | None:
        """A partial pressure in mmHg; None where the unit the monitor is set to cannot be turned into it."""
        if self._units == _MMHG:
            return float(number)
        if self._units == _KPA:
            return round(number / 10 / _KPA_PER_MMHG, 3)
        if self._units == _VOL and self.ambient_mmhg is not None:
            return round(number / 1000 * (self.ambient_mmhg - _WATER_MMHG), 3)
        return None

    def _doubtful(self, saturation: float | None) -> bool:
        """Whether this may be the number of another field.

        Now and then the monitor sends its fields shifted by one, with a good checksum: the breathing rate stands
        where the saturation should. A sudden fall is believed when the next message is near it.
        """
        if saturation is None:
            self._doubted = ()
            return False
        number = int(saturation)
        fell = self._saturation is not None and number <= self._saturation - SUDDEN
        confirmed = bool(self._doubted) and abs(self._doubted[-1] - number) < SUDDEN
        if fell and not confirmed and len(self._doubted) < DOUBTS:
            self._doubted += (number,)
            return True
        self._saturation, self._doubted = number, ()
        return False

    def _joined(self, code: int, states: frozenset[str], now: int) -> tuple[str, ...]:
        """The states of this message and those the other kind of message told a moment ago.

        Each kind knows only some of them; alternating between the two would make every state flicker.
        """
        self._states[code] = (states, now)
        fresh = [said for said, when in self._states.values() if now - when <= FRESH_MS]
        return tuple(sorted(frozenset[str]().union(*fresh)))


def _named(names: Mapping[int, str], bits: int) -> frozenset[str]:
    return frozenset(name for bit, name in names.items() if bits & bit)


def _limits(payload: bytes) -> dict[str, tuple[int | None, int | None]]:
    """Low and high alarm limits as the monitor has them, in its units; None: switched off."""
    at = {"etco2": (17, 16), "rr": (19, 18), "fico2": (None, 20), "spo2": (22, 21), "pr": (24, 23)}
    return {name: (_limit(payload, low), _limit(payload, high)) for name, (low, high) in at.items()}


def _limit(payload: bytes, at: int | None) -> int | None:
    return None if at is None or payload[at] == _NONE else payload[at]
