"""Bookkeeping: what a gateway says it has given out, against what the journal can account for.

accepted = stored + rejected + declared missing + still in the gateway's spool. Whatever is in none of these places is
a loss nobody has explained, or a mistake in the books; both are worth an alarm. `now` is UTC ms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hub.journal import Write
from hub.journal_gaps import GapRow, Key
from vitals.ranges import Ranges
from vitals.readings import MAX_GAP_RANGES, Gap
from vitals.sessions import GatewayStatus, Hello, Ledger

STANDS_MS = 120_000  # a difference for so long is a fault; a status and a receipt may cross
WRITE_MS = 60_000
NOT_KEPT = "not_kept"

_BALANCE = "INSERT OR REPLACE INTO balance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ENDED = "DELETE FROM balance WHERE gateway = ? AND epoch = ?"


class Settled(Protocol):
    """What the journal knows of seqs."""

    def settled(self, gateway: str, epoch: int) -> Ranges: ...
    def missing(self, gateway: str, epoch: int) -> Ranges: ...
    def rejected(self, gateway: str, epoch: int) -> int: ...
    def epochs(self, gateway: str) -> list[int]: ...


@dataclass(slots=True)
class _Account:
    """One epoch of a gateway, as it was at its last status."""

    ledger: Ledger
    here: int = 0  # final in the journal, of those accepted
    unexplained: int = 0
    since: int | None = None
    written: int = 0


@dataclass(slots=True)
class _Gateway:
    hello: Hello | None = None  # what it holds, until all of that has come
    ended: int = 0  # the epoch of that hello, until the epochs before it are closed
    accounts: dict[int, _Account] = field(default_factory=dict)
    said: bool = False  # its status since the hello
    told: bool = False


class Bookkeeping:
    """The books of all gateways of one hub."""

    def __init__(
        self,
        journal: Settled,
        declare: Callable[[GapRow], None],
        fault: Callable[[str, str], None],
        known: list[tuple[str, int, int]],
    ) -> None:
        """`fault` is told of each gateway what is wrong with its books, or that nothing is.

        `known` is (gateway, epoch, accepted) of the last run, so that the end of a spool that was lost is known too.
        """
        self._journal = journal
        self._declare = declare
        self._fault = fault
        self._gateways: dict[str, _Gateway] = {}
        self._accepted: dict[Key, int] = {(gateway, epoch): accepted for gateway, epoch, accepted in known}

    def hello(self, hello: Hello) -> None:
        """A gateway says which records it holds."""
        gateway = self._of(hello.gateway)
        gateway.hello, gateway.ended, gateway.said = hello, 0, False

    def status(self, status: GatewayStatus, now: int) -> None:
        """A gateway shows its books; not for a retained status."""
        gateway = self._of(status.gateway)
        accounts, gateway.accounts = gateway.accounts, {}
        for ledger in status.ledger:
            account = accounts.get(ledger.epoch) or _Account(ledger)
            account.ledger = ledger
            account.here, account.unexplained = self._compare(status.gateway, ledger)
            if account.unexplained == 0:
                account.since = None
            elif account.since is None:
                account.since = now
            gateway.accounts[ledger.epoch] = account
            self._accepted[status.gateway, ledger.epoch] = ledger.accepted
        gateway.said = True

    def advance(self, now: int) -> list[Write]:
        """Give up what no gateway holds any more, and tell which books differ; rows for the next commit."""
        writes: list[Write] = []
        for name, gateway in self._gateways.items():
            hello = gateway.hello
            if hello is not None and self._has_said_all(hello):
                self._give_up(name, hello.epoch, hello.lowest - 1 if hello.lowest else hello.accepted, now)
                gateway.hello, gateway.ended = None, hello.epoch
            if gateway.ended and gateway.said:
                writes += self._close_others(name, gateway, now)
                gateway.ended = 0
            standing = [
                account
                for account in gateway.accounts.values()
                if account.since is not None and now - account.since >= STANDS_MS
            ]
            if bool(standing) is not gateway.told:
                gateway.told = bool(standing)
                self._fault(name, _sentence(name, standing[0]) if standing else "")
            for account in gateway.accounts.values():
                if now - account.written >= WRITE_MS:
                    account.written = now
                    writes.append(self._row(name, account, now))
        return writes

    def differing(self) -> dict[str, int]:
        """Gateways whose books differ now, and by how many records; those of a moment included."""
        return {
            name: total
            for name, gateway in self._gateways.items()
            if (total := sum(account.unexplained for account in gateway.accounts.values()))
        }

    def _of(self, gateway: str) -> _Gateway:
        return self._gateways.setdefault(gateway, _Gateway())

    def _compare(self, gateway: str, ledger: Ledger) -> tuple[int, int]:
        """How many records are final here, and how many nowhere; below 0: here, and never given out."""
        here = beyond = 0
        for low, high in self._journal.settled(gateway, ledger.epoch):
            here += max(0, min(high, ledger.accepted) - low + 1)
            beyond += max(0, high - max(low - 1, ledger.accepted))
        spoken_for = ledger.spooled + ledger.receipted + ledger.pruned + ledger.rejected
        if ledger.accepted != spoken_for:
            return here, ledger.accepted - spoken_for
        if beyond:
            return here, -beyond
        # What the gateway gave up is final here as soon as its gap record, still in the spool, has come.
        declared = self._journal.missing(gateway, ledger.epoch).count()
        on_the_way = max(0, ledger.pruned - declared) if ledger.spooled else 0
        return here, max(0, ledger.accepted - here - ledger.spooled - on_the_way)

    def _has_said_all(self, hello: Hello) -> bool:
        """Whether everything it held when it said hello is here: gap records among them, so nothing is guessed."""
        if not hello.lowest:
            return True
        held = Ranges([(hello.lowest, max(hello.lowest, hello.accepted))])
        return not held.minus(self._journal.settled(hello.gateway, hello.epoch)).count()

    def _close_others(self, name: str, gateway: _Gateway, now: int) -> list[Write]:
        """Nothing more comes of epochs the gateway no longer speaks of."""
        known = {*self._journal.epochs(name), *(epoch for place, epoch in self._accepted if place == name)}
        if gateway.accounts:
            ended = known - {gateway.ended} - set(gateway.accounts)
        else:  # an older agent, which shows no books
            ended = {epoch for epoch in known if epoch < gateway.ended}
        writes: list[Write] = []
        for epoch in sorted(ended):
            highest = max((high for _, high in self._journal.settled(name, epoch)), default=0)
            self._give_up(name, epoch, max(highest, self._accepted.pop((name, epoch), 0)), now)
            writes.append(Write(_ENDED, (name, epoch)))
        return writes

    def _give_up(self, gateway: str, epoch: int, last: int, now: int) -> None:
        if last < 1:
            return
        holes = list(Ranges([(1, last)]).minus(self._journal.settled(gateway, epoch)))
        for start in range(0, len(holes), MAX_GAP_RANGES):
            some = holes[start : start + MAX_GAP_RANGES]
            count = sum(high - low + 1 for low, high in some)
            gap = Gap(
                first=some[0][0],
                last=some[-1][1],
                count=count,
                reason=NOT_KEPT,
                kind="mixed",
                ranges=some if len(some) > 1 else [],
            )
            self._declare(GapRow(gateway, epoch, gap, "hub", now, Ranges()))

    def _row(self, gateway: str, account: _Account, now: int) -> Write:
        ledger = account.ledger
        missing = self._journal.missing(gateway, ledger.epoch).count()
        rejected = self._journal.rejected(gateway, ledger.epoch)
        stored = max(0, account.here - missing - rejected)
        said = (ledger.accepted, ledger.spooled)
        return Write(
            _BALANCE,
            (gateway, ledger.epoch, now, *said, stored, rejected, missing, account.unexplained, account.since),
        )


def _sentence(name: str, account: _Account) -> str:
    ledger, count = account.ledger, account.unexplained
    if ledger.accepted != ledger.spooled + ledger.receipted + ledger.pruned + ledger.rejected:
        return f"The books of gateway {name} do not add up: {ledger.accepted:,} accepted, {count:+,} unexplained"
    if count < 0:
        return f"The journal has {-count:,} records of gateway {name} that it says it never gave out"
    return f"{count:,} of {ledger.accepted:,} records of gateway {name} are neither here nor there"
