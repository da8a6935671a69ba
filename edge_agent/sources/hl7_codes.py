"""Codes of HL7 observations: which parameter an OBX tells of, in which unit, and what its flags mean.

Codes are those of the parameter catalogue (IEEE 11073-10101, LOINC) and the aliases in use; units are IEEE 11073 codes
and UCUM.
"""

from __future__ import annotations

from vitals.parameters import PARAMETERS

# Codes that mean the same parameter, less exactly or at another site.
_ALIASES = {
    "hr": ("MDC_ECG_CARD_BEAT_RATE",),
    "pr": ("149514", "MDC_PULS_RATE", "149546", "MDC_PULS_RATE_NON_INV", "149522", "MDC_BLD_PULS_RATE_INV"),
    "spo2": ("59408-5",),
    "rr": (
        *("151562", "MDC_RESP_RATE", "151570", "MDC_AWAY_RESP_RATE"),
        *("151594", "MDC_CO2_RESP_RATE", "151586", "MDC_VENT_RESP_RATE"),
    ),
    "nibp_sys": ("150021", "MDC_PRESS_BLD_NONINV_SYS", "76534-7"),
    "nibp_dia": ("150022", "MDC_PRESS_BLD_NONINV_DIA", "76535-4"),
    "nibp_mean": ("150023", "MDC_PRESS_BLD_NONINV_MEAN", "76536-2"),
    "abp_sys": ("150033", "MDC_PRESS_BLD_ART_SYS"),
    "abp_dia": ("150034", "MDC_PRESS_BLD_ART_DIA"),
    "abp_mean": ("150035", "MDC_PRESS_BLD_ART_MEAN"),
    "cvp": ("150084", "MDC_PRESS_BLD_VEN_CENT", "8591-0"),
    "temp": ("150364", "MDC_TEMP_BODY"),
    "temp_core": ("150372", "MDC_TEMP_ESOPH"),
    "etco2": ("151728", "MDC_AWAY_CO2_ET"),
    "fio2": ("151920", "MDC_VENT_CONC_AWAY_O2_INSP"),
    "pi": ("150448", "MDC_PULS_OXIM_PERF_REL"),
    "icp": ("153611", "MDC_PRESS_INTRA_CRAN_MEAN"),
    "glucose": ("160020", "MDC_CONC_GLU_GEN", "2339-0"),
}
_EXACT = {
    code: parameter.name
    for parameter in PARAMETERS.values()
    for code in (parameter.refid, str(parameter.cf32), parameter.loinc)
}
_BY_ALIAS = {code: name for name, codes in _ALIASES.items() for code in codes}

_UNITS = {
    **dict.fromkeys(("264864", "MDC_DIM_BEAT_PER_MIN", "264928", "MDC_DIM_RESP_PER_MIN"), "/min"),
    **dict.fromkeys(("262688", "MDC_DIM_PERCENT"), "%"),
    **dict.fromkeys(("266016", "MDC_DIM_MMHG"), "mm[Hg]"),
    **dict.fromkeys(("265987", "MDC_DIM_KILO_PASCAL"), "kPa"),
    **dict.fromkeys(("268192", "MDC_DIM_DEGC"), "Cel"),
    **dict.fromkeys(("266560", "MDC_DIM_FAHR"), "[degF]"),
    **dict.fromkeys(("263875", "MDC_DIM_KILO_G"), "kg"),
    **dict.fromkeys(("266866", "MDC_DIM_MILLI_MOLE_PER_L"), "mmol/L"),
    **dict.fromkeys(("264274", "MDC_DIM_MILLI_G_PER_DL"), "mg/dL"),
}
_REASONS = {
    "INV": "device_invalid",
    "NAV": "not_measured",
    "OFF": "inactive",
    "QUES": "questionable",
    "CALB": "calibrating",
}
_STATES = {"DEMO": "demo", "TEST": "test"}


def parameter_of(codes: list[str]) -> tuple[str, bool] | None:
    """(the parameter, whether the code is the catalogue's own) of an OBX-3, whose components are `codes`."""
    for table, exact in ((_EXACT, True), (_BY_ALIAS, False)):
        for code in codes:
            if code.strip() in table:
                return table[code.strip()], exact
    return None


def unit_of(codes: list[str]) -> str:
    """The unit of an OBX-6: ours for a code we know, else the text as it stands."""
    for code in codes:
        if code.strip() in _UNITS:
            return _UNITS[code.strip()]
    return next((code.strip() for code in codes if code.strip()), "")


def reason_of(flags: list[str]) -> str:
    """Why the value does not count, by OBX-8; empty when it does."""
    return next((_REASONS[flag] for flag in flags if flag in _REASONS), "")


def states_of(flags: list[str]) -> set[str]:
    """What OBX-8 says about the device."""
    return {_STATES[flag] for flag in flags if flag in _STATES}
