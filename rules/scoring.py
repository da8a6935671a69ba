"""A score at one bed: what it was made of, and how far each value may move before it can be another score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from math import inf
from typing import TYPE_CHECKING

from rules.scores import ScoreItem, ScoreTable, Span, score

if TYPE_CHECKING:
    from rules.beds import Entry, Source

NEVER: Span = (inf, -inf)
ALWAYS = 2**62


class Scored:
    """The last result of a table, kept for as long as nothing it was made of can have changed it.

    A monitor says the same again each second. While every value stays among those that have its points, and none is
    too old, there is nothing to add up.
    """

    __slots__ = ("_chosen", "_entries", "_expiry", "_spans", "_stirred", "_until", "result", "table")

    def __init__(self, table: ScoreTable) -> None:
        self.table = table
        self.result = score(table, {})
        self._entries: Mapping[str, Entry] = {}
        # Whose values count, or would without an entry, and which of them.
        self._chosen: tuple[tuple[Source, tuple[str, ...]], ...] = ()
        self._spans: dict[str, Mapping[str, Span]] = {}  # by source and parameter; none: its value does not count
        self._expiry = ALWAYS  # until when all that staff entered holds
        self._until = 0
        self._stirred = True

    def heard(self, source: str, values: Mapping[str, float]) -> None:
        """A source has said this; whether it matters."""
        if self._stirred:
            return
        spans = self._spans.get(source)
        if spans is None:
            self._stirred = True
            return
        for name in values:
            if name in spans:
                low, high = spans[name]
                if not low <= values[name] <= high:
                    self._stirred = True
                    return

    def stir(self) -> None:
        """A value is gone."""
        self._stirred = True

    def stands(self, entries: Mapping[str, Entry], now: int) -> bool:
        """Whether the result is still that of the present values."""
        if self._stirred or entries is not self._entries:
            return False
        if now > self._until:  # what is said again and again is younger than when this was added up
            self._until = self._good_until()
        return now <= self._until

    def renew(self, sources: Iterable[Source], entries: Mapping[str, Entry], now: int) -> bool:
        """Add up anew; whether the result is another one."""
        sources = list(sources)
        self._entries, self._stirred = entries, True
        chosen: dict[Source, list[str]] = {}
        spans: dict[str, dict[str, Span]] = {source.name: {} for source in sources}
        known = {name: entries[name].value for name in self.table.entries if _holds(entries, name, now)}
        for item in self.table.items:
            if item.inputs:
                self._choose(item, sources, now, known, spans, chosen)
        for source, names in chosen.items():
            of_source = spans[source.name]
            of_source |= self.table.spans([name for name in names if name not in of_source], known)
        self._chosen = tuple([(source, self.table.shared_names(tuple(names))) for source, names in chosen.items()])
        self._spans = {source: self.table.shared(found) for source, found in spans.items()}
        self._expiry = self._expires(now)
        self._until = self._good_until()
        before, self.result = self.result, score(self.table, known)
        self._stirred = False
        return before != self.result

    def _choose(
        self,
        item: ScoreItem,
        sources: list[Source],
        now: int,
        known: dict[str, float],
        spans: dict[str, dict[str, Span]],
        taken: dict[Source, list[str]],
    ) -> None:
        """The fresh value of a device, of the first parameter and source that has one, or a later one of staff.

        Whatever a device says that would go before it, or before an entry, is out of its span.
        """
        chosen: tuple[Source, str] | None = None
        best, value, when = "", 0.0, -ALWAYS
        before: list[tuple[Source, str]] = []
        for name in item.inputs:
            for source in sources:
                fresh = source.fresh(name, now)
                if fresh is not None:
                    chosen, best, value, when = (source, name), name, fresh, source.seen[name]
                    break
                before.append((source, name))
            if chosen is not None:
                break
        for name in item.inputs:
            if _holds(self._entries, name, now) and self._entries[name].time > when:
                entry = self._entries[name]
                best, value, when = name, entry.value, entry.time
                before = list(product(sources, item.inputs))
        if best:
            known[best] = value
        for source, name in before:
            spans[source.name][name] = NEVER
        if chosen is not None:
            taken.setdefault(chosen[0], []).append(chosen[1])

    def _good_until(self) -> int:
        return min([self._expiry, *[source.good_until(name) for source, names in self._chosen for name in names]])

    def _expires(self, now: int) -> int:
        holding = (self._entries[name].until for name in self.table.staff if _holds(self._entries, name, now))
        return min((until - 1 for until in holding if until is not None), default=ALWAYS)


def _holds(entries: Mapping[str, Entry], name: str, now: int) -> bool:
    entry = entries.get(name)
    return entry is not None and entry.holds(now)
