"""Bedside reports: what a gateway alarmed while it did not hear the hub becomes the hub's alarms, or late entries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import msgspec

from hub.journal import Write
from hub.late import late_row
from rules.engine import Engine
from rules.machine import Refused
from vitals.alarms import Alarm, AlarmEvent
from vitals.bundles import BedsideReport
from vitals.codec import decode, require_gateway
from vitals.errors import WireError
from vitals.identity import BedKey


class Taken(NamedTuple):
    """What a report led to: alarms to announce, and rows about those that are over, never announced."""

    events: list[AlarmEvent]
    writes: list[Write]


def take_report(
    engine: Engine,
    beds: Mapping[str, Collection[BedKey]],
    gateway: str,
    payload: bytes,
    now: int,
    former: Collection[BedKey] = (),
    left: Callable[[BedKey], int] = lambda _: 0,
) -> Taken:
    """Take a report in; the same report twice changes nothing. `beds` are those each gateway has a device at.

    What is not of now is written down and not raised: an alarm of one of the `former` beds, from where the device was
    moved meanwhile, or of a patient who has `left` since. Raises WireError for a report that cannot be read, or that
    speaks of a bed of others.
    """
    report = decode(payload, BedsideReport)
    require_gateway(report.gateway, gateway)
    own = set(beds.get(gateway, ()))
    for alarm in [*report.standing, *(event.alarm for event in report.ended)]:
        if alarm.subject or ((bed := BedKey(alarm.ward, alarm.bed)) not in own and bed not in former):
            raise WireError(f"identity: no device of the gateway stands at bed {alarm.ward}/{alarm.bed}")
    events: list[AlarmEvent] = []
    writes: list[Write] = []
    for alarm in report.standing:
        if not _is_news(engine, alarm):
            continue
        bed = BedKey(alarm.ward, alarm.bed)
        if bed not in own or alarm.raised < left(bed):
            writes.append(late_row(_late(AlarmEvent(change="raised", time=alarm.raised, alarm=alarm))))
            continue
        try:
            events += engine.adopt(alarm, now)
        except Refused:  # its rule was taken out of force meanwhile; that it was raised is not forgotten
            writes.append(late_row(_late(AlarmEvent(change="raised", time=alarm.raised, alarm=alarm))))
    standing = {alarm.id for alarm in engine.alarms()}
    writes += [late_row(_late(event)) for event in report.ended if event.alarm.id not in standing]
    return Taken(events, writes)


def _is_news(engine: Engine, alarm: Alarm) -> bool:
    """Whether the hub does not have it. One raised while the hub was heard is the hub's own, under whatever id."""
    here = engine.alarms(BedKey(alarm.ward, alarm.bed))
    return not any(known.id == alarm.id or (known.rule == alarm.rule and not alarm.bedside) for known in here)


def _late(event: AlarmEvent) -> AlarmEvent:
    return msgspec.structs.replace(event, alarm=msgspec.structs.replace(event.alarm, late=True, bedside=True))
