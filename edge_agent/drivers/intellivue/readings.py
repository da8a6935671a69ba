"""What the messages of a monitor say: observations, from one reply to the next."""

from __future__ import annotations

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.intellivue import codes
from edge_agent.drivers.intellivue.alerts import read_alerts
from edge_agent.drivers.intellivue.clock import read_clock
from edge_agent.drivers.intellivue.cuff import CuffLog
from edge_agent.drivers.intellivue.identity import describe
from edge_agent.drivers.intellivue.links import Chains
from edge_agent.drivers.intellivue.messages import Event, Message, PollReply
from edge_agent.drivers.intellivue.numerics import judge, read_numerics
from edge_agent.drivers.intellivue.waves import WaveReader
from vitals.readings import Observation

FORGET_ALERTS_MS = 10_000  # alerts are asked for each second or two; older ones are no longer known to be active

Read = list[Observation | BadFrame]


class Readings:
    """Reads messages in the order of their arrival. Numerics and alerts come apart, device states belong to both."""

    def __init__(self) -> None:
        self._cuffs = CuffLog()
        self.forget()

    def forget(self) -> None:
        """A new association: nothing of the old one counts, except which cuff pressures were told."""
        self._chains = Chains()
        self._waves = WaveReader()
        self._numeric_flags: set[str] = set()
        self._alert_flags: set[str] = set()
        self._alerts_at: int | None = None
        self._told: tuple[str, ...] | None = None  # flags of the last observation

    def read(self, message: Message, now: int) -> Read:
        """Observations, and what of the message could not be used."""
        if isinstance(message, PollReply):
            chained = [*self._chains.settle(now, but=message.invoke_id), *self._chains.add(message, now)]
        else:
            chained = self._chains.settle(now)
        read = self._read_chained(chained, now)
        if isinstance(message, Event):
            read.append(Observation(device=describe(message)))
        return read

    def finish(self, now: int) -> Read:
        """What was still waiting for its end."""
        return self._read_chained(self._chains.finish(), now)

    def _read_chained(self, chained: list[PollReply | BadFrame], now: int) -> Read:
        read: Read = []
        for item in chained:
            if isinstance(item, BadFrame):
                read.append(item)
            elif item.object_class == codes.NUMERICS:
                read += self._numerics(item, now)
            elif item.object_class == codes.ALERTS:
                read += self._alerts(item, now)
            elif item.object_class == codes.WAVES:
                read += self._samples(item, now)
        return read

    def _numerics(self, reply: PollReply, now: int) -> Read:
        numerics, bad = read_numerics(reply.objects)
        if not numerics:
            return list(bad)
        cuffs = [numeric for numeric in numerics if codes.PARAMETER.get(numeric.code) in codes.CUFF]
        judged = judge(numeric for numeric in numerics if numeric not in cuffs)
        self._numeric_flags = judged.flags | judge(cuffs).flags
        flags = self._flags(now)
        single = self._cuffs.new(cuffs, reply, flags)
        read: Read = list(bad)
        if judged.values or judged.missing or judged.device or (flags != (self._told or ()) and not single):
            clock = read_clock(reply.clock)
            read.append(self._tell(judged.values, judged.missing, flags, judged.device, clock))
        self._told = flags
        return [*read, *single]

    def _alerts(self, reply: PollReply, now: int) -> Read:
        alerts = read_alerts(reply.objects)
        if any(alert in polled.attributes for polled in reply.objects for alert in _ALERT_LISTS):
            self._alert_flags, self._alerts_at = alerts.flags, now
        flags = self._flags(now)
        if flags == self._told:
            return list(alerts.bad)
        return [*alerts.bad, self._tell({}, {}, flags, {"alarms": alerts.entries})]

    def _samples(self, reply: PollReply, now: int) -> Read:
        """Four times a second; with flags only if they are news, so that waves alone make no records."""
        blocks = self._waves.read(reply.objects)
        if not blocks.waves and not blocks.device:
            return list(blocks.bad)
        known = set(self._flags(now))
        self._numeric_flags |= blocks.flags
        flags = self._flags(now) if blocks.flags - known else ()
        return [*blocks.bad, Observation(waves=blocks.waves, flags=flags, device=blocks.device)]

    def _tell(
        self,
        values: dict[str, float],
        missing: dict[str, str],
        flags: tuple[str, ...],
        device: dict[str, object],
        clock: str | None = None,
    ) -> Observation:
        self._told = flags
        return Observation(values=values, missing=missing, flags=flags, device=device, device_time=clock)

    def _flags(self, now: int) -> tuple[str, ...]:
        if self._alerts_at is not None and now - self._alerts_at > FORGET_ALERTS_MS:
            self._alert_flags = set()
        return tuple(sorted(self._numeric_flags | self._alert_flags))


_ALERT_LISTS = (codes.PATIENT_ALERTS, codes.TECHNICAL_ALERTS, codes.ALERT_CONDITION)
