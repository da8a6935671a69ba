"""Places: the beds of a hub and its equipment at no bed, and which devices cannot be heard because of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.beds import BedState, Source
from rules.book import Book
from rules.machine import Refused
from vitals.identity import BedKey


class Places:
    """Beds are given; the place of equipment, a BedKey of its ward and subject, is made when it is first named."""

    def __init__(self, beds: Iterable[BedState], no_rules: Book) -> None:
        self.beds = {bed.key: bed for bed in beds}
        self._no_rules = no_rules
        self._equipment: dict[str, BedKey] = {}  # the place of each subject
        self._of_gateway: dict[str, dict[BedKey, BedState]] = {}  # where its devices stand
        for bed in self.beds.values():
            for source in bed.sources:
                self.came(bed, source)
        self._down: set[str] = set()
        self._broker_lost = False

    def bed(self, key: BedKey) -> BedState:
        """The bed of this key. Raises Refused."""
        at = self.beds.get(key)
        if at is None:
            raise Refused(f"there is no bed {key} here")
        return at

    def came(self, at: BedState, source: str) -> None:
        """A source stands at this bed."""
        self._of_gateway.setdefault(source.partition("/")[0], {})[at.key] = at

    def station(self, at: BedState, sources: Iterable[str], now: int) -> set[str]:
        """These sources, in this order, stand at this bed from now on; those that have gone."""
        former, at.sources = at.sources, {}
        for name in sources:
            source = at.sources[name] = former.get(name) or Source(name)
            if name not in former:
                source.since, source.hidden = now, self._broker_lost or name.partition("/")[0] in self._down
            self.came(at, name)
        gone = former.keys() - at.sources.keys()
        for gateway in {name.partition("/")[0] for name in gone}:
            if not any(name.startswith(f"{gateway}/") for name in at.sources):
                self._of_gateway[gateway].pop(at.key, None)
        for scored in at.scored.values():
            scored.stir()
        at.calm = frozenset()
        return gone

    def settle(self, key: BedKey, now: int) -> tuple[BedState, BedState | None]:
        """The place of this key, and the former one of equipment that has moved to another ward."""
        at = self.beds.get(key)
        if at is not None:
            return at, None
        former = self._equipment.get(key.bed)
        at = self.beds[key] = BedState(key, ())
        at.book, at.start, at.now = self._no_rules, now, now
        self._equipment[key.bed] = key
        return at, None if former is None else self.beds.pop(former)

    def gateway_down(self, gateway: str, down: bool, now: int) -> list[BedState]:
        """Nothing can be heard of the devices of a gateway, or again something; the beds concerned."""
        if down == (gateway in self._down):
            return []
        if down:
            self._down.add(gateway)
        else:
            self._down.discard(gateway)
        return list(self._hide(self._of_gateway.get(gateway, {}).values(), now))

    def broker_lost(self, lost: bool, now: int) -> list[BedState]:
        """Nothing at all can be heard, or again something; the beds concerned."""
        if lost == self._broker_lost:
            return []
        self._broker_lost = lost
        return list(self._hide(self.beds.values(), now))

    def _hide(self, beds: Iterable[BedState], now: int) -> Iterator[BedState]:
        for at in beds:
            changed = False
            for source in at.sources.values():
                hidden = self._broker_lost or source.name.partition("/")[0] in self._down
                if hidden != source.hidden:
                    source.hidden, changed = hidden, True
                    # Silence counts from now: what was not heard meanwhile is not the device's fault.
                    source.since = source.since if hidden else now
            if changed:
                yield at
