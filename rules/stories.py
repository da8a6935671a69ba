"""Stories: a scenario happens on a virtual clock, and what is told is held against what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rules.beds import Entry
from rules.chain import Chain, Override
from rules.documents import RuleSet
from rules.engine import Bed, Engine
from rules.library import read_set
from rules.machine import Refused
from rules.paging import Paging
from rules.profiles import Profiles, bed_scope
from rules.rotas import Plan
from rules.scenarios import PAGED, TICK_MS, Action, Sample, Scenario, Told
from vitals.alarms import AlarmEvent
from vitals.entries import read_entry, valid_until
from vitals.identity import BedKey
from vitals.readings import Record

_BED = BedKey("scenario", "1")
_GATEWAY = "scenario"
_BY = "scenario"


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
        expected, told = self.expected, self.told
        return len(expected) == len(told) and all(map(_meets, told, expected))

    def timeline(self) -> list[str]:
        """Expected and told in one list by time: ' ' both, '-' expected only, '+' told only."""
        lines: list[tuple[int, str]] = []
        left = list(self.told)
        for event in self.expected:
            found = next((told for told in left if _meets(told, event)), None)
            if found is not None:
                left.remove(found)
            lines.append((event.at, f"{'-' if found is None else ' '} {event}"))
        lines += [(event.at, f"+ {event}") for event in left]
        return [line for _, line in sorted(lines, key=lambda entry: entry[0])] or ["  nothing"]


def run(rule_set: RuleSet, scenario: Scenario, plan: Plan | None = None) -> Outcome:
    """Let the story happen, at the hub's own pace."""
    return _Story(rule_set, scenario, plan).run()


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


class _Story:
    """One bed with its chain of limits, its devices and, where there is a plan, its pagers."""

    def __init__(self, rule_set: RuleSet, scenario: Scenario, plan: Plan | None) -> None:
        self._scenario = scenario
        self._devices = sorted({sample.device for sample in scenario.samples})
        self._chain = Chain(Profiles(sets={rule_set.id: rule_set}, default=rule_set.id, beds={_BED: ()}))
        self._engine = Engine([rule_set], [Bed(_BED, tuple(f"{_GATEWAY}/{device}" for device in self._devices))])
        self._entries: dict[str, Entry] = {}
        self._paging = None if plan is None else Paging(plan)
        self._told: list[Told] = []
        self._start = scenario.start
        # Nothing is due yet: whatever is set now is announced with the first moment.
        self._early = self._set(scenario.limits, None, self._start) if scenario.limits else []
        if scenario.entries:
            self._early += self._enter(scenario.entries, self._start)

    def run(self) -> Outcome:
        """Moment by moment to the end."""
        scenario = self._scenario
        for moment in range(0, scenario.until + 1, TICK_MS):
            now = self._start + moment
            events, self._early = self._early, []
            if moment % scenario.every < TICK_MS:
                events += self._send(moment, now)
            events += self._engine.advance(now)
            if self._chain.expire(now):
                events += self._rebook(now)
            for action in scenario.actions:
                if moment <= action.at < moment + TICK_MS:
                    events += self._act(action, now)
            self._told += [Told(moment, one.change, one.alarm.rule, one.alarm.priority) for one in events]
            self._page(events, moment, now)
        return Outcome(scenario, tuple(sorted(self._told)))

    def _send(self, moment: int, now: int) -> list[AlarmEvent]:
        events: list[AlarmEvent] = []
        for device in self._devices:
            sample = _sample(self._scenario, device, moment)
            if sample is not None and not sample.silent:
                events += self._engine.observe(_BED, f"{_GATEWAY}/{device}", _record(sample, moment, now), now)
        return events

    def _act(self, action: Action, now: int) -> list[AlarmEvent]:
        """What a person does; to be refused is told by no event."""
        engine = self._engine
        try:
            if action.acknowledge or action.reset:
                act = engine.acknowledge if action.acknowledge else engine.reset
                rule = action.acknowledge or action.reset
                alarms = [alarm for alarm in engine.alarms(_BED) if alarm.rule == rule]
                return act(alarms[0].id, _BY, "", now) if alarms else []
            if action.pause_audio is not None:
                return engine.pause_audio(_BED, _BY, "scenario", now + action.pause_audio, now)
            if action.pause_alarms is not None:
                return engine.pause_alarms(_BED, _BY, "scenario", now + action.pause_alarms, now)
            if action.resume_alarms is not None:
                return engine.resume_alarms(_BED, _BY, "", now)
            if action.gateway is not None:
                return engine.gateway_down(_GATEWAY, action.gateway == "down", now)
            if action.enter is not None:
                return self._enter(action.enter, now)
            if action.clear_limit is not None:
                self._chain.clear(bed_scope(_BED), action.clear_limit, {}, now)
                return self._rebook(now)
            return self._set(action.set_limit or {}, action.for_, now)
        except (Refused, ValueError):
            return []

    def _set(self, bounds: dict[str, float], duration: int | None, now: int) -> list[AlarmEvent]:
        expires = None if duration is None else now + duration
        for rule, bound in bounds.items():
            override = Override(
                scope=bed_scope(_BED), rule=rule, bound=bound, by=_BY, reason="scenario", set_at=now, expires=expires
            )
            self._chain.set(override, {}, now)
        return self._rebook(now)

    def _rebook(self, now: int) -> list[AlarmEvent]:
        return self._engine.rebook(_BED, self._chain.book(_BED, "", now), now)

    def _enter(self, entries: dict[str, float | str | None] | dict[str, float | str], now: int) -> list[AlarmEvent]:
        for name, value in entries.items():
            if value is None:
                self._entries.pop(name, None)
            else:
                self._entries[name] = Entry(read_entry(name, value), now, valid_until(name, now))
        return self._engine.enter(_BED, dict(self._entries), now)

    def _page(self, events: Sequence[AlarmEvent], moment: int, now: int) -> None:
        """Every page arrives at once: who does not answer is what the story is about."""
        if self._paging is None:
            return
        for event in events:
            self._paging.take(event, now)
        for send in self._paging.advance(now):
            self._told.append(Told(moment, PAGED, send.recipient))
            self._paging.sent(send.delivery, now)
            self._paging.received(send.delivery, send.recipient, now)


def _meets(told: Told, expected: Told) -> bool:
    return told[:3] == expected[:3] and expected.priority in ("", told.priority)


def _raises(told: Told, rule: str) -> bool:
    return told.rule == rule and told.change == "raised"


def _sample(scenario: Scenario, device: str, moment: int) -> Sample | None:
    """The entry in force; None before the device's first."""
    entries = [sample for sample in scenario.samples if sample.device == device and sample.at <= moment]
    return entries[-1] if entries else None


def _record(sample: Sample, moment: int, now: int) -> Record:
    return Record(
        seq=moment + 1,
        device=sample.device,
        time=now,
        values=dict(sample.values),
        flags=dict(sample.missing),
        states=tuple(sorted(sample.states)),
    )
