"""Staff entries: what people saw or measured by hand becomes rows of the journal and what rules see of a bed."""

from __future__ import annotations

from hub.journal import Journal, Write
from rules.beds import Entry
from vitals.commands import Observe
from vitals.entries import read_entry, valid_until
from vitals.identity import BedKey

AHEAD_MS = 60_000  # clocks of hand-held devices differ; more than this into the future is a slip of the finger

_INSERT = (
    'INSERT INTO entry (ward, bed, time, received, "by", name, value, until, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'
)
_NEWEST = (
    "SELECT ward, bed, name, value, time, until FROM entry"
    " WHERE id IN (SELECT max(id) FROM entry GROUP BY ward, bed, name)"
)


class Entries:
    """The newest entry of each name at each bed."""

    def __init__(self, journal: Journal) -> None:
        self._beds: dict[BedKey, dict[str, Entry]] = {}
        for ward, bed, name, value, time, until in journal.read(_NEWEST):
            if value is not None:
                self._beds.setdefault(BedKey(ward, bed), {})[name] = Entry(value, time, until)

    def beds(self) -> list[BedKey]:
        """The beds with entries."""
        return list(self._beds)

    def valid(self, bed: BedKey, now: int) -> dict[str, Entry]:
        """The entries of a bed that are not too old."""
        known = self._beds.get(bed)
        if not known:
            return {}
        return {name: entry for name, entry in known.items() if entry.until is None or now < entry.until}

    def observe(self, bed: BedKey, command: Observe, since: int | None, now: int) -> list[Write]:
        """Take in one command: all of its values or, with a ValueError that says why, none.

        `since`: when the patient came; an observation older than that is of somebody else.
        """
        time = now if command.time is None else command.time
        if time > now + AHEAD_MS:
            raise ValueError(
                "the time of the observation is in the future; check the clock of the device you enter it on"
            )
        if since is not None and time < since:
            raise ValueError("the observation is older than the admission of the patient who lies in this bed")
        known = self._beds.get(bed, {})
        read = {name: _read(name, value, time, now) for name, value in command.values.items()}
        for name in read:
            if name in known and known[name].time > time:
                raise ValueError(f"a newer observation of {name} is there already; nothing was entered")
        for name, entry in read.items():
            self._put(bed, name, entry)
        return [_row(bed, name, entry, time, now, command.by, command.reason) for name, entry in read.items()]

    def end(self, bed: BedKey, by: str, reason: str, now: int) -> list[Write]:
        """Every entry of the bed ends: the next patient starts without any."""
        ended = self._beds.pop(bed, {})
        return [_row(bed, name, None, now, now, by, reason) for name in ended]

    def lift(self, bed: BedKey, by: str, reason: str, now: int) -> tuple[dict[str, Entry], list[Write]]:
        """What was entered leaves the bed with its patient."""
        lifted = self._beds.pop(bed, {})
        return lifted, [_row(bed, name, None, now, now, by, reason) for name in lifted]

    def lay(self, bed: BedKey, lifted: dict[str, Entry], by: str, reason: str, now: int) -> list[Write]:
        """What was entered elsewhere comes to the bed with its patient, as old as it is."""
        writes: list[Write] = []
        known = self._beds.get(bed, {})
        for name, entry in lifted.items():
            if name in known and known[name].time >= entry.time:
                continue
            self._put(bed, name, entry)
            writes.append(_row(bed, name, entry, entry.time, now, by, reason))
        return writes

    def _put(self, bed: BedKey, name: str, entry: Entry | None) -> None:
        if entry is not None:
            self._beds.setdefault(bed, {})[name] = entry
        elif bed in self._beds:
            self._beds[bed].pop(name, None)


def _read(name: str, value: float | str | None, time: int, now: int) -> Entry | None:
    if value is None:
        return None
    number, until = read_entry(name, value), valid_until(name, time)
    if until is not None and until <= now:
        raise ValueError(f"this observation of {name} is too old to count; measure again")
    return Entry(number, time, until)


def _row(bed: BedKey, name: str, entry: Entry | None, time: int, now: int, by: str, reason: str) -> Write:
    value, until = (entry.value, entry.until) if entry is not None else (None, None)
    return Write(_INSERT, (bed.ward, bed.bed, time, now, by, name, value, until, reason))
