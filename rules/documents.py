"""Rule documents: strict YAML text becomes a set of limits and conditions, or every problem with its line."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from rules.checks import LONGEST_DELAY, RULE_FAILED, check
from rules.schedules import Clock, Hours
from rules.scopes import Scope
from rules.score_documents import Score, score_table, shipped_scores
from rules.scores import ScoreTable
from rules.shelf import set_text, shipped_sets
from rules.tokens import unknown_name
from vitals.alarms import Kind, Priority
from vitals.document import convert
from vitals.durations import Duration
from vitals.errors import DocumentError, Problem
from vitals.identity import RuleId
from vitals.yamldoc import YamlDocument, load

__all__ = [
    "LONGEST_DELAY",
    "RULE_FAILED",
    "Condition",
    "ExtremeTier",
    "Limit",
    "Message",
    "Night",
    "Provenance",
    "RuleSet",
    "read_rules",
]

_T = TypeVar("_T", bound=msgspec.Struct)

Message = Annotated[str, Meta(min_length=1, max_length=120, description="What the alarm says, in words of the ward")]
Provenance = Annotated[str, Meta(max_length=1000, description="Where this number comes from")]
_For = Annotated[Duration, Meta(description="Onset delay: how long the condition must hold before it is an alarm")]
_OffDelay = Annotated[Duration, Meta(description="How long the condition must be gone before the alarm clears")]
_Latching = Annotated[
    bool | None, Meta(description="Stay shown after the condition ends, until seen; default: high physiological")
]

_AcknowledgedFor = Annotated[
    Duration | None,
    Meta(description="How long an acknowledgement stands; default: high 5min, medium 15min, low 60min"),
]
_Only = Annotated[Hours | None, Meta(description="In force only at these hours of the day")]
_Except = Annotated[Hours | None, Meta(description="In force except at these hours of the day")]
_InScope = Annotated[Scope | None, Meta(description="In force only at these beds")]


def _no_delay() -> Duration:
    return Duration(0)


class ExtremeTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second bound beyond the limit: past it, the same alarm has a higher priority."""

    low: Annotated[float | None, Meta(description="Extreme below this")] = None
    high: Annotated[float | None, Meta(description="Extreme above this")] = None
    priority: Annotated[Priority, Meta(description="Higher than the limit's own")]
    for_: Annotated[Duration, Meta(description="How long the value must be beyond it")] = msgspec.field(name="for")
    message: Annotated[Message, Meta(description="What the alarm says then; default: the limit's message")] = ""

    @property
    def bound(self) -> float | None:
        """The bound, whichever side it is on."""
        return self.low if self.low is not None else self.high


class Night(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another bound at some hours of the day."""

    from_: Annotated[Clock, Meta(description="Local time at which it begins")] = msgspec.field(name="from")
    to: Annotated[Clock, Meta(description="Local time at which it ends")]
    low: Annotated[float | None, Meta(description="Alarm while the value is below this")] = None
    high: Annotated[float | None, Meta(description="Alarm while the value is above this")] = None

    def __post_init__(self) -> None:
        Hours(from_=self.from_, to=self.to)

    @property
    def hours(self) -> Hours:
        """When it is in force."""
        return Hours(from_=self.from_, to=self.to)

    @property
    def bound(self) -> float | None:
        """The bound, whichever side it is on."""
        return self.low if self.low is not None else self.high


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One side of one parameter: an alarm while the value is below `low`, or above `high`."""

    id: RuleId
    parameter: Annotated[str, Meta(description="Parameter name, such as spo2")]
    fallback: Annotated[str | None, Meta(description="Judged instead while `parameter` has no fresh value")] = None
    low: Annotated[float | None, Meta(description="Alarm while the value is below this")] = None
    high: Annotated[float | None, Meta(description="Alarm while the value is above this")] = None
    priority: Annotated[Priority, Meta(description="high, medium or low")]
    for_: _For = msgspec.field(name="for")
    hysteresis: Annotated[float, Meta(description="How far back inside the value must come to clear")] = 0.0
    off_delay: _OffDelay = msgspec.field(default_factory=_no_delay)
    latching: _Latching = None
    acknowledged_for: _AcknowledgedFor = None
    extreme: Annotated[ExtremeTier | None, Meta(description="A second bound, of higher priority")] = None
    night: Annotated[Night | None, Meta(description="Another bound at some hours of the day")] = None
    only: _Only = None
    except_: _Except = msgspec.field(default=None, name="except")
    scope: _InScope = None
    message: Message
    provenance: Provenance = ""

    @property
    def kind(self) -> Kind:
        """Limits are about the patient."""
        return "physiological"

    @property
    def side(self) -> Literal["low", "high"]:
        """Which side this limit guards."""
        return "low" if self.low is not None else "high"

    @property
    def bound(self) -> float:
        """The limit itself. Zero is a limit like any other."""
        bound = self.low if self.low is not None else self.high
        assert bound is not None
        return bound

    @property
    def latches(self) -> bool:
        """Whether the alarm stays after its condition ended unseen."""
        return self.priority == "high" if self.latching is None else self.latching


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alarm while an expression over parameters, flags and silence is true."""

    id: RuleId
    kind: Annotated[Kind, Meta(description="physiological (the patient) or technical (the equipment)")]
    priority: Annotated[Priority, Meta(description="high, medium or low")]
    when: Annotated[str, Meta(min_length=1, max_length=1000, description="The expression; see docs/reference/rules.md")]
    for_: _For = msgspec.field(name="for")
    off_delay: _OffDelay = msgspec.field(default_factory=_no_delay)
    latching: _Latching = None
    acknowledged_for: _AcknowledgedFor = None
    only: _Only = None
    except_: _Except = msgspec.field(default=None, name="except")
    scope: _InScope = None
    message: Message
    provenance: Provenance = ""

    @property
    def latches(self) -> bool:
        """Whether the alarm stays after its condition ended unseen. Technical alarms never do."""
        if self.kind == "technical":
            return False
        return self.priority == "high" if self.latching is None else self.latching


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole rule document."""

    format: Annotated[Literal[1], Meta(description="Version of this document's format")]
    id: RuleId
    title: Annotated[str, Meta(min_length=1, max_length=80)]
    provenance: Annotated[
        str, Meta(min_length=1, max_length=4000, description="Where the set comes from, who approved it")
    ]
    include: Annotated[list[RuleId], Meta(description="Shipped sets whose rules belong to this one, too")] = []
    time_zone: Annotated[
        str, Meta(description="Where hours of the day are read, such as Europe/Berlin; needed where a rule has hours")
    ] = ""
    scores: Annotated[list[Score], Meta(description="Score tables of this set's own")] = []
    limits: list[Limit] = []
    conditions: list[Condition] = []

    @property
    def rules(self) -> list[Limit | Condition]:
        """Every limit and condition, in the order of the document."""
        return [*self.limits, *self.conditions]

    @property
    def tables(self) -> dict[str, ScoreTable]:
        """The score tables its expressions may name: its own and the shipped ones."""
        return {**shipped_scores(), **{own.id: score_table(own) for own in self.scores}}


def read_rules(text: str, file: str) -> RuleSet:
    """Read a rule document and the sets it includes. Raises DocumentError carrying every problem found."""
    document = load(text, file)
    problems: set[Problem] = set()
    rule_set: RuleSet | None = None
    try:
        rule_set = convert(document, RuleSet)
    except DocumentError as error:
        problems.update(error.problems)
    limits, conditions = _readable(document, "limits", Limit), _readable(document, "conditions", Condition)
    scores = _readable(document, "scores", Score)
    included, wrong = _included(rule_set)
    if rule_set is not None and not rule_set.rules and not rule_set.include:
        problems.add(Problem(file, 1, "there is neither a limit nor a condition: this set would watch over nothing"))
    problems.update(Problem(file, document.line(("include", index)), text_) for index, text_ in wrong)
    zone = document.data.get("time_zone") if isinstance(document.data, dict) else None
    added = [limit for part in included for limit in part.limits]
    for path, text_ in check(limits, conditions, scores, zone, added):
        problems.add(Problem(file, document.line(path), f"{'.'.join(str(part) for part in path)}: {text_}"))
    if problems:
        raise DocumentError(problems)
    assert rule_set is not None
    return msgspec.structs.replace(
        rule_set,
        time_zone=rule_set.time_zone or next((part.time_zone for part in included if part.time_zone), ""),
        limits=[*rule_set.limits, *added],
        conditions=[*rule_set.conditions, *(condition for part in included for condition in part.conditions)],
        scores=[*rule_set.scores, *(own for part in included for own in part.scores)],
    )


def _included(rule_set: RuleSet | None) -> tuple[list[RuleSet], list[tuple[int, str]]]:
    """The sets a document includes, each complete in itself, and what is wrong with the list: (index, problem)."""
    parts: list[RuleSet] = []
    problems: list[tuple[int, str]] = []
    owner = {} if rule_set is None else {rule.id: "this document" for rule in rule_set.rules}
    for index, name in enumerate([] if rule_set is None else rule_set.include):
        if name not in shipped_sets():
            problems.append((index, f"include.{index}: {unknown_name('shipped set', name, shipped_sets())}"))
            continue
        part = read_rules(set_text(name), f"{name}.yaml")
        twice = sorted(rule.id for rule in part.rules if rule.id in owner)
        problems += [(index, f"include.{index}: {id_} of {name} is in {owner[id_]} already") for id_ in twice]
        owner.update((rule.id, name) for rule in part.rules)
        parts.append(part)
    return parts, problems


def _readable(document: YamlDocument, key: str, type_: type[_T]) -> list[tuple[int, _T]]:
    """The entries of a list that can be read on their own, so that one bad entry does not hide the next one's."""
    entries = document.data.get(key) if isinstance(document.data, dict) else None
    found: list[tuple[int, _T]] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            found.append((index, convert(YamlDocument(document.file, entry), type_)))
        except DocumentError:
            continue
    return found
