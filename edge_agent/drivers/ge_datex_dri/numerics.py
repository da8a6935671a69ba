"""What the basic class says: vital signs, why some are missing, states of the modules, and everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.drivers.ge_datex_dri import labels
from edge_agent.drivers.ge_datex_dri.groups import Group, put
from edge_agent.drivers.ge_datex_dri.subrecords import PRESSURES, TEMPERATURES

CALIBRATING_CUFF, OLD_CUFF = 1 << 7, 1 << 8  # of the NIBP label word
AUTO_CUFF, MEASURING_CUFF = 1 << 3, 1 << 5
_SVO2_LABEL = 2
_HR_SOURCES = {1: "ecg", 2: "p1", 3: "p2", 4: "p3", 5: "p4", 6: "spo2", 7: "p5", 8: "p6"}
_AGENTS = {2: "HAL", 3: "ENF", 4: "ISO", 5: "DES", 6: "SEV"}
_PARTS = ("sys", "dia", "mean")

# State, group, status bits that say it.
_STATES = (
    ("asystole", "ecg", (2,)),
    ("artifact", "ecg", (7, 8)),
    ("pacer", "ecg", (10,)),
    ("lead_off", "ecg", (11, 12, 13)),
    ("apnea", "co2", (2,)),
    ("occlusion", "co2", (5,)),
    ("occlusion", "flow", (5,)),
    ("calibrating", "co2", (3, 4)),
    ("calibrating", "flow", (3, 4)),
    *(("calibrating", channel, (2,)) for channel in PRESSURES),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The vital signs of one subrecord. `channels`: which of our names each pressure channel carries."""

    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    device: dict[str, object] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)


def read_basic(groups: Mapping[str, Group], chosen: Mapping[str, str]) -> Readings:
    """Everything but the cuff pressure. A module that is not there says nothing."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    if groups["ecg"].present:
        groups["ecg"].put("hr", "hr", values, missing)
    spo2 = groups["spo2"]
    if spo2.present and spo2.label != _SVO2_LABEL:
        spo2.put("spo2", "spo2", values, missing)
        spo2.put("pulse", "pr", values, missing)
    if groups["o2"].present:
        groups["o2"].put("fi", "fio2", values, missing)
    _breathing(groups["ecg"], groups["co2"], values, missing)
    channels = _pressures(groups, chosen, values, missing)
    _temperatures(groups, chosen, values, missing)
    return Readings(values=values, missing=missing, flags=_flags(groups), device=_device(groups), channels=channels)


def _breathing(ecg: Group, co2: Group, values: dict[str, float], missing: dict[str, str]) -> None:
    """Respiration rate of the gas module if it has one, else of the chest impedance; and carbon dioxide."""
    sources = [(group, name) for group, name in ((co2, "rr"), (ecg, "imp_rr")) if group.present]
    sources.sort(key=lambda source: (source[0].reason(source[1]) is not None, not source[0].active))
    if sources:
        group, name = sources[0]
        group.put(name, "rr", values, missing)
    if not co2.present:
        return
    end_tidal, ambient = co2.number("et"), co2.number("amb")
    reason = co2.reason("et") or co2.reason("amb")
    if reason or end_tidal is None or ambient is None:
        missing["etco2"] = reason or "not_measured"
    else:
        put(round(end_tidal * ambient / 100, 2), "etco2", values, missing)


def _pressures(
    groups: Mapping[str, Group], chosen: Mapping[str, str], values: dict[str, float], missing: dict[str, str]
) -> dict[str, str]:
    names = _named(groups, PRESSURES, labels.PRESSURES, chosen)
    for name in dict.fromkeys(names.values()):
        parts = _PARTS if name == "abp" else ("mean",)
        group = _best([groups[channel] for channel in names if names[channel] == name], parts)
        for part in parts:
            group.put(part, f"abp_{part}" if name == "abp" else name, values, missing)
    return names


def _temperatures(
    groups: Mapping[str, Group], chosen: Mapping[str, str], values: dict[str, float], missing: dict[str, str]
) -> None:
    names = _named(groups, TEMPERATURES, labels.TEMPERATURES, chosen)
    for name in dict.fromkeys(names.values()):
        _best([groups[channel] for channel in names if names[channel] == name], ("value",)).put(
            "value", name, values, missing
        )


def _named(
    groups: Mapping[str, Group], channels: tuple[str, ...], words: Mapping[int, str], chosen: Mapping[str, str]
) -> dict[str, str]:
    """Our name of each channel that is there and has one."""
    there = [channel for channel in channels if groups[channel].present]
    names = {channel: labels.name_of(words.get(groups[channel].label, ""), chosen) for channel in there}
    return {channel: name for channel, name in names.items() if name}


def _best(groups: list[Group], parts: tuple[str, ...]) -> Group:
    """Of channels with the same meaning the first that has a number; systolic and diastolic never mix channels."""
    measuring = [group for group in groups if group.active]
    with_number = [group for group in measuring if any(group.reason(part) is None for part in parts)]
    return (with_number or measuring or groups)[0]


def _flags(groups: Mapping[str, Group]) -> frozenset[str]:
    flags = {state for state, name, bits in _STATES if groups[name].bits(*bits)}
    if groups["nibp"].active and groups["nibp"].label & CALIBRATING_CUFF:
        flags.add("calibrating")
    return frozenset(flags)


def _device(groups: Mapping[str, Group]) -> dict[str, object]:
    """What the screen shows beside vital signs, None where it shows no number."""
    ecg, co2, nibp = groups["ecg"], groups["co2"], groups["nibp"]
    device: dict[str, object] = {}
    if ecg.active:
        device |= {name: ecg.number(name) for name in ("st1", "st2", "st3", "imp_rr")}
        device["hr_source"] = _HR_SOURCES.get(ecg.status >> 3 & 0x0F)
        device["ecg_learning"] = ecg.bits(9)
    for channel, words in (
        *((p, labels.PRESSURES) for p in PRESSURES),
        *((t, labels.TEMPERATURES) for t in TEMPERATURES),
    ):
        group = groups[channel]
        if group.active:
            device[f"{channel}_label"] = words.get(group.label, str(group.label))
            device |= {channel: group.number("value")} if "value" in group.raw else group.fields(f"{channel}_")
    if nibp.active:
        device["nibp_pulse"] = nibp.number("pulse")
        device["nibp_auto"] = bool(nibp.label & AUTO_CUFF)
        device["nibp_measuring"] = bool(nibp.label & MEASURING_CUFF)
    if groups["spo2"].active:
        device |= {name: groups["spo2"].number(name) for name in ("ir_amp", "so2")}
    if co2.active:
        names = {"etco2_pct": "et", "fico2_pct": "fi", "co2_rr": "rr", "amb_mmhg": "amb"}
        device |= {ours: co2.number(theirs) for ours, theirs in names.items()}
    for name in ("o2", "n2o", "aa"):
        if groups[name].active:
            device |= {f"et{name}": groups[name].number("et"), f"fi{name}": groups[name].number("fi")}
    if groups["aa"].active:
        device |= {"mac": groups["aa"].number("mac"), "agent": _AGENTS.get(groups["aa"].label)}
    if groups["flow"].active:
        device["flow_disconnected"] = groups["flow"].bits(2)
    return (
        device
        | groups["flow"].fields("flow_")
        | groups["co"].fields()
        | groups["nmt"].fields("nmt_")
        | groups["svo2"].fields()
    )
