"""Line protocol: one journal entry in, its lines out. Fast, deterministic, the same for the same entry for ever.

Schema, in docs/how-to/influxdb.md: measurement `vitals` with tags bed, device, gateway, ward and one float field per
parameter; measurement `alarm` with tags bed, kind, rule, ward and one point per transition; measurement `alarm_burden`
with the same tags and one point per alarm.
"""

from __future__ import annotations

from functools import lru_cache

from hub.history import StoredRecord
from hub.projections.sink import Entry, StoredEvent
from rules.burden import SHORT_MS
from vitals.alarms import Alarm, AlarmEvent

VITALS = "vitals"
ALARM = "alarm"
BURDEN = "alarm_burden"
VITALS_TAGS = ("bed", "device", "gateway", "ward")
ALARM_TAGS = ("bed", "kind", "rule", "ward")
NOWHERE = "-"  # tag value of a device that stands at no bed: an empty tag cannot be written

_EPOCH_STRIDE = 100_003  # a prime, so that a new spool that starts at seq 1 again lands elsewhere in the millisecond
_OVER = frozenset({"cleared", "reset"})
_ENDED = frozenset({"latched", "cleared"})  # the condition is over; a latched alarm still waits for somebody to look
_SEEN = frozenset({"acknowledged", "reset"})
_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", "\n": "\\ ", "\\": "/"})
_TEXT = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": " "})


def line(entry: Entry) -> str:
    """The line or lines of an entry. Raises msgspec.MsgspecError when its body cannot be read."""
    if isinstance(entry, StoredRecord):
        return record_line(entry)
    assert isinstance(entry, StoredEvent)
    event = entry.event
    return event_line(event) if event.alarm.test else f"{event_line(event)}\n{burden_line(event)}"


def record_line(record: StoredRecord) -> str:
    """A point of `vitals`. What the monitor had no number for is a reason in `<parameter>_missing`, never a number."""
    body = record.read()
    parts = [f"epoch={record.epoch}i,seq={record.seq}i"]
    parts += [f"{_key(name)}={value!r}" for name, value in body.values.items()]
    if body.flags:
        parts += [f'{_key(name)}_missing="{_text(reason)}"' for name, reason in body.flags.items()]
    if body.states:
        parts.append(f'states="{_text(" ".join(body.states))}"')
    if body.clock != "synced":
        parts.append(f'clock="{body.clock}"')
    if record.late:
        parts.append("late=1i")
    return f"{_series(record.ward, record.bed, record.gateway, record.device)} {','.join(parts)} {_record_time(record)}"


def event_line(event: AlarmEvent) -> str:
    """A point of `alarm`; `open` is 1 while the alarm stands and 0 once it has ended."""
    alarm = event.alarm
    parts = [
        f'alarm="{alarm.id}",change="{event.change}",state="{alarm.state}",priority="{alarm.priority}"',
        f'message="{_text("[test] " if alarm.test else "")}{_text(alarm.message)}"',
        f"open={0 if event.change in _OVER else 1}i,rev={alarm.rev}i,onset={alarm.onset}i,raised={alarm.raised}i",
    ]
    for name, text in (("parameter", alarm.parameter), ("unit", alarm.unit), ("by", event.by or alarm.acknowledged_by)):
        if text:
            parts.append(f'{name}="{_text(text)}"')
    for name, value in (("value", alarm.value), ("limit_value", alarm.limit)):
        if value is not None:
            parts.append(f"{name}={float(value)!r}")
    return f"{ALARM},{_alarm_tags(alarm)} {','.join(parts)} {event.time * 1_000_000 + alarm.rev % 1_000_000}"


def burden_line(event: AlarmEvent) -> str:
    """The point of the alarm in `alarm_burden`, at the moment it was raised, with what this transition tells of it.

    Each transition writes into the same point, so writing all of them again, in their order, changes nothing.
    """
    alarm = event.alarm
    parts = [f'alarms={int(not alarm.late)}i,late={int(alarm.late)}i,priority="{alarm.priority}"']
    if event.change in _SEEN and event.by:
        parts.append("acknowledged=1i")
    if event.change in _ENDED:
        duration = event.time - alarm.raised
        parts.append(f"duration_s={duration / 1_000!r},short={int(duration < SHORT_MS)}i")
    return f"{BURDEN},{_alarm_tags(alarm)} {','.join(parts)} {alarm.raised * 1_000_000}"


def _alarm_tags(alarm: Alarm) -> str:
    return f"bed={_tag(alarm.bed)},kind={alarm.kind},rule={_tag(alarm.rule)},ward={_tag(alarm.ward)}"


def _record_time(record: StoredRecord) -> int:
    """Nanoseconds: the millisecond measured, and below it digits of the record's identity.

    Two records of one series in one millisecond stay two points; one record sent twice stays one.
    """
    return record.time * 1_000_000 + (record.epoch * _EPOCH_STRIDE + record.seq) % 1_000_000


@lru_cache(maxsize=8192)
def _series(ward: str, bed: str, gateway: str, device: str) -> str:
    return f"{VITALS},bed={_tag(bed)},device={_tag(device)},gateway={_tag(gateway)},ward={_tag(ward)}"


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    return _tag(name)


def _tag(text: str) -> str:
    return text.translate(_TAG) or NOWHERE


@lru_cache(maxsize=1024)
def _text(text: str) -> str:
    return text.translate(_TEXT)
