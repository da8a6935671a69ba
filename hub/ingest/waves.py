"""Waves in: payloads of gateways become de-duplicated frames that wait for the next commit. Nothing judges them."""

from __future__ import annotations

from hub.ingest.intake import Intake
from hub.journal_waves import WaveRow
from hub.registry import Registry
from vitals.errors import WireError
from vitals.waves import WaveFrame, sift_frames

MAX_PAYLOAD_BYTES = 256 * 1024


class WaveIntake:
    """Puts frames beside the readings: they share the numbers of their gateway, the commits and the receipts."""

    def __init__(self, registry: Registry, intake: Intake) -> None:
        self._registry = registry
        self._intake = intake

    def take(self, gateway: str, topic: str, payload: bytes, now: int) -> set[int]:
        """Take a payload of `up/<gateway>/wave`; returns the epochs it speaks of."""
        intake = self._intake
        devices = self._registry.gateways.get(gateway)
        moved = self._registry.moved.get(gateway)
        try:
            if devices is None:
                raise WireError("identity: gateway is not registered")
            if len(payload) > MAX_PAYLOAD_BYTES:
                raise WireError(f"oversized: {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES}")
            frames, bad = sift_frames(payload)
        except WireError as error:
            intake.refuse(topic, gateway, error.reason, payload, now)
            return set()
        rows = intake.pending.waves
        for frame in frames:
            if intake.accept((gateway, frame.epoch), frame.seq):
                bed = devices.get(frame.device)
                if moved is not None and frame.time < moved.get(frame.device, 0):
                    bed = self._registry.bed_at(gateway, frame.device, frame.time)
                rows.append(_row(gateway, frame, bed.ward if bed else "", bed.bed if bed else "", now))
        for one in bad:
            if one.seq:
                intake.reject((gateway, one.epoch), one.seq, one.reason, topic, one.payload, now)
            else:
                intake.refuse(topic, gateway, one.reason, one.payload, now)
        intake.counters["waves"] += len(frames)
        return {frame.epoch for frame in frames} | {one.epoch for one in bad if one.seq}


def _row(gateway: str, frame: WaveFrame, ward: str, bed: str, now: int) -> WaveRow:
    epoch, seq, device, channel, time, clock, rate, scale, offset, unit, samples = frame
    if clock == "unsynced":
        time = min(time, now)  # a guess; but it is not yet to come
    return WaveRow(
        gateway, epoch, seq, device, channel, ward, bed, time, now, clock, rate, scale, offset, unit, samples
    )
