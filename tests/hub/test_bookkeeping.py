"""The books: what a gateway has given out is in the journal, in its spool, or explained."""

import pytest

from hub.bookkeeping import STANDS_MS, WRITE_MS, Bookkeeping
from vitals.ranges import Ranges
from vitals.sessions import GatewayStatus, Hello, Ledger

NOW = 1_763_682_504_000


class Shelf:
    """What a journal knows of seqs; a declared gap is settled at once."""

    def __init__(self) -> None:
        self.finals: dict[tuple[str, int], Ranges] = {}
        self.holes: dict[tuple[str, int], Ranges] = {}
        self.declared = []

    def has(self, *spans, epoch=5):
        self.finals[("gw-a", epoch)] = Ranges(spans)

    def declare(self, row):
        self.declared.append((row.epoch, row.gap.spans(), row.gap.count, row.gap.reason, row.source))
        key = (row.gateway, row.epoch)
        self.finals[key] = self.settled(*key).union(Ranges(row.gap.spans()))
        self.holes[key] = self.missing(*key).union(Ranges(row.gap.spans()))

    def settled(self, gateway, epoch):
        return self.finals.get((gateway, epoch), Ranges())

    def missing(self, gateway, epoch):
        return self.holes.get((gateway, epoch), Ranges())

    def rejected(self, gateway, epoch):
        return 0

    def epochs(self, gateway):
        return sorted(epoch for _, epoch in self.finals)


class Rig:
    def __init__(self, known=()) -> None:
        self.journal = Shelf()
        self.faults = []
        self.books = Bookkeeping(self.journal, self.journal.declare, lambda *told: self.faults.append(told), [*known])

    def hello(self, lowest, accepted, epoch=5):
        self.books.hello(
            Hello(
                gateway="gw-a", epoch=epoch, lowest=lowest, highest=accepted if lowest else 0, accepted=accepted,
                time=NOW, clock="synced", boot="b", version="1", settings="s",
            )
        )  # fmt: skip

    def status(self, now=NOW, epoch=5, **counts):
        ledgers = [Ledger(epoch=epoch, **counts)] if counts else []
        self.books.status(GatewayStatus(gateway="gw-a", online=True, time=now, ledger=ledgers), now)


def test_what_is_stored_and_what_waits_add_up():
    rig = Rig()
    rig.journal.has((1, 90))
    rig.status(accepted=100, receipted=85, spooled=15)  # five receipts are on their way
    assert rig.books.differing() == {}
    rig.books.advance(NOW + 2 * STANDS_MS)
    assert rig.faults == []


def test_a_difference_that_stands_two_minutes_is_a_fault_until_it_is_gone():
    rig = Rig()
    rig.journal.has((1, 40), (61, 100))
    rig.status(accepted=100, receipted=100)
    assert rig.books.differing() == {"gw-a": 20}
    rig.books.advance(NOW + STANDS_MS - 1)
    assert rig.faults == []
    rig.books.advance(NOW + STANDS_MS)
    rig.books.advance(NOW + STANDS_MS + 250)
    ((gateway, message),) = rig.faults
    assert gateway == "gw-a"
    assert "20 of 100" in message
    rig.journal.has((1, 100))
    rig.status(now=NOW + STANDS_MS + 5_000, accepted=100, receipted=100)
    rig.books.advance(NOW + STANDS_MS + 5_000)
    assert rig.faults[1:] == [("gw-a", "")]


def test_records_the_gateway_never_gave_out_are_a_difference_too():
    rig = Rig()
    rig.journal.has((1, 120))
    rig.status(accepted=100, receipted=100)
    assert rig.books.differing() == {"gw-a": -20}
    rig.books.advance(NOW + STANDS_MS)
    assert "never gave out" in rig.faults[0][1]


def test_books_that_do_not_add_up_by_themselves_are_a_difference():
    rig = Rig()
    rig.journal.has((1, 100))
    rig.status(accepted=100, receipted=90)
    rig.books.advance(NOW + STANDS_MS)
    assert "do not add up" in rig.faults[0][1]


def test_what_was_pruned_is_explained_as_soon_as_its_gap_record_is_on_the_way():
    rig = Rig()
    rig.journal.has((1, 50))
    rig.status(accepted=101, receipted=50, pruned=50, spooled=1)  # the one that waits is the gap record
    assert rig.books.differing() == {}


def test_the_hub_declares_missing_what_a_gateway_no_longer_holds():
    rig = Rig()
    rig.journal.has((1, 100))  # put back from a copy
    rig.hello(lowest=501, accepted=600)
    rig.books.advance(NOW)
    assert rig.journal.declared == []  # it has not said all it has: a gap record may be among it
    rig.journal.has((1, 100), (501, 599))
    rig.books.advance(NOW)
    assert rig.journal.declared == []
    rig.journal.has((1, 100), (501, 600))
    rig.books.advance(NOW)
    rig.books.advance(NOW + 250)
    assert rig.journal.declared == [(5, [(101, 500)], 400, "not_kept", "hub")]


def test_a_gateway_with_an_empty_spool_holds_nothing():
    rig = Rig()
    rig.journal.has((1, 10), (20, 30))
    rig.hello(lowest=0, accepted=40)
    rig.books.advance(NOW)
    assert rig.journal.declared == [(5, [(11, 19), (31, 40)], 19, "not_kept", "hub")]


def test_nothing_is_declared_when_nothing_is_missing():
    rig = Rig()
    rig.hello(lowest=0, accepted=0)
    rig.status()
    assert rig.books.advance(NOW) == []
    rig.journal.has((1, 40))
    rig.hello(lowest=31, accepted=40)
    rig.status(accepted=40, receipted=30, spooled=10)
    rig.books.advance(NOW)
    assert rig.journal.declared == []


def test_an_epoch_that_ended_is_closed_up_to_the_last_seq_anybody_spoke_of():
    rig = Rig(known=[("gw-a", 4, 80)])
    rig.journal.has((1, 50), (55, 60), epoch=4)
    rig.hello(lowest=0, accepted=0)
    rig.books.advance(NOW)
    assert rig.journal.declared == []  # which epochs are over is in the status
    rig.status(accepted=0)
    writes = rig.books.advance(NOW)
    assert rig.journal.declared == [(4, [(51, 54), (61, 80)], 24, "not_kept", "hub")]
    assert any("DELETE" in write.sql and write.values == ("gw-a", 4) for write in writes)


def test_an_epoch_still_in_use_beside_the_spool_stays_open():
    rig = Rig()
    rig.journal.has((1, 10))
    rig.journal.has((3, 4), epoch=9)
    rig.hello(lowest=0, accepted=10)
    ledgers = [Ledger(epoch=5, accepted=10, receipted=10), Ledger(epoch=9, accepted=4, spooled=4, volatile=True)]
    rig.books.status(GatewayStatus(gateway="gw-a", online=True, time=NOW, ledger=ledgers), NOW)
    rig.books.advance(NOW)
    assert rig.journal.declared == []


@pytest.mark.parametrize("spaces", [999, 1_000, 1_001, 2_500])
def test_many_holes_are_declared_in_gaps_small_enough_for_the_wire(spaces):
    rig = Rig()
    rig.journal.has(*((2 * number, 2 * number) for number in range(1, spaces + 1)))
    rig.hello(lowest=2 * spaces, accepted=2 * spaces)
    rig.books.advance(NOW)
    assert sum(count for _, _, count, _, _ in rig.journal.declared) == spaces
    assert rig.journal.settled("gw-a", 5) == Ranges([(1, 2 * spaces)])


def test_the_balance_is_written_each_minute():
    rig = Rig()
    rig.journal.has((1, 90))
    rig.status(accepted=100, receipted=90, spooled=10)
    (row,) = rig.books.advance(NOW)
    assert row.values == ("gw-a", 5, NOW, 100, 10, 90, 0, 0, 0, None)
    assert rig.books.advance(NOW + WRITE_MS - 1) == []
    assert len(rig.books.advance(NOW + WRITE_MS)) == 1
