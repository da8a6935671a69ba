"""What a journal has kept of a bed, as it was judged live: to be judged again by another book."""

from __future__ import annotations

from dataclasses import dataclass

from hub.history import History
from rules.beds import Entry
from rules.book import Book
from rules.engine import Bed
from rules.episodes import Episode
from rules.replay import Heard, entering, replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a bed measured from `start` on, and what staff has entered there."""

    bed: Bed
    start: int
    heard: list[Heard]
    entered: list[tuple[int, str, Entry | None]]

    def judge(self, book: Book, start: int, until: int) -> tuple[Episode, ...]:
        """The alarms of [start, until), each reset at once."""
        deeds = entering(self.bed.key, self.entered, self.start)
        judged = replay((), self.bed, self.heard, start=start, until=until, deeds=deeds, attended=True, book=book)
        return judged.alarms


def read_kept(history: History, bed: Bed, start: int, until: int) -> Kept:
    """What came from a bed in [start, until). Raises StorageError."""
    ward, name = bed.key.ward, bed.key.bed
    return Kept(
        bed=bed,
        start=start,
        heard=[
            Heard(f"{stored.gateway}/{stored.device}", stored.record(), stored.received)
            for stored in history.judged(ward, name, start, until)
        ],
        entered=[
            (received, entry, None if value is None else Entry(value, time, end))
            for received, entry, value, time, end in history.entered(ward, name, until)
        ],
    )
