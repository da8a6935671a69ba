"""Moves of patients and devices in a whole hub: what goes along, what stays, and to whom a reading belongs."""

import json

import msgspec
import pytest

from chassis.clock import Clock
from hub.hub import Hub
from vitals.alarms import alarm_id
from vitals.identity import BedKey

NOW = 1_763_682_504_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
BED, OTHER = BedKey("icu", "1"), BedKey("icu", "2")
LOW = {"spo2": 80.0}


class Stopped(Clock):
    """A clock a test sets."""

    def __init__(self, now) -> None:
        self.time = now

    def wall_ms(self):
        return self.time

    def steady_ms(self):
        return self.time


class Rig:
    """A hub without a broker: records and commands in, rows and events out."""

    def __init__(self, settings, folder) -> None:
        self.settings, self.folder = settings, folder
        self.now = NOW
        self.seq = 0
        self.asked = 0
        self.hub = None
        self.start()

    def start(self):
        """Begin, or go on as after a kill: only what was committed is there."""
        if self.hub is not None:
            self.hub.committer.close()
            self.hub.journal.close()
        self.hub = Hub(self.settings, self.folder, "test", Stopped(self.now))
        self.commit()

    def commit(self):
        self.hub.journal.commit(self.hub._take())

    def ask(self, action, **said):
        self.asked += 1
        said = {"request": f"r{self.asked}", "by": "nurse-1", **said}
        answer = self.hub.desk.handle("board", action, json.dumps(said).encode(), self.now)
        self.hub.intake.pending.writes += answer.writes
        self.hub._announce(answer.events)
        self.commit()
        self.events = answer.events
        return answer.result

    def done(self, action, **said):
        result = self.ask(action, **said)
        assert result.done, result.reason
        return result

    def say(self, device="mon-a", time=None, late=False, **fields):
        """A record of a device, committed; what it alarmed."""
        self.seq += 1
        record = {"seq": self.seq, "device": device, "time": self.now if time is None else time, **fields}
        record.setdefault("values", {"spo2": 97.0})
        payload = json.dumps({"epoch": 1, "records": [record]}).encode()
        _, events = self.hub.intake.records("gw-a", "up", payload, late=late, now=self.now)
        self.hub._announce(events)
        self.commit()
        return events

    def rows(self, query, *values):
        return list(self.hub.journal._db.execute(query, values))

    def beds(self):
        return self.rows("SELECT device, ward || '/' || bed, time - ? FROM record ORDER BY id", NOW)

    def alarms(self, bed):
        return {alarm.rule: alarm for alarm in self.hub.engine.alarms(bed)}

    def shown(self, bed):
        snapshot = self.hub.picture.snapshot(bed.ward, self.now, lambda key: self.hub.round.judged(key, self.now))
        return next(one for one in snapshot.beds if one.bed == bed.bed)


@pytest.fixture
def rig(make_settings, probe_rules, tmp_path):
    made = Rig(make_settings(rules=probe_rules), tmp_path)
    yield made
    made.hub.committer.close()
    made.hub.journal.close()


def test_a_transfer_takes_limits_and_entries_along_and_ends_both_where_the_patient_lay(rig):
    rig.done("admit", bed="icu/1", patient="p-1")
    rig.done("set-limit", scope="patient/p-1", rule="spo2-low", bound=85, reason="known lungs")
    rig.done("observe", bed="icu/1", values={"oxygen": "oxygen"})
    rig.now += MINUTE
    result = rig.done("transfer", bed="icu/1", to="icu/2", reason="isolation")
    for _ in range(2):  # and after a kill
        assert [rig.hub.admissions.patient(bed) for bed in (BED, OTHER)] == ["", "p-1"]
        assert rig.hub.limits.book(OTHER, rig.now).rules["spo2-low"].bound == 85
        assert rig.hub.limits.book(BED, rig.now).rules["spo2-low"].bound == 90
        assert rig.hub.round.entries.valid(BED, rig.now) == {}
        assert rig.hub.round.entries.valid(OTHER, rig.now)["oxygen"].time == NOW
        rig.start()
    told = rig.rows('SELECT kind, admission, bed, start, "end", reason FROM admission_event ORDER BY id')
    assert told[1:] == [
        ("transferred", 1, "1", NOW, NOW + MINUTE, "isolation"),
        ("transferred", 2, "2", NOW + MINUTE, None, "isolation"),
    ]
    assert result.admission == 2


def test_an_open_alarm_calls_at_the_new_bed_and_ends_at_the_old_one(rig):
    rig.done("admit", bed="icu/1", patient="p-1")
    (raised,) = rig.say(values=LOW)
    rig.done("acknowledge", alarm=raised.alarm.id)
    rig.now += MINUTE
    rig.done("transfer", bed="icu/1", to="icu/2")
    assert [(event.change, event.alarm.bed, event.by) for event in rig.events] == [
        ("cleared", "1", "nurse-1"),
        ("raised", "2", "nurse-1"),
    ]
    assert rig.events[1].reason == "the patient came from icu/1"
    alarm = rig.alarms(OTHER)["spo2-low"]
    assert (alarm.state, alarm.acknowledged_by, alarm.condition) == ("active", "", None)
    assert alarm.id == alarm_id("spo2-low", "icu", "2", raised.alarm.onset)
    assert rig.alarms(BED) == {}
    rig.start()
    assert rig.alarms(OTHER)["spo2-low"].id == alarm.id
    rig.say("mon-b", values={"spo2": 97.0})
    assert rig.alarms(OTHER).get("spo2-low", alarm).condition is not True


def test_an_alarm_that_goes_there_and_back_has_a_revision_nobody_takes_for_an_old_one(rig):
    rig.done("admit", bed="icu/1", patient="p-1")
    rig.say(values=LOW)
    seen = {}
    for bed, to in (("icu/1", "icu/2"), ("icu/2", "icu/1")):
        rig.now += MINUTE
        rig.done("transfer", bed=bed, to=to)
        for event in rig.events:
            assert event.alarm.rev > seen.get(event.alarm.id, 0)
            seen[event.alarm.id] = event.alarm.rev


def test_two_patients_change_places_and_neither_sees_what_was_measured_of_the_other(rig):
    rig.done("admit", bed="icu/1", patient="p-1")
    rig.done("admit", bed="icu/2", patient="p-2")
    rig.say("mon-a", values={"spo2": 95.0, "nibp_sys": 150.0})
    rig.say("mon-b", values={"spo2": 99.0})
    assert not rig.ask("transfer", bed="icu/1", to="icu/2").done
    rig.now += MINUTE
    rig.done("transfer", bed="icu/1", to="icu/2", swap=True)
    assert [rig.hub.admissions.patient(bed) for bed in (BED, OTHER)] == ["p-2", "p-1"]
    assert rig.shown(BED).values == rig.shown(OTHER).values == {}
    rig.now += SECOND
    rig.say("mon-a", time=rig.now, values={"spo2": 98.0})
    rig.say("mon-a", time=rig.now - 30 * SECOND, values={"nibp_sys": 150.0})  # the monitor repeats an old pressure
    assert list(rig.shown(BED).values) == ["spo2"]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"bed": "icu/2", "to": "icu/1"}, "nobody is admitted to bed icu/2"),
        ({"bed": "icu/1", "to": "icu/1"}, "lies there already"),
        ({"bed": "icu/1", "to": "icu/9"}, "there is no bed icu/9"),
        ({"bed": "icu/1", "to": "icu/2", "swap": True}, "nobody lies in bed icu/2"),
        ({"bed": "icu/1", "to": "icu/2", "time": NOW - HOUR}, "give a later time"),
        ({"bed": "icu/1", "to": "icu/2", "time": NOW + HOUR}, "in the future"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_and_nobody_moves(rig, said, sentence):
    rig.done("admit", bed="icu/1", patient="p-1")
    result = rig.ask("transfer", **said)
    assert not result.done
    assert sentence in result.reason
    assert [rig.hub.admissions.patient(bed) for bed in (BED, OTHER)] == ["p-1", ""]
    assert len(rig.rows("SELECT 1 FROM admission_event")) == 1


def test_a_corrected_stay_says_what_it_says_now_and_what_was_changed_when_and_why(rig):
    rig.done("admit", bed="icu/1", patient="p-1")
    rig.done("set-limit", scope="patient/p-1", rule="spo2-low", bound=85, reason="known lungs")
    rig.done("correct", admission=1, patient="p-7", start=NOW - HOUR, reason="wrong wristband read")
    for _ in range(2):
        assert rig.hub.admissions.stay(BED)[2:] == ("p-7", NOW - HOUR, None)
        assert rig.hub.limits.book(BED, rig.now).rules["spo2-low"].bound == 85, "it is the same person"
        rig.start()
    assert rig.rows("SELECT kind, patient, start, reason FROM admission_event")[-1] == (
        "corrected",
        "p-7",
        NOW - HOUR,
        "wrong wristband read",
    )
    assert rig.rows("SELECT action, reason FROM deed")[-1] == ("correct", "wrong wristband read")


def test_a_discharge_by_mistake_is_taken_back_and_an_admission_by_mistake_never_was(rig):
    rig.done("admit", bed="icu/1", patient="p-1")
    rig.now += MINUTE
    rig.done("discharge", bed="icu/1")
    rig.done("correct", admission=1, reopen=True, reason="wrong bed chosen")
    assert rig.hub.admissions.patient(BED) == "p-1"
    rig.done("correct", admission=1, cancel=True, reason="was never here")
    assert rig.hub.admissions.patient(BED) == ""
    assert rig.rows("SELECT * FROM admission") == []
    assert [kind for (kind,) in rig.rows("SELECT kind FROM admission_event ORDER BY id")] == [
        "admitted",
        "discharged",
        "corrected",
        "cancelled",
    ]
    rig.start()
    assert rig.done("admit", bed="icu/1", patient="p-2").admission == 2, "a number is never given twice"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"admission": 9, "cancel": True}, "no admission 9"),
        ({"admission": 1, "patient": "p-9", "reason": " "}, "say why"),
        ({"admission": 1}, "says that already"),
        ({"admission": 1, "end": NOW + 20 * MINUTE}, "patient p-3 lay in bed icu/1 then (admission 3)"),
        ({"admission": 1, "bed": "icu/2"}, "patient p-2 lay in bed icu/2 then (admission 2)"),
        ({"admission": 1, "patient": "p-2"}, "patient p-2 lay in bed icu/2 then (admission 2)"),
        ({"admission": 1, "end": NOW - HOUR}, "ends after it has begun"),
        ({"admission": 2, "reopen": True}, "has not ended"),
    ],
)
def test_a_correction_that_cannot_be_true_is_refused(rig, said, sentence):
    rig.done("admit", bed="icu/1", patient="p-1")
    rig.done("admit", bed="icu/2", patient="p-2")
    rig.now += 10 * MINUTE
    rig.done("discharge", bed="icu/1")
    rig.done("admit", bed="icu/1", patient="p-3")
    rig.now += HOUR
    result = rig.ask("correct", **{"reason": "a slip", **said})
    assert not result.done
    assert sentence in result.reason


def test_a_device_that_was_moved_stands_at_its_new_bed_for_everybody_and_after_a_kill(rig):
    rig.say("mon-a")
    rig.now += MINUTE
    rig.done("assign-device", device="gw-a/mon-a", bed="icu/2", reason="the other is in repair")
    for raised in (["2"], []):
        assert rig.hub.registry.gateways["gw-a"]["mon-a"] == OTHER
        assert rig.hub.engine._beds[OTHER].sources.keys() == {"gw-a/mon-a", "gw-a/mon-b"}
        assert rig.hub.engine._beds[BED].sources == {}
        assert [one.device for one in rig.shown(OTHER).devices] == ["mon-a", "mon-b"]
        assert rig.shown(BED).devices == []
        assert rig.shown(BED).values == {}
        assert rig.hub.bundles._beds["gw-a"] == {OTHER: ["mon-a", "mon-b"]}
        assert rig.hub._beds_of["gw-a"] == [OTHER, OTHER]
        rig.now += SECOND
        assert [event.alarm.bed for event in rig.say("mon-a", values=LOW)] == raised
        rig.start()
    assert rig.rows('SELECT device, bed, start, source, "by", reason FROM assignment ORDER BY id')[-1] == (
        "mon-a",
        "2",
        NOW + MINUTE,
        "command",
        "nurse-1",
        "the other is in repair",
    )


def test_a_backlog_belongs_to_the_bed_the_device_stood_at_when_it_measured(rig):
    rig.now += 10 * MINUTE
    rig.done("assign-device", device="gw-a/mon-a", bed="icu/2")
    rig.start()
    rig.say(time=NOW, late=True, values=LOW)
    rig.say(time=rig.now - 1, late=True)
    rig.say(time=rig.now, late=True)
    rig.say(time=rig.now - 1)  # sent as live, measured just before
    rig.say(time=rig.now)
    assert rig.beds() == [
        ("mon-a", "icu/1", 0),
        ("mon-a", "icu/1", 10 * MINUTE - 1),
        ("mon-a", "icu/2", 10 * MINUTE),
        ("mon-a", "icu/1", 10 * MINUTE - 1),
        ("mon-a", "icu/2", 10 * MINUTE),
    ]
    assert list(rig.shown(BED).values) == [], "what is over is not shown as the present"


def test_a_move_told_afterwards_takes_the_readings_since_then_along(rig):
    for second in range(4):
        rig.now = NOW + second * SECOND
        rig.say("mon-a")
    rig.done("assign-device", device="gw-a/mon-a", bed="icu/2", time=NOW + 2 * SECOND)
    assert [bed for _, bed, _ in rig.beds()] == ["icu/1", "icu/1", "icu/2", "icu/2"]


def test_what_was_wrong_with_a_device_leaves_with_it_and_what_was_wrong_with_the_patient_stays(rig):
    rig.say("mon-a", values=LOW)
    rig.done("assign-device", device="gw-a/mon-a", bed="")
    assert rig.events == []
    assert set(rig.alarms(BED)) == {"spo2-low"}
    rig.now += MINUTE
    rig.hub._announce(rig.hub.engine.advance(rig.now))
    assert rig.alarms(BED)["spo2-low"].condition is None
    assert rig.beds()[-1][1] == "icu/1"
    rig.say("mon-a")
    assert rig.beds()[-1][1] == "/"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"device": "gw-a/mon-x", "bed": "icu/2"}, "no device gw-a/mon-x"),
        ({"device": "gw-a/mon-a", "bed": "icu/9"}, "there is no bed icu/9"),
        ({"device": "gw-a/mon-a", "bed": "icu/1"}, "stands at icu/1 already"),
        ({"device": "gw-a/spare", "bed": ""}, "stands at no bed already"),
        ({"device": "gw-a/mon-a", "bed": "icu/2", "time": NOW - 2 * HOUR}, "at most an hour ago"),
        ({"device": "gw-a/mon-a", "bed": "icu/2", "time": NOW + HOUR}, "in the future"),
    ],
)
def test_a_device_that_cannot_be_moved_stays_where_it_is(rig, said, sentence):
    result = rig.ask("assign-device", **said)
    assert not result.done
    assert sentence in result.reason
    assert rig.hub.registry.gateways["gw-a"]["mon-a"] == BED


def test_a_place_changed_in_the_settings_is_a_move_and_one_left_alone_is_not(rig):
    rig.now += MINUTE
    rig.done("assign-device", device="gw-a/mon-a", bed="icu/2")
    rig.now += MINUTE
    rig.start()
    assert rig.hub.registry.gateways["gw-a"]["mon-a"] == OTHER, "the settings say what they said before"
    first, *others = rig.settings.gateways
    beds = {"mon-a": None, "mon-b": "icu/2", "spare": "icu/1"}
    devices = [msgspec.structs.replace(device, bed=beds[device.id]) for device in first.devices]
    gateways = [msgspec.structs.replace(first, devices=devices), *others]
    rig.settings = msgspec.structs.replace(rig.settings, gateways=gateways)
    rig.start()
    assert rig.hub.registry.gateways["gw-a"] == {"mon-a": None, "mon-b": OTHER, "spare": BED}
    assert [(spell.start - NOW, spell.bed) for spell in rig.hub.registry.spells("gw-a", "mon-a")] == [
        (-NOW, BED),
        (MINUTE, OTHER),
        (2 * MINUTE, None),
    ]
