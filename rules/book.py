"""A book: the rules in force at a bed, with the indexes that say which of them a record can concern."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rules.beds import Answer, BedState, Verdict
from rules.cases import ALWAYS
from rules.compiled import ACKNOWLEDGED_FOR_MS, Judge, Rule, quiet_bands
from rules.documents import RULE_FAILED
from rules.faults import DRILL_MS, FAULTS
from vitals.alarms import Priority
from vitals.drills import DRILL


class Book:
    """Rules and their indexes. Never changed: another limit is another book."""

    __slots__ = (
        "_order",
        "bands",
        "conditions",
        "flag_rules",
        "limits_of",
        "read",
        "readers_of",
        "rules",
        "scorers",
        "scorers_of",
        "timed",
    )

    def __init__(self, rules: Sequence[Rule]) -> None:
        ordered = {rule.id: rule for rule in rules}
        self.rules: dict[str, Rule] = {**ordered, **{id_: rule for id_, rule in BUILT_IN.items() if id_ not in ordered}}
        self._order = {id_: number for number, id_ in enumerate(self.rules)}
        self.bands = quiet_bands(rules)
        self.limits_of = _by_parameter((rule.id, rule.limit_of) for rule in rules)
        self.readers_of = _by_parameter((rule.id, rule.reads) for rule in rules if not rule.scored)
        self.read = frozenset(self.readers_of)
        self.scorers = frozenset(rule.id for rule in rules if rule.scored)
        self.scorers_of = _by_parameter((rule.id, rule.reads) for rule in rules if rule.scored)
        self.conditions = tuple(rule.id for rule in rules if not rule.limit_of and rule.id != RULE_FAILED)
        self.flag_rules = tuple(id_ for id_ in self.conditions if self.rules[id_].flags)
        self.timed = frozenset(rule.id for rule in rules if rule.timed)

    def in_order(self, ids: Collection[str]) -> list[str]:
        """The rules of these ids as they stand in the documents, which is the order of judgement."""
        return sorted(ids, key=self._order.__getitem__) if len(ids) > 1 else list(ids)


def compile_book(rules: Sequence[Rule]) -> Book:
    """Make the indexes of what `compile_rules` gave."""
    return Book(rules)


def _by_parameter(pairs: Iterable[tuple[str, Iterable[str]]]) -> dict[str, tuple[str, ...]]:
    ids: dict[str, list[str]] = {}
    for id_, parameters in pairs:
        for parameter in parameters:
            ids.setdefault(parameter, []).append(id_)
    return {parameter: tuple(found) for parameter, found in ids.items()}


def _told(rule: str) -> Judge:
    def judge(bed: BedState) -> Verdict:
        told = bed.told.get(rule)
        if told is None or told.holds is None:
            return Verdict(Answer.UNKNOWN, bed.now)
        holds = told.holds and (told.until is None or bed.now < told.until)
        return Verdict(Answer.HOLDS if holds else Answer.GONE, bed.now, source=told.device if holds else "")

    return judge


def _built_in(rule: str, priority: Priority, message: str, onset_delay: int = 0, off_delay: int = 0) -> Rule:
    return Rule(
        id=rule,
        kind="technical",
        priority=priority,
        message=message,
        judge=_told(rule),
        onset_delay=onset_delay,
        off_delay=off_delay,
        gap=ALWAYS,
        acknowledged_for=DRILL_MS if rule == DRILL else ACKNOWLEDGED_FOR_MS["low"],
    )


BUILT_IN: dict[str, Rule] = {
    DRILL: _built_in(DRILL, "high", "TEST of the alarm path, no patient is concerned"),
    **{id_: _built_in(id_, *fault) for id_, fault in FAULTS.items()},
}
"""The alarms every place has beside the rules of its documents."""
