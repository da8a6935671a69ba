"""What if a limit were another: kept readings judged by the limits in force, and again with the changed one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hub.console.chains import Chains, InForce
from hub.history import History
from hub.registry import Registry
from hub.settings import HubSettings
from rules.beds import Entry
from rules.book import Book
from rules.chain import Override
from rules.episodes import Episode
from rules.profiles import bed_scope, patient_scope
from rules.replay import Heard, entering, replay
from rules.whatif import compare
from vitals.errors import StorageError, UsageError
from vitals.identity import BedKey

MOST_RECORDS = 400_000  # judged twice: about 20 s of a processor


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One bed: the alarms of the rule as the limits are, and as they would be. `was` is the bound in force."""

    bed: BedKey
    records: int
    was: float
    before: tuple[Episode, ...]
    after: tuple[Episode, ...]
    only_before: int
    only_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried: `bound` for `rule` (`id` or `id.extreme`) at `beds`, over readings judged in [start, end)."""

    settings: HubSettings
    folder: Path
    beds: Sequence[BedKey]
    rule: str
    bound: float
    span: tuple[int, int]

    def run(self) -> list[Tried]:
        """Judge them. Raises StorageError, or UsageError with a sentence when the limit or the span cannot be tried."""
        with closing(History(self.folder / self.settings.journal.path)) as history:
            self._refuse_too_much(history)
            now = self.span[1]
            old = Chains(self.settings, self.folder).in_force(history)
            new = Chains(self.settings, self.folder).in_force(history)
            registry = Registry(self.settings)
            found = []
            for bed in self.beds:
                was = _bound(old, bed, self.rule, now)
                if was is None:
                    continue
                self._change(new, bed, now)
                books = [side.chain.book(bed, side.patients.get(bed, ""), now) for side in (old, new)]
                found.append(self._judge(history, registry, bed, was, books))
        if not found:
            raise UsageError(f"no bed asked about is judged by a limit {self.rule}; its limits are on its page")
        return found

    def _refuse_too_much(self, history: History) -> None:
        counted = sum(
            history.select(
                "SELECT count(*) FROM record WHERE ward = ? AND bed = ? AND late = 0 AND time >= ? AND time < ?",
                *(bed.ward, bed.bed, *self.span),
            )[0][0]
            for bed in self.beds
        )
        if counted > MOST_RECORDS:
            raise UsageError(
                f"that are {counted:,} records, at most {MOST_RECORDS:,} are judged at once: ask for a shorter time or "
                "one bed; `wardline rules backtest` has no such bound"
            )

    def _change(self, new: InForce, bed: BedKey, now: int) -> None:
        """At the bed, past whatever was set for its patient: nearest wins, and this one is to be tried."""
        patient = new.patients.get(bed, "")
        if patient:
            new.chain.drop(patient_scope(patient), self.rule)
        override = Override(
            scope=bed_scope(bed), rule=self.rule, bound=self.bound, by="what if", reason="what if", set_at=now
        )
        try:
            new.chain.set(override, new.patients, now)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def _judge(self, history: History, registry: Registry, bed: BedKey, was: float, books: list[Book]) -> Tried:
        start, until = self.span
        heard = [
            Heard(f"{stored.gateway}/{stored.device}", stored.record(), stored.received)
            for stored in history.judged(bed.ward, bed.bed, start, until)
        ]
        entered = [
            (received, name, None if value is None else Entry(value, time, end))
            for received, name, value, time, end in history.entered(bed.ward, bed.bed, until)
        ]
        # Past the last reading there is nothing to judge: a hub that was stopped is no silence of its devices.
        until = min(until, heard[-1].now + 1) if heard else start
        sides = []
        for book in books:
            replayed = replay(
                (),
                registry.bed(bed),
                heard,
                start=heard[0].now if heard else start,
                until=until,
                deeds=entering(bed, entered, start),
                attended=True,
                book=book,
            )
            rule = self.rule.partition(".")[0]
            sides.append(tuple(episode for episode in replayed.alarms if episode.rule == rule))
        difference = compare(*sides)
        return Tried(
            bed=bed,
            records=len(heard),
            was=was,
            before=sides[0],
            after=sides[1],
            only_before=len(difference.only_old),
            only_after=len(difference.only_new),
        )


def _bound(force: InForce, bed: BedKey, rule: str, now: int) -> float | None:
    explained = force.chain.explain_all(bed, force.patients.get(bed, ""), now)
    return next((one.value for one in explained if one.rule == rule and not one.hours), None)


def try_limit(trial: Trial) -> list[Tried] | str:
    """`Trial.run` for another process: what is wrong comes back as a sentence, which crosses better than an error."""
    try:
        return trial.run()
    except (StorageError, UsageError) as error:
        return str(error)
