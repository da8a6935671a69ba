"""What a frame of an Ivy 450C says: numbers by label, alarm texts as states, five traces."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.drivers.ivy450c.decoder import Frame, TextLine
from edge_agent.drivers.ivy450c.options import IvyOptions
from vitals.parameters import PARAMETERS
from vitals.readings import Observation, Wave

NIBP = ("nibp_sys", "nibp_dia", "nibp_mean")

# No sensor measures these; a heart rate of 0 is told by a monitor that sees no beat.
_NEVER_ZERO = frozenset({"spo2", "pr", "temp", "temp_core", "temp_skin", *NIBP})
_FLAT = 0xFB  # what a trace repeats when nothing is connected
_UNPLUGGED = "NO TRANSDUCER"
_UNITS = {"p1": "mmHg", "p2": "mmHg"}  # others are raw counts


def observe(frame: Frame, options: IvyOptions) -> Observation:
    """Everything one frame says, the cuff pressures it repeats each second included."""
    lines = frame.lines
    alarms = {name: alarm for name, line in lines.items() if (alarm := _alarm(line))}
    reasons = {"hr": "lead_off"} if "LEAD" in alarms.get("HR", "").upper() else {}
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, number in _numbers(frame, options).items():
        reason = reasons.get(name) or _why_missing(name, number)
        if reason:
            missing[name] = reason
        elif number is not None:
            values[name] = number
    return Observation(
        values=values,
        missing=missing,
        flags=_flags(alarms),
        waves=_waves(frame, options),
        device=_device_fields(frame, options, alarms),
    )


def part(observation: Observation) -> tuple[Observation, Observation]:
    """The cuff pressures on their own, and the rest, which is measured anew each second."""
    cuff = Observation(
        values={name: value for name, value in observation.values.items() if name in NIBP},
        missing={name: reason for name, reason in observation.missing.items() if name in NIBP},
        flags=observation.flags,
        device={"nibp_pulse": observation.device["nibp_pulse"]},
        aperiodic=True,
    )
    rest = replace(
        observation,
        values={name: value for name, value in observation.values.items() if name not in NIBP},
        missing={name: reason for name, reason in observation.missing.items() if name not in NIBP},
    )
    return cuff, rest


def _numbers(frame: Frame, options: IvyOptions) -> dict[str, float | None]:
    lines = frame.lines
    numbers = {
        "hr": lines["HR"].numbers[0],
        "rr": lines["RR"].numbers[0],
        "etco2": lines["ETCO2"].numbers[0],
        "spo2": lines["SPO2"].numbers[0],
        "pr": frame.pr,
        **dict(zip(NIBP, lines["NIBP"].numbers[:3], strict=True)),
    }
    for line, kind in (("P1", options.p1), ("P2", options.p2)):
        systolic, diastolic, mean = lines[line].numbers
        if kind == "abp":
            numbers |= {"abp_sys": systolic, "abp_dia": diastolic, "abp_mean": mean}
        elif kind != "none":
            numbers[kind] = mean
    for line, place in (("T1", options.t1), ("T2", options.t2)):
        if place != "none":
            numbers[place] = lines[line].numbers[0]
    return numbers


def _why_missing(name: str, number: float | None) -> str | None:
    if number is None:
        return "not_measured"
    if (number == 0 and name in _NEVER_ZERO) or not PARAMETERS[name].plausible(number):
        return "out_of_range"
    return None


def _alarm(line: TextLine) -> str:
    # The last field is the alarm. This one text stands where the label is: a label is a setting, such as APNEA: 20 SEC.
    return line.alarm or (line.label if line.label == _UNPLUGGED else "")


def _flags(alarms: dict[str, str]) -> tuple[str, ...]:
    texts = [text for text in alarms.values() if text != _UNPLUGGED]
    flags = {"device_alarm"} if texts else set()
    for word, flag in (("LEAD", "lead_off"), ("APNEA", "apnea")):
        if any(word in text.upper() for text in texts):
            flags.add(flag)
    return tuple(sorted(flags))


def _waves(frame: Frame, options: IvyOptions) -> dict[str, Wave]:
    """The traces that are connected. One frame holds one second, so the rate is the number of samples."""
    names = {trace: "abp_w" if kind == "abp" else f"{trace}_w" for trace, kind in _ports(options)}
    return {
        names.get(trace, trace): Wave(rate_hz=len(samples), samples=tuple(samples), unit=_UNITS.get(trace, "raw"))
        for trace, samples in frame.traces.items()
        if set(samples) != {_FLAT}
    }


def _ports(options: IvyOptions) -> tuple[tuple[str, str], ...]:
    return (("p1", options.p1), ("p2", options.p2))


def _device_fields(frame: Frame, options: IvyOptions, alarms: dict[str, str]) -> dict[str, object]:
    lines = frame.lines
    found: dict[str, object] = {
        "ecg_label": lines["HR"].label,
        "rr_label": lines["RR"].label,
        "nibp_pulse": lines["NIBP"].numbers[3],
    }
    for port, kind in _ports(options):
        if kind == "none":
            found[port] = dict(zip(("sys", "dia", "mean"), lines[port.upper()].numbers, strict=True))
    for port, place in (("t1", options.t1), ("t2", options.t2)):
        if place == "none":
            found[port] = lines[port.upper()].numbers[0]
    return {**found, **{f"{name.lower()}_alarm": text for name, text in alarms.items()}}
