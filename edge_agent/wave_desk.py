"""The wave desk: waves in the observations of all devices become drafts of wave frames. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from edge_agent.stamp import CLOCK_CEILING_MS, CLOCK_FLOOR_MS, Draft
from edge_agent.wave_track import Track
from vitals.parameters import WAVEFORMS
from vitals.readings import ClockQuality, Observation, Wave
from vitals.waves import MAX_RATE_HZ, RAW, WaveFrame, encode_frame, pack

Chosen = list[str] | Literal["all", "none"]
WAVE = "wave"  # the kind of a draft
_NO_NUMBER = 1  # the spool gives the true one

# What drivers call a unit, in UCUM, and how many of the catalogue's it is.
_UNITS: Mapping[str, tuple[str, float]] = {"uV": ("mV", 0.001), "mmHg": ("mm[Hg]", 1.0)}
_RAW = {"", "adc", RAW}


class WaveDesk:
    """Remembers a track per device and channel, for the devices whose waves are asked for."""

    def __init__(self, boot: str) -> None:
        self.dropped: Counter[str] = Counter()  # pieces that could not be framed, by reason
        self._boot = boot
        self._chosen: dict[str, frozenset[str]] = {}
        self._tracks: dict[tuple[str, str], Track] = {}
        self._ended: list[tuple[str, str, Track]] = []  # the monitor has changed the rate

    def add_device(self, device: str, chosen: Chosen) -> None:
        """From now on, take these waves of a device."""
        names = WAVEFORMS if chosen == "all" else () if chosen == "none" else chosen
        if names:
            self._chosen[device] = frozenset(names)

    @property
    def idle(self) -> bool:
        """Whether nobody asked for waves."""
        return not self._chosen

    def take(self, device: str, observation: Observation, heard: int) -> None:
        """Take what an observation brings of the chosen waves."""
        chosen = self._chosen.get(device)
        if not chosen or not observation.waves:
            return
        for channel, wave in observation.waves.items():
            if channel in chosen:
                self._take(device, channel, wave, heard)

    def cut(self, *, wall: int, steady: int, clock: ClockQuality, everything: bool = False) -> list[Draft]:
        """Drafts of the frames that are ready."""
        if wall < CLOCK_FLOOR_MS:
            clock = "unsynced"
        ended, self._ended = self._ended, []
        tracks = [(device, channel, track, True) for device, channel, track in ended]
        tracks += [(*name, track, everything) for name, track in self._tracks.items()]
        return [
            draft
            for device, channel, track, whole in tracks
            for draft in self._drafts(device, channel, track, wall, steady, clock, whole)
        ]

    def _take(self, device: str, channel: str, wave: Wave, heard: int) -> None:
        rate = wave.rate_hz
        if rate is None or not 0 < rate <= MAX_RATE_HZ:
            self.dropped[f"{channel}: nobody knows its rate"] += 1
            return
        unit, factor = _UNITS.get(wave.unit, (RAW if wave.unit in _RAW else wave.unit, 1.0))
        track = self._tracks.get((device, channel))
        if track is None or (track.rate_hz, track.unit) != (rate, unit):
            if track is not None:
                self._ended.append((device, channel, track))
            track = self._tracks[device, channel] = Track(rate, unit)
        track.take(wave.samples if factor == 1.0 else [sample * factor for sample in wave.samples], heard)

    def _drafts(
        self, device: str, channel: str, track: Track, wall: int, steady: int, clock: ClockQuality, everything: bool
    ) -> Iterable[Draft]:
        for stretch in track.cut(steady, everything=everything):
            time = min(max(0, round(wall - (steady - stretch.start))), CLOCK_CEILING_MS)
            scale, offset, samples = pack(stretch.values)
            frame = WaveFrame(
                epoch=_NO_NUMBER,
                seq=_NO_NUMBER,
                device=device,
                channel=channel,
                time=time,
                clock=clock,
                rate_hz=stretch.rate_hz,
                scale=scale,
                offset=offset,
                unit=stretch.unit,
                samples=samples,
            )
            yield Draft(
                device=device,
                time=time,
                steady=max(0, round(stretch.start)),
                boot=self._boot,
                clock=clock,
                kind=WAVE,
                wave=encode_frame(frame),
                measured=round(stretch.start) if clock == "unsynced" else None,
            )
