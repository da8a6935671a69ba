"""Limits people set: commands and expiries in, rows of the journal and the beds to judge anew out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from hub.journal import Write
from hub.rulebook import Rulebook
from rules.book import Book
from rules.chain import Chain, Choice, Override
from rules.profiles import patient_scope
from vitals.commands import ClearLimit, SetLimit, SetProfile
from vitals.identity import BedKey

log = logging.getLogger(__name__)

Read: TypeAlias = Callable[[str], Iterable[tuple[Any, ...]]]

_OVERRIDE = (
    'INSERT INTO limit_override (time, change, scope, rule, bound, profile, "by", reason, set_at, expires)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CHOICE = 'INSERT INTO profile (time, scope, profile, "by", reason) VALUES (?, ?, ?, ?, ?)'
OVERRIDE_COLUMNS = 'scope, rule, bound, "by", reason, set_at, expires, profile'
_OVERRIDES = (
    f"SELECT {OVERRIDE_COLUMNS} FROM limit_override"
    " WHERE change = 'set' AND id IN (SELECT max(id) FROM limit_override GROUP BY scope, rule)"
)
_CHOICES = (
    'SELECT scope, profile, "by", reason, time FROM profile WHERE id IN (SELECT max(id) FROM profile GROUP BY scope)'
)


class Changed(NamedTuple):
    """What a change led to: the beds to judge by a new book, and the rows to commit with it."""

    beds: Sequence[BedKey] = ()
    writes: Sequence[Write] = ()


class Limits:
    """The chain of a hub, as the journal keeps it. `patient` says who lies in a bed; empty for nobody."""

    def __init__(self, rulebook: Rulebook, patient: Callable[[BedKey], str]) -> None:
        self._rulebook = rulebook
        self._patient = patient
        self.chain = Chain(rulebook.profiles)

    def load(self, read: Read) -> None:
        """Take what was in force before the restart, and say what of it no longer fits the rules."""
        load(self.chain, read)
        for sentence in self.chain.problems(self._patients(), 0):
            log.warning("limits: %s", sentence)

    def book(self, bed: BedKey, now: int) -> Book:
        """What a bed is judged by now."""
        return self.chain.book(bed, self._patient(bed), now)

    def apply(self, command: SetLimit | ClearLimit | SetProfile, now: int) -> Changed:
        """Carry out a command. Raises ValueError with a sentence that says why not."""
        patients = self._patients()
        if isinstance(command, SetProfile):
            choice = Choice(
                scope=command.scope, profile=command.profile, by=command.by, reason=command.reason, set_at=now
            )
            beds = self.chain.choose(choice, patients, now)
            return Changed(beds, [Write(_CHOICE, (now, choice.scope, choice.profile, choice.by, choice.reason))])
        if isinstance(command, ClearLimit):
            gone = self.chain.clear(command.scope, command.rule, patients, now)
            writes = [_row("cleared", gone, command.by, command.reason, now)]
            return Changed(self.chain.reach(command.scope, patients), writes)
        override = Override(
            scope=command.scope,
            rule=command.rule,
            bound=command.bound,
            by=command.by,
            reason=command.reason,
            set_at=now,
            expires=command.expires,
        )
        override = self.chain.set(override, patients, now)
        writes = [_row("set", override, override.by, override.reason, now)]
        return Changed(self.chain.reach(command.scope, patients), writes)

    def due(self, now: int) -> Changed:
        """Let limits expire. Cheap while none does."""
        next_ = self.chain.next_expiry()
        if next_ is None or now < next_:
            return Changed()
        gone = self.chain.expire(now)
        return Changed(self._reached(gone), [_row("expired", one, "", "its time was over", now) for one in gone])

    def discharged(self, bed: BedKey, patient: str, by: str, now: int) -> Changed:
        """A patient has left `bed`: their own limits end. An admission needs no row: judge the bed by its new book."""
        gone = self.chain.discharge(patient)
        return Changed([bed], [_ended(one, by, "the patient was discharged", now) for one in gone])

    def renamed(self, former: str, patient: str, by: str, reason: str, now: int) -> list[Write]:
        """A patient got another id: what was set for them goes on under that. For the caller to renew their bed."""
        writes: list[Write] = []
        for one in self.chain.discharge(former):
            kept = replace(one, scope=patient_scope(patient))
            self.chain.put(kept)
            writes += [_ended(one, by, reason, now), _begun(kept, by, reason, now)]
        return writes

    def reread(self, now: int) -> list[BedKey]:
        """Look whether rule files have changed; the beds to judge anew. `trouble` says why new ones were refused."""
        profiles = self._rulebook.poll()
        if profiles is None:
            return []
        try:
            beds = self.chain.swap(profiles, self._patients(), now)
        except ValueError as error:
            self._rulebook.refuse(str(error))
            return []
        self._rulebook.accept(profiles)
        return beds

    @property
    def trouble(self) -> str:
        """Why the rule files as they are on the disk are not in force; empty while they are."""
        return self._rulebook.trouble

    def _patients(self) -> dict[BedKey, str]:
        return {bed: patient for bed in self.chain.beds if (patient := self._patient(bed))}

    def _reached(self, overrides: list[Override]) -> list[BedKey]:
        patients = self._patients()
        return list(dict.fromkeys(bed for one in overrides for bed in self.chain.reach(one.scope, patients)))


def load(chain: Chain, read: Read) -> None:
    """Put into `chain` what the journal says is in force."""
    for row in read(_OVERRIDES):
        chain.put(read_override(row))
    for scope, profile, by, reason, time in read(_CHOICES):
        chain.put(Choice(scope=scope, profile=profile, by=by, reason=reason, set_at=time))


def read_override(row: Iterable[Any]) -> Override:
    """The override of a row of OVERRIDE_COLUMNS."""
    scope, rule, bound, by, reason, set_at, expires, profile = row
    return Override(
        scope=scope, rule=rule, bound=bound, by=by, reason=reason, set_at=set_at, expires=expires, profile=profile
    )


def _ended(one: Override | Choice, by: str, reason: str, now: int) -> Write:
    if isinstance(one, Choice):
        return Write(_CHOICE, (now, one.scope, "", by, reason))
    return _row("discharged", one, by, reason, now)


def _begun(one: Override | Choice, by: str, reason: str, now: int) -> Write:
    if isinstance(one, Choice):
        return Write(_CHOICE, (now, one.scope, one.profile, by, reason))
    return _row("set", one, by, reason, now)


def _row(change: str, one: Override, by: str, reason: str, now: int) -> Write:
    values = (now, change, one.scope, one.rule, one.bound, one.profile, by, reason, one.set_at, one.expires)
    return Write(_OVERRIDE, values)
