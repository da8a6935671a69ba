"""Scenarios: a short story of samples and the alarms a rule set must make of it, second by second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from rules.documents import RuleSet
from rules.engine import Bed, Engine
from rules.expressions import unknown_name
from rules.library import read_set
from rules.machine import Refused
from vitals.alarms import AlarmEvent, Change
from vitals.document import convert
from vitals.durations import Duration
from vitals.errors import DocumentError, Problem
from vitals.identity import BedKey, DeviceId, RuleId
from vitals.parameters import PARAMETERS
from vitals.readings import Record
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS
from vitals.yamldoc import Path, load

TICK_MS = 250  # as often as the hub lets time pass
START_MS = 1_700_000_000_000
LONGEST = Duration.parse("24h")
_BED = BedKey("scenario", "1")
_GATEWAY = "scenario"


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device sends from `at` on, again and again, until its next entry."""

    at: Annotated[Duration, Meta(description="From this moment of the story on")]
    device: DeviceId = "monitor"
    values: Annotated[dict[str, float], Meta(description="Parameter to value")] = {}
    missing: Annotated[dict[str, str], Meta(description="Parameter to the reason why it has no value")] = {}
    states: Annotated[list[str], Meta(description="Device states")] = []
    silent: Annotated[bool, Meta(description="Nothing is sent at all")] = False


class Action(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person does, by the rule whose alarm it is about."""

    at: Duration
    acknowledge: RuleId | None = None
    reset: RuleId | None = None

    def __post_init__(self) -> None:
        if (self.acknowledge is None) == (self.reset is None):
            raise ValueError("give either acknowledge or reset")


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One transition that must be announced, at its moment."""

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

    def __post_init__(self) -> None:
        if len([change for change in get_args(Change) if getattr(self, change) is not None]) != 1:
            raise ValueError(f"give exactly one of {', '.join(get_args(Change))}")

    def event(self) -> Told:
        """The same as what the engine tells."""
        change, rule = next((change, getattr(self, change)) for change in get_args(Change) if getattr(self, change))
        return Told(int(self.at), change, rule)


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One story. Every alarm it makes must be expected: an empty `expect` means silence."""

    id: RuleId
    title: Annotated[str, Meta(min_length=1, max_length=120)]
    rule: Annotated[RuleId | None, Meta(description="The rule this scenario is about")] = None
    every: Annotated[Duration, Meta(description="Time between two samples of a device")] = msgspec.field(
        default_factory=lambda: Duration(1_000)
    )
    until: Annotated[Duration, Meta(description="When the story ends")]
    samples: Annotated[list[Sample], Meta(min_length=1)]
    actions: list[Action] = []
    expect: list[Expectation] = []


class ScenarioSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario document."""

    format: Literal[1]
    rules: Annotated[str, Meta(min_length=1, description="A rule document beside this file, or a shipped set's name")]
    scenarios: Annotated[list[Scenario], Meta(min_length=1)]


class Told(NamedTuple):
    """One announced transition: milliseconds since the start of the story, what, and of which rule."""

    at: int
    change: str
    rule: str

    def __str__(self) -> str:
        return f"{self.at / 1_000:g}s {self.change} {self.rule}"


class Outcome(NamedTuple):
    """How a scenario went."""

    scenario: Scenario
    told: tuple[Told, ...]

    @property
    def expected(self) -> tuple[Told, ...]:
        """What had to be told, in order."""
        return tuple(sorted(expectation.event() for expectation in self.scenario.expect))

    @property
    def passed(self) -> bool:
        """Whether exactly the expected was told."""
        return self.expected == self.told

    def timeline(self) -> list[str]:
        """Expected and told in one list by time: ' ' both, '-' expected only, '+' told only."""
        lines: list[str] = []
        for event in sorted({*self.expected, *self.told}):
            expected, told = self.expected.count(event), self.told.count(event)
            lines += [f"  {event}"] * min(expected, told)
            lines += [f"- {event}"] * (expected - told) + [f"+ {event}"] * (told - expected)
        return lines or ["  nothing"]


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


def run(rule_set: RuleSet, scenario: Scenario) -> Outcome:
    """Let the story happen, at the hub's own pace."""
    devices = sorted({sample.device for sample in scenario.samples})
    engine = Engine([rule_set], [Bed(_BED, tuple(f"{_GATEWAY}/{device}" for device in devices))])
    told: list[Told] = []
    for moment in range(0, scenario.until + 1, TICK_MS):
        now = START_MS + moment
        events: list[AlarmEvent] = []
        if moment % scenario.every < TICK_MS:
            for device in devices:
                sample = _sample(scenario, device, moment)
                if sample is not None and not sample.silent:
                    events += engine.observe(_BED, f"{_GATEWAY}/{device}", _record(sample, moment), now)
        events += engine.advance(now)
        for action in scenario.actions:
            if moment <= action.at < moment + TICK_MS:
                events += _act(engine, action, now)
        told += [Told(moment, event.change, event.alarm.rule) for event in events]
    return Outcome(scenario, tuple(sorted(told)))


def uncovered(rule_set: RuleSet, outcomes: Sequence[Outcome]) -> list[str]:
    """Which of the document's own rules no scenario raises, or none about them leaves quiet."""
    sentences: list[str] = []
    elsewhere = {rule.id for name in rule_set.include for rule in read_set(name).rules}
    for rule in rule_set.rules:
        if rule.id in elsewhere:
            continue
        raising = [outcome for outcome in outcomes if any(_raises(told, rule.id) for told in outcome.told)]
        about = [outcome for outcome in outcomes if outcome.scenario.rule == rule.id]
        if not raising:
            sentences.append(f"no scenario raises {rule.id}")
        if not any(outcome not in raising for outcome in about):
            sentences.append(f"no scenario of {rule.id} just does not raise it")
    return sentences


def _raises(told: Told, rule: str) -> bool:
    return told.rule == rule and told.change == "raised"


def _sample(scenario: Scenario, device: str, moment: int) -> Sample | None:
    """The entry in force; None before the device's first."""
    entries = [sample for sample in scenario.samples if sample.device == device and sample.at <= moment]
    return entries[-1] if entries else None


def _record(sample: Sample, moment: int) -> Record:
    return Record(
        seq=moment + 1,
        device=sample.device,
        time=START_MS + moment,
        values=dict(sample.values),
        flags=dict(sample.missing),
        states=tuple(sorted(sample.states)),
    )


def _act(engine: Engine, action: Action, now: int) -> list[AlarmEvent]:
    """What a person does to the alarm of a rule; to act on none is told by no event."""
    rule = action.acknowledge or action.reset
    for alarm in engine.alarms(_BED):
        if alarm.rule == rule:
            act = engine.acknowledge if action.acknowledge else engine.reset
            try:
                return act(alarm.id, "scenario", "", now)
            except Refused:
                return []
    return []


def _check(scenarios: ScenarioSet, rule_set: RuleSet) -> Iterator[tuple[Path, str]]:
    """Everything the types cannot say: (path, problem) for each."""
    rules = [rule.id for rule in rule_set.rules]
    seen: set[str] = set()
    for index, scenario in enumerate(scenarios.scenarios):
        path: Path = ("scenarios", index)
        if scenario.id in seen:
            yield (*path, "id"), f"{scenario.id} is the id of an earlier scenario"
        seen.add(scenario.id)
        yield from _check_times(path, scenario)
        if scenario.rule is not None and scenario.rule not in rules:
            yield (*path, "rule"), unknown_name("rule", scenario.rule, rules)
        for key, entries in (("expect", scenario.expect), ("actions", scenario.actions)):
            for number, entry in enumerate(entries):
                for field in entry.__struct_fields__:
                    name = getattr(entry, field)
                    if field != "at" and name is not None and name not in rules:
                        yield (*path, key, number, field), unknown_name("rule", name, rules)
        for number, sample in enumerate(scenario.samples):
            yield from _check_sample((*path, "samples", number), sample)


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
