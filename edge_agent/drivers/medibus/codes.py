"""The codes of MEDIBUS: which measured data are our vital signs, and what ventilators call the rest.

Devices that speak a version below 6 (old MEDIBUS) and those from 6 on (MEDIBUS.X) give several codes different
meanings. As long as the device has not said its version, only what both agree on gets a name.
"""

from __future__ import annotations

from enum import Enum


class Generation(Enum):
    """Which code map a device follows."""

    UNKNOWN = "auto"
    OLD = "medibus"
    X = "medibus-x"


X_VERSION = 6


def generation_of(medibus: str | None) -> Generation:
    """What the version in the device identification means."""
    if medibus is None:
        return Generation.UNKNOWN
    return Generation.X if int(medibus[:2]) >= X_VERSION else Generation.OLD


# Measured data, codepage 1. Where several codes stand, the first with a number counts.
VITALS: dict[str, tuple[int, ...]] = {
    "hr": (0xDC,),
    "pr": (0xE1,),
    "spo2": (0xEB,),
    "rr": (0xD6, 0xD5, 0xD7),  # of all breaths; from CO2; from volume and flow
    "abp_sys": (0xD2,),
    "abp_mean": (0xCD,),
    "abp_dia": (0xC8,),
    "cvp": (0xA5,),
    "icp": (0x37,),
    "temp": (0xC3,),
    "temp_skin": (0x66,),
    "fio2": (0xF0,),
}
CUFF: dict[str, int] = {"nibp_sys": 0x96, "nibp_mean": 0x91, "nibp_dia": 0x8C}
CUFF_AGE_MIN = 0x92
WEIGHT_G, WEIGHT_AGE_H = 0xF2, 0xFA  # MEDIBUS.X only
AMBIENT_MBAR = 0x6B
ETCO2: dict[str, int] = {"mmHg": 0xE6, "kPa": 0xE3, "%": 0xDB}

# Text messages. Those that name the patient are never looked at.
CO2_UNIT_TEXTS = {0x22: "mmHg", 0x23: "kPa", 0x24: "%"}
PATIENT_NAMES = frozenset({0x60, 0x61})

_TEXT_STATES: dict[int, str] = {0x1E: "standby", 0x54: "standby", 0x53: "test"}
_TEXT_STATES_X = {0x12: "test", 0x5D: "alarm_silenced", 0x62: "demo"}

# Alarms, by codepage.
ALARM = "device_alarm"
_ALARM_STATES: dict[tuple[int, int], str] = {
    (1, 0x00): "apnea",
    (1, 0x0D): "apnea",
    (1, 0x0E): "apnea",
    (1, 0x0F): "apnea",
    (1, 0x98): "apnea",
    (1, 0x35): "sensor_fault",
    (1, 0x3D): "occlusion",
    (1, 0x4B): "low_battery",
    (1, 0xD9): "sensor_fault",
}
_ALARM_STATES_X = {
    (1, 0x4F): "lead_off",
    (1, 0x50): "lead_off",
    (1, 0x51): "lead_off",
    (1, 0x92): "lead_off",
    (1, 0x96): "asystole",
    (1, 0xD0): "lead_off",
    (2, 0x5C): "critical_battery",
    (2, 0x5D): "low_battery",
    (2, 0x95): "standby",
}
# An alarm that says there is no signal wins over a number the device still shows.
_SPOILT: dict[tuple[int, int], tuple[str, tuple[str, ...]]] = {
    (1, 0x35): ("sensor_fault", ("pr", "spo2")),
    (1, 0x01): ("signal_lost", ("pr", "spo2")),
    (1, 0xD9): ("sensor_fault", ("etco2",)),
    (1, 0x3D): ("signal_lost", ("etco2",)),
}
_SPOILT_X = {(1, 0x92): ("lead_off", ("hr",))}


def text_state(code: int, generation: Generation) -> str | None:
    """The state a text message stands for."""
    return _TEXT_STATES.get(code) or (_TEXT_STATES_X.get(code) if generation is Generation.X else None)


def alarm_state(page: int, code: int, generation: Generation) -> str | None:
    """The state an alarm stands for, besides being an alarm."""
    found = _ALARM_STATES.get((page, code))
    return found or (_ALARM_STATES_X.get((page, code)) if generation is Generation.X else None)


def spoilt(page: int, code: int, generation: Generation) -> tuple[str, tuple[str, ...]] | None:
    """Which parameters an alarm says have no signal, and the reason."""
    found = _SPOILT.get((page, code))
    return found or (_SPOILT_X.get((page, code)) if generation is Generation.X else None)


# Measured data that are no vital sign of ours: names for `device`. By codepage and code.
_BOTH: dict[tuple[int, int], str] = {
    (1, 0x05): "paw_mbar",
    (1, 0x08): "resistance_mbar_s_l",
    (1, 0x09): "co2_production_ml_min",
    (1, 0x6B): "ambient_mbar",
    (1, 0x71): "pmin_mbar",
    (1, 0x72): "p01_mbar",
    (1, 0x73): "pmean_mbar",
    (1, 0x74): "pplat_mbar",
    (1, 0x78): "peep_mbar",
    (1, 0x79): "peepi_mbar",
    (1, 0x7B): "rr_mandatory",
    (1, 0x7D): "pip_mbar",
    (1, 0x81): "vtrap_ml",
    (1, 0x88): "vt_ml",
    (1, 0x89): "dead_space_ml",
    (1, 0xB2): "leak_ml_min",
    (1, 0xB3): "leak_percent",
    (1, 0xB4): "rr_pressure",
    (1, 0xB5): "rr_spontaneous",
    (1, 0xB7): "mv_spontaneous_l_min",
    (1, 0xB9): "mv_l_min",
    (1, 0xBD): "apnea_s",
    (1, 0xC1): "temp_airway",
    (1, 0xC9): "rsbi",
    (1, 0xD5): "rr_co2",
    (1, 0xD7): "rr_flow",
    (1, 0xDA): "inco2_percent",
    (1, 0xE5): "inco2_mmhg",
    (1, 0xEF): "eto2_percent",
    (1, 0xFF): "inco2_kpa",
    (2, 0x00): "vt_spontaneous_ml",
    (2, 0x21): "vte_ml",
    (2, 0x22): "vti_ml",
    (2, 0x23): "pei_mbar",
}
_OLD = {
    (1, 0x06): "compliance_frac_ml_mbar",
    (1, 0x07): "compliance_ml_mbar",
    (1, 0x0B): "resistance_frac",
    (1, 0x7A): "mv_spontaneous_frac",
    (1, 0x82): "vt_frac",
    (1, 0x8B): "vt_support_ml",
    (1, 0xB8): "mv_total_l_min",
    (1, 0xD9): "rr_derived",
    (1, 0xDF): "pr_derived",
}
_X = {
    (1, 0x03): "mv_expiratory_l_min",
    (1, 0x06): "mv_inspiratory_l_min",
    (1, 0x07): "cdyn_ml_mbar",
    (1, 0x0A): "mv_spontaneous_expiratory_l_min",
    (1, 0x0B): "resistance_patient_mbar_s_l",
    (1, 0x0D): "mv_mandatory_expiratory_l_min",
    (1, 0x38): "cpp_mmhg",
    (1, 0x65): "temp_skin_peripheral",
    (1, 0x8B): "vti_ml",
    (1, 0xA1): "pap_dia_mmhg",
    (1, 0xA6): "pap_mean_mmhg",
    (1, 0xAB): "pap_sys_mmhg",
    (1, 0xB6): "mv_spontaneous_percent",
    (1, 0xBE): "temp_2",
    (1, 0xC0): "o2_percent",
    (1, 0xC6): "battery_percent",
    (1, 0xD9): "rr_min",
    (2, 0x0A): "cstat_ml_mbar",
    (2, 0x37): "mv_leak_l_min",
}
NAMES: dict[Generation, dict[tuple[int, int], str]] = {
    Generation.UNKNOWN: _BOTH,
    Generation.OLD: _BOTH | _OLD,
    Generation.X: _BOTH | _X,
}
