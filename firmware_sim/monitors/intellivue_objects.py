"""The objects of an IntelliVue monitor: signs into numerics, waves and alarms with their attributes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sim.bedside import Bedside, Moment
from firmware_sim.monitors.intellivue_types import (
    TICKS_PER_MS,
    Attribute,
    Object,
    encode_attributes,
    encode_float,
    encode_list,
    encode_text,
    encode_time,
)

NUMERICS, WAVES, ENUMERATIONS, ALERTS, DEMOGRAPHICS, SYSTEM = 0x0006, 0x0009, 0x0005, 0x0036, 0x002A, 0x0021

ALL, ALERT_MONITOR, VALUES, DYNAMIC, STATIC = 0x0000, 0x0801, 0x0803, 0x0810, 0x0811  # attribute groups

HANDLE, ID_LABEL, ID_LABEL_STRING, ID_TYPE = 0x0921, 0x0924, 0x0927, 0x092F
NUMERIC_VALUE, NUMERIC_VALUES = 0x0950, 0x094B
TIME_STAMP, RELATIVE_TIME_STAMP = 0x0990, 0x0991
SAMPLES, SAMPLES_SPEC, SCALE, SAMPLE_PERIOD, UNIT = 0x096E, 0x096D, 0x096F, 0x098D, 0x0996
PATIENT_ALARMS, TECHNICAL_ALARMS = 0x0902, 0x0904
SYSTEM_ID, MODEL, BED_LABEL, CLOCK, RELATIVE_CLOCK = 0x0984, 0x0928, 0x091E, 0x0987, 0x098F

INVALID, QUESTIONABLE, UNAVAILABLE, IN_ALARM = 0x8000, 0x4000, 0x2000, 0x0002

BPM, RPM, PERCENT, MMHG, CELSIUS, NO_UNIT, MILLIVOLT = 0x0AA0, 0x0AE0, 0x0220, 0x0F20, 0x17A0, 0x0200, 0x10B2

WAVE_MS = 256  # of samples in each message
ALWAYS = frozenset({"hr", "pr", "spo2", "rr"})  # modules this monitor has even before they saw a number
SPO2 = frozenset({"pr", "spo2", "pi"})
ECG = frozenset({"hr", "rr"})

LOW_TECHNICAL, MEDIUM_TECHNICAL = 1, 2
MEDIUM_PATIENT, HIGH_PATIENT = 512, 1024
TEXT_ALARM = 516
TOO_HIGH, TOO_LOW, APNOEA, ASYSTOLE, DESATURATION, LEADS_OFF, SENSOR_DISCONNECTED, BATTERY_LOW = (
    40, 62, 3072, 3076, 3246, 274, 308, 194,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Numeric:
    """One number, or several that belong together, as the monitor shows it."""

    label: str
    label_id: int
    parts: tuple[tuple[str, int], ...]  # parameter and physiological id
    unit: int
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave: its samples run from 0 to `bins` over the range."""

    label: str
    name: str  # of the bedside
    physio_id: int
    unit: int
    period_ms: int
    low: float
    high: float
    bins: int
    needs: str | None = None


NUMERIC_OBJECTS = (
    Numeric("HR", 0x4182, (("hr", 0x4182),), BPM),
    Numeric("Pulse", 0x4822, (("pr", 0x4822),), BPM),
    Numeric("SpO2", 0x4BB8, (("spo2", 0x4BB8),), PERCENT),
    Numeric("Perf", 0x4BB0, (("pi", 0x4BB0),), NO_UNIT, 2),
    Numeric("RR", 0x500A, (("rr", 0x500A),), RPM),
    Numeric("NBP", 0x4A04, (("nibp_sys", 0x4A05), ("nibp_dia", 0x4A06), ("nibp_mean", 0x4A07)), MMHG),
    Numeric("ABP", 0x4A14, (("abp_sys", 0x4A15), ("abp_dia", 0x4A16), ("abp_mean", 0x4A17)), MMHG),
    Numeric("CVP", 0x4A47, (("cvp", 0x4A47),), MMHG),
    Numeric("ICP", 0x580B, (("icp", 0x580B),), MMHG),
    Numeric("Temp", 0x4B48, (("temp", 0x4B48),), CELSIUS, 1),
    Numeric("Tcore", 0x4B60, (("temp_core", 0x4B60),), CELSIUS, 1),
    Numeric("Tskin", 0x4B74, (("temp_skin", 0x4B74),), CELSIUS, 1),
    Numeric("etCO2", 0x50B0, (("etco2", 0x50B0),), MMHG),
    Numeric("FIO2", 0x5284, (("fio2", 0x5284),), PERCENT),
)
WAVE_OBJECTS = (
    Wave("II", "ecg_ii", 0x0102, MILLIVOLT, 2, -4.0, 4.0, 8_000),
    Wave("Pleth", "pleth", 0x4BB4, NO_UNIT, 8, 0.0, 20.0, 4_000),
    Wave("Resp", "resp", 0x5000, NO_UNIT, 16, -2.0, 2.0, 4_000),
    Wave("ABP", "abp_w", 0x4A14, MMHG, 8, -40.0, 360.0, 4_000, needs="abp_sys"),
    Wave("CO2", "co2_w", 0x50AC, MMHG, 16, 0.0, 160.0, 3_200, needs="etco2"),
)
_NUMERIC_HANDLE, _WAVE_HANDLE, _ALERT_HANDLE = 0x0101, 0x0201, 0x0301


def encode_value(physio_id: int, state: int, unit: int, value: float | None, decimals: int) -> bytes:
    """One number with its state and unit."""
    return struct.pack(">HHH", physio_id, state, unit) + encode_float(value, decimals)


def numerics(moment: Moment, clock: datetime, now_ms: int, group: int) -> list[Object]:
    """Every number this monitor has a module for."""
    found: list[Object] = []
    for handle, numeric in enumerate(NUMERIC_OBJECTS, start=_NUMERIC_HANDLE):
        if any(name in moment.fitted | ALWAYS for name, _ in numeric.parts):
            found.append((handle, _numeric(numeric, moment, clock, now_ms, handle, group)))
    return found


def waves(bedside: Bedside, now_ms: int, chosen: Sequence[int] | None, group: int) -> list[Object]:
    """The samples of the last 256 ms of each wave; `chosen` are physiological ids, None is all."""
    fitted = bedside.at(now_ms).fitted
    found: list[Object] = []
    for handle, wave in enumerate(WAVE_OBJECTS, start=_WAVE_HANDLE):
        wanted = chosen is None or wave.physio_id in chosen
        if wanted and (wave.needs is None or wave.needs in fitted):
            found.append((handle, _wave(wave, bedside, now_ms, handle, group)))
    return found


def alerts(moment: Moment, group: int) -> list[Object]:
    """The alarm monitor with everything that is wrong now."""
    attributes: list[Attribute] = []
    if group in (ALL, ALERT_MONITOR):
        attributes += [(PATIENT_ALARMS, encode_list(_patient_alarms(moment)))]
        attributes += [(TECHNICAL_ALARMS, encode_list(_technical_alarms(moment)))]
    if group in (ALL, STATIC):
        attributes.append((HANDLE, struct.pack(">H", _ALERT_HANDLE)))
    return [(_ALERT_HANDLE, attributes)]


def system(label: str, clock: datetime, now_ms: int) -> list[Attribute]:
    """What the monitor says of itself: it knows a bed, never a patient."""
    model = b"".join(struct.pack(">H8s", 8, word) for word in (b"Philips", b"SIM"))
    return [
        (SYSTEM_ID, struct.pack(">H8s", 8, b"\x00\x09\xfb\x00\x00\x00\x00\x01")),
        (MODEL, model),
        (BED_LABEL, encode_text(label)),
        (CLOCK, encode_time(clock)),
        (RELATIVE_CLOCK, struct.pack(">I", now_ms * TICKS_PER_MS & 0xFFFF_FFFF)),
    ]


def _numeric(
    numeric: Numeric, moment: Moment, clock: datetime, now_ms: int, handle: int, group: int
) -> list[Attribute]:
    attributes: list[Attribute] = []
    if group in (ALL, STATIC):
        attributes += _static(handle, NUMERICS)
    if group in (ALL, DYNAMIC):
        attributes += _labels(numeric.label, numeric.label_id)
    if group in (ALL, VALUES):
        values = [
            encode_value(physio_id, _state(name, moment), numeric.unit, moment.signs.get(name), numeric.decimals)
            for name, physio_id in numeric.parts
        ]
        single = len(values) == 1
        attributes.append((NUMERIC_VALUE, values[0]) if single else (NUMERIC_VALUES, encode_list(values)))
        attributes += _stamps(numeric, moment, clock, now_ms)
    return attributes


def _stamps(numeric: Numeric, moment: Moment, clock: datetime, now_ms: int) -> list[Attribute]:
    """When it was measured: a cuff pressure has a time of its own."""
    measured_ms = moment.cuff_ms if numeric.parts[0][0] == "nibp_sys" else now_ms
    if measured_ms is None:
        return []
    measured = clock - timedelta(milliseconds=now_ms - measured_ms)
    return [
        (TIME_STAMP, encode_time(measured)),
        (RELATIVE_TIME_STAMP, struct.pack(">I", measured_ms * TICKS_PER_MS & 0xFFFF_FFFF)),
    ]


def _state(name: str, moment: Moment) -> int:
    value, states = moment.signs.get(name), moment.signs.states
    if value is None:
        lost = (name in SPO2 and moment.probe_off) or (name in ECG and "lead_off" in states) or moment.asystole
        return INVALID if lost else UNAVAILABLE
    shaken = QUESTIONABLE if "artifact" in states and name in SPO2 | ECG else 0
    return shaken | (IN_ALARM if _outside(name, value) else 0)


def _outside(name: str, value: float) -> int | None:
    """The alarm a value raises, if it does."""
    match name:
        case "hr":
            return TOO_HIGH if value > 120 else TOO_LOW if value < 50 else None
        case "spo2":
            return DESATURATION if value < 85 else TOO_LOW if value < 90 else None
        case "rr":
            return TOO_HIGH if value > 30 else TOO_LOW if value < 8 else None
    return None


def _patient_alarms(moment: Moment) -> list[bytes]:
    found = []
    if moment.asystole:
        found.append(_alarm(0x4182, ASYSTOLE, HIGH_PATIENT, "*** ASYSTOLE"))
    if moment.apnoea:
        found.append(_alarm(0x500A, APNOEA, HIGH_PATIENT, "*** APNEA"))
    for name, physio_id, text in (("hr", 0x4182, "HR"), ("spo2", 0x4BB8, "SpO2"), ("rr", 0x500A, "RR")):
        value = moment.signs.get(name)
        code = None if value is None else _outside(name, value)
        if code == DESATURATION:
            found.append(_alarm(physio_id, code, HIGH_PATIENT, "*** DESAT"))
        elif code is not None and not (name == "rr" and moment.apnoea):
            found.append(_alarm(physio_id, code, MEDIUM_PATIENT, f"** {text} {'HIGH' if code == TOO_HIGH else 'LOW'}"))
    return found


def _technical_alarms(moment: Moment) -> list[bytes]:
    states = moment.signs.states
    found = []
    if "lead_off" in states:
        found.append(_alarm(0x0102, LEADS_OFF, MEDIUM_TECHNICAL, "ECG LEADS OFF"))
    if "no_sensor" in states:
        found.append(_alarm(0x4BB8, SENSOR_DISCONNECTED, LOW_TECHNICAL, "SpO2 NO SENSOR"))
    if "low_battery" in states:
        found.append(_alarm(SYSTEM, BATTERY_LOW, LOW_TECHNICAL, "BATTERY LOW"))
    return found


def _alarm(source: int, code: int, type_: int, text: str) -> bytes:
    info = struct.pack(">HIHH", 0, 0, type_, 0) + encode_text(text)
    head = struct.pack(">HHHH", source, code, type_, 0)
    return head + struct.pack(">HHHHH", ALERTS, 0, _ALERT_HANDLE, TEXT_ALARM, len(info)) + info


def _wave(wave: Wave, bedside: Bedside, now_ms: int, handle: int, group: int) -> list[Attribute]:
    attributes: list[Attribute] = []
    count = WAVE_MS // wave.period_ms
    if group in (ALL, STATIC):
        attributes += _static(handle, WAVES)
        attributes.append((SAMPLES_SPEC, struct.pack(">HBBH", count, 16, wave.bins.bit_length(), 0)))
        attributes.append((SAMPLE_PERIOD, struct.pack(">I", wave.period_ms * TICKS_PER_MS)))
    if group in (ALL, DYNAMIC):
        attributes += _labels(wave.label, wave.physio_id)
        attributes.append((UNIT, struct.pack(">H", wave.unit)))
        attributes.append(
            (SCALE, encode_float(wave.low, 1) + encode_float(wave.high, 1) + struct.pack(">HH", 0, wave.bins))
        )
    if group in (ALL, VALUES):
        start_ms = now_ms - WAVE_MS
        samples = [_sample(wave, bedside.wave(wave.name, start_ms + index * wave.period_ms)) for index in range(count)]
        state = INVALID if None in samples else 0
        data = struct.pack(f">{count}H", *(sample or 0 for sample in samples))
        attributes.append((SAMPLES, struct.pack(">HHH", wave.physio_id, state, len(data)) + data))
    return attributes


def _sample(wave: Wave, value: float | None) -> int | None:
    if value is None:
        return None
    share = (value - wave.low) / (wave.high - wave.low)
    return round(max(0.0, min(1.0, share)) * wave.bins)


def _static(handle: int, object_class: int) -> list[Attribute]:
    return [(HANDLE, struct.pack(">H", handle)), (ID_TYPE, struct.pack(">HH", 1, object_class))]


def _labels(label: str, label_id: int) -> list[Attribute]:
    return [(ID_LABEL, struct.pack(">HH", 2, label_id)), (ID_LABEL_STRING, encode_text(label))]


def connection(label: str, clock: datetime, now_ms: int, port: int) -> bytes:
    """What a monitor on a network announces of itself: who it is, and the port that hears it."""
    address = bytes.fromhex("0200 0000 0001") + bytes((127, 0, 0, 1)) + bytes((255, 0, 0, 0))
    protocols = encode_list([struct.pack(">HHHH", 1, 1, port, 0), struct.pack(">HHHH", 5, 1, port, 0)])
    return encode_attributes([*system(label, clock, now_ms)[:3], (0xF100, address), (0xF101, protocols)])
