"""A Philips IntelliVue monitor: associated with one host, it answers polls; over a network it announces itself."""

from __future__ import annotations

from firmware_sim.bedside import Bedside
from firmware_sim.monitors import intellivue_association as association
from firmware_sim.monitors import intellivue_objects as objects
from firmware_sim.monitors import intellivue_operations as operations
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.intellivue_frames import Unframer, encode_frame
from firmware_sim.monitors.intellivue_operations import Operation, Poll
from firmware_sim.monitors.intellivue_types import (
    NO_TIME,
    TICKS_PER_MS,
    Attribute,
    Malformed,
    Object,
    encode_attributes,
    encode_time,
)
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Source

TITLE = "Philips IntelliVue, data export over MIB/RS-232 or UDP"

CREATE_MS = 3_000  # the event that wants an answer is said again
SILENCE_MS = 10_000  # of the host, then the association is aborted
ANNOUNCE_MS = 5_000
SECOND_MS = 1_000
SHORTEST_POLL = 1_000 * TICKS_PER_MS
SERIAL_MTU, NETWORK_MTU, SMALLEST_MTU = 1_000, 1_364, 500

NUMERIC_PRIORITY, WAVE_PRIORITY = PRIORITIES = (0xF239, 0xF23A)
EMPTY_LIST = bytes(4)


class IntelliVue:
    """One monitor on one patient. What it says stands in serial frames; a network line takes them off again."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "intellivue"
        self.title = TITLE
        self._bedside = Bedside(source)
        self._agenda = Agenda(options.clock)
        self._unframer = Unframer()
        self._label = options.device or f"BED {options.seed}"
        self._port = options.udp_port
        self._created = False  # the host knows this monitor
        self._mtu = SERIAL_MTU
        self._next_invoke = 1
        self._create_invoke = 0
        self._polls: dict[int, tuple[int, Poll]] = {}
        self._sequence: dict[int, int] = {}
        self._priorities: dict[int, bytes] = {}
        self._chosen_waves: list[int] | None = None
        self._idle()

    def step(self, t_ms: int) -> bytes:
        """The frames due by `t_ms`."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """Frames of the host, in any pieces."""
        for message in self._unframer.feed(data):
            try:
                self._hear(message)
            except Malformed:
                continue

    @property
    def _associated(self) -> bool:
        return self._agenda.has("silence")

    def _hear(self, message: bytes) -> None:
        kind = message[0] if message else None
        if kind == association.ASSOCIATION_REQUEST:
            self._accept(message)
        elif not self._associated:
            return
        elif kind == association.RELEASE_REQUEST:
            self._agenda.say(encode_frame(association.RELEASE_RESPONSE))
            self._idle()
        elif kind == association.ABORT_TYPE:
            self._idle()
        else:
            self._operate(operations.read_operation(message))
            if self._created:
                self._agenda.once("silence", SILENCE_MS, self._abort)

    def _accept(self, message: bytes) -> None:
        asked = association.read_association(message)
        self._idle()
        self._agenda.cancel("announcement")
        largest = SERIAL_MTU if self._port is None else NETWORK_MTU
        self._mtu = max(SMALLEST_MTU, min(asked.max_mtu, largest))
        granted = max(asked.min_poll_period, SHORTEST_POLL)
        self._agenda.say(
            encode_frame(association.encode_accept(asked, min_poll_period=granted, max_mtu=largest)),
        )
        self._create_invoke = self._invoke()
        self._agenda.every("create", CREATE_MS, self._create, after_ms=0)
        self._agenda.once("silence", SILENCE_MS, self._abort)

    def _create(self) -> bytes:
        """Tell the host about this monitor; nothing else is served until it answers."""
        attributes = objects.system(self._label, self._agenda.clock(), self._agenda.now_ms)
        event = operations.encode_event(
            self._create_invoke,
            operations.CONFIRMED_EVENT_REPORT,
            operations.MDS,
            self._time(),
            operations.MDS_CREATE,
            operations.MDS + encode_attributes(attributes),
        )
        return encode_frame(operations.in_context(event))

    def _abort(self) -> bytes:
        self._idle()
        return encode_frame(association.ABORT)

    def _idle(self) -> None:
        """Nobody is associated."""
        self._agenda.cancel("create", "silence")
        for object_class in list(self._polls):
            self._end_poll(object_class)
        self._created = False
        self._priorities.clear()
        self._chosen_waves = None
        if self._port is not None:
            self._agenda.every("announcement", ANNOUNCE_MS, self._announce, after_ms=SECOND_MS)

    def _announce(self) -> bytes:
        assert self._port is not None
        data = objects.connection(self._label, self._agenda.clock(), self._agenda.now_ms, self._port)
        event = operations.encode_event(
            0,
            operations.EVENT_REPORT,
            bytes.fromhex("0023 0000 0000"),
            self._time(),
            operations.CONNECT_INDICATION,
            data,
        )
        return encode_frame(b"\x00\x00\x01\x00" + event)

    def _operate(self, operation: Operation) -> None:
        if operation.kind == operations.RESULT:
            self._hear_result(operation)
        elif not self._created:
            return
        elif operation.command == operations.CONFIRMED_ACTION:
            self._act(operation)
        elif operation.command == operations.GET:
            asked = [id_ for id_ in operations.read_get(operation.body) if id_ in PRIORITIES]
            self._say_priorities(operation, [(id_, self._priorities.get(id_, EMPTY_LIST)) for id_ in asked])
        elif operation.command == operations.CONFIRMED_SET:
            found = [(id_, value) for id_, value in operations.read_set(operation.body) if id_ in PRIORITIES]
            self._set_priorities(dict(found))
            self._say_priorities(operation, found)

    def _hear_result(self, operation: Operation) -> None:
        known = operation.command == operations.CONFIRMED_EVENT_REPORT and operation.invoke_id == self._create_invoke
        if known and operations.read_event_result(operation.body) == operations.MDS_CREATE:
            self._created = True
            self._agenda.cancel("create")

    def _act(self, operation: Operation) -> None:
        action, argument = operations.read_action(operation.body)
        if action not in (operations.SINGLE_POLL, operations.EXTENDED_POLL):
            self._agenda.say(encode_frame(operations.encode_error(operation.invoke_id, operations.NO_SUCH_ACTION)))
            return
        poll = operations.read_poll(argument, extended=action == operations.EXTENDED_POLL)
        if poll.object_class not in _CLASSES:
            self._agenda.say(encode_frame(operations.encode_error(operation.invoke_id, operations.NO_SUCH_CLASS)))
        elif poll.period is None:
            self._agenda.say(self._poll_result(operation.invoke_id, poll))
        else:
            self._begin_poll(operation.invoke_id, poll, poll.period)

    def _begin_poll(self, invoke_id: int, poll: Poll, period: int) -> None:
        """Results from now on; a poll of the same class goes on under its new number."""
        object_class = poll.object_class
        self._polls[object_class] = (invoke_id, poll)
        name = f"poll {object_class}"
        if not self._agenda.has(name):
            self._sequence[object_class] = 0
            wave = object_class == objects.WAVES
            self._agenda.every(
                name,
                objects.WAVE_MS if wave else SECOND_MS,
                lambda: self._next_result(object_class),
                after_ms=objects.WAVE_MS if wave else 0,
            )
        self._agenda.once(f"{name} over", period // TICKS_PER_MS, lambda: self._end_poll(object_class))

    def _end_poll(self, object_class: int) -> bytes:
        self._agenda.cancel(f"poll {object_class}", f"poll {object_class} over")
        self._polls.pop(object_class, None)
        return b""

    def _next_result(self, object_class: int) -> bytes:
        invoke_id, poll = self._polls[object_class]
        frames = self._poll_result(invoke_id, poll)
        self._sequence[object_class] = self._sequence[object_class] + 1 & 0xFFFF
        return frames

    def _poll_result(self, invoke_id: int, poll: Poll) -> bytes:
        messages = operations.encode_poll_results(
            invoke_id,
            poll,
            sequence=self._sequence.get(poll.object_class, 0),
            time=self._time(),
            clock=NO_TIME if poll.extended else encode_time(self._agenda.clock()),
            objects=self._objects(poll),
            max_mtu=self._mtu,
        )
        return b"".join(encode_frame(message) for message in messages)

    def _objects(self, poll: Poll) -> list[Object]:
        now_ms = self._agenda.now_ms
        moment = self._bedside.at(now_ms)
        match poll.object_class:
            case objects.NUMERICS:
                return objects.numerics(moment, self._agenda.clock(), now_ms, poll.group)
            case objects.WAVES:
                return objects.waves(self._bedside, now_ms, self._chosen_waves, poll.group)
            case objects.ALERTS:
                return objects.alerts(moment, poll.group)
            case objects.SYSTEM:
                return [(0, objects.system(self._label, self._agenda.clock(), now_ms))]
        return []

    def _set_priorities(self, found: dict[int, bytes]) -> None:
        """Keep the lists; an empty value brings back what the monitor sends unasked. Raises Malformed."""
        if (waves := found.get(WAVE_PRIORITY)) is not None:
            self._chosen_waves = operations.read_text_ids(waves) if waves else None
        self._priorities.update(found)

    def _say_priorities(self, operation: Operation, found: list[Attribute]) -> None:
        body = operations.MDS + encode_attributes(found)
        self._agenda.say(encode_frame(operations.encode_result(operation.invoke_id, operation.command, body)))

    def _invoke(self) -> int:
        self._next_invoke = self._next_invoke + 1 & 0xFFFF
        return self._next_invoke

    def _time(self) -> int:
        return self._agenda.now_ms * TICKS_PER_MS & 0xFFFF_FFFF


_CLASSES = frozenset(
    {
        objects.NUMERICS,
        objects.WAVES,
        objects.ENUMERATIONS,
        objects.ALERTS,
        objects.DEMOGRAPHICS,
        objects.SYSTEM,
    }
)
