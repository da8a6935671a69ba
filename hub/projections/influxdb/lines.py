"""Line protocol: entries of the journal in, bytes of lines out. Fast, and the same for the same entry for ever.

What each measurement holds is in docs/how-to/influxdb.md. A tag is never empty: nothing is written as `-`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from hub.history import StoredRecord
from hub.projections.sink import Entry, StoredEvent, StoredScore, StoredState, StoredTicketEvent
from hub.scores import ScoreBody
from rules.burden import SHORT_MS
from vitals.alarms import Alarm, AlarmEvent

VITALS = b"vitals"
ALARM = b"alarm"
BURDEN = b"alarm_burden"
STATE = b"device_state"
SCORE = b"score"
TICKET = b"ticket"
EQUIPMENT_TAGS = ("bed", "device", "gateway", "ward")
ALARM_TAGS = ("bed", "kind", "rule", "subject", "ward")
SCORE_TAGS = ("bed", "table", "ward")
NOTHING = "-"

CODES = {"unknown": 0, "online": 1, "error": 2, "offline": 3}
_ONLINE = {"online": 1, "error": 0, "offline": 0}
_OPEN = {"opened": 1, "reopened": 1, "closed": 0}

_EPOCH_STRIDE = 100_003  # a prime, so that a new spool that starts at seq 1 again lands elsewhere in the millisecond
_MS = 1_000_000  # nanoseconds
_OVER = frozenset({"cleared", "reset"})
_ENDED = frozenset({"latched", "cleared"})  # the condition is over; a latched alarm still waits for somebody to look
_SEEN = frozenset({"acknowledged", "reset"})
_TAG = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", "\n": "\\ ", "\\": "/"})
_TEXT = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": " "})
_BEFORE, _AFTER = b'{"values":{"', b"}}"  # a body with numbers and nothing else
_score_body = msgspec.json.Decoder(ScoreBody)


def lines(entries: Sequence[Entry]) -> bytes:
    """The lines of entries of one stream. Raises msgspec.MsgspecError or UnicodeEncodeError when one has none."""
    write = _WRITERS[type(entries[0])]
    return b"\n".join([write(entry) for entry in entries])


def record_line(record: StoredRecord) -> bytes:
    """A point of `vitals`.

    Two records of one series in one millisecond stay two points; one record sent twice stays one.
    """
    _, gateway, epoch, seq, device, ward, bed, time, _, late, body = record
    if body.startswith(_BEFORE) and body.endswith(_AFTER) and body.count(b"{") == 2 and b"\\" not in body:
        fields = body[11:-2].replace(b'":', b"=").replace(b'"', b"")  # numbers in JSON are floats in line protocol
    else:
        fields = _spelled(record)
    return b"%b epoch=%di,seq=%di%b%b%b %d" % (
        _vitals(ward, bed, gateway, device),
        epoch,
        seq,
        b"," if fields else b"",
        fields,
        b",late=1i" if late else b"",
        time * _MS + (epoch * _EPOCH_STRIDE + seq) % _MS,
    )


def _spelled(record: StoredRecord) -> bytes:
    """What the monitor had no number for is a reason in `<parameter>_missing`, never a number."""
    body = record.read()
    parts = [f"{_key(name)}={value!r}" for name, value in body.values.items()]
    parts += [f'{_key(name)}_missing="{_text(reason)}"' for name, reason in body.flags.items()]
    if body.states:
        parts.append(f'states="{_text(" ".join(body.states))}"')
    if body.clock != "synced":
        parts.append(f'clock="{body.clock}"')
    return ",".join(parts).encode()


def event_lines(entry: StoredEvent) -> bytes:
    """A point of `alarm`, and what it tells of the point of `alarm_burden`; a test is no burden."""
    event = entry.event
    return event_line(event) if event.alarm.test else b"%b\n%b" % (event_line(event), burden_line(event))


def event_line(event: AlarmEvent) -> bytes:
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
    return _point(ALARM, _alarm_tags(alarm), parts, event.time * _MS + alarm.rev % _MS)


def burden_line(event: AlarmEvent) -> bytes:
    """The point of the alarm in `alarm_burden`, at the moment it was raised, with what this transition tells of it.

    Each transition writes into the same point, so writing all of them again, in their order, changes nothing.
    """
    alarm = event.alarm
    parts = [f'alarms={int(not alarm.late)}i,late={int(alarm.late)}i,priority="{alarm.priority}"']
    if event.change in _SEEN and event.by:
        parts.append("acknowledged=1i")
        if event.change == "acknowledged":
            parts.append(f"acknowledged_s={(event.time - alarm.raised) / 1_000!r}")
    if event.change in _ENDED:
        duration = event.time - alarm.raised
        parts.append(f"duration_s={duration / 1_000!r},short={int(duration < SHORT_MS)}i")
    return _point(BURDEN, _alarm_tags(alarm), parts, alarm.raised * _MS)


def state_line(entry: StoredState) -> bytes:
    """A point of `device_state`; while nobody knows, it is neither online nor not."""
    parts = [f'state="{_text(entry.state)}",code={CODES.get(entry.state, 0)}i,message="{_text(entry.message)}"']
    if entry.state in _ONLINE:
        parts.append(f"online={_ONLINE[entry.state]}i")
    return _point(STATE, _equipment(entry), parts, entry.time * _MS + entry.id % _MS)


def ticket_line(entry: StoredTicketEvent) -> bytes:
    """A point of `ticket`, without the words and names of people."""
    parts = [f'ticket={entry.ticket}i,kind="{_text(entry.kind)}",fault="{_text(entry.fault)}"']
    if entry.kind in _OPEN:
        parts.append(f"open={_OPEN[entry.kind]}i")
    return _point(TICKET, _equipment(entry), parts, entry.time * _MS + entry.id % _MS)


def score_line(entry: StoredScore) -> bytes:
    """A point of `score`. An unknown total is not written, so `complete` and `text` say that it is unknown."""
    body = _score_body.decode(entry.body)
    total = "unknown" if entry.total is None else str(entry.total)
    parts = [
        f'complete={int(entry.complete)}i,text="{total}",risk="{_text(entry.risk)}"',
        f'partial={body.partial}i,red={int(body.red)}i,missing="{_text(" ".join(body.missing))}"',
    ]
    if entry.total is not None:
        parts.append(f"total={entry.total}i")
    parts += [f"points_{_key(item)}={points}i" for item, points in body.points.items()]
    tags = f"bed={_tag(entry.bed)},table={_tag(entry.table)},ward={_tag(entry.ward)}"
    return _point(SCORE, tags, parts, entry.time * _MS)


_WRITERS: Mapping[type[Any], Callable[[Any], bytes]] = {
    StoredRecord: record_line,
    StoredEvent: event_lines,
    StoredState: state_line,
    StoredTicketEvent: ticket_line,
    StoredScore: score_line,
}


def series(measurement: bytes, ward: str, bed: str, gateway: str, device: str) -> bytes:
    """Measurement and tags of something that a device at a bed said."""
    return b"%b,bed=%b,device=%b,gateway=%b,ward=%b" % (
        measurement,
        *(_tag(text).encode() for text in (bed, device, gateway, ward)),
    )


@lru_cache(maxsize=8192)
def _vitals(ward: str, bed: str, gateway: str, device: str) -> bytes:
    return series(VITALS, ward, bed, gateway, device)


def _point(measurement: bytes, tags: str, fields: Sequence[str], time: int) -> bytes:
    return b"%b,%b %b %d" % (measurement, tags.encode(), ",".join(fields).encode(), time)


def _equipment(entry: StoredState | StoredTicketEvent) -> str:
    return f"bed={_tag(entry.bed)},device={_tag(entry.device)},gateway={_tag(entry.gateway)},ward={_tag(entry.ward)}"


def _alarm_tags(alarm: Alarm) -> str:
    return (
        f"bed={_tag(alarm.bed)},kind={alarm.kind},rule={_tag(alarm.rule)}"
        f",subject={_tag(alarm.subject)},ward={_tag(alarm.ward)}"
    )


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    return _tag(name)


def _tag(text: str) -> str:
    return text.translate(_TAG) or NOTHING


@lru_cache(maxsize=1024)
def _text(text: str) -> str:
    return text.translate(_TEXT)
