"""What the replies of a device amount to: observations, with the states its alarms and texts tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from edge_agent.drivers.medibus import replies
from edge_agent.drivers.medibus.codes import (
    ALARM,
    AMBIENT_MBAR,
    CO2_UNIT_TEXTS,
    CUFF,
    CUFF_AGE_MIN,
    ETCO2,
    NAMES,
    PATIENT_NAMES,
    VITALS,
    WEIGHT_AGE_H,
    WEIGHT_G,
    Generation,
    alarm_state,
    generation_of,
    spoilt,
    text_state,
)
from edge_agent.drivers.medibus.curves import MMHG_PER_KPA, Block, mmhg_per_percent
from edge_agent.drivers.medibus.frames import Code, Reply
from edge_agent.drivers.medibus.replies import Alarm, DeviceName, Numbers
from vitals.parameters import PARAMETERS
from vitals.readings import Observation

_NUMBERS = {
    Code.DATA_CP1: ("cp1", 4),
    Code.DATA_CP2: ("cp2", 4),
    Code.SETTINGS: ("settings", 5),
    Code.LOW_LIMITS_CP1: ("low_limits_cp1", 4),
    Code.HIGH_LIMITS_CP1: ("high_limits_cp1", 4),
    Code.LOW_LIMITS_CP2: ("low_limits_cp2", 4),
    Code.HIGH_LIMITS_CP2: ("high_limits_cp2", 4),
}
_ALARM_PAGES = {Code.ALARMS_CP1: 1, Code.ALARMS_CP2: 2, Code.ALARMS_CP3: 3}
_NEVER_ZERO = frozenset({"pr", "spo2"})  # an oximeter that has found no pulse has measured nothing
_AMBIENT_RANGE = (500.0, 1200.0)


class Reader:
    """Remembers what the device said of itself, because numbers are read in that light."""

    def __init__(self, *, generation: Generation, ambient_mbar: float) -> None:
        self._fixed = generation
        self._default_ambient = ambient_mbar
        self._cuff = _Single()
        self._weight = _Single()
        self.forget()

    def forget(self) -> None:
        """The link was lost: alarms, texts and identity are unknown. Single measurements stay told."""
        self.generation = self._fixed
        self.ambient_mbar = self._default_ambient
        self._alarms: dict[int, tuple[Alarm, ...]] = {}
        self._texts: frozenset[int] = frozenset()

    def read(self, reply: Reply) -> list[Observation] | None:
        """What a reply says, or None if it is not built as replies to that command are."""
        code, data = reply.code, reply.data
        if code in _NUMBERS:
            key, width = _NUMBERS[Code(code)]
            numbers = replies.numbers(data, width)
            return None if numbers is None else self._numbers(Code(code), key, numbers)
        if code in _ALARM_PAGES:
            return self._take_alarms(_ALARM_PAGES[Code(code)], replies.alarms(data))
        if code == Code.TEXT:
            return self._take_texts(replies.texts(data))
        if code == Code.DEVICE_ID:
            return self._take_name(replies.device_name(data))
        if code == Code.DATE_TIME:
            time = replies.device_time(data)
            return [Observation(device_time=time)] if time else [_echo(code)] if not data.strip() else None
        if code == Code.RT_CONFIG:
            curves = replies.curves(data)
            return None if curves is None else [Observation(device={"rt": [_offer(curve) for curve in curves]})]
        return [_echo(code)] if code in set(Code) else None

    def _numbers(self, code: Code, key: str, numbers: Numbers) -> list[Observation]:
        device: dict[str, object] = {key: {f"{number:02X}": value for number, value in numbers.items()}}
        if code is Code.DATA_CP1:
            return self._vitals(numbers, device | self._named(1, numbers))
        if code is Code.DATA_CP2:
            device |= self._named(2, numbers)
        return [Observation(device=device)]

    def _named(self, page: int, numbers: Numbers) -> dict[str, object]:
        names = NAMES[self.generation]
        named = {names[page, code]: value for code, value in numbers.items() if (page, code) in names}
        return {"ventilator": named} if named else {}

    def _vitals(self, numbers: Numbers, device: Mapping[str, object]) -> list[Observation]:
        ambient = numbers.get(AMBIENT_MBAR)
        if isinstance(ambient, float) and _AMBIENT_RANGE[0] <= ambient <= _AMBIENT_RANGE[1]:
            self.ambient_mbar = ambient
        found: dict[str, float | str] = {}  # a number, or the reason why there is none
        for name, codes in VITALS.items():
            if any(code in numbers for code in codes):
                found[name] = _first(numbers, codes)
        if any(code in numbers for code in ETCO2.values()):
            found["etco2"] = self._etco2(numbers)
        cuff = {name: _first(numbers, (code,)) for name, code in CUFF.items() if code in numbers}
        found |= {name: value for name, value in cuff.items() if isinstance(value, str)}
        self._spoil(found)
        values, missing = _sorted_out(found)
        periodic = Observation(values=values, missing=missing, flags=self.states, device=device)
        minutes = _age(numbers, CUFF_AGE_MIN, 60_000)
        singles = [self._cuff.tell(_sorted_out(cuff)[0], minutes)]
        weight = numbers.get(WEIGHT_G)
        if self.generation is Generation.X and isinstance(weight, float):
            kilograms = _sorted_out({"weight": weight / 1000})[0]
            singles.append(self._weight.tell(kilograms, _age(numbers, WEIGHT_AGE_H, 3_600_000)))
        return [periodic, *(single for single in singles if single is not None)]

    def _etco2(self, numbers: Numbers) -> float | str:
        """In mmHg. A number under a unit other than the selected one may be of either, so it is none."""
        units = {CO2_UNIT_TEXTS[code] for code in self._texts if code in CO2_UNIT_TEXTS}
        numeric = {unit: value for unit, code in ETCO2.items() if isinstance(value := numbers.get(code), float)}
        if not numeric:
            return _first(numbers, tuple(ETCO2.values()))
        fitting = [unit for unit in numeric if unit in units or not units]
        if not fitting:
            return "unit_unsupported"
        factors = {"mmHg": 1.0, "kPa": MMHG_PER_KPA, "%": mmhg_per_percent(self.ambient_mbar)}
        return round(numeric[fitting[0]] * factors[fitting[0]], 2)

    def _spoil(self, found: dict[str, float | str]) -> None:
        for page, alarms in self._alarms.items():
            for alarm in alarms:
                reason, names = spoilt(page, alarm.code, self.generation) or ("", ())
                found.update({name: reason for name in names if name in found})

    def _take_alarms(self, page: int, alarms: tuple[Alarm, ...] | None) -> list[Observation] | None:
        if alarms is None:
            return None
        before = self.states
        self._alarms[page] = alarms
        shown = [{**asdict(alarm), "code": f"{alarm.code:02X}"} for alarm in alarms]
        device = {"alarms": shown, "codepage": page}
        return [Observation(flags=self._news(before), device=device)]

    def _take_texts(self, texts: dict[int, str] | None) -> list[Observation] | None:
        if texts is None:
            return None
        before = self.states
        self._texts = frozenset(texts)
        shown = {f"{code:02X}": text for code, text in texts.items() if code not in PATIENT_NAMES}
        return [Observation(flags=self._news(before), device={"text": shown})]

    def _take_name(self, name: DeviceName | None) -> list[Observation] | None:
        if name is None:
            return None
        if self._fixed is Generation.UNKNOWN:
            self.generation = generation_of(name.medibus)
        if name.id is None:
            return [_echo(Code.DEVICE_ID)]
        device = {"id": name.id, "name": name.name, "sw": name.software, "medibus": name.medibus}
        return [Observation(device=device)]

    @property
    def states(self) -> tuple[str, ...]:
        """What alarms and texts say of the device now."""
        found = {text_state(code, self.generation) for code in self._texts}
        for page, alarms in self._alarms.items():
            if alarms:
                found.add(ALARM)
            found |= {alarm_state(page, alarm.code, self.generation) for alarm in alarms}
        return tuple(sorted(state for state in found if state))

    def _news(self, before: tuple[str, ...]) -> tuple[str, ...]:
        """States are told at once when they change, and with each set of numbers."""
        return self.states if self.states != before else ()


class _Single:
    """A measurement the device shows until the next one; it is told once."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._age: int | None = None

    def tell(self, values: dict[str, float], age_ms: int | None) -> Observation | None:
        """The measurement, if it is new: other numbers, or younger than the last one was."""
        if not values:
            return None
        first = not self._told
        younger = age_ms is not None and self._age is not None and age_ms < self._age
        same = values == self._told
        self._told, self._age = values, age_ms
        if same and not younger:
            return None
        return Observation(values=values, aperiodic=True, age_ms=age_ms or 0, untimed=first and age_ms is None)


def observe_block(block: Block) -> Observation:
    """Curves and the breathing phase."""
    return Observation(waves=block.waves, device={"phase": block.phase} if block.phase else {})


def _echo(code: int) -> Observation:
    return Observation(device={"reply": f"{code:02X}"})


def _offer(curve: replies.Curve) -> dict[str, object]:
    return {
        "code": f"{curve.code:02X}",
        "interval_us": curve.interval_us,
        "min": curve.low,
        "max": curve.high,
        "maxbin": curve.full,
    }


def _first(numbers: Numbers, codes: tuple[int, ...]) -> float | str:
    """The first number under these codes, or why there is none."""
    said = [numbers[code] for code in codes if code in numbers]
    numeric = [value for value in said if isinstance(value, float)]
    if numeric:
        return numeric[0]
    return "device_invalid" if any(said) else "not_measured"


def _age(numbers: Numbers, code: int, unit_ms: int) -> int | None:
    age = numbers.get(code)
    return round(age * unit_ms) if isinstance(age, float) and age >= 0 else None


def _sorted_out(found: Mapping[str, float | str]) -> tuple[dict[str, float], dict[str, str]]:
    """Plausible numbers, and reasons for the others."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, value in found.items():
        if isinstance(value, str):
            missing[name] = value
        elif not PARAMETERS[name].plausible(value) or (not value and name in _NEVER_ZERO):
            missing[name] = "out_of_range"
        else:
            values[name] = value
    return values, missing
