"""Documents become rules: each limit and condition a function from a bed to a verdict, with its delays beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType

from rules.beds import HEARD_MS, STALE_MS, Answer, BedState, Limits, Verdict
from rules.documents import RULE_FAILED, Condition, ExtremeTier, Limit, Night, RuleSet
from rules.expressions import Expression, parse
from rules.nodes import Truth
from rules.schedules import Schedule, schedule
from rules.scopes import Scope
from vitals.alarms import Kind, Priority
from vitals.errors import UsageError
from vitals.identity import BedKey
from vitals.parameters import PARAMETERS

Judge = Callable[[BedState], Verdict]

# How long an acknowledgement stands while the condition goes on. An acknowledged alarm that is never told again is an
# alarm switched off (facts of IEC 60601-1-8: every inactivation ends by itself or is restricted); the graver, the
# sooner somebody must look again. Seed values, to be approved with the rules.
ACKNOWLEDGED_FOR_MS: dict[Priority, int] = {"high": 300_000, "medium": 900_000, "low": 3_600_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The second bound of a limit: beyond it for `onset_delay`, the same alarm has a higher priority."""

    bound: float
    priority: Priority
    onset_delay: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, ready to judge."""

    id: str
    kind: Kind
    priority: Priority
    message: str
    judge: Judge
    onset_delay: int
    off_delay: int
    gap: int  # unknown for longer than this, a running delay starts anew
    latches: bool = False
    bound: float | None = None
    side: str = ""
    limit_of: tuple[str, ...] = ()  # the parameters a limit judges, the preferred one first
    reads: frozenset[str] = frozenset()  # the parameters whose values a condition reads
    absences: tuple[tuple[str, int], ...] = ()
    silences: tuple[int, ...] = ()
    holds: tuple[tuple[str, int], ...] = ()  # the parts of its expression that must last, and for how long
    flags: bool = False
    scored: bool = False  # its answer follows from scores and from nothing else, so that it changes with them only
    acknowledged_for: int = ACKNOWLEDGED_FOR_MS["medium"]
    extreme: Extreme | None = None  # Verdict.extreme says whether its bound is passed now
    entries: frozenset[str] = frozenset()  # the staff entries it reads
    hours: Schedule | None = None  # in force only then; the judge itself looks at it
    night: tuple[float, Schedule] | None = None  # another bound of a limit, and when
    scope: Scope | None = None  # at these beds only; compile_rules leaves it out elsewhere
    inputs: tuple[str, ...] = field(init=False)  # every parameter it looks at, in order

    def __post_init__(self) -> None:
        absent = (parameter for parameter, _ in self.absences)
        object.__setattr__(self, "inputs", tuple(sorted({*self.reads, *self.limit_of, *absent})))

    @property
    def timed(self) -> bool:
        """Whether the passing of time alone can change its answer."""
        return bool(self.absences or self.silences or self.holds or self.hours or self.night)

    @property
    def inner(self) -> float | None:
        """The bound that is met first, by day or by night."""
        if self.bound is None or self.night is None:
            return self.bound
        return max(self.bound, self.night[0]) if self.side == "low" else min(self.bound, self.night[0])

    def bound_at(self, now: int) -> float | None:
        """The bound in force at `now`; None outside its hours."""
        if self.hours is not None and not self.hours.holds(now):
            return None
        return self.night[0] if self.night is not None and self.night[1].holds(now) else self.bound

    def moments(self, bed: BedState) -> list[int]:
        """When its answer may change though nothing more is heard: an absence, a silence, a part that lasts, hours."""
        moments: list[int] = []
        for parameter, duration in self.absences:
            seen = [source.seen[parameter] for source in bed.sources.values() if parameter in source.seen]
            if seen:
                moments.append(max(seen) + duration)
        for duration in self.silences:
            moments += [bed.last_heard(source) + duration for source in bed.sources.values() if not source.hidden]
        for key, duration in self.holds:
            held = bed.holds.get(key)
            if held is not None and held.since is not None:
                moments.append(held.since + duration)
        if self.hours is not None:
            moments.append(self.hours.next_change(bed.now))
        if self.night is not None:
            moments.append(self.night[1].next_change(bed.now))
        return moments


def compile_rules(
    sets: Sequence[RuleSet],
    bounds: Mapping[str, float] = MappingProxyType({}),
    bed: BedKey | None = None,
    tags: Collection[str] = (),
    profile: str = "",
) -> list[Rule]:
    """Every rule of the sets in order, the engine's own `rule-failed` last. Raises UsageError for a repeated id.

    `bounds` replaces the bound of a limit by its id, and that of its extreme tier by `id.extreme`. With a `bed`, rules
    whose scope does not include it are left out; without one, all are there.
    """
    rules: list[Rule] = []
    owner: dict[str, str] = {}
    limits: dict[tuple[str, str], list[Callable[[int], float | None]]] = {}
    asked: list[tuple[str, str, str]] = []
    for rule_set in sets:
        tables = rule_set.tables
        compiled = [_limit(limit, bounds, rule_set.time_zone) for limit in rule_set.limits]
        for condition in rule_set.conditions:
            expression = parse(condition.when, tables)
            asked += [(condition.id, parameter, side) for parameter, side, _ in expression.limits]
            compiled.append(_condition(condition, expression, limits, rule_set.time_zone))
        for rule in compiled:
            if rule.id in owner:
                raise UsageError(
                    f"rule {rule.id} is in set {owner[rule.id]} and again in set {rule_set.id}; "
                    "rename one, or use one of the sets only"
                )
            owner[rule.id] = rule_set.id
        rules += compiled
    _refuse_unknown_limits(asked, rules)
    here = [rule for rule in rules if bed is None or rule.scope is None or rule.scope.includes(bed, tags, profile)]
    for rule in here:
        for parameter in rule.limit_of:
            limits.setdefault((parameter, rule.side), []).append(rule.bound_at)
    return [*here, _FAILED]


def _refuse_unknown_limits(asked: Iterable[tuple[str, str, str]], rules: Sequence[Rule]) -> None:
    for rule, parameter, side in asked:
        if not any(parameter in other.limit_of and other.side == side for other in rules):
            raise UsageError(
                f"rule {rule} asks for limit({parameter}, {side}), but no rule set in use has a {side} limit of "
                f"{parameter}; add one, or compare with a number"
            )


def quiet_bands(rules: Iterable[Rule]) -> dict[str, tuple[float, float]]:
    """For each parameter with limits: the span in which none of them can begin."""
    bands: dict[str, tuple[float, float]] = {}
    for rule in rules:
        for parameter in rule.limit_of:
            low, high = bands.get(parameter, (-inf, inf))
            assert rule.inner is not None
            bands[parameter] = (max(low, rule.inner), high) if rule.side == "low" else (low, min(high, rule.inner))
    return bands


def _limit(limit: Limit, bounds: Mapping[str, float], zone: str) -> Rule:
    parameters = (limit.parameter,) if limit.fallback is None else (limit.parameter, limit.fallback)
    bound = bounds.get(limit.id, limit.bound)
    # Who set this bed's bound meant the day and the night: it takes the place of both.
    by_night = None if limit.night is None or limit.id in bounds else limit.night
    night = None if by_night is None else (_bound(by_night), schedule(by_night.hours, zone))
    extreme = _extreme(limit, bounds)
    hours = _hours(limit, zone)
    return Rule(
        id=limit.id,
        kind=limit.kind,
        priority=limit.priority,
        message=limit.message,
        judge=_judge_limit(limit, parameters, bound, night, extreme, hours),
        onset_delay=limit.for_,
        off_delay=limit.off_delay,
        gap=max(STALE_MS[parameter] for parameter in parameters),
        latches=limit.latches,
        bound=bound,
        side=limit.side,
        limit_of=parameters,
        acknowledged_for=_acknowledged_for(limit),
        extreme=extreme,
        hours=hours,
        night=night,
        scope=limit.scope,
    )


def _extreme(limit: Limit, bounds: Mapping[str, float]) -> Extreme | None:
    tier = limit.extreme
    if tier is None:
        return None
    bound = bounds.get(f"{limit.id}.extreme", _bound(tier))
    return Extreme(bound=bound, priority=tier.priority, onset_delay=tier.for_, message=tier.message or limit.message)


def _bound(tier: ExtremeTier | Night) -> float:
    assert tier.bound is not None
    return tier.bound


def _hours(rule: Limit | Condition, zone: str) -> Schedule | None:
    if rule.only is not None:
        return schedule(rule.only, zone)
    return None if rule.except_ is None else schedule(rule.except_, zone, inverted=True)


def _acknowledged_for(rule: Limit | Condition) -> int:
    return ACKNOWLEDGED_FOR_MS[rule.priority] if rule.acknowledged_for is None else int(rule.acknowledged_for)


def _judge_limit(
    limit: Limit,
    parameters: tuple[str, ...],
    by_day: float,
    night: tuple[float, Schedule] | None,
    extreme: Extreme | None,
    hours: Schedule | None,
) -> Judge:
    """The worst fresh value of the first parameter that has one decides."""
    low, hysteresis = limit.side == "low", limit.hysteresis

    def judge(bed: BedState) -> Verdict:
        now = bed.now
        if hours is not None and not hours.holds(now):
            return Verdict(Answer.GONE, now)
        bound = night[0] if night is not None and night[1].holds(now) else by_day
        for parameter in parameters:
            worst: float | None = None
            source_name, seen = "", 0
            for source in bed.sources.values():
                value = source.fresh(parameter, now)
                if value is None or (worst is not None and (value >= worst if low else value <= worst)):
                    continue
                worst, source_name, seen = value, source.name, source.seen[parameter]
            if worst is None:
                continue
            if worst < bound if low else worst > bound:
                if extreme is not None and (worst < extreme.bound if low else worst > extreme.bound):
                    return Verdict(Answer.HOLDS, seen, parameter, worst, source_name, extreme.bound, True)
                answer = Answer.HOLDS
            else:
                # 35.1 + 0.2 is a little more than the 35.3 a thermometer shows.
                clear = round(bound + hysteresis if low else bound - hysteresis, 6)
                answer = Answer.GONE if (worst >= clear if low else worst <= clear) else Answer.BETWEEN
            return Verdict(answer, seen, parameter, worst, source_name, bound)
        return Verdict(Answer.UNKNOWN, now)

    return judge


def _condition(condition: Condition, expression: Expression, limits: Limits, zone: str) -> Rule:
    hours = _hours(condition, zone)
    return Rule(
        id=condition.id,
        kind=condition.kind,
        priority=condition.priority,
        message=condition.message,
        judge=_judge_condition(expression.evaluate, expression.until, limits, hours),
        onset_delay=condition.for_,
        off_delay=condition.off_delay,
        gap=max((STALE_MS[parameter] for parameter in expression.parameters), default=HEARD_MS),
        latches=condition.latches,
        reads=expression.parameters,
        entries=expression.entries,
        absences=expression.absences,
        silences=expression.silences,
        holds=expression.holds,
        flags=expression.flags,
        scored=expression.scored and hours is None,
        acknowledged_for=_acknowledged_for(condition),
        hours=hours,
        scope=condition.scope,
    )


def _judge_condition(evaluate: Truth, until: Truth | None, limits: Limits, hours: Schedule | None) -> Judge:
    """True is an alarm; false is its end, or with `until` the state in between, until that is true."""
    answers = {True: Answer.HOLDS, False: Answer.GONE if until is None else Answer.BETWEEN, None: Answer.UNKNOWN}

    def judge(bed: BedState) -> Verdict:
        bed.device = ""
        bed.limits = limits
        truth = evaluate(bed)
        device = bed.device
        over = until is not None and until(bed)  # always asked: it may have to see every value
        if hours is not None and not hours.holds(bed.now):
            return Verdict(Answer.GONE, bed.now)
        if over and not truth:
            return Verdict(Answer.GONE, bed.now)
        return Verdict(answers[truth], bed.now, source=device if truth else "")

    return judge


def _judge_failed(bed: BedState) -> Verdict:
    return Verdict(Answer.HOLDS if bed.off else Answer.GONE, bed.now)


_FAILED = Rule(
    id=RULE_FAILED,
    kind="technical",
    priority="medium",
    message="A rule failed at this bed and is switched off",
    judge=_judge_failed,
    onset_delay=0,
    off_delay=0,
    gap=HEARD_MS,
)

UNITS = {name: parameter.unit for name, parameter in PARAMETERS.items()}
