"""Wave frames as people and scripts read them."""

from __future__ import annotations

from datetime import UTC, datetime

from vitals.waves import WaveFrame


def document(frame: WaveFrame) -> dict[str, object]:
    """A frame as plain data, its samples in the unit of the channel."""
    return {
        "epoch": frame.epoch,
        "seq": frame.seq,
        "device": frame.device,
        "channel": frame.channel,
        "time": frame.time,
        "clock": frame.clock,
        "rate_hz": frame.rate_hz,
        "unit": frame.unit,
        "values": frame.values(),
    }


def summary(frame: WaveFrame) -> str:
    """A frame in a few words."""
    present = [value for value in frame.values() if value is not None]
    span = f"{min(present):.4g} to {max(present):.4g} {frame.unit}" if present else "none present"
    when = datetime.fromtimestamp(frame.time / 1_000, UTC).strftime("%H:%M:%S.%f")[:-3]
    return (
        f"{frame.device} {frame.channel} {when}Z {frame.size} samples at {frame.rate_hz:g} Hz, {span}"
        f" (epoch {frame.epoch}, seq {frame.seq})"
    )
