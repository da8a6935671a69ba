"""What a line of a hobby sensor says, judged: observations of consumer grade, or the reason there is none."""

from __future__ import annotations

import re

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.hobby_lines.json_line import read_json
from edge_agent.drivers.hobby_lines.names import why_missing
from edge_agent.drivers.hobby_lines.options import HobbyLinesOptions
from edge_agent.drivers.hobby_lines.said import Said, UnreadableLine
from edge_agent.drivers.hobby_lines.text_line import is_beat, read_text, says_leads_off
from vitals.readings import Observation, Wave

GRADE = "consumer_grade"
ADC_HIGH = 4095  # 12 bits, the most an Arduino or ESP32 converts to
_ADC = re.compile(r"\d{1,4}")
_FAHRENHEIT_ABOVE = 45.0


def read_line(line: bytes, options: HobbyLinesOptions) -> Observation | BadFrame | None:
    """The observation in one line; None for a line that is known to say nothing."""
    try:
        return _read(line, options)
    except UnreadableLine as unreadable:
        return BadFrame(reason=str(unreadable), size=len(line))


def _read(line: bytes, options: HobbyLinesOptions) -> Observation | None:
    if options.mode == "text" and line.startswith(b"{"):
        return _judge(read_json(line, strict=options.strict), options)
    if options.strict or not line.isascii():
        raise UnreadableLine("bad_line")
    text = line.decode("ascii")
    if options.mode == "adc":
        return _sample(text, options)
    if says_leads_off(text):
        return _judge(Said(flags={"lead_off"}), options)
    if is_beat(text):
        return None
    return _judge(read_text(text, options.columns), options)


def _judge(said: Said, options: HobbyLinesOptions) -> Observation:
    numbers, reasons = dict(said.numbers), dict(said.reasons)
    if options.rate_source == "optical" and "hr" in numbers:
        numbers.setdefault("pr", numbers.pop("hr"))
    elif options.rate_source == "ecg" and "lead_off" in said.flags:
        reasons["hr"] = "lead_off"
    if options.fahrenheit and not said.celsius and numbers.get("temp", 0.0) > _FAHRENHEIT_ABOVE:
        numbers["temp"] = round((numbers["temp"] - 32.0) / 1.8, 2)
    values: dict[str, float] = {}
    for name, number in numbers.items():
        reason = reasons.get(name) or why_missing(name, number)
        if reason:
            reasons[name] = reason
        else:
            values[name] = number
    return Observation(values=values, missing=reasons, flags=tuple(sorted({GRADE, *said.flags})), device=said.device)


def _sample(text: str, options: HobbyLinesOptions) -> Observation:
    if says_leads_off(text):
        return Observation(flags=(GRADE, "lead_off"))
    if not _ADC.fullmatch(text) or int(text) > ADC_HIGH:
        raise UnreadableLine("bad_line")
    return Observation(flags=(GRADE,), waves={"ecg": ecg((int(text),), options)})


def ecg(samples: tuple[float, ...], options: HobbyLinesOptions) -> Wave:
    """A stretch of the ECG in counts of the converter."""
    return Wave(rate_hz=options.adc_rate_hz, samples=samples, unit="adc")
