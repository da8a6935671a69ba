"""Scenarios: a short story of samples and the alarms a rule set must make of it, second by second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from rules.bounds import bounds_of
from rules.bounds import problems as impossible
from rules.documents import RuleSet
from rules.expressions import unknown_name
from vitals.alarms import Change, Priority
from vitals.document import convert
from vitals.durations import Duration
from vitals.entries import read_entry
from vitals.errors import DocumentError, Problem
from vitals.identity import DeviceId, RuleId
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS
from vitals.yamldoc import Path, load

TICK_MS = 250  # as often as the hub lets time pass
LONGEST = Duration.parse("24h")
_MOMENT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device sends from `at` on, again and again, until its next entry."""

    at: Annotated[Duration, Meta(description="From this moment of the story on")]
    device: DeviceId = "monitor"
    values: Annotated[dict[str, float], Meta(description="Parameter to value")] = {}
    missing: Annotated[dict[str, str], Meta(description="Parameter to the reason why it has no value")] = {}
    states: Annotated[list[str], Meta(description="Device states")] = []
    silent: Annotated[bool, Meta(description="Nothing is sent at all")] = False


class Action(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person does, or what happens to a gateway."""

    at: Duration
    acknowledge: Annotated[RuleId | None, Meta(description="The alarm of this rule")] = None
    reset: Annotated[RuleId | None, Meta(description="The alarm of this rule")] = None
    pause_audio: Annotated[Duration | None, Meta(description="All alarms calling now, for so long")] = None
    pause_alarms: Annotated[Duration | None, Meta(description="All alarms of the bed, for so long")] = None
    resume_alarms: Annotated[Literal[True] | None, Meta(description="End that pause")] = None
    set_limit: Annotated[dict[str, float] | None, Meta(description="Limit (or limit.extreme) to another bound")] = None
    for_: Annotated[Duration | None, Meta(description="How long that limit stands; default: for good")] = msgspec.field(
        default=None, name="for"
    )
    clear_limit: Annotated[str | None, Meta(description="The bound of the profile is in force again")] = None
    enter: Annotated[dict[str, float | str | None] | None, Meta(description="Staff entries; null takes one back")] = (
        None
    )
    gateway: Annotated[Literal["down", "up"] | None, Meta(description="The hub loses or finds the gateway")] = None

    def __post_init__(self) -> None:
        if len(self.deeds()) != 1:
            raise ValueError(f"give exactly one of {', '.join(DEEDS)}")
        if self.for_ is not None and self.set_limit is None:
            raise ValueError("for belongs to set_limit")

    def deeds(self) -> list[str]:
        """What is done, by name."""
        return [deed for deed in DEEDS if getattr(self, deed) is not None]


DEEDS = tuple(name for name in Action.__struct_fields__ if name not in ("at", "for_"))


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One transition that must be announced, or one page that must be sent, at its moment."""

    at: Duration
    raised: RuleId | None = None
    escalated: RuleId | None = None
    reraised: RuleId | None = None
    acknowledged: RuleId | None = None
    audio_paused: RuleId | None = None
    alarms_paused: RuleId | None = None
    latched: RuleId | None = None
    cleared: RuleId | None = None
    reset: RuleId | None = None
    paged: Annotated[str | None, Meta(description="The recipient of a page")] = None
    priority: Annotated[Priority | None, Meta(description="Which priority the alarm must have then")] = None

    def __post_init__(self) -> None:
        if len([change for change in CHANGES if getattr(self, change) is not None]) != 1:
            raise ValueError(f"give exactly one of {', '.join(CHANGES)}")
        if self.paged is not None and self.priority is not None:
            raise ValueError("a page has no priority; the alarm it tells of has one")

    def event(self) -> Told:
        """The same as what the engine tells."""
        change, about = next((change, getattr(self, change)) for change in CHANGES if getattr(self, change))
        return Told(int(self.at), change, about, self.priority or "")


PAGED = "paged"
CHANGES = (*get_args(Change), PAGED)


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One story. Every alarm it makes must be expected: an empty `expect` means silence."""

    id: RuleId
    title: Annotated[str, Meta(min_length=1, max_length=120)]
    rule: Annotated[RuleId | None, Meta(description="The rule this scenario is about")] = None
    begins: Annotated[
        str, Meta(pattern=_MOMENT, description="When the story begins, UTC, for rules and shifts with hours")
    ] = "2026-01-12T12:00:00Z"
    every: Annotated[Duration, Meta(description="Time between two samples of a device")] = msgspec.field(
        default_factory=lambda: Duration(1_000)
    )
    until: Annotated[Duration, Meta(description="When the story ends")]
    limits: Annotated[dict[str, float], Meta(description="Other bounds of the bed, by limit or limit.extreme")] = {}
    entries: Annotated[dict[str, float | str], Meta(description="What staff have entered before it begins")] = {}
    samples: Annotated[list[Sample], Meta(min_length=1)]
    actions: list[Action] = []
    expect: list[Expectation] = []

    @property
    def start(self) -> int:
        """The moment it begins. Raises ValueError for one no calendar has."""
        return round(datetime.fromisoformat(self.begins).timestamp() * 1_000)


class ScenarioSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario document."""

    format: Literal[1]
    rules: Annotated[str, Meta(min_length=1, description="A rule document beside this file, or a shipped set's name")]
    paging: Annotated[str, Meta(description="A pager document beside this file: who is paged is expected, too")] = ""
    scenarios: Annotated[list[Scenario], Meta(min_length=1)]


class Told(NamedTuple):
    """One announced transition: milliseconds since the start of the story, what, and of which rule (or recipient)."""

    at: int
    change: str
    rule: str
    priority: str = ""  # of the alarm; empty where it does not matter

    def __str__(self) -> str:
        return f"{self.at / 1_000:g}s {self.change} {self.rule}{f' ({self.priority})' if self.priority else ''}"


def read_scenarios(text: str, file: str, find: Callable[[str], RuleSet]) -> tuple[ScenarioSet, RuleSet]:
    """Read a scenario document and, by `find`, the rules it is about. Raises DocumentError with every problem."""
    document = load(text, file)
    scenarios = convert(document, ScenarioSet)
    rule_set = find(scenarios.rules)
    problems = [
        Problem(file, document.line(path), f"{'.'.join(str(part) for part in path)}: {text_}")
        for path, text_ in _check(scenarios, rule_set)
    ]
    if problems:
        raise DocumentError(problems)
    return scenarios, rule_set


def _check(scenarios: ScenarioSet, rule_set: RuleSet) -> Iterator[tuple[Path, str]]:
    """Everything the types cannot say: (path, problem) for each."""
    rules = [rule.id for rule in rule_set.rules]
    bounds = [name for name, bound in bounds_of(rule_set.limits, {}).items() if not bound.hours]
    seen: set[str] = set()
    for index, scenario in enumerate(scenarios.scenarios):
        path: Path = ("scenarios", index)
        if scenario.id in seen:
            yield (*path, "id"), f"{scenario.id} is the id of an earlier scenario"
        seen.add(scenario.id)
        yield from _check_times(path, scenario)
        if scenario.rule is not None and scenario.rule not in rules:
            yield (*path, "rule"), unknown_name("rule", scenario.rule, rules)
        named = [
            ("expect", number, change, getattr(one, change))
            for number, one in enumerate(scenario.expect)
            for change in get_args(Change)
        ]
        named += [
            ("actions", number, deed, getattr(one, deed))
            for number, one in enumerate(scenario.actions)
            for deed in ("acknowledge", "reset")
        ]
        for key, number, field, name in named:
            if name is not None and name not in rules:
                yield (*path, key, number, field), unknown_name("rule", name, rules)
        yield from _check_begin(path, scenario)
        yield from _check_bounds(path, scenario, bounds)
        for sentence in impossible(bounds_of(rule_set.limits, scenario.limits)) if scenario.limits else ():
            yield (*path, "limits"), sentence
        if not scenarios.paging and any(one.paged for one in scenario.expect):
            yield (*path, "expect"), "pages are expected, and the document names no paging"
        for number, sample in enumerate(scenario.samples):
            yield from _check_sample((*path, "samples", number), sample)


def _check_begin(path: Path, scenario: Scenario) -> Iterator[tuple[Path, str]]:
    try:
        datetime.fromisoformat(scenario.begins)
    except ValueError:
        yield (*path, "begins"), f"{scenario.begins} is no moment of a calendar"


def _check_bounds(path: Path, scenario: Scenario, bounds: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """The limits and entries a story names."""
    yield from _check_names((*path, "limits"), scenario.limits, bounds)
    yield from _check_entries((*path, "entries"), scenario.entries)
    for number, action in enumerate(scenario.actions):
        here = (*path, "actions", number)
        yield from _check_names((*here, "set_limit"), action.set_limit or {}, bounds)
        yield from _check_names((*here, "clear_limit"), [action.clear_limit] if action.clear_limit else [], bounds)
        yield from _check_entries((*here, "enter"), action.enter or {})


def _check_names(path: Path, names: Iterable[str], bounds: Sequence[str]) -> Iterator[tuple[Path, str]]:
    for name in names:
        if name not in bounds:
            yield path, unknown_name("limit", name, bounds)


def _check_entries(path: Path, entries: Mapping[str, float | str | None]) -> Iterator[tuple[Path, str]]:
    for name, value in entries.items():
        try:
            read_entry(name, value) if value is not None else None
        except ValueError as error:
            yield (*path, name), str(error)


def _check_times(path: Path, scenario: Scenario) -> Iterator[tuple[Path, str]]:
    if not scenario.every >= TICK_MS:
        yield (*path, "every"), f"must be at least {TICK_MS}ms"
    if scenario.until > LONGEST:
        yield (*path, "until"), f"must be at most {LONGEST // 3_600_000}h"
    latest: dict[str, Duration] = {}
    for number, sample in enumerate(scenario.samples):
        if sample.at <= latest.get(sample.device, Duration(-1)):
            yield (*path, "samples", number, "at"), f"must be later than the entry of {sample.device} before it"
        latest[sample.device] = sample.at
    lists: dict[str, Sequence[Sample | Action | Expectation]] = {
        "samples": scenario.samples,
        "actions": scenario.actions,
        "expect": scenario.expect,
    }
    for key, entries in lists.items():
        for number, entry in enumerate(entries):
            if entry.at > scenario.until:
                yield (*path, key, number, "at"), "is after the end of the story (until)"


def _check_sample(path: Path, sample: Sample) -> Iterator[tuple[Path, str]]:
    for name, value in sample.values.items():
        parameter = PARAMETERS.get(name)
        if parameter is None:
            yield (*path, "values", name), unknown_name("parameter", name, PARAMETERS)
        elif not parameter.plausible(value):
            yield (*path, "values", name), f"{value:g} cannot be measured ({parameter.low:g} to {parameter.high:g})"
        if name in sample.missing:
            yield (*path, "missing", name), "has a value and is missing"
    for name, reason in sample.missing.items():
        if name not in PARAMETERS:
            yield (*path, "missing", name), unknown_name("parameter", name, PARAMETERS)
        if reason not in MISSING_REASONS:
            yield (*path, "missing", name), unknown_name("reason", reason, MISSING_REASONS)
    for number, state in enumerate(sample.states):
        if state not in DEVICE_STATES:
            yield (*path, "states", number), unknown_name("device state", state, DEVICE_STATES)
    if sample.silent and (sample.values or sample.missing or sample.states):
        yield path, "a silent device sends no values, reasons or states"
