"""HL7 v2 in: ORU^R01 and R40 over MLLP become observations; the answer goes out once they are on the disk."""

from __future__ import annotations

import asyncio
import datetime
import itertools

from edge_agent.sources.fieldmap import age_of, parse_iso
from edge_agent.sources.hl7_alerts import StandingAlerts, read_alerts
from edge_agent.sources.hl7_message import Hl7Message, escape, read_message
from edge_agent.sources.hl7_observations import Told, tell
from edge_agent.sources.idempotency import Repeats, Taken
from edge_agent.sources.intermittent import longest_age
from edge_agent.sources.json_stream import Broken
from edge_agent.sources.listener_settings import Hl7Settings
from edge_agent.sources.messages import Refused, clean
from edge_agent.sources.mllp import MllpStream, frame
from edge_agent.sources.reception import Reception
from edge_agent.sources.tcp_server import TcpServer
from vitals.readings import Observation

MAX_WAITING = 32  # messages of one connection without an answer yet; a sender is meant to have one
# Reasons of ours as (final, HL7 table 0357): a final refusal is not sent again.
_CODES = {
    "no_msh": (True, "100", "Segment sequence error"),
    "bad_utf8": (True, "102", "Data type error"),
    "too_many_items": (True, "207", "Application internal error"),
    "unsupported_type": (True, "200", "Unsupported message type"),
    "unsupported_version": (True, "202", "Unsupported processing id"),
    "no_control_id": (True, "101", "Required field missing"),
    "no_device_id": (False, "101", "Required field missing"),
    "unknown_device": (False, "204", "Unknown key identifier"),
}
_INTERNAL = (False, "207", "Application internal error")
_numbers = itertools.count(1)


class Hl7Listener:
    """The MLLP server."""

    def __init__(self, settings: Hl7Settings, reception: Reception) -> None:
        self._taker = Hl7Taker(settings, reception)
        self._server = TcpServer(
            settings.host,
            settings.port,
            reception,
            lambda transport: Hl7Conversation(settings.max_message, self._taker, reception, transport),
            max_connections=settings.max_connections,
            idle_timeout_s=settings.idle_timeout.seconds,
        )

    async def run(self) -> None:
        """Serve until cancelled. Raises LinkError."""
        await self._server.run()


class Hl7Taker:
    """Takes messages for all connections: a resent one counts once, and so does a cuff pressure told again."""

    def __init__(self, settings: Hl7Settings, reception: Reception) -> None:
        self._settings = settings
        self._reception = reception
        self._taken = Taken()
        self._repeats = Repeats()
        self._alerts = StandingAlerts()

    def take(self, message: Hl7Message, data: bytes) -> None:
        """Take all observations of a message or none. Raises Refused."""
        _require_oru(message)
        key = f"{message.head.field(3)}|{message.control_id}"  # each sender counts for itself
        before = self._taken.find(key, data)
        if before is not None and before[0]:
            return
        if message.head.part(9, 2) == "R40":
            self._taken.add(key, data, self._take_alerts(message))
            return
        told = tell(message, self._settings.device_from)
        if not told:
            self._reception.refuse("nothing_mapped")  # well formed, and about nothing we know: no reason to send again
        found = [(self._device(one.names), one) for one in told]
        news = [
            (device, one)
            for device, one in found
            if not one.single or self._repeats.is_news(device, (one.time, one.values, one.missing))
        ]
        now = self._reception.wall_ms()
        for device, one in news:
            one.states |= self._alerts.states(device, now)
        self._reception.take([(device, self._observation(one)) for device, one in news])
        for device, one in news:
            if one.single:
                self._repeats.note(device, (one.time, one.values, one.missing))
        self._taken.add(key, data, len(news))

    def _take_alerts(self, message: Hl7Message) -> int:
        """Note the alerts of another system, and say that their devices alarm. Raises Refused."""
        found = [(self._device(alert.names), alert) for alert in read_alerts(message, self._settings.device_from)]
        if not found:
            self._reception.refuse("nothing_mapped")
        now = self._reception.wall_ms()
        for device, alert in found:
            self._alerts.note(device, alert, now)
        self._reception.take(
            [
                (device, Observation(flags=tuple(sorted(self._alerts.states(device, now))), device=alert.fields()))
                for device, alert in found
            ]
        )
        return len(found)

    def _device(self, names: tuple[str, ...]) -> str:
        """Raises Refused."""
        if not names:
            raise Refused("no_device_id", "no field names the device; see device_from in the settings")
        for name in names[:-1]:
            try:
                return self._reception.device(name)
            except Refused:
                continue
        return self._reception.device(names[-1])

    def _observation(self, told: Told) -> Observation:
        measured = parse_iso(told.time, self._settings.zone) if told.time else None
        age = None
        if measured is not None:
            oldest = longest_age({**told.values, **told.missing}, self._settings.max_age)
            age = age_of(measured, self._reception.wall_ms(), oldest, self._settings.max_ahead)
        return Observation(
            values=told.values,
            missing=told.missing,
            flags=tuple(sorted(told.states)),
            aperiodic=age is not None,
            age_ms=age or 0,
            device_time=told.time or None,
            untimed=age is None,
        )


class Hl7Conversation:
    """One connection: messages in, answers out in the same order."""

    def __init__(self, limit: int, taker: Hl7Taker, reception: Reception, transport: asyncio.Transport) -> None:
        self._stream = MllpStream(limit)
        self._taker = taker
        self._reception = reception
        self._transport = transport
        self._answers: asyncio.Queue[tuple[Hl7Message | None, Refused | None] | None] = asyncio.Queue(MAX_WAITING)
        self._task = asyncio.create_task(self._answer(), name="hl7 answers")
        self._spoke = False

    @property
    def spoke(self) -> bool:
        """Whether a usable message has arrived since this was asked last."""
        spoke, self._spoke = self._spoke, False
        return spoke

    def feed(self, data: bytes) -> bool:
        """Take what arrived; False to hang up on a sender who cannot frame or does not wait for answers."""
        taken = [self._take(message) for message in self._stream.feed(data)]
        return all(taken)

    def finish(self) -> bool:
        """The sender is done; it still gets its answers."""
        self._count_broken()
        if self._answers.full():
            return False
        self._answers.put_nowait(None)
        return True

    def close(self) -> None:
        """The connection is gone, perhaps in the middle of a message. What was taken stays taken."""
        self._count_broken()
        self._task.cancel()

    def _count_broken(self) -> None:
        for broken in self._stream.finish():
            assert isinstance(broken, Broken)
            self._reception.refuse(broken.reason)

    def _take(self, data: bytes | Broken) -> bool:
        if isinstance(data, Broken):
            self._reception.refuse(data.reason)
            return data.reason != "oversized"
        if self._answers.full():
            self._reception.refuse("too_many_waiting")
            return False
        message = None
        try:
            message = read_message(data)
            self._taker.take(message, data)
        except Refused as refused:
            self._reception.refuse(refused.reason)
            self._answers.put_nowait((message, refused))
        else:
            self._spoke = True
            self._answers.put_nowait((message, None))
        return True

    async def _answer(self) -> None:
        while (item := await self._answers.get()) is not None:
            message, refused = item
            if refused is None and not await self._reception.settle():
                refused = Refused("not_stored", "the gateway cannot store the message now")
            if (answer := acknowledge(message, refused)) is not None:
                self._transport.write(frame(answer))
        self._transport.close()


def acknowledge(message: Hl7Message | None, refused: Refused | None) -> bytes | None:
    """The answer to a message; None where the sender wants none.

    A sender that fills MSH-15 speaks enhanced mode and gets a commit accept (CA, CE, CR), others AA, AE or AR.
    """
    wish = message.head.part(15, 1) if message else ""
    if wish == "NE" or (wish == "ER" and refused is None) or (wish == "SU" and refused is not None):
        return None
    final, code, text = _CODES.get(refused.reason, _INTERNAL) if refused else (False, "", "")
    letter = "A" if refused is None else "R" if final else "E"
    head = message.head if message else None
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d%H%M%S+0000")
    version = clean(head.part(12, 1), 10) if head else "2.6"
    event = clean(head.part(9, 2), 3) if head else ""
    to = (escape(clean(head.part(3, 1), 60)), escape(clean(head.part(4, 1), 60))) if head else ("", "")
    kind = f"ACK^{escape(event)}^ACK" if event else "ACK"
    mode = clean(head.part(11, 1), 1) if head else "P"
    segments = [
        f"MSH|^~\\&|WARDLINE||{to[0]}|{to[1]}|{now}||{kind}|W{next(_numbers)}|{mode}|{version}",
        f"MSA|{'C' if wish else 'A'}{letter}|{escape(clean(message.control_id, 199)) if message else ''}",
    ]
    if refused is not None:
        segments.append(f"ERR|||{code}^{text}^HL70357|E||||{escape(clean(refused.detail, 200))}")
    return ("\r".join(segments) + "\r").encode()


def _require_oru(message: Hl7Message) -> None:
    """Raises Refused."""
    if message.head.part(9, 1) != "ORU" or message.head.part(9, 2) not in ("R01", "R40"):
        raise Refused("unsupported_type", "only ORU^R01 and ORU^R40 are taken here")
    if not message.head.part(12, 1).startswith("2"):
        raise Refused("unsupported_version", "only HL7 version 2 is taken here")
    if not message.control_id:
        raise Refused("no_control_id", "MSH-10 is empty")
