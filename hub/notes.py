"""Care notes: what staff want others to know of a bed, as rows of the journal. They go nowhere else."""

from __future__ import annotations

from collections.abc import Container

from hub.alarms.acts import known_bed
from hub.deeds import Act, Done
from hub.entries import AHEAD_MS
from hub.journal import Write
from vitals.commands import WriteNote
from vitals.identity import BedKey

_INSERT = 'INSERT INTO note (ward, bed, time, received, "by", text) VALUES (?, ?, ?, ?, ?, ?)'


def note_acts(beds: Container[BedKey]) -> dict[str, Act]:
    """The table of its action."""

    def write(command: WriteNote, now: int) -> Done:
        bed = known_bed(beds, command.bed)
        time = now if command.time is None else command.time
        if time > now + AHEAD_MS:
            raise ValueError("the time of the note is in the future; check the clock of the device you write it on")
        if not command.text.strip():
            raise ValueError("the note is empty; write something, or let it be")
        return Done(writes=[Write(_INSERT, (bed.ward, bed.bed, time, now, command.by, command.text.strip()))])

    return {"write-note": write}
