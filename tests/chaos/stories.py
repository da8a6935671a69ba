"""What a forked child does until it dies at its trap: the spool and a projection at work.

`said.jsonl` in the folder holds what the child was told or knew before anything could happen to it.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from edge_agent.spool import Spool
from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft
from hub.history import StoredRecord
from hub.journal import Batch, EventRow, Journal, RecordRow
from hub.projections.cursors import Cursors
from hub.projections.feed import Feed
from hub.projections.passage import Passage
from hub.projections.sink import PoisonError
from vitals.errors import StorageError

ONE_MB = 1 << 20
GROUP = 100


def draft(number: int, kind: str = "vitals") -> Draft:
    """The draft of one number, told apart by its time; large enough that a megabyte is soon full."""
    flags = {f"p{index:02}": "sensor_off" for index in range(40)}
    return Draft(
        device="mon-a", time=1_800_000_000_000 + number, steady=number, boot="b", clock="synced", flags=flags, kind=kind
    )


def first(folder: str) -> None:
    """A spool that never was, and one record."""
    _append(_open(folder), Path(folder), 1)


def fill(folder: str, early: int = 0) -> None:
    """Fill a small spool until it has pruned. `early`: the hub has the first so many, and they are still kept."""
    spool = _open(folder)
    if early and not spool.accepted():
        _append(spool, Path(folder), early)
        _settle(spool, Path(folder), (1, early), retain_ms=86_400_000)
    spool.retain_ms = 86_400_000
    pruned = spool.pruned
    for _ in range(25):
        _append(spool, Path(folder), GROUP)
        if spool.pruned > pruned:
            return


def trim(folder: str) -> None:
    """Append, be receipted, let go, again and again."""
    spool = _open(folder)
    for _ in range(10):
        _append(spool, Path(folder), 20)
        accepted = spool.accepted()
        _settle(spool, Path(folder), (max(1, accepted - 30), accepted - 5))


def put_back(folder: str) -> None:
    """The hub knows this spool further than the spool itself: a new epoch for what waits."""
    spool = _open(folder)
    if not spool.accepted():
        _append(spool, Path(folder), 50)
        _settle(spool, Path(folder), (1, 30), retain_ms=86_400_000)
    spool.new_epoch("put back from a copy", draft(0))


def refill(folder: str) -> None:
    """The hub has lost all but the first five; of the others the spool keeps some."""
    spool = _open(folder)
    if not spool.accepted():
        _append(spool, Path(folder), 50)
        _settle(spool, Path(folder), (1, 20))
        _settle(spool, Path(folder), (21, 40), retain_ms=86_400_000)
    _say(Path(folder), receipts_void_after=5)
    spool.refill([(1, 5)], 5, draft(0))


def leave_log(folder: str) -> None:
    """Much in the file, twenty records in its write-ahead log alone, and the power fails."""
    spool = _open(folder)
    for _ in range(5):
        _append(spool, Path(folder), GROUP)
    spool.close()
    _append(_open(folder), Path(folder), 20)
    os.kill(os.getpid(), signal.SIGKILL)


def reopen(folder: str) -> None:
    """Open what is there, whatever it is; and one record."""
    _append(_open(folder), Path(folder), 1)


def project(folder: str, poison: int = 0) -> None:
    """Copy a journal into a file; entry `poison` is refused."""
    home = Path(folder)
    with closing(Cursors(home / "cursors.db", "file")) as cursors, closing(Feed(home / "journal.db")) as feed:
        passage = Passage(feed, FileSink(home / "sink.txt", poison), cursors, threading.Event())
        while passage.step().moved:
            pass


class FileSink:
    """A sink that is a file of lines."""

    name = "file"
    batch = 7
    streams = ("records", "alarm-events")

    def __init__(self, path: Path, poison: int) -> None:
        self._path = path
        self._poison = poison

    def open(self) -> None:
        """Nothing to get ready."""

    def write(self, entries) -> None:
        """One line for each entry."""
        if any(entry.id == self._poison and isinstance(entry, StoredRecord) for entry in entries):
            raise PoisonError("not this one")
        with self._path.open("a") as file:
            file.writelines(f"{type(entry).__name__} {entry.id}\n" for entry in entries)

    def render(self, entry) -> bytes:
        """What the dead-letter table keeps."""
        return str(entry.id).encode()

    def close(self) -> None:
        """Nothing to let go of."""


def stubborn(folder: str) -> None:
    """A disk that refuses now and then is asked again, as the recorder does; what it stored is said."""
    spool = _insist(lambda: _open(folder))
    for turn in range(8):
        number = time.monotonic_ns()
        drafts = [draft(number + offset) for offset in range(20)]
        done = _insist(lambda drafts=drafts: spool.append(drafts))
        _say(Path(folder), epoch=spool.epoch, first=done.first, last=done.last, number=number)
        receipt = (turn * 20 + 1, turn * 20 + 15)
        _say(Path(folder), epoch=spool.epoch, receipt=receipt)
        _insist(lambda receipt=receipt: spool.settle([receipt], (), receipt[1]))
    spool.close()


def keep_journal(folder: str) -> None:
    """The same of a journal: batches with a record and an event each; what was committed is said."""
    journal = _insist(lambda: Journal(Path(folder) / "journal.db"))
    first = len(journal.read("SELECT seq FROM record")) + 1
    for seq in range(first, first + 12):
        batch = Batch()
        batch.records = [RecordRow("gw-1", 1, seq, "mon-a", "icu", "7", seq, seq, 0, b'{"clock":"synced"}')]
        batch.events = [EventRow(f"{seq:016}", "icu", "7", "r", "raised", seq, b"{}")]
        batch.settle("gw-1", 1, seq)
        _insist(lambda batch=batch: journal.commit(batch))
        _say(Path(folder), committed=seq)
    journal.close()


STORIES = {
    story.__name__: story
    for story in (first, fill, trim, put_back, refill, leave_log, reopen, stubborn, keep_journal, project)
}


def _insist(action):
    for _ in range(5):
        with contextlib.suppress(StorageError):
            return action()
    return action()


def _open(folder: str) -> Spool:
    return open_spool(Path(folder) / "spool.db", ONE_MB)


def _append(spool: Spool, folder: Path, count: int) -> None:
    number = time.monotonic_ns()
    done = spool.append([draft(number + offset) for offset in range(count)])
    _say(folder, epoch=spool.epoch, first=done.first, last=done.last, number=number)


def _settle(spool: Spool, folder: Path, receipt: tuple[int, int], retain_ms: int = 0) -> None:
    _say(folder, epoch=spool.epoch, receipt=receipt)  # the hub gave it before the spool could know
    spool.retain_ms = retain_ms
    spool.settle([receipt], (), receipt[1])


def _say(folder: Path, **words: object) -> None:
    with (folder / "said.jsonl").open("a") as file:
        file.write(json.dumps(words) + "\n")


if __name__ == "__main__":  # under a tracer that injects faults: STORY FOLDER
    STORIES[sys.argv[1]](sys.argv[2])
