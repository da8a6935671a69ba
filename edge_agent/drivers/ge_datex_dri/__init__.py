"""Driver for GE and Datex-Ohmeda monitors with the Datex record interface: S/5, CARESCAPE B450, B650, B850."""

from __future__ import annotations

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.ge_datex_dri import alarms, records
from edge_agent.drivers.ge_datex_dri.conversation import Conversation
from edge_agent.drivers.ge_datex_dri.cuff import CuffMemory
from edge_agent.drivers.ge_datex_dri.frames import FrameDecoder
from edge_agent.drivers.ge_datex_dri.numerics import Readings, read_basic
from edge_agent.drivers.ge_datex_dri.options import GeDatexOptions
from edge_agent.drivers.ge_datex_dri.records import Record, open_record
from edge_agent.drivers.ge_datex_dri.requests import DISPLAYED_VALUES
from edge_agent.drivers.ge_datex_dri.states import States
from edge_agent.drivers.ge_datex_dri.subrecords import Class, Numerics, read_subrecord
from edge_agent.drivers.ge_datex_dri.waves import read_waves
from vitals.readings import Observation

WAVES_HOLD_MS = 3_000  # a wave record comes each second


class GeDatexDriver:
    """One monitor that is asked, answers at an interval, and is asked again when it has fallen silent."""

    def __init__(self, options: GeDatexOptions) -> None:
        self._labels = options.labels
        self._talk = Conversation(options)
        self._frames = FrameDecoder()
        self._cuff = CuffMemory()
        holds_ms = self._talk.silence_ms
        self._states = States({"values": holds_ms, "waves": WAVES_HOLD_MS, "alarms": holds_ms})
        self._channels: dict[str, str] = {}  # pressure channel -> abp, cvp or icp
        self.silence_s = holds_ms / 1_000

    def start(self, now: int) -> bytes:
        """Stop what may be under way, then ask for values and waves."""
        self._frames.reset()
        self._channels = {}
        return self._talk.start(now)

    def feed(self, data: bytes, now: int) -> Heard:
        """Observations of each record: a new cuff pressure on its own, then everything else."""
        observations: list[Observation] = []
        bad: list[BadFrame] = []
        good, send = 0, b""
        for found in self._frames.feed(data):
            if isinstance(found, BadFrame):
                bad.append(found)
                continue
            record = open_record(found)
            heard = self._read(record, now) if record else None
            if heard is None:
                bad.append(BadFrame(reason="bad_frame", size=len(found)))
                continue
            good += 1
            observations += heard.observations
            send += heard.send
        return Heard(observations=tuple(observations), good=good, bad=tuple(bad), send=send)

    def tick(self, now: int) -> bytes:
        """Ask again if nothing came for the interval and 5 s."""
        return self._talk.tick(now)

    def finish(self, now: int) -> Heard:
        """The last frame, if it was cut; and tell the monitor to stop."""
        return Heard(bad=tuple(self._frames.finish()), send=self._talk.stop())

    def _read(self, record: Record, now: int) -> Heard | None:
        """What a record says; None if its parts do not fit into it."""
        if record.main_type == records.PHYSIOLOGICAL:
            return self._values(record, now)
        if record.main_type == records.WAVEFORM:
            return self._waves(record, now)
        if record.main_type == records.ALARM:
            return self._alarms(record, now)
        return Heard()

    def _values(self, record: Record, now: int) -> Heard | None:
        parts: list[Numerics] = []
        for kind, data in record.subrecords:
            if kind != DISPLAYED_VALUES:
                continue  # trends are of the past
            part = read_subrecord(data)
            if part is None:
                return None
            parts.append(part)
        if not parts:
            return Heard()
        basic = next((part for part in parts if part.kind == Class.BASIC), None)
        readings = read_basic(basic.groups, self._labels) if basic else Readings()
        if basic:
            self._channels = readings.channels
        device = {"r_len": record.length, "level": record.level, **readings.device, **_extended(parts)}
        flags = self._states.say("values", readings.flags, now)
        observations = [
            Observation(
                values=readings.values,
                missing=readings.missing,
                flags=flags,
                device=device,
                device_time=record.device_time,
            )
        ]
        cuff = self._cuff.take(basic.groups["nibp"]) if basic else None
        if cuff:
            values, missing = cuff
            observations.insert(
                0,
                Observation(
                    values=values, missing=missing, flags=flags, aperiodic=True, device_time=record.device_time
                ),
            )
        return Heard(observations=tuple(observations), send=self._talk.heard_values(record.level, now))

    def _waves(self, record: Record, now: int) -> Heard | None:
        read = read_waves(record.subrecords, self._channels)
        if read is None:
            return None
        self._talk.heard_waves(now)
        flags = self._states.say("waves", read.flags, now)
        return Heard(observations=(Observation(flags=flags, waves=read.waves, device_time=record.device_time),))

    def _alarms(self, record: Record, now: int) -> Heard | None:
        observations: list[Observation] = []
        for kind, data in record.subrecords:
            if kind != alarms.STATUS:
                continue
            read = alarms.read_alarms(data)
            if read is None:
                return None
            flags = self._states.say("alarms", read.flags, now)
            observations.append(Observation(flags=flags, device=read.device, device_time=record.device_time))
        return Heard(observations=tuple(observations))


def _extended(parts: list[Numerics]) -> dict[str, object]:
    device: dict[str, object] = {}
    for part in parts:
        if part.kind != Class.BASIC:
            for name, group in part.groups.items():
                device |= group.fields(f"{name}_")
    return device


driver = DriverPlugin(
    name="ge-datex-dri",
    title="GE and Datex-Ohmeda monitors with the Datex record interface (S/5, CARESCAPE B450, B650, B850)",
    options=GeDatexOptions,
    line=SerialLine(baud=19200, parity="E", rtscts=True),
    build=GeDatexDriver,
)
