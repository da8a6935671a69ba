"""What if a limit were another: kept readings judged by the limits in force, and again with the changed one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hub.console.chains import Chains, InForce
from hub.history import History
from hub.kept import Kept, read_kept
from hub.registry import Registry
from hub.settings import HubSettings
from rules.book import Book
from rules.chain import Override
from rules.episodes import Episode
from rules.profiles import bed_scope, patient_scope
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
            force = Chains(self.settings, self.folder).in_force(history)
            registry = Registry(self.settings)
            found = []
            for bed in self.beds:
                was = _bound(force, bed, self.rule, now)
                if was is None:
                    continue
                patient = force.patients.get(bed, "")
                before = force.chain.book(bed, patient, now)
                self._change(force, bed, now)
                after = force.chain.book(bed, patient, now)
                kept = read_kept(history, registry.bed(bed), *self.span)
                found.append(self._judge(kept, was, (before, after)))
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

    def _change(self, force: InForce, bed: BedKey, now: int) -> None:
        """At the bed, past whatever was set for its patient: nearest wins, and this one is to be tried."""
        patient = force.patients.get(bed, "")
        if patient:
            force.chain.drop(patient_scope(patient), self.rule)
        override = Override(
            scope=bed_scope(bed), rule=self.rule, bound=self.bound, by="what if", reason="what if", set_at=now
        )
        try:
            force.chain.set(override, force.patients, now)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def _judge(self, kept: Kept, was: float, books: tuple[Book, Book]) -> Tried:
        # Past the last reading there is nothing to judge: a hub that was stopped is no silence of its devices.
        start, until = (kept.heard[0].now, kept.heard[-1].now + 1) if kept.heard else (0, 0)
        rule = self.rule.partition(".")[0]
        before, after = (
            tuple(episode for episode in kept.judge(book, start, until) if episode.rule == rule) for book in books
        )
        difference = compare(before, after)
        return Tried(
            bed=kept.bed.key,
            records=len(kept.heard),
            was=was,
            before=before,
            after=after,
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
