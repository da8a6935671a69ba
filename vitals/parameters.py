"""The parameter catalogue: names, codes, units and hard ranges of every vital sign and waveform.

Codes are IEEE 11073-10101 (context-free, partition x 65536 + code), LOINC and UCUM. The hard range is the
reject-as-artefact bound that covers the widest measuring range of bedside devices: it is no clinical limit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """One numeric vital sign."""

    name: str  # our short name, as in topics, rules and columns
    label: str
    refid: str  # IEEE 11073-10101 reference id
    cf32: int  # context-free 32-bit code
    loinc: str
    unit: str  # UCUM
    decimals: int
    low: float  # hard range, inclusive
    high: float
    stale_s: int  # older than this, a value is no longer shown as the present one

    def plausible(self, value: float) -> bool:
        """Whether a device can have measured `value` at all. False for NaN."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Waveform:
    """One sampled signal."""

    name: str
    label: str
    refid: str
    cf32: int
    unit: str  # UCUM
    low: float
    high: float


# Aperiodic values (cuff pressure, temperature, glucose, weight) stay meaningful for minutes to days;
# everything else repeats each second or two and is stale after 15 s.
_PARAMETERS = (
    Parameter("hr", "HR", "MDC_ECG_HEART_RATE", 147842, "8867-4", "/min", 0, 0.0, 350.0, 15),
    Parameter("pr", "PR", "MDC_PULS_OXIM_PULS_RATE", 149530, "8889-8", "/min", 0, 0.0, 350.0, 15),
    Parameter("spo2", "SpO2", "MDC_PULS_OXIM_SAT_O2", 150456, "2708-6", "%", 0, 0.0, 100.0, 15),
    Parameter("rr", "RR", "MDC_TTHOR_RESP_RATE", 151578, "9279-1", "/min", 0, 0.0, 200.0, 15),
    Parameter("nibp_sys", "NIBP sys", "MDC_PRESS_CUFF_SYS", 150301, "8480-6", "mm[Hg]", 0, 0.0, 300.0, 1800),
    Parameter("nibp_dia", "NIBP dia", "MDC_PRESS_CUFF_DIA", 150302, "8462-4", "mm[Hg]", 0, 0.0, 250.0, 1800),
    Parameter("nibp_mean", "NIBP mean", "MDC_PRESS_CUFF_MEAN", 150303, "8478-0", "mm[Hg]", 0, 0.0, 270.0, 1800),
    Parameter("abp_sys", "ABP sys", "MDC_PRESS_BLD_ART_ABP_SYS", 150037, "76215-3", "mm[Hg]", 0, -50.0, 350.0, 15),
    Parameter("abp_dia", "ABP dia", "MDC_PRESS_BLD_ART_ABP_DIA", 150038, "76213-8", "mm[Hg]", 0, -50.0, 350.0, 15),
    Parameter("abp_mean", "ABP mean", "MDC_PRESS_BLD_ART_ABP_MEAN", 150039, "76214-6", "mm[Hg]", 0, -50.0, 350.0, 15),
    Parameter("cvp", "CVP", "MDC_PRESS_BLD_VEN_CENT_MEAN", 150087, "60985-9", "mm[Hg]", 0, -50.0, 100.0, 15),
    Parameter("temp", "Temp", "MDC_TEMP", 150344, "8310-5", "Cel", 1, 0.0, 50.0, 900),
    Parameter("temp_core", "Tcore", "MDC_TEMP_CORE", 150368, "8329-5", "Cel", 1, 0.0, 50.0, 900),
    Parameter("temp_skin", "Tskin", "MDC_TEMP_SKIN", 150388, "39106-0", "Cel", 1, 0.0, 50.0, 900),
    Parameter("etco2", "EtCO2", "MDC_CONC_AWAY_CO2_ET", 151708, "19889-5", "mm[Hg]", 0, 0.0, 150.0, 15),
    Parameter("fio2", "FiO2", "MDC_CONC_AWAY_O2_INSP", 152196, "3150-0", "%", 0, 15.0, 100.0, 15),
    Parameter("pi", "PI", "MDC_BLD_PERF_INDEX", 150488, "61006-3", "%", 2, 0.0, 30.0, 15),
    Parameter("icp", "ICP", "MDC_PRESS_INTRA_CRAN", 153608, "60956-0", "mm[Hg]", 0, -50.0, 150.0, 15),
    Parameter(
        "glucose",
        "Glu",
        "MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD",
        160184,
        "15074-8",
        "mmol/L",
        1,
        0.0,
        60.0,
        43200,
    ),
    Parameter("weight", "Weight", "MDC_MASS_BODY_ACTUAL", 188736, "29463-7", "kg", 1, 0.2, 400.0, 604800),
)

# Waveforms carry a `_w` where a numeric family has the same stem.
_WAVEFORMS = (
    Waveform("ecg_ii", "II", "MDC_ECG_ELEC_POTL_II", 131330, "mV", -10.0, 10.0),
    Waveform("pleth", "Pleth", "MDC_PULS_OXIM_PLETH", 150452, "1", 0.0, 65535.0),
    Waveform("resp", "Resp", "MDC_IMPED_TTHOR", 151780, "Ohm", -10.0, 10.0),
    Waveform("abp_w", "ABP", "MDC_PRESS_BLD_ART_ABP", 150036, "mm[Hg]", -50.0, 350.0),
    Waveform("co2_w", "CO2", "MDC_AWAY_CO2", 151724, "mm[Hg]", 0.0, 150.0),
    Waveform("ecg", "ECG", "MDC_ECG_ELEC_POTL", 131328, "mV", -10.0, 10.0),
)

PARAMETERS: dict[str, Parameter] = {parameter.name: parameter for parameter in _PARAMETERS}
WAVEFORMS: dict[str, Waveform] = {waveform.name: waveform for waveform in _WAVEFORMS}
