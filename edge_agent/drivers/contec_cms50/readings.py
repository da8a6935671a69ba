"""What a packet or package of a CMS50 says: pulse rate, saturation, perfusion index, states and the pleth wave."""

from __future__ import annotations

from edge_agent.drivers.contec_cms50.packages import REAL_TIME
from edge_agent.drivers.contec_cms50.packing import unpack
from vitals.parameters import PARAMETERS
from vitals.readings import Observation, Wave

PLETH_HZ = 60.0

_MOST_PI = 22.0  # %, the end of its scale
_NO_PI = 0xFFFF
_SIGNAL_FULL, _SIGNAL_INVALID = 8, 15

_REPLIES = {
    0x04: "device_id",
    0x05: "user",
    0x07: "storage_start",
    0x08: "storage_length",
    0x09: "storage_with_pi",
    0x0A: "segments",
    0x0B: "feedback",
    0x0C: "idle",
    0x0D: "disconnecting",
    0x0E: "pi_support",
    0x0F: "storage",
    0x10: "users",
    0x11: "has_storage",
    0x12: "storage_data",
    0x15: "storage_ids",
}


def observe_packet(packet: bytes) -> Observation:
    """The observation in one packet of the 5-byte stream."""
    state, pleth, more, rate, saturation = packet
    rate |= (more & 0x40) << 1
    flags = _flags(probe_error=more & 0x10, searching=more & 0x20 or state & 0x10)
    values, missing = _numbers(
        flags,
        pr=(float(rate), "invalid_code" if rate in (0, 0xFF) else None),
        spo2=(float(saturation), "invalid_code" if saturation in (0, 0x7F) else None),
    )
    signal = state & 0x0F
    device = {
        "format": 5,
        "signal": None if signal == _SIGNAL_INVALID else signal,
        "bar": more & 0x0F,
        "beep": bool(state & 0x40),
        "spo2_falling": bool(state & 0x20),
    }
    return Observation(values=values, missing=missing, flags=flags, waves=_wave(pleth), device=device)


def observe_package(package: bytes) -> Observation:
    """The observation in one package of the 9-byte protocol; an answer to a command has device fields only."""
    if package[0] != REAL_TIME:
        return Observation(device=_reply(package))
    state, pleth, more, rate, saturation, pi_low, pi_high = unpack(package)
    pi = pi_high << 8 | pi_low
    pi_valid = not more & 0x10
    flags = _flags(probe_error=state & 0x80, searching=state & 0x10 or pleth & 0x80)
    values, missing = _numbers(
        flags,
        pr=(float(rate), "invalid_code" if rate == 0xFF else None),
        spo2=(float(saturation), "invalid_code" if saturation == 0x7F else None),
        pi=(pi / 100, _why_no_pi(pi, pi_valid)),
    )
    device = {
        "format": 9,
        "signal": min(state & 0x0F, _SIGNAL_FULL),
        "bar": more & 0x0F,
        "beep": bool(state & 0x40),
        "spo2_low": bool(state & 0x20),
        "pi_valid": pi_valid,
    }
    return Observation(values=values, missing=missing, flags=flags, waves=_wave(pleth & 0x7F), device=device)


def _flags(*, probe_error: int, searching: int) -> tuple[str, ...]:
    return (*(("searching",) if searching else ()), *(("sensor_off",) if probe_error else ()))


def _numbers(flags: tuple[str, ...], **fields: tuple[float, str | None]) -> tuple[dict[str, float], dict[str, str]]:
    """Values and reasons. A probe that is off, or a search, wins over any number that is still in the packet."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, (number, code) in fields.items():
        if "sensor_off" in flags:
            missing[name] = "sensor_off"
        elif "searching" in flags:
            missing[name] = "searching"
        elif code:
            missing[name] = code
        elif not PARAMETERS[name].plausible(number) or (number == 0 and name != "pi"):
            missing[name] = "out_of_range"
        else:
            values[name] = number
    return values, missing


def _why_no_pi(pi: int, valid: bool) -> str | None:
    if not valid or pi == _NO_PI:
        return "not_measured"
    return "out_of_range" if pi / 100 > _MOST_PI else None


def _wave(pleth: int) -> dict[str, Wave]:
    return {"pleth": Wave(rate_hz=PLETH_HZ, samples=(pleth,))}


def _reply(package: bytes) -> dict[str, object]:
    kind, data = package[0], unpack(package)
    reply: dict[str, object] = {"reply": _REPLIES.get(kind, f"undocumented_{kind:02x}")}
    if kind == 0x0B:
        reply |= {"command": data[0], "reason": data[1]}
    elif kind == 0x0D:
        reply["reason"] = data[0]
    elif kind == 0x0E:
        reply["pi_supported"] = data[0] == 0
    elif kind == 0x04:
        reply["id"] = data.decode("ascii", "replace").strip()
    return reply
