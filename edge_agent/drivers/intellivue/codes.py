"""Numbers of the monitor's nomenclature and what they mean to us.

They are context codes of partition 2. Most equal the codes of IEEE 11073-10101, some are the vendor's own, so each is
mapped by this table and never by arithmetic.
"""

from __future__ import annotations

from decimal import Decimal

NUMERICS, WAVES, ALERTS, MDS = 0x0006, 0x0009, 0x0036, 0x0021  # object classes
ALERT_GROUP, IDENTIFICATION_GROUP = 0x0801, 0x080C  # attribute groups

# Attributes.
NUMERIC, NUMERICS_TOGETHER = 0x0950, 0x094B
SAMPLES, SAMPLES_TOGETHER = 0x096E, 0x0967
SAMPLE_SPEC, SAMPLE_PERIOD, SAMPLE_MARKS, SCALE, UNIT = 0x096D, 0x098D, 0x0A16, 0x096F, 0x0996
OBJECT_TYPE = 0x092F
ABSOLUTE_STAMP, RELATIVE_STAMP = 0x0990, 0x0991
PATIENT_ALERTS, TECHNICAL_ALERTS, ALERT_CONDITION = 0x0902, 0x0904, 0x0916
MODEL, BED_LABEL, NETWORK_ADDRESS, PROTOCOLS = 0x0928, 0x091E, 0xF100, 0xF101

# Numerics by parameter; of several codes for one parameter the first that has a value counts.
_NUMERICS = {
    "hr": (0x4182,),
    "pr": (0x4822, 0x480A),
    "spo2": (0x4BB8,),
    "pi": (0x4BB0,),
    "nibp_sys": (0x4A05,),
    "nibp_dia": (0x4A06,),
    "nibp_mean": (0x4A07,),
    "abp_sys": (0x4A15, 0x4A11),
    "abp_dia": (0x4A16, 0x4A12),
    "abp_mean": (0x4A17, 0x4A13),
    "cvp": (0x4A47,),
    "icp": (0x580B,),
    "temp": (0x4B48, 0xE004, 0xE014),
    "temp_core": (0x4B60, 0x4B64),
    "temp_skin": (0x4B74,),
    "rr": (0x500A, 0x5012),
    "etco2": (0x50B0,),
    "fio2": (0x5284,),
}
PARAMETER = {code: name for name, codes in _NUMERICS.items() for code in codes}
RANK = {code: rank for codes in _NUMERICS.values() for rank, code in enumerate(codes)}
# The airway rate counts only on a monitor that has no impedance rate at all.
ONLY_WITHOUT = {0x5012: 0x500A}
CUFF = frozenset({"nibp_sys", "nibp_dia", "nibp_mean"})
ELSEWHERE = {
    0xF0E5: "nibp_pulse",
    0x5012: "awrr",
    0x50BA: "imco2",
    0x5804: "cpp",
    0x4B2C: "sat_o2",
    0x7498: "fio2_set",
}

_PER_MINUTE = {0x0AA0, 0x0AE0}
_PRESSURE = {
    0x0F20: Decimal(1),  # mmHg
    0x0F03: 1 / Decimal("0.133322"),  # kPa
    0x0F40: Decimal("0.735559"),  # cmH2O
    0x0F72: Decimal("0.1") / Decimal("0.133322"),  # mbar
}
_CELSIUS, _FAHRENHEIT = 0x17A0, 0x1140
_KIND = {
    "hr": _PER_MINUTE,
    "pr": _PER_MINUTE,
    "rr": _PER_MINUTE,
    "spo2": {0x0220},
    "fio2": {0x0220},
    "pi": {0x0200, 0x0220},
}


def convert(name: str, unit: int, value: Decimal) -> Decimal | None:
    """The value in the unit of our catalogue; None if this unit cannot be turned into it."""
    if name in _KIND:
        return value if unit in _KIND[name] else None
    if name.startswith("temp"):
        if unit == _FAHRENHEIT:
            return (value - 32) / Decimal("1.8")
        return value if unit == _CELSIUS else None
    return value * _PRESSURE[unit] if unit in _PRESSURE else None


WAVEFORM = {0x0102: "ecg_ii", 0x4BB4: "pleth", 0x5000: "resp", 0x4A14: "abp_w", 0x50AC: "co2_w"}
WAVE_CODE = {name: code for code, name in WAVEFORM.items()}
TEXT_PARTITION = 0x00020000  # the text id of a wave's label is its code in this partition
WAVE_UNITS = {
    0x10B2: (1.0, "mV"),
    0x10B3: (0.001, "mV"),
    0x0200: (1.0, "1"),
    **{code: (float(factor), "mm[Hg]") for code, factor in _PRESSURE.items()},
}

# Bits of a measurement state, in the order in which they are asked for a reason.
REASONS = (
    (0x8000, "invalid_code"),
    (0x4000, "questionable"),
    (0x2000, "not_measured"),
    (0x1000, "calibrating"),
    (0x0800, "test"),
)
FLAGS = ((0x0400, "demo"), (0x0002, "device_alarm"), (0x0001, "alarm_silenced"))


def reason_of(state: int) -> str | None:
    """Why a measurement in this state is no value; None if it is one. Demonstration data is flagged, not refused."""
    return next((reason for bit, reason in REASONS if state & bit), None)


def flags_of(state: int) -> set[str]:
    """What a measurement state says besides."""
    return {flag for bit, flag in FLAGS if state & bit}


ALERT_FLAGS = {3072: "apnea", 3076: "asystole", 274: "lead_off", 308: "no_sensor", 194: "low_battery"}
ALERT_KINDS = {
    0x0001: "low technical",
    0x0002: "medium technical",
    0x0004: "high technical",
    0x0100: "low patient",
    0x0200: "medium patient",
    0x0400: "high patient",
}
ALERT_STATES = (
    (0x8000, "inhibited"),
    (0x4000, "suspended"),
    (0x2000, "latched"),
    (0x1000, "silenced"),
    (0x0008, "new"),
)
QUIET = 0xD000  # inhibited, suspended or silenced
