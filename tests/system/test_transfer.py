"""A patient, and a device, is moved while ten minutes of backlog drain: every row is where it was measured."""

import time
import uuid
from collections import Counter

import pytest

from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

MINUTES_10 = 600_000
EACH_MS = 200
CREDIT = "credit: 150"  # a hub that lets the backlog in slowly: there is time to move somebody
WHO = """
SELECT record.id, record.time, record.ward || '/' || record.bed, admission.patient FROM record
LEFT JOIN admission ON admission.ward = record.ward AND admission.bed = record.bed AND admission.start <= record.time
    AND (admission."end" IS NULL OR record.time < admission."end")
WHERE record.time < %d ORDER BY record.id
"""


class Backlog:
    """A bed whose gateway was cut off for ten minutes, and is back."""

    def __init__(self, bed) -> None:
        self.bed = bed
        self.end = time.time_ns() // 1_000_000 - 15_000
        self.start = self.end - MINUTES_10
        spool = open_spool(bed.folder / "spool.db", 100_000_000)
        drafts = [
            Draft(device="mon-a", time=at, steady=at - self.start, boot="b", clock="synced", values={"hr": 72.0})
            for at in range(self.start, self.end, EACH_MS)
        ]
        for first in range(0, len(drafts), 500):
            spool.append(drafts[first : first + 500])
        spool.close()
        bed.settings(CREDIT)
        self.count = len(drafts)
        self.results = bed.ear("result/test/+")
        bed.start_hub()
        bed.until(lambda: (bed.folder / "hub/hub.pub").exists())

    def ask(self, action, **said):
        request = uuid.uuid4().hex
        command = {"request": request, "by": "nurse-1", **said}

        def answer():
            return next((one for _, _, one in self.results.heard if one["request"] == request), None)

        for _ in range(10):  # a hub that is just starting has not subscribed yet; a repeated request is done once
            self.results.publish(f"command/test/{action}", command)
            deadline = time.monotonic() + 2
            while answer() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            if answer() is not None:
                break
        result = answer()
        assert result is not None, f"no answer\n{self.bed.words()}"
        assert result["done"], result
        return result

    def drain(self):
        """Let the gateway back; returns while most of the backlog is still to come."""
        self.bed.patient()
        self.bed.start_edge()
        self.bed.until(lambda: self.bed.records() > self.count // 10, 30)

    def rows(self):
        """(id, time, bed, patient) of the whole backlog, when it has come."""
        self.bed.until(lambda: self._here() == self.count, 60)
        return self.bed.rows(WHO % self.end)

    def _here(self):
        rows = self.bed.rows(f"SELECT count(*) FROM record WHERE time < {self.end}")
        return rows[0][0] if rows else 0

    def to_come(self, rows, before, moved):
        """How many rows came after the move and were measured before it: without them the test would show nothing."""
        return sum(1 for number, at, *_ in rows if number > before and at < moved)

    def newest(self):
        ((number,),) = self.bed.rows("SELECT max(id) FROM record")
        return number


def test_a_patient_moved_while_the_backlog_drains_keeps_every_row_of_theirs_and_gets_none_of_others(bed):
    backlog = Backlog(bed)
    moved, came = backlog.start + MINUTES_10 // 2, backlog.start + MINUTES_10 * 6 // 10
    backlog.ask("admit", bed="icu/7", patient="p-1", time=backlog.start - 1_000)
    backlog.drain()
    backlog.ask("transfer", bed="icu/7", to="icu/8", time=moved)
    backlog.ask("admit", bed="icu/7", patient="p-2", time=came)
    before = backlog.newest()
    bed.kill("hub")
    bed.start_hub()
    rows = backlog.rows()
    assert backlog.to_come(rows, before, moved) > 100
    wrong = Counter(
        (who, should)
        for _, at, _, who in rows
        if who != (should := "p-1" if at < moved else None if at < came else "p-2")
    )
    assert wrong == Counter()
    assert len(rows) == backlog.count
    ((stays,),) = bed.rows("SELECT count(*) FROM admission_event WHERE kind = 'transferred'")
    assert stays == 2


def test_a_device_moved_while_the_backlog_drains_leaves_every_row_at_the_bed_it_was_measured_at(bed):
    backlog = Backlog(bed)
    moved = backlog.start + MINUTES_10 // 2
    backlog.drain()
    backlog.ask("assign-device", device="gw-1/mon-a", bed="icu/8", time=moved, reason="the other is in repair")
    before = backlog.newest()
    bed.kill("hub")
    bed.start_hub()
    rows = backlog.rows()
    assert backlog.to_come(rows, before, moved) > 100
    wrong = Counter(place for _, at, place, _ in rows if place != ("icu/7" if at < moved else "icu/8"))
    assert wrong == Counter()
    live = bed.until(
        lambda: bed.rows(f"SELECT DISTINCT ward || '/' || bed FROM record WHERE time > {backlog.end + 15_000}"), 20
    )
    assert live == [("icu/8",)]
