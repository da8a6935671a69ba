"""What is known of a bed now: the newest values, reasons and states of each of its sources."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rules.scores import ScoreResult, ScoreTable
from rules.scoring import Scored
from rules.windows import Held, Window
from vitals.identity import BedKey
from vitals.parameters import PARAMETERS
from vitals.readings import Record

if TYPE_CHECKING:
    from rules.book import Book
    from rules.cases import Case
    from rules.pauses import Pause

HEARD_MS = 15_000  # a device's flags are its present word for as long as its periodic values are (stale_s)
REORDER_MS = 10_000  # how long an older record of a source counts as overtaken, and not as a clock set back
NEVER = -(2**62)
_NONE: frozenset[str] = frozenset()
Limits = Mapping[tuple[str, str], Sequence[Callable[[int], float | None]]]
"""By parameter and side: each limit, as a function of the time to the bound in force; None outside its hours."""
STALE_MS = {name: parameter.stale_s * 1_000 for name, parameter in PARAMETERS.items()}


class Answer(enum.Enum):
    """What a rule says of a bed now."""

    HOLDS = "holds"
    BETWEEN = "inside the limit, not yet past the hysteresis"
    GONE = "gone"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """The answer, and what it was read from. `seen` is when the deciding value arrived."""

    answer: Answer
    seen: int
    parameter: str | None = None
    value: float | None = None
    source: str = ""
    limit: float | None = None  # the bound in force now that was judged, the extreme one where `extreme`
    extreme: bool = False  # it holds, and the value is beyond the rule's extreme tier too


class Entry(NamedTuple):
    """One observation staff entered, as the number rules see. `until` None: it holds until it is entered anew."""

    value: float
    time: int
    until: int | None = None

    def holds(self, now: int) -> bool:
        """Whether it is still valid."""
        return self.until is None or now < self.until


class Told(NamedTuple):
    """What the engine was told of a fault. `holds` None: nobody knows; `until`: it ends by itself."""

    holds: bool | None
    device: str = ""
    until: int | None = None
    message: str = ""


class Source:
    """One device at a bed, as its records left it."""

    __slots__ = (
        "_seen",
        "_together",
        "heard",
        "hidden",
        "name",
        "newest",
        "reasons",
        "seq",
        "since",
        "states",
        "values",
        "windows",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        # Gone as soon as the device says it is missing. Never changed, only exchanged: it may be a record's own.
        self.values: Mapping[str, float] = {}
        self._seen: dict[str, int] = {}
        self._together: int | None = None  # when all parameters it ever gave last had a value, if that was one moment
        self.reasons: dict[str, str] = {}  # why a parameter has none now
        self.states: tuple[str, ...] = ()
        self.windows: dict[tuple[str, int], Window] = {}  # by parameter and length, only those a rule has asked for
        self.heard = NEVER
        self.since = NEVER  # since when it could be heard again: what hid it is not its own silence
        self.hidden = False  # its gateway or the broker is down: its silence says nothing of itself
        self.newest = 0
        self.seq = 0

    def overtaken(self, record: Record, now: int) -> bool:
        """Whether a newer record of this source was judged already.

        Both time and seq must be older: a clock that was set back still counts on, a new spool starts at 1.
        """
        return record.time < self.newest and record.seq < self.seq and now - self.heard < REORDER_MS

    @property
    def seen(self) -> dict[str, int]:
        """When a parameter last had a value."""
        if self._together is not None:
            self._seen, self._together = dict.fromkeys(self._seen, self._together), None
        return self._seen

    @seen.setter
    def seen(self, seen: dict[str, int]) -> None:
        self._seen, self._together = seen, None

    def take_values(self, values: Mapping[str, float], now: int) -> bool:
        """Remember the values of a record, in its own copy if it says as much as is known; whether one is new."""
        if values.keys() == self._seen.keys():
            self.values, self._together = values, now
            return False
        seen = self.seen
        known = len(seen)
        self.values = {**self.values, **values}
        seen.update(dict.fromkeys(values, now))
        return len(seen) != known

    def drop(self, parameters: Iterable[str]) -> None:
        """These have no value any more."""
        gone = frozenset(parameters)
        if not gone.isdisjoint(self.values):
            self.values = {name: value for name, value in self.values.items() if name not in gone}

    def take_flags(self, record: Record) -> bool:
        """Remember why values are missing and what the device says of itself; whether that is new."""
        changed = record.states != self.states
        self.states = record.states
        self.drop(record.flags)
        for parameter, reason in record.flags.items():
            if self.reasons.get(parameter) != reason:
                self.reasons[parameter] = reason
                changed = True
        for parameter in [name for name in self.reasons if name in record.values and name not in record.flags]:
            del self.reasons[parameter]
            changed = True
        return changed

    def good_until(self, parameter: str) -> int:
        """The last moment at which its value is fresh."""
        return self.seen[parameter] + STALE_MS[parameter]

    def fresh(self, parameter: str, now: int) -> float | None:
        """The value, unless it is missing, too old or not a number."""
        value = self.values.get(parameter)
        if value is None or value != value or now - self.seen[parameter] > STALE_MS[parameter]:
            return None
        return value


class BedState:
    """A bed as rules see it at the instant `now` (a rules.expressions.View)."""

    __slots__ = (
        "armed",
        "book",
        "calm",
        "cases",
        "device",
        "entries",
        "holds",
        "key",
        "limits",
        "now",
        "off",
        "pause",
        "scored",
        "sources",
        "start",
        "told",
        "watched",
    )

    def __init__(self, key: BedKey, sources: tuple[str, ...]) -> None:
        self.key = key
        self.sources = {name: Source(name) for name in sources}
        self.now = 0
        self.start = 0  # when listening began
        self.device = ""  # the source that made the last true answer so
        self.entries: Mapping[str, Entry] = {}  # by name, replaced as a whole when staff enter something
        self.holds: dict[str, Held] = {}  # how long parts of expressions have been true
        self.scored: dict[str, Scored] = {}  # by table
        self.calm: frozenset[str] = _NONE  # rules that read nothing but scores, and do not hold by those of now
        self.limits: Limits = {}  # the bounds limit() may ask for, as the rule that is judged sees them
        self.cases: dict[str, Case] = {}  # by rule, only those not inactive
        self.watched: dict[str, None] = {}  # rules in which an absence or silence has lasted its time
        self.armed: dict[str, int] = {}  # when each rule is to be judged next without a record
        self.off: dict[str, str] = {}  # rules that failed here, and how
        self.told: dict[str, Told] = {}  # by fault
        self.pause: Pause | None = None  # a person paused all alarms of the bed
        self.book: Book  # the rules in force here

    def forget(self, until: int) -> None:
        """Nothing heard until then is of whoever lies here now."""
        for source in self.sources.values():
            past = [name for name, seen in source.seen.items() if seen <= until]
            source.drop(past)
            source.seen = {name: seen for name, seen in source.seen.items() if seen > until}
            source.windows.clear()
        self.scored.clear()
        self.holds.clear()
        self.calm = _NONE

    def number(self, parameter: str) -> float | None:
        """The fresh value of the first source that has one."""
        for source in self.sources.values():
            value = source.fresh(parameter, self.now)
            if value is not None:
                return value
        return None

    def entry(self, name: str) -> float | None:
        """What staff entered, while it is valid."""
        entry = self.entries.get(name)
        return entry.value if entry is not None and entry.holds(self.now) else None

    def window(self, parameter: str, duration: int) -> Window | None:
        """The window of the source whose value `number` gives; None where it has none or too little is known.

        Windows are fed when they are asked: a rule that reads one is judged with every value of its parameter.
        """
        found: Window | None = None
        for source in self.sources.values():
            value = source.fresh(parameter, self.now)
            if value is None:
                continue
            window = source.windows.get((parameter, duration))
            if window is None:
                window = source.windows[parameter, duration] = Window(duration, STALE_MS[parameter])
            window.take(source.seen[parameter], value)
            window.trim(self.now)
            if found is None:
                found = window
        return found if found is not None and found.known(self.now) else None

    def held(self, key: str, truth: bool | None, duration: int, gap: int) -> bool | None:
        """Whether what `key` names has been true for so long without a break."""
        held = self.holds.get(key)
        if held is None:
            held = self.holds[key] = Held()
        return held.judge(truth, duration, gap, self.now)

    def limit(self, parameter: str, side: str) -> float | None:
        """The limit in force at this bed now that is met first."""
        asked = (ask(self.now) for ask in self.limits.get((parameter, side), ()))
        bounds = [bound for bound in asked if bound is not None]
        if not bounds:
            return None
        return max(bounds) if side == "low" else min(bounds)

    def score(self, table: ScoreTable) -> ScoreResult:
        """The points of this bed now, from devices and from what staff entered."""
        last = self.scored.get(table.id)
        if last is None or last.table is not table:
            last = self.scored[table.id] = Scored(table)
            self.calm = _NONE
        self._renew(last, self.now)
        return last.result

    def stirred(self, now: int) -> bool:
        """Whether some rule that reads nothing but scores may hold now, though it did not when it was last judged."""
        for scored in self.scored.values():
            try:
                self._renew(scored, now)
            except Exception:  # a rule that asks for this score will fail, and is switched off there
                self.calm = _NONE
        return len(self.calm) < len(self.book.scorers)

    def _renew(self, scored: Scored, now: int) -> None:
        if not scored.stands(self.entries, now) and scored.renew(self.sources.values(), self.entries, now):
            self.calm = _NONE

    def calmed(self, rule: str) -> None:
        """A rule that reads nothing but scores does not hold."""
        calm = self.calm | {rule}
        self.calm = self.book.scorers if calm == self.book.scorers else calm  # one set for all beds that are quiet

    def absent(self, parameter: str, duration: int) -> bool | None:
        """None where the parameter was never seen, or where the devices that gave it are silent themselves."""
        givers = [source for source in self.sources.values() if parameter in source.seen]
        if not givers:
            return None
        newest = max(givers, key=lambda source: source.seen[parameter])
        if self.now - newest.seen[parameter] < duration:
            return False
        if all(source.hidden or self.now - source.heard >= duration for source in givers):
            return None
        self.device = newest.name
        return True

    def silent(self, duration: int) -> bool | None:
        """A device never heard counts from when listening began. None where none of them could be heard."""
        for source in self.sources.values():
            if not source.hidden and self.now - self.last_heard(source) >= duration:
                self.device = source.name
                return True
        return None if self.sources and all(source.hidden for source in self.sources.values()) else False

    def missing(self, parameter: str, reason: str) -> bool | None:
        """None where no device was heard lately."""
        return self._says(lambda source: source.reasons.get(parameter) == reason)

    def state(self, name: str) -> bool | None:
        """None where no device was heard lately."""
        return self._says(lambda source: name in source.states)

    def last_heard(self, source: Source) -> int:
        """When a source was last heard, or when listening to it began."""
        return max(source.heard if source.heard != NEVER else self.start, source.since)

    def _says(self, test: Callable[[Source], bool]) -> bool | None:
        answer: bool | None = None
        for source in self.sources.values():
            if source.hidden or self.now - source.heard > HEARD_MS:
                continue
            if test(source):
                self.device = source.name
                return True
            answer = False
        return answer
