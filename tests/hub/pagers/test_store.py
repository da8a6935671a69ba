"""The paging and its file in one process: what is saved comes back, and what cannot be saved is sent all the same."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from hub.pagers.events import BEGINNING, Events
from hub.pagers.service import GRACE_MS, PagerService
from hub.pagers.store import KEEP_MS, PageStore
from hub.settings import HubSettings
from rules.paging import Changes, Paging
from rules.rotas import read_pagers
from vitals.alarms import AlarmEvent
from vitals.document import read_document
from vitals.errors import StorageError
from vitals.pages import PagerFault

PLAN = """
format: 1
zone: UTC
recipients: [{id: nurse-1, name: Nurse 1}]
policies: [{id: any, steps: [{after: 0s, page: [nurse-1]}]}]
"""


class Clock:
    def __init__(self, now):
        self.now = now

    def wall_ms(self):
        return self.now

    def steady_ms(self):
        return self.now


@pytest.fixture
def service(tmp_path, rig):
    """A service whose ticks the test gives, beside its clock; it is connected to nobody."""
    settings = read_document(
        'hub: hub-1\npagers: {file: pagers.yaml}\nwards: [{id: icu, beds: [{id: "7"}]}]\n', "hub.yaml", HubSettings
    )
    clock = Clock(rig.now())
    sent = []

    class Silent(PagerService):
        def _send(self, page):
            sent.append(page)

    with asyncio.Runner() as runner:

        async def make():
            return Silent(settings, read_pagers(PLAN, "pagers.yaml"), tmp_path, clock)

        service = runner.run(make())

        async def tick():
            service.tick()

        service.sent, service.clock, service.run_tick = sent, clock, lambda: runner.run(tick())
        yield service
        service._store.close()


def test_a_full_disk_stops_no_page_and_is_told(service, scribe, rig, monkeypatch, caplog):
    def refuse(*_):
        raise StorageError("cannot write the pages: database or disk is full")

    service.run_tick()
    with monkeypatch.context() as patch:
        patch.setattr(service._store, "save", refuse)
        scribe.tell(rig.alarm())
        service.run_tick()
        assert [page.recipient for page in service.sent] == ["nurse-1"]
        service.clock.now += GRACE_MS
        service.run_tick()
        (fault,) = service._faults(service.clock.now)
        assert (fault.recipient, "disk is full" in fault.reason) == ("", True)
    service.run_tick()
    assert service._faults(service.clock.now) == []
    assert len(service._store.load().deliveries) == 1
    caplog.clear()


def test_without_a_journal_there_is_a_grace_before_it_is_a_fault(service, tmp_path, rig, caplog):
    service.run_tick()
    assert service._faults(service.clock.now) == []
    service.clock.now += GRACE_MS
    service.run_tick()
    assert "cannot read the database" in service._faults(service.clock.now)[0].reason
    from tests.hub.pagers.conftest import Scribe

    scribe = Scribe(tmp_path)
    scribe.tell(rig.alarm())
    service.run_tick()
    assert len(service.sent) == 1
    scribe.journal.close()
    caplog.clear()


def test_a_replaced_journal_is_read_from_what_stands_in_it(service, tmp_path, scribe, rig):
    scribe.tell(rig.alarm("1"))
    service.run_tick()
    scribe.journal.close()
    for path in tmp_path.glob("journal.db*"):
        path.rename(path.with_name(f"old-{path.name}"))
    from tests.hub.pagers.conftest import Scribe

    other = Scribe(tmp_path)
    other.tell(rig.alarm("2"))
    service.clock.now += 5_000
    service.run_tick()
    assert [page.alarms[0].bed for page in service.sent] == ["1", "2"]
    other.journal.close()


def test_an_event_nobody_can_read_does_not_stand_before_the_next(service, tmp_path, scribe, rig, caplog):
    scribe.tell(rig.alarm("1"))
    service.run_tick()
    scribe.tell(rig.alarm("2"))
    scribe.tell(rig.alarm("3"))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("UPDATE alarm_event SET body = '{' WHERE bed = '2'")
    db.close()
    service.clock.now += 5_000
    service.run_tick()
    assert [page.alarms[0].bed for page in service.sent] == ["1", "3"]
    assert "alarm event 2 of the journal cannot be read" in caplog.text
    caplog.clear()


def test_what_is_saved_comes_back_as_it_was(tmp_path, rig):
    paging = Paging(read_pagers(PLAN, "pagers.yaml"))
    alarm = rig.alarm()
    paging.take(AlarmEvent(change="raised", time=1_000, alarm=alarm), 1_000)
    paging.advance(1_000)
    changes = paging.unsaved()
    fault = PagerFault(recipient="nurse-1", reason="away", since=5)
    store = PageStore(tmp_path / "pages.db")
    store.save(BEGINNING._replace(position=4, event="x"), changes, [fault], [], 1_000)
    store.close()
    store = PageStore(tmp_path / "pages.db")
    saved = store.load()
    assert saved.bookmark == (4, "x")
    assert (saved.escalations, saved.calls, saved.faults) == (changes.escalations, changes.calls, [fault])
    (before,), (after,) = changes.deliveries, saved.deliveries
    before.first, before.due = None, 0  # a new process begins to wait anew
    assert after == before
    store.save(saved.bookmark, Changes(), [], [], 1_000 + KEEP_MS + 1)
    assert store._db.execute("SELECT count(*) FROM call").fetchone() == (0,)
    store.close()


def test_what_is_not_ours_is_refused(tmp_path):
    (tmp_path / "pages.db").write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match=r"pages\.db"):
        PageStore(tmp_path / "pages.db")
    with pytest.raises(StorageError):
        Events(tmp_path / "nothing.db")
