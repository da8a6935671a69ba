"""What a packet of the Nonin formats 2 and 7 says: pulse rate, saturation, states of the sensor and the pleth wave."""

from __future__ import annotations

from edge_agent.drivers.nonin.decoder import Format, Packet
from vitals.parameters import PARAMETERS
from vitals.readings import Observation, Wave

PLETH_HZ = 75.0
NO_RATE = 511
NO_SATURATION = 127

# Status byte of the data formats 2 and 7. The formats 1 and 8 put OOT and ARTF elsewhere.
_SNSD, _ARTF, _OOT, _SNSA = 0x40, 0x20, 0x10, 0x08
_PERFUSION = {0x00: None, 0x02: None, 0x04: "low_perfusion", 0x06: "marginal_perfusion"}
_LOW_BATTERY, _SMART_POINT = 0x01, 0x20


def observe(packet: Packet, *, wired: bool = True) -> Observation:
    """The observation in one packet. `wired`: status bit 6 means "no sensor"; Bluetooth models leave it undefined.

    The numbers are the recording fields (frames 1 to 3). The display fields hold their last value for 10 s after
    the finger has left; they go to `device` and nowhere else.
    """
    flags = status_flags(packet.statuses, wired=wired)
    variables = packet.variables
    if variables[7] & _LOW_BATTERY:
        flags.add("low_battery")
    lost = any(status & _OOT for status in packet.statuses)
    values, missing = numbers(_nine_bits(variables, 0), variables[2] & 0x7F, flags, lost=lost)
    return Observation(
        values=values,
        missing=missing,
        flags=tuple(sorted(flags)),
        waves={"pleth": Wave(rate_hz=PLETH_HZ, samples=packet.pleth)},
        device=_device_fields(packet),
    )


def numbers(rate: int, saturation: int, flags: set[str], *, lost: bool) -> tuple[dict[str, float], dict[str, str]]:
    """The values, and the reasons for those there are not, of a rate and a saturation as sent. `lost`: out of track."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, number, code in (("pr", rate, NO_RATE), ("spo2", saturation, NO_SATURATION)):
        if reason := _why_missing(name, number, code, flags, lost=lost):
            missing[name] = reason
        else:
            values[name] = float(number)
    return values, missing


def _why_missing(name: str, number: int, code: int, flags: set[str], *, lost: bool) -> str | None:
    if "no_sensor" in flags:
        return "no_sensor"
    if "sensor_off" in flags:
        return "sensor_off"
    if number == code:
        return "signal_lost" if lost else "invalid_code"
    # An oximeter that has found no pulse has no rate and no saturation: 0 is no measurement.
    if number == 0 or not PARAMETERS[name].plausible(number):
        return "out_of_range"
    return None


def status_flags(statuses: bytes, *, wired: bool = True) -> set[str]:
    """The states seen in any of these status bytes."""
    flags: set[str] = set()
    for status in set(statuses):
        flags |= _FLAGS[status]
    if not wired:
        flags.discard("no_sensor")
    return flags


def _flags_of(status: int) -> frozenset[str]:
    perfusion = _PERFUSION[status & 0x06]
    flags = {perfusion} if perfusion else set()
    if status & _SNSD:
        flags.add("no_sensor")
    if status & _SNSA:
        flags.add("sensor_off")
    if status & (_ARTF | _OOT):
        flags.add("artifact")
    return frozenset(flags)


_FLAGS = tuple(_flags_of(status) for status in range(256))


def _nine_bits(variables: bytes, at: int) -> int:
    return (variables[at] & 0x03) << 7 | (variables[at + 1] & 0x7F)


def _device_fields(packet: Packet) -> dict[str, object]:
    """Raw fields as the device sent them, codes for "no value" included."""
    variables = packet.variables
    return {
        "format": 2 if packet.format is Format.DF2 else 7,
        "srev": variables[3],
        "timer": (variables[5] & 0x7F) << 7 | (variables[6] & 0x7F),
        "spa": bool(variables[7] & _SMART_POINT),
        "spo2_d": variables[8] & 0x7F,
        "spo2_fast": variables[9] & 0x7F,
        "spo2_bb": variables[10] & 0x7F,
        "e_hr": _nine_bits(variables, 13),
        "e_spo2": variables[15] & 0x7F,
        "e_spo2_d": variables[16] & 0x7F,
        "hr_d": _nine_bits(variables, 19),
        "e_hr_d": _nine_bits(variables, 21),
    }
