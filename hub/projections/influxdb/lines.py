"""Line protocol: one journal entry in, one line out. Fast, deterministic, the same for the same entry for ever.

Schema, in docs/how-to/influxdb.md: measurement `vitals` with tags bed, device, gateway, ward and one float field per
parameter; measurement `alarm` with tags bed, kind, rule, ward and one point per transition.
"""

from __future__ import annotations

from functools import lru_cache

from hub.history import StoredRecord
from hub.projections.sink import Entry
from vitals.alarms import AlarmEvent

VITALS = "vitals"
ALARM = "alarm"
VITALS_TAGS = ("bed", "device", "gateway", "ward")
ALARM_TAGS = ("bed", "kind", "rule", "ward")
NOWHERE = "-"  # tag value of a device that stands at no bed: an empty tag cannot be written

_EPOCH_STRIDE = 100_003  # a prime, so that a new spool that starts at seq 1 again lands elsewhere in the millisecond
_OVER = frozenset({"cleared", "reset"})
_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", "\n": "\\ ", "\\": "/"})
_TEXT = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": " "})


def line(entry: Entry) -> str:
    """The line of an entry. Raises msgspec.MsgspecError when its body cannot be read."""
    return record_line(entry) if isinstance(entry, StoredRecord) else event_line(entry.event)


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
    tags = f"bed={_tag(alarm.bed)},kind={alarm.kind},rule={_tag(alarm.rule)},ward={_tag(alarm.ward)}"
    return f"{ALARM},{tags} {','.join(parts)} {event.time * 1_000_000 + alarm.rev % 1_000_000}"


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
