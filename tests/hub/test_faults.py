"""Faults of equipment: told once while they stand, ended when they are over, also over a restart."""

import pytest

from hub.drills import Drills
from hub.faults import GRACE_MS, Faults
from hub.journal import Journal
from hub.pagers.watch import PagerWatch
from hub.projections.watch import ProjectionWatch
from hub.registry import Registry
from rules.engine import Engine, SavedAlarm
from rules.watch import Watch
from vitals.pages import PagerFault, PagersStatus
from vitals.projections import ProjectionFault, ProjectionsStatus

NOW = 1_763_682_504_000
DAY = 86_400_000


class Rig:
    """One run of a hub's faults; `after` is the run before it."""

    def __init__(
        self, settings, journal, now=NOW, every=None, paged=False, copied=False, after=None, gateways=None
    ) -> None:
        registry = Registry(settings)
        self.engine = Engine([], registry.beds())
        if after is not None:
            self.engine.restore(after.saved(), now)
        self.paging = PagerWatch("hub-test", expected=paged, now=now)
        self.copies = ProjectionWatch("hub-test", expected=copied, now=now)
        self.drills = Drills(registry, "hub-test", every, journal, now)
        names = registry.gateways if gateways is None else gateways
        self.watch = Watch("hub-test", dict.fromkeys(names, ()), now)
        self.faults = Faults(self.engine, "hub-test", names, self.watch, self.paging, self.drills, now, self.copies)
        self.states: dict[tuple[str, str, str], SavedAlarm] = {}

    def saved(self):
        self.states |= {row[:3]: row for row in self.engine.unsaved()}
        return list(self.states.values())

    def look(self, now, connected=True, refusing=False, trouble=""):
        events = self.faults.advance(now, connected=connected, refusing=refusing, trouble=trouble)
        events += self.engine.advance(now)
        self.saved()
        return [(event.change, event.alarm.subject, event.alarm.rule, event.alarm.message) for event in events]


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def test_a_disk_that_refuses_is_said_once_and_again_when_it_works(make_settings, journal):
    rig = Rig(make_settings(), journal)
    assert rig.look(NOW) == []
    ((change, subject, rule, _),) = rig.look(NOW + 250, refusing=True)
    assert (change, subject, rule) == ("raised", "hub/hub-test", "journal-refuses")
    assert rig.look(NOW + 500, refusing=True) == []
    ((change, *_),) = rig.look(NOW + 750)
    assert change == "cleared"


def test_rejected_rules_name_the_file_and_another_mistake_is_another_message(make_settings, journal):
    rig = Rig(make_settings(), journal)
    ((_, _, rule, message),) = rig.look(NOW, trouble="probe.yaml:3: unknown key")
    assert rule == "rules-rejected"
    assert "probe.yaml:3: unknown key" in message
    told = rig.look(NOW + 1_000, trouble="probe.yaml:5: bad unit")
    assert told[-1][0] in ("raised", "reraised")
    assert "probe.yaml:5" in told[-1][3]


def test_a_recipient_whom_pages_do_not_reach_is_a_fault_of_its_own(make_settings, journal):
    rig = Rig(make_settings(), journal, paged=True)
    fault = PagerFault(recipient="nurse-1", reason="no receipt", since=NOW)
    rig.paging.take(PagersStatus(hub="hub-test", online=True, faults=[fault]), NOW)
    ((change, subject, rule, _),) = rig.look(NOW)
    assert (change, subject, rule) == ("raised", "pager/nurse-1", "pager-failed")
    again = Rig(make_settings(), journal, NOW + 5_000, paged=True, after=rig)
    assert again.look(NOW + 5_000) == []  # the paging was not heard yet: nobody knows
    again.paging.take(PagersStatus(hub="hub-test", online=True), NOW + 6_000)
    told = [line for now in range(NOW + 6_000, NOW + 6_000 + GRACE_MS, 1_000) for line in again.look(now)]
    assert [line[:3] for line in told] == [("cleared", "pager/nurse-1", "pager-failed")]


def test_a_copy_that_needs_a_person_is_a_low_alarm_of_the_hub_after_half_a_minute(make_settings, journal):
    rig = Rig(make_settings(), journal, copied=True)
    fault = ProjectionFault(sink="influxdb", reason="refuses the login (401)", since=NOW)
    rig.copies.take(ProjectionsStatus(hub="hub-test", online=True, faults=[fault]), NOW)
    assert rig.look(NOW) == []
    rig.copies.take(ProjectionsStatus(hub="hub-test", online=True, faults=[fault]), NOW + 30_000)
    ((change, subject, rule, message),) = rig.look(NOW + 30_000)
    assert (change, subject, rule) == ("raised", "hub/hub-test", "projection-refused")
    assert "influxdb: refuses the login (401)" in message
    assert [alarm.priority for alarm in rig.engine.alarms()] == ["low"]
    rig.copies.take(ProjectionsStatus(hub="hub-test", online=True), NOW + 31_000)
    assert [line[:3] for line in rig.look(NOW + 31_000)] == [("cleared", "hub/hub-test", "projection-refused")]


def test_a_missed_drill_is_one_fault_of_the_hub_until_one_is_seen(make_settings, journal):
    rig = Rig(make_settings(), journal, every=DAY)
    assert rig.look(NOW + DAY) == []
    ((change, subject, rule, message),) = rig.look(NOW + DAY + 1)
    assert (change, subject, rule) == ("raised", "hub/hub-test", "drill-missed")
    assert "wardline drill" in message
    assert rig.look(NOW + 2 * DAY) == []  # the longer wait is no further alarm


def test_the_alarm_of_a_gateway_that_was_taken_out_of_the_settings_ends(make_settings, journal):
    rig = Rig(make_settings(), journal)
    rig.watch.status("gw-b", online=False, reason="stopped", retained=False, now=NOW)
    assert [line[1:3] for line in rig.look(NOW)] == [("gateway/gw-b", "gateway-silent")]
    assert [alarm.subject for alarm in rig.engine.alarms()] == ["gateway/gw-b"]
    again = Rig(make_settings(), journal, NOW + 1_000, after=rig, gateways=["gw-a"])
    assert [event.change for event in again.faults.forgotten(NOW + 1_000)] == ["cleared"]
    assert again.engine.alarms() == []
