"""Receipts say what the journal holds: nothing before, nothing more, and never too large."""

import msgspec
import pytest

from hub.ingest.receipts import LEAST_CREDIT, Receipts
from hub.journal import Batch, Journal, RecordRow, Refusal
from vitals.sessions import MAX_RECEIPT_RANGES, Receipt


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def commit(journal: Journal, *seqs: int) -> None:
    batch = Batch()
    for seq in seqs:
        batch.records.append(RecordRow("gw-a", 1, seq, "m", "icu", "1", seq, 1, 0, b"{}"))
        batch.settle("gw-a", 1, seq)
    journal.commit(batch)


class Outbox(list):
    def publish(self, topic: str, payload: bytes) -> bool:
        self.append((topic, msgspec.json.decode(payload, type=Receipt)))
        return True


def test_a_receipt_names_what_is_committed_and_nothing_else(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=500)
    commit(journal, 1, 2, 4)
    receipts.owe("gw-a", 1)
    receipts.flush(now=77)
    assert sent == [
        ("wardline/v1/down/gw-a/receipt", Receipt(epoch=1, committed=[(1, 2), (4, 4)], credit=500, time=77))
    ]


def test_receipts_are_coalesced_and_not_repeated(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=500)
    commit(journal, 1)
    receipts.owe("gw-a", 1)
    receipts.owe("gw-a", 1)
    receipts.flush(now=1)
    receipts.flush(now=2)
    assert len(sent) == 1


def test_gateways_that_send_a_backlog_share_the_credit_and_get_it_back_after(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=2_000)
    credits = []
    for gateways, now in ((0, 1_000), (2, 2_000), (25, 3_000), (1_000, 4_000), (0, 9_000)):
        for number in range(gateways):
            receipts.backlog(f"gw-{number}", now)
        receipts.owe("gw-a", 1)
        receipts.flush(now)
        credits.append(sent[-1][1].credit)
    assert credits == [2_000, 2_000, 320, LEAST_CREDIT, 2_000]


def test_a_hello_of_an_unknown_epoch_is_answered_with_nothing_committed(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=500)
    receipts.owe("gw-a", 9)
    receipts.flush(now=1)
    assert sent[0][1].epoch == 9
    assert sent[0][1].committed == []


def test_what_was_rejected_is_told_with_its_reason(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=500)
    receipts.rejected([Refusal("gw-a", 1, 7, "implausible: hr=999")])
    receipts.flush(now=1)
    assert sent[0][1].rejected == [(7, "implausible: hr=999")]


def test_a_receipt_with_very_many_gaps_keeps_the_watermark_and_the_newest(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=500)
    commit(journal, *range(1, 201, 2))
    receipts.owe("gw-a", 1)
    receipts.flush(now=1)
    committed = sent[0][1].committed
    assert len(committed) == MAX_RECEIPT_RANGES
    assert committed[0] == (1, 1)
    assert committed[-1] == (199, 199)


def test_among_very_many_gaps_what_was_asked_for_is_named_wherever_it_stands(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=500)
    commit(journal, *range(1, 2_001, 2))
    receipts.owe("gw-a", 1, [(1_001, 1_001), (1_501, 1_501), (1_502, 1_502)])
    receipts.flush(now=1)
    ((_, receipt),) = sent
    assert {(1, 1), (1_001, 1_001), (1_501, 1_501), (1_999, 1_999)} <= set(receipt.committed)
    assert len(receipt.committed) == MAX_RECEIPT_RANGES
    assert receipt.committed == sorted(receipt.committed)


def test_when_very_many_were_asked_for_there_are_several_receipts(journal):
    sent = Outbox()
    receipts = Receipts(journal, sent.publish, credit=500)
    commit(journal, *range(1, 2_001, 2))
    receipts.rejected([Refusal("gw-a", 1, 7, "why")])
    receipts.owe("gw-a", 1, [(501, 600)])
    receipts.flush(now=1)
    named = {part for _, receipt in sent for part in receipt.committed}
    assert {(seq, seq) for seq in range(501, 600, 2)} <= named
    assert [len(receipt.rejected) for _, receipt in sent] == [1, 0, 0, 0]
    assert all(receipt.committed[0] == (1, 1) for _, receipt in sent)
    assert max(len(receipt.committed) for _, receipt in sent) <= MAX_RECEIPT_RANGES
