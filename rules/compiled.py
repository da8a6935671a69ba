"""Documents become rules: each limit and condition a function from a bed to a verdict, with its delays beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

from rules.beds import HEARD_MS, STALE_MS, Answer, BedState, Verdict
from rules.documents import RULE_FAILED, Condition, Limit, RuleSet
from rules.expressions import parse
from rules.schedules import Schedule
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
    flags: bool = False
    acknowledged_for: int = ACKNOWLEDGED_FOR_MS["medium"]
    extreme: Extreme | None = None  # Verdict.extreme says whether its bound is passed now
    entries: frozenset[str] = frozenset()  # the staff entries it reads
    schedule: Schedule | None = None  # in force at these hours only; the judge itself looks at it
    scope: Scope | None = None  # at these beds only; compile_rules leaves it out elsewhere

    @property
    def timed(self) -> bool:
        """Whether the passing of time alone can make it true."""
        return bool(self.absences or self.silences)

    @property
    def inputs(self) -> frozenset[str]:
        """Every parameter it looks at."""
        return self.reads | frozenset(self.limit_of) | {parameter for parameter, _ in self.absences}


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
    for rule_set in sets:
        compiled = [*map(_limit, rule_set.limits), *map(_condition, rule_set.conditions)]
        for rule in compiled:
            if rule.id in owner:
                raise UsageError(
                    f"rule {rule.id} is in set {owner[rule.id]} and again in set {rule_set.id}; "
                    "rename one, or use one of the sets only"
                )
            owner[rule.id] = rule_set.id
        rules += compiled
    return [*rules, _FAILED]


def quiet_bands(rules: Iterable[Rule]) -> dict[str, tuple[float, float]]:
    """For each parameter with limits: the span in which none of them can begin."""
    bands: dict[str, tuple[float, float]] = {}
    for rule in rules:
        for parameter in rule.limit_of:
            low, high = bands.get(parameter, (-inf, inf))
            assert rule.bound is not None
            bands[parameter] = (max(low, rule.bound), high) if rule.side == "low" else (low, min(high, rule.bound))
    return bands


def _limit(limit: Limit) -> Rule:
    parameters = (limit.parameter,) if limit.fallback is None else (limit.parameter, limit.fallback)
    return Rule(
        id=limit.id,
        kind=limit.kind,
        priority=limit.priority,
        message=limit.message,
        judge=_judge_limit(limit, parameters),
        onset_delay=limit.for_,
        off_delay=limit.off_delay,
        gap=max(STALE_MS[parameter] for parameter in parameters),
        latches=limit.latches,
        bound=limit.bound,
        side=limit.side,
        limit_of=parameters,
        acknowledged_for=ACKNOWLEDGED_FOR_MS[limit.priority],
    )


def _judge_limit(limit: Limit, parameters: tuple[str, ...]) -> Judge:
    """The worst fresh value of the first parameter that has one decides."""
    bound, low = limit.bound, limit.side == "low"
    # 35.1 + 0.2 is a little more than the 35.3 a thermometer shows.
    clear = round(bound + limit.hysteresis if low else bound - limit.hysteresis, 6)

    def judge(bed: BedState) -> Verdict:
        for parameter in parameters:
            worst: float | None = None
            source_name, seen = "", 0
            for source in bed.sources.values():
                value = source.fresh(parameter, bed.now)
                if value is None or (worst is not None and (value >= worst if low else value <= worst)):
                    continue
                worst, source_name, seen = value, source.name, source.seen[parameter]
            if worst is None:
                continue
            if worst < bound if low else worst > bound:
                answer = Answer.HOLDS
            else:
                answer = Answer.GONE if (worst >= clear if low else worst <= clear) else Answer.BETWEEN
            return Verdict(answer, seen, parameter, worst, source_name)
        return Verdict(Answer.UNKNOWN, bed.now)

    return judge


def _condition(condition: Condition) -> Rule:
    expression = parse(condition.when)
    return Rule(
        id=condition.id,
        kind=condition.kind,
        priority=condition.priority,
        message=condition.message,
        judge=_judge_condition(expression.evaluate),
        onset_delay=condition.for_,
        off_delay=condition.off_delay,
        gap=max((STALE_MS[parameter] for parameter in expression.parameters), default=HEARD_MS),
        latches=condition.latches,
        reads=expression.parameters,
        absences=expression.absences,
        silences=expression.silences,
        flags=expression.flags,
        acknowledged_for=ACKNOWLEDGED_FOR_MS[condition.priority],
    )


def _judge_condition(evaluate: Callable[[BedState], bool | None]) -> Judge:
    answers = {True: Answer.HOLDS, False: Answer.GONE, None: Answer.UNKNOWN}

    def judge(bed: BedState) -> Verdict:
        bed.device = ""
        truth = evaluate(bed)
        return Verdict(answers[truth], bed.now, source=bed.device if truth else "")

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
