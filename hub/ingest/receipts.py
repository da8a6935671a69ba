"""Receipts: what the journal has settled becomes `down/<gateway>/receipt`, coalesced."""

from __future__ import annotations

from collections.abc import Callable

from chassis.failpoints import failpoint
from hub.journal import Journal, Refusal
from vitals import topics
from vitals.codec import encode
from vitals.ranges import Ranges
from vitals.sessions import MAX_RECEIPT_RANGES, Receipt

COALESCE_S = 0.1  # well under the 200 ms the edge is promised
MAX_REJECTED = 500  # a receipt stays small; the rest are settled ranges all the same


class Receipts:
    """Collects which gateways are owed a receipt, and writes them from the journal's own state."""

    def __init__(self, journal: Journal, publish: Callable[[str, bytes], bool], credit: int) -> None:
        self._journal = journal
        self._publish = publish
        self._credit = credit
        self.sent = 0
        self._owed: dict[tuple[str, int], list[tuple[int, str]]] = {}

    def owe(self, gateway: str, epoch: int) -> None:
        """This gateway waits for word about `epoch`: after a commit, a duplicate, or a hello."""
        self._owed.setdefault((gateway, epoch), [])

    def rejected(self, refusals: list[Refusal]) -> None:
        """These records are final and in quarantine; call after the commit that says so."""
        for gateway, epoch, seq, reason in refusals:
            self._owed.setdefault((gateway, epoch), []).append((seq, reason))

    def flush(self, now: int) -> None:
        """Send what is owed. What cannot be sent is dropped: every later receipt says it again."""
        owed, self._owed = self._owed, {}
        for (gateway, epoch), rejected in owed.items():
            receipt = Receipt(
                epoch=epoch,
                committed=_newest_and_watermark(self._journal.settled(gateway, epoch)),
                rejected=rejected[:MAX_REJECTED],
                credit=self._credit,
                time=now,
            )
            failpoint("receipt.publish.before")
            self.sent += self._publish(topics.receipt(gateway), encode(receipt))
            failpoint("receipt.publish.after")


def _newest_and_watermark(settled: Ranges) -> list[tuple[int, int]]:
    """At most MAX_RECEIPT_RANGES ranges: the lowest first, since the edge forgets from there; the newest last."""
    ranges = list(settled)
    if len(ranges) <= MAX_RECEIPT_RANGES:
        return ranges
    half = MAX_RECEIPT_RANGES // 2
    return ranges[:half] + ranges[-half:]
