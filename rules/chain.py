"""The chain of limits: the profile of a bed, and what was set over it for the ward, the bed and the patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from rules.book import Book, compile_book
from rules.bounds import Bound, bounds_of, problems
from rules.compiled import Rule, compile_rules
from rules.documents import Limit, RuleSet
from rules.expressions import unknown_name
from rules.profiles import Profiles, bed_scope, patient_scope, ward_scope
from vitals.identity import BedKey

BOOKS = 2_000  # compiled books kept; past that, those nobody asked for lately would only fill the memory

Patients = Mapping[BedKey, str]
"""Who lies in which bed now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Another value for one bound, for a ward, a bed or a patient. `rule` may be `id.extreme`.

    One of a ward or bed belongs to the `profile` it was set in: where another profile is in force it rests, because
    50 /min that an adult needs is no limit for a newborn. One of a patient goes where the patient goes.
    """

    scope: str
    rule: str
    bound: float
    by: str
    reason: str
    set_at: int
    expires: int | None = None
    profile: str = ""

    def stands(self, now: int) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The profile somebody chose for a ward, a bed or a patient, over the one in the settings."""

    scope: str
    profile: str
    by: str
    reason: str
    set_at: int


class Link(NamedTuple):
    """One link of the chain of one bound. `value` None: it says nothing of this bound."""

    where: str
    value: float
    in_force: bool
    by: str = ""
    reason: str = ""
    set_at: int | None = None
    expires: int | None = None
    note: str = ""


class Explained(NamedTuple):
    """One bound at one bed: its value in force, and every link from the profile to the patient."""

    rule: str
    parameter: str
    side: str
    value: float
    unit: str
    priority: str
    message: str
    hours: str  # when it takes the place of the limit's own bound; empty: at all hours but those
    links: tuple[Link, ...]


class InForce(NamedTuple):
    """All that somebody without the chain needs to judge a bed. The first phase is of now, the others are to come."""

    profile: str
    sets: tuple[RuleSet, ...]
    tags: tuple[str, ...]
    phases: tuple[tuple[int, dict[str, float]], ...]  # from when on, and the bounds that differ from the profile


class Chain:
    """Profiles and overrides of a hub; answers which book each bed is judged by.

    Whatever changes it raises ValueError with a sentence, and then changes nothing.
    """

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._overrides: dict[str, dict[str, Override]] = {}  # by scope, then by rule
        self._choices: dict[str, Choice] = {}
        self._books: dict[tuple[object, ...], Book] = {}
        self._compiled: dict[str, list[Rule]] = {}

    # What is in force --------------------------------------------------------------------------------------------

    @property
    def beds(self) -> list[BedKey]:
        """Every bed."""
        return list(self._profiles.beds)

    @property
    def names(self) -> list[str]:
        """The profiles that may be chosen."""
        return sorted(self._profiles.sets)

    def profile(self, bed: BedKey, patient: str = "") -> str:
        """The profile of a bed: its patient's, else its own, else its ward's, else the default.

        What was chosen goes before settings.
        """
        own = self._choices.get(patient_scope(patient)) if patient else None
        if own is not None and own.profile in self._profiles.sets:
            return own.profile
        for scope in (bed_scope(bed), ward_scope(bed)):
            choice = self._choices.get(scope)
            if choice is not None and choice.profile in self._profiles.sets:
                return choice.profile
            if scope in self._profiles.placed:
                return self._profiles.placed[scope]
        return self._profiles.default

    def bounds(self, bed: BedKey, patient: str, now: int) -> dict[str, float]:
        """The bounds at a bed that differ from its profile, by name. `patient` is empty for an empty bed."""
        profile = self.profile(bed, patient)
        names = bounds_of(self._limits(bed, patient), {})
        found: dict[str, float] = {}
        for scope in _scopes(bed, patient):
            for override in self._overrides.get(scope, {}).values():
                if override.rule in names and override.stands(now) and not _rests(override, profile):
                    found[override.rule] = override.bound
        return found

    def book(self, bed: BedKey, patient: str, now: int) -> Book:
        """The rules of a bed as they are now. Beds with the same rules and bounds share one book."""
        profile, bounds = self.profile(bed, patient), self.bounds(bed, patient, now)
        scoped = any(rule.scope is not None for rule in self._rules(profile))
        key = (profile, tuple(sorted(bounds.items())), bed if scoped else None)
        book = self._books.get(key)
        if book is None:
            if len(self._books) >= BOOKS:
                self._books.clear()
            tags = self._profiles.beds.get(bed, ())
            rules = compile_rules(self._profiles.rule_sets(profile), bounds, bed, tags, profile)
            book = self._books[key] = compile_book(rules)
        return book

    def in_force(self, bed: BedKey, patient: str, now: int) -> InForce:
        """What a bed is judged by from `now` on, if nobody changes anything."""
        profile = self.profile(bed, patient)
        here = (one for scope in _scopes(bed, patient) for one in self._overrides.get(scope, {}).values())
        moments = (now, *sorted({one.expires for one in here if one.expires is not None and one.expires > now}))
        phases = tuple((moment, self.bounds(bed, patient, moment)) for moment in moments)
        return InForce(profile, self._profiles.rule_sets(profile), self._profiles.beds.get(bed, ()), phases)

    def explain(self, bed: BedKey, patient: str, name: str, now: int) -> list[Explained]:
        """Every bound of a parameter or a rule at a bed, with its chain. Raises ValueError for a name nobody knows."""
        found = self.explain_all(bed, patient, now)
        matching = [one for one in found if name in (one.rule, one.parameter, _rule(one.rule))]
        if not matching:
            chosen = bounds_of(self._limits(bed, patient), {})
            known = {bound.parameter for bound in chosen.values()} | set(chosen)
            unknown = unknown_name("parameter or limit", name, known)
            raise ValueError(f"{unknown} at {bed} (profile {self.profile(bed, patient)})")
        return matching

    def explain_all(self, bed: BedKey, patient: str, now: int) -> list[Explained]:
        """Every bound in force at a bed, with its chain."""
        limits = self._limits(bed, patient)
        in_force, chosen = bounds_of(limits, self.bounds(bed, patient, now)), bounds_of(limits, {})
        return [self._explained(chosen[name], bed, patient, now) for name in in_force]

    def next_expiry(self) -> int | None:
        """When the next override expires; it may lie in the past."""
        return min((one.expires for one in self._all() if one.expires is not None), default=None)

    def reach(self, scope: str, patients: Patients) -> list[BedKey]:
        """The beds a scope is about now."""
        return [bed for bed in self._profiles.beds if scope in _scopes(bed, patients.get(bed, ""))]

    def problems(self, patients: Patients, now: int) -> list[str]:
        """What is wrong with the chain as it stands: what no file says alone."""
        found = [f"{scope}: {_unknown_profile(name, self._profiles)}" for scope, name in self._astray()]
        found += [sentence for bed in self._profiles.beds for sentence in self._conflicts(bed, patients, now)]
        for override in self._all():
            beds = self.reach(override.scope, patients)
            limits = [bounds_of(self._limits(bed, patients.get(bed, "")), {}) for bed in beds]
            if beds and all(override.rule not in known for known in limits):
                found.append(f"{override.scope}: the limit {override.rule} is in no profile in force there")
            elif beds and all(_rests(override, self.profile(bed, patients.get(bed, ""))) for bed in beds):
                found.append(f"{override.scope}: {override.rule} rests, it was set for profile {override.profile}")
        return found

    # What changes it ---------------------------------------------------------------------------------------------

    def set(self, override: Override, patients: Patients, now: int) -> Override:
        """Put an override in force; it as it stands."""
        beds = self._must_reach(override.scope, patients)
        if not override.reason.strip():
            raise ValueError("say why: a limit is changed with a reason only")
        if override.expires is not None and override.expires <= now:
            raise ValueError("the time at which this limit would expire has passed already")
        profile = self._profile_of(override.scope, beds, patients)
        lying = {bed: patients.get(bed, "") for bed in beds}
        judged = [bed for bed in beds if self.profile(bed, lying[bed]) == profile]
        limits = [limit for bed in judged for limit in self._limits(bed, lying[bed])]
        known = {name: bound for name, bound in bounds_of(limits, {}).items() if not bound.hours}
        if override.rule not in known:
            raise ValueError(self._unknown_limit(override.rule, profile, known))
        override = replace(override, profile="" if override.scope.startswith("patient/") else profile)
        self._change(beds, patients, now, override=override)
        return override

    def clear(self, scope: str, rule: str, patients: Patients, now: int) -> Override:
        """Take an override back; what stands above it is in force again."""
        known = self._overrides.get(scope, {}).get(rule)
        if known is None:
            raise ValueError(f"{scope} has no limit of its own for {rule}")
        self._change(self.reach(scope, patients), patients, now, gone=known)
        return known

    def choose(self, choice: Choice, patients: Patients, now: int) -> list[BedKey]:
        """Judge a ward or a bed by another profile; empty: by what stands above it. The beds concerned."""
        beds = self._must_reach(choice.scope, patients)
        if choice.profile and choice.profile not in self._profiles.sets:
            raise ValueError(_unknown_profile(choice.profile, self._profiles))
        if not choice.reason.strip():
            raise ValueError("say why: a profile is changed with a reason only")
        lying = {bed: patients.get(bed, "") for bed in beds}
        before = {bed: self.profile(bed, lying[bed]) for bed in beds}
        self._change(beds, patients, now, choice=choice)
        return [bed for bed in beds if self.profile(bed, lying[bed]) != before[bed]]

    def expire(self, now: int) -> list[Override]:
        """Drop what has expired."""
        gone = [override for override in self._all() if not override.stands(now)]
        for override in gone:
            self._drop(override)
        return gone

    def discharge(self, patient: str) -> list[Override | Choice]:
        """Drop what was set and chosen for a patient."""
        scope = patient_scope(patient)
        choice = self._choices.pop(scope, None)
        return [*self._overrides.pop(scope, {}).values(), *([choice] if choice is not None else [])]

    def swap(self, profiles: Profiles, patients: Patients, now: int) -> list[BedKey]:
        """Take other rule sets; the beds whose rules differ. Raises ValueError if a limit set here objects."""
        old = self._profiles
        before = {bed: self._judged_by(bed, patients) for bed in old.beds}
        known = {text for bed in old.beds for text in self._conflicts(bed, patients, now)}
        self._take(profiles)
        new = [text for bed in profiles.beds for text in self._conflicts(bed, patients, now) if text not in known]
        if new:
            self._take(old)
            raise ValueError("\n".join(new))
        return [bed for bed in profiles.beds if before.get(bed) != self._judged_by(bed, patients)]

    def put(self, kept: Override | Choice) -> None:
        """Take what was in force before a restart, unchecked: `problems` says what is wrong with it."""
        if isinstance(kept, Override):
            self._overrides.setdefault(kept.scope, {})[kept.rule] = kept
        elif kept.profile:
            self._choices[kept.scope] = kept
        else:
            self._choices.pop(kept.scope, None)

    def drop(self, scope: str, rule: str) -> None:
        """Forget an override if there is one, unchecked as `put` takes it."""
        known = self._overrides.get(scope, {}).get(rule)
        if known is not None:
            self._drop(known)

    def _take(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._books.clear()
        self._compiled.clear()

    # How it is checked -------------------------------------------------------------------------------------------

    def _change(
        self,
        beds: Iterable[BedKey],
        patients: Patients,
        now: int,
        override: Override | None = None,
        gone: Override | None = None,
        choice: Choice | None = None,
    ) -> None:
        """Make one change, unless it brings two limits of a bed into conflict, now or at an expiry to come."""
        beds = list(beds)
        before = {text for bed in beds for text in self._conflicts(bed, patients, now)}
        overrides, choices = {scope: dict(rules) for scope, rules in self._overrides.items()}, dict(self._choices)
        for new in (override, choice):
            if new is not None:
                self.put(new)
        if gone is not None:
            self._drop(gone)
        conflicts = [text for bed in beds for text in self._conflicts(bed, patients, now) if text not in before]
        if conflicts:
            self._overrides, self._choices = overrides, choices
            raise ValueError(conflicts[0])

    def _conflicts(self, bed: BedKey, patients: Patients, now: int) -> Iterator[str]:
        patient = patients.get(bed, "")
        limits = self._limits(bed, patient)
        told: set[str] = set()
        for moment in (now, *self._expiries(bed, patient, now)):
            for text in problems(bounds_of(limits, self.bounds(bed, patient, moment))):
                if text not in told:
                    told.add(text)
                    yield f"at {bed}: {text}" if moment == now else f"at {bed}, when a limit set there expires: {text}"

    def _limits(self, bed: BedKey, patient: str) -> list[Limit]:
        profile, tags = self.profile(bed, patient), self._profiles.beds.get(bed, ())
        limits = self._profiles.limits(profile)
        here = (rule for rule in self._rules(profile) if rule.scope is None or rule.scope.includes(bed, tags, profile))
        return [limits[rule.id] for rule in here if rule.id in limits]

    def _rules(self, profile: str) -> list[Rule]:
        """Every rule of a profile, wherever it is in force."""
        rules = self._compiled.get(profile)
        if rules is None:
            rules = self._compiled[profile] = compile_rules(self._profiles.rule_sets(profile))
        return rules

    def _expiries(self, bed: BedKey, patient: str, now: int) -> list[int]:
        """The moments to come at which a bound of the bed ends by itself."""
        here = (one for scope in _scopes(bed, patient) for one in self._overrides.get(scope, {}).values())
        return sorted({one.expires for one in here if one.expires is not None and one.stands(now)})

    def _all(self) -> Iterator[Override]:
        return (override for rules in self._overrides.values() for override in rules.values())

    def _drop(self, override: Override) -> None:
        rules = self._overrides[override.scope]
        del rules[override.rule]
        if not rules:
            del self._overrides[override.scope]

    def _must_reach(self, scope: str, patients: Patients) -> list[BedKey]:
        beds = self.reach(scope, patients)
        if not beds:
            kind, _, name = scope.partition("/")
            missing = "lies in no bed of this hub" if kind == "patient" else "is not known to this hub"
            raise ValueError(f"{kind} {name} {missing}")
        return beds

    def _profile_of(self, scope: str, beds: list[BedKey], patients: Patients) -> str:
        """The profile an override of this scope is set in: for a ward its own, whatever single beds have."""
        if not scope.startswith("ward/"):
            return self.profile(beds[0], patients.get(beds[0], ""))
        choice = self._choices.get(scope)
        if choice is not None and choice.profile in self._profiles.sets:
            return choice.profile
        return self._profiles.placed.get(scope, self._profiles.default)

    def _astray(self) -> Iterator[tuple[str, str]]:
        for choice in self._choices.values():
            if choice.profile not in self._profiles.sets:
                yield choice.scope, choice.profile

    def _judged_by(self, bed: BedKey, patients: Patients) -> tuple[object, ...]:
        profile = self.profile(bed, patients.get(bed, ""))
        return (profile, self._profiles.rule_sets(profile), self._profiles.beds.get(bed))

    def _unknown_limit(self, rule: str, profile: str, known: Mapping[str, Bound]) -> str:
        parts = self._profiles.rule_sets(profile)
        if any(condition.id == rule for part in parts for condition in part.conditions):
            return f"{rule} of profile {profile} is a condition and has no bound to set"
        if any(limit.id == rule for part in parts for limit in part.limits):
            return f"{rule} of profile {profile} is not in force there, by its scope"
        return f"{unknown_name('limit', rule, known)} (profile {profile})"

    def _explained(self, bound: Bound, bed: BedKey, patient: str, now: int) -> Explained:
        profile = self.profile(bed, patient)
        links = [Link(f"profile {profile}", bound.value, False, reason=bound.provenance)]
        for scope in _scopes(bed, patient):
            override = self._overrides.get(scope, {}).get(bound.name)
            if override is None or not override.stands(now):
                continue
            note = f"rests: set for profile {override.profile}" if _rests(override, profile) else ""
            links.append(
                Link(
                    where=scope,
                    value=override.bound,
                    in_force=False,
                    by=override.by,
                    reason=override.reason,
                    set_at=override.set_at,
                    expires=override.expires,
                    note=note,
                )
            )
        nearest = max(number for number, link in enumerate(links) if not link.note)
        links[nearest] = links[nearest]._replace(in_force=True)
        return Explained(
            rule=bound.name,
            parameter=bound.parameter,
            side=bound.side,
            value=links[nearest].value,
            unit=bound.unit,
            priority=bound.priority,
            message=bound.message,
            hours=bound.hours,
            links=tuple(links),
        )


def _scopes(bed: BedKey, patient: str) -> tuple[str, ...]:
    """The scopes that concern a bed, the nearest last."""
    return (ward_scope(bed), bed_scope(bed), *((patient_scope(patient),) if patient else ()))


def _rests(override: Override, profile: str) -> bool:
    return bool(override.profile) and override.profile != profile


def _rule(name: str) -> str:
    return name.partition(".")[0]


def _unknown_profile(name: str, profiles: Profiles) -> str:
    return unknown_name("profile", name, profiles.sets)
