"""Text lines as public sketches print them: fixed shapes, key=value pairs and bare columns become what they said."""

from __future__ import annotations

import re

from edge_agent.drivers.hobby_lines.names import parameter_of
from edge_agent.drivers.hobby_lines.said import Said, UnreadableLine, number_of

NO_FINGER_IR = 50_000  # below this the sensor sees no finger: the threshold of the SparkFun examples
SKIP = "_"  # a column nobody wants

_N = r"\s*(-?\d+(?:\.\d+)?)"
# The SpO2 example of the SparkFun MAX3010x library.
_SATURATION = re.compile(
    rf"red={_N}\s*,\s*ir={_N}\s*,\s*HR={_N}\s*,\s*HRvalid={_N}\s*,\s*SPO2={_N}\s*,\s*SPO2Valid={_N}", re.IGNORECASE
)
# Its heart rate example.
_BEATS = re.compile(rf"IR={_N}\s*,\s*BPM={_N}\s*,\s*Avg\s*BPM={_N}\s*,?(\s*No finger\?)?", re.IGNORECASE)
# The example of the MAX30100 library, and the line it prints at each beat.
_MAX30100 = re.compile(rf"Heart rate:{_N}\s*bpm\s*/\s*SpO2:{_N}\s*%", re.IGNORECASE)
_BEAT = re.compile(r"Beat!", re.IGNORECASE)
_LEADS_OFF = re.compile(r"!|leads off!?", re.IGNORECASE)
_EQUALS = re.compile("[=:]")


def says_leads_off(text: str) -> bool:
    """Whether this is the AD8232 line for electrodes that are off."""
    return _LEADS_OFF.fullmatch(text) is not None


def is_beat(text: str) -> bool:
    """Whether this is the MAX30100 line that marks a beat and says no number."""
    return _BEAT.fullmatch(text) is not None


def read_text(text: str, columns: tuple[str, ...]) -> Said:
    """What a text line says. Raises UnreadableLine."""
    if match := _SATURATION.fullmatch(text):
        return _saturation(*(float(group) for group in match.groups()))
    if match := _BEATS.fullmatch(text):
        return _beats(float(match[1]), float(match[2]), float(match[3]), no_finger=bool(match[4]))
    if match := _MAX30100.fullmatch(text):
        return Said(numbers={"pr": float(match[1]), "spo2": float(match[2])})
    if "=" in text or ":" in text:
        return _pairs(text)
    return _columns(text, columns)


def _saturation(red: float, ir: float, rate: float, rate_valid: float, spo2: float, spo2_valid: float) -> Said:
    if not {rate_valid, spo2_valid} <= {0, 1}:
        raise UnreadableLine("bad_line")
    said = Said(numbers={"pr": rate, "spo2": spo2}, device={"red": red, "ir": ir})
    if not (rate_valid and spo2_valid) and ir < NO_FINGER_IR:
        return _without_finger(said)
    for name, valid in (("pr", rate_valid), ("spo2", spo2_valid)):
        if not valid:
            said.reasons[name] = "device_invalid"
    return said


def _beats(ir: float, instantaneous: float, average: float, *, no_finger: bool) -> Said:
    said = Said(numbers={"pr": average}, device={"ir": ir, "bpm_inst": instantaneous})
    return _without_finger(said) if no_finger or ir < NO_FINGER_IR else said


def _without_finger(said: Said) -> Said:
    said.flags.add("sensor_off")
    said.reasons = dict.fromkeys(said.numbers, "sensor_off")
    return said


def _pairs(text: str) -> Said:
    said = Said()
    for part in re.split("[;,]", text.rstrip(";, ")):
        key, *values = (word.strip() for word in _EQUALS.split(part, maxsplit=1))
        if not key[:1].isalpha() or not values or not values[0]:
            raise UnreadableLine("bad_line")
        if parameter_of(key) is None:
            said.note(key, values[0])
        else:
            said.add(key, number_of(values[0]))
    if not said.numbers:
        raise UnreadableLine("bad_line")
    return said


def _columns(text: str, columns: tuple[str, ...]) -> Said:
    cells = [cell.strip() for cell in text.split(",")]
    if not columns or len(cells) != len(columns):
        raise UnreadableLine("bad_line")
    said = Said()
    for column, cell in zip(columns, cells, strict=True):
        number = number_of(cell)
        if column != SKIP:
            said.add(column, number)
    return said
