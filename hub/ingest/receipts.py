"""Receipts: what the journal has settled becomes `down/<gateway>/receipt`, coalesced."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chassis.failpoints import failpoint
from hub.journal import Journal, Refusal
from hub.journal_gaps import Key
from vitals import topics
from vitals.codec import encode
from vitals.ranges import Ranges
from vitals.sessions import MAX_RECEIPT_RANGES, Receipt

COALESCE_S = 0.1  # well under the 200 ms the edge is promised
MOST_RECEIPTS = 16  # to one gateway at once
SHARED_CREDIT = 8_000  # of all gateways that send a backlog: about half a second of work, so that live ones do not wait
LEAST_CREDIT = 100
BACKLOG_MS = 2_000  # a gateway that has sent none for so long has none
MAX_REJECTED = 500  # a receipt stays small; the rest are settled ranges all the same
_NOTHING = Ranges()


class Receipts:
    """Collects which gateways are owed a receipt, and writes them from the journal's own state."""

    def __init__(self, journal: Journal, publish: Callable[[str, bytes], bool], credit: int) -> None:
        self._journal = journal
        self._publish = publish
        self._credit = credit
        self.sent = 0
        self._backlogs: dict[str, int] = {}  # gateway → when it last sent old records
        self._owed: dict[Key, list[tuple[int, str]]] = {}
        self._asked: dict[Key, Ranges] = {}

    def backlog(self, gateway: str, now: int) -> None:
        """This gateway sends old records. Whoever does shares the credit: few of them are to stand before live ones."""
        self._backlogs[gateway] = now

    def credit(self, now: int) -> int:
        """How many records a gateway may have under way."""
        if not self._backlogs:
            return self._credit
        self._backlogs = {gateway: at for gateway, at in self._backlogs.items() if now - at < BACKLOG_MS}
        share = SHARED_CREDIT // max(1, len(self._backlogs))
        return min(self._credit, max(LEAST_CREDIT, share))

    def owe(self, gateway: str, epoch: int, seqs: Iterable[tuple[int, int]] = ()) -> None:
        """This gateway waits for word about `epoch`: after a commit, a duplicate, a hello; above all about `seqs`."""
        self._owed.setdefault((gateway, epoch), [])
        if seqs:
            asked = self._asked.setdefault((gateway, epoch), Ranges())
            for low, high in seqs:
                asked.add_range(low, high)

    def rejected(self, refusals: list[Refusal]) -> None:
        """These records are final and in quarantine; call after the commit that says so."""
        for gateway, epoch, seq, reason in refusals:
            self._owed.setdefault((gateway, epoch), []).append((seq, reason))

    def flush(self, now: int) -> None:
        """Send what is owed. What cannot be sent is dropped: every later receipt says it again."""
        owed, self._owed = self._owed, {}
        asked, self._asked = self._asked, {}
        for (gateway, epoch), rejected in owed.items():
            settled = self._journal.settled(gateway, epoch)
            for committed in _answers(settled, asked.get((gateway, epoch), _NOTHING)):
                self._send(gateway, epoch, committed, rejected[:MAX_REJECTED], now)
                rejected = []

    def _send(
        self, gateway: str, epoch: int, committed: list[tuple[int, int]], rejected: list[tuple[int, str]], now: int
    ) -> None:
        receipt = Receipt(epoch=epoch, committed=committed, rejected=rejected, credit=self.credit(now), time=now)
        failpoint("receipt.publish.before")
        self.sent += self._publish(topics.receipt(gateway), encode(receipt))
        failpoint("receipt.publish.after")


def _answers(settled: Ranges, asked: Ranges) -> list[list[tuple[int, int]]]:
    """What to name: all, or of many ranges the lowest, from where the edge forgets, and those asked for or the newest.

    Where waves wait behind readings there are holes everywhere: a record whose receipt was lost must be named when it
    comes again, wherever it stands.
    """
    if len(settled) <= MAX_RECEIPT_RANGES:
        return [list(settled)]
    half = MAX_RECEIPT_RANGES // 2
    lowest = settled.first(half)
    known = {*lowest}
    wanted = [found for found in settled.touching(asked) if found not in known]
    if len(wanted) < half:
        known |= {*wanted}
        newest = [found for found in settled.last(MAX_RECEIPT_RANGES) if found not in known]
        wanted += newest[len(wanted) - half :]
    parts = [wanted[at : at + half] for at in range(0, len(wanted), half)]
    return [[*lowest, *sorted(part)] for part in parts[-MOST_RECEIPTS:]]
