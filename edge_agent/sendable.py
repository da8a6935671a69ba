"""What may be sent: seqs of readings and of waves, apart, because waves wait for every reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_agent.seqset import Range, SeqSet


class Sendable:
    """One set in two parts. A seq is a wave's if `waves` has ever said so."""

    def __init__(self, held: Iterable[Range] = (), waves: Iterable[Range] = ()) -> None:
        self.readings = SeqSet()
        self.waves = SeqSet()
        self._known_waves = SeqSet(waves)
        for low, high in held:
            self.put(low, high)

    def are_waves(self, ranges: Iterable[Range]) -> None:
        """These seqs are those of waves; say it before they are put in."""
        for low, high in ranges:
            self._known_waves.put(low, high)

    def settled(self, low: int, high: int) -> None:
        """These will not be put in again."""
        self._known_waves.discard(low, high)

    def put(self, low: int, high: int) -> None:
        """Take in `low`..`high`; nothing if that is empty."""
        begin = low
        for start, end in self._known_waves.within(low, high):
            self.readings.put(begin, start - 1)
            self.waves.put(start, end)
            begin = end + 1
        self.readings.put(begin, high)

    def discard(self, low: int, high: int) -> list[Range]:
        """Take `low`..`high` out; returns the parts that were in."""
        return [*self.readings.discard(low, high), *self.waves.discard(low, high)]

    def count(self) -> int:
        """How many seqs."""
        return self.readings.count() + self.waves.count()

    def __contains__(self, seq: int) -> bool:
        return seq in self.readings or seq in self.waves

    def __iter__(self) -> Iterator[Range]:
        yield from self.readings
        yield from self.waves
