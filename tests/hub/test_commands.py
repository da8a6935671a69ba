"""Commands: decided by one table, written down with who and why, answered once they are durable."""

import json

import msgspec
import pytest

from hub.admissions import Admissions
from hub.alarms.desk import Desk
from hub.deeds import Done, past_answers
from hub.entries import Entries
from hub.hub import Hub
from hub.journal import Batch, Journal
from rules.beds import Entry
from rules.machine import Refused
from vitals.commands import COMMANDS, Admit, Discharge, Observe
from vitals.identity import BedKey

NOW = 1_763_682_504_000
HOUR = 3_600_000
BED = BedKey("icu", "1")


@pytest.fixture
def journal(tmp_path):
    opened = []

    def open_():
        """The journal as the next run of the hub reads it."""
        for old in opened:
            old.close()
        opened[:] = [Journal(tmp_path / "journal.db")]
        return opened[0]

    yield open_
    for old in opened:
        old.close()


def commit(journal, writes):
    batch = Batch()
    batch.writes += writes
    journal.commit(batch)


class Acts:
    """A desk of one action that counts how often it was done."""

    def __init__(self, error=None) -> None:
        self.done = 0
        self.error = error

    def table(self):
        return {"acknowledge": self.act}

    def act(self, command, now):
        if self.error:
            raise self.error
        self.done += 1
        return Done()


def asked(request="r1", **fields):
    return json.dumps({"request": request, "alarm": "0" * 16, "by": "nurse-1", **fields}).encode()


def test_every_deed_is_a_row_with_who_when_and_why(journal):
    desk = Desk(Acts().table())
    answer = desk.handle("pager-1", "acknowledge", asked(reason="with the patient"), NOW)
    first = journal()
    commit(first, answer.writes)
    rows = first.read('SELECT time, client, action, "by", reason, request FROM deed')
    assert rows == [(NOW, "pager-1", "acknowledge", "nurse-1", "with the patient", "r1")]
    ((body, result),) = first.read("SELECT body, result FROM deed")
    assert json.loads(body)["alarm"] == "0" * 16
    assert json.loads(result)["done"] is True


@pytest.mark.parametrize("error", [Refused("it is acknowledged already"), ValueError("there is no bed icu/9")])
def test_a_refused_command_is_answered_with_the_sentence_and_written_down_too(error):
    answer = Desk(Acts(error).table()).handle("pager-1", "acknowledge", asked(), NOW)
    assert (answer.result.done, answer.result.reason) == (False, str(error))
    assert len(answer.writes) == 1


def test_a_repeated_command_is_done_once_and_answered_when_the_first_is_durable():
    acts = Acts()
    desk = Desk(acts.table())
    first = desk.handle("pager-1", "acknowledge", asked(), NOW)
    assert desk.handle("pager-1", "acknowledge", asked(), NOW + 1) is None  # the answer to the first is on its way
    desk.committed(first)
    again = desk.handle("pager-1", "acknowledge", asked(), NOW + 2)
    assert (again.result, again.writes) == (first.result, [])
    assert acts.done == 1
    assert desk.handle("pager-2", "acknowledge", asked(), NOW + 3).result.done  # another client's request of that name
    assert acts.done == 2


def test_a_command_repeated_after_a_restart_is_not_done_again(journal):
    first = Desk(Acts().table()).handle("pager-1", "acknowledge", asked(), NOW)
    commit(journal(), first.writes)
    acts = Acts()
    again = Desk(acts.table(), past_answers(journal(), 10)).handle("pager-1", "acknowledge", asked(), NOW + 1)
    assert again.result == first.result
    assert acts.done == 0


@pytest.mark.parametrize(
    ("action", "payload", "reason", "request_"),
    [
        ("dance", asked(), "no command 'dance'; known: acknowledge", "r1"),
        ("acknowledge", b"please", "not JSON", ""),
        ("acknowledge", b'{"request": "r9", "alarm": "x", "by": "nurse-1"}', "invalid", "r9"),
        ("reset", asked(), "no command 'reset'", "r1"),
    ],
)
def test_what_cannot_be_read_is_answered_with_the_reason(action, payload, reason, request_):
    answer = Desk(Acts().table()).handle("pager-1", action, payload, NOW)
    assert not answer.result.done
    assert reason in answer.result.reason
    assert answer.result.request == request_
    assert answer.writes == []


def test_the_hub_has_an_act_for_every_command(make_settings, tmp_path):
    hub = Hub(make_settings(), tmp_path, "test")
    assert set(hub.desk.known.split(", ")) == set(COMMANDS)
    hub.committer.close()
    hub.journal.close()


def observe(entries, since=None, now=NOW, **values):
    fields = {"time": values.pop("time")} if "time" in values else {}
    return entries.observe(BED, Observe(request="r", by="nurse-1", bed="icu/1", values=values, **fields), since, now)


def test_entries_hold_until_they_are_too_old_and_over_a_restart(journal):
    entries = Entries(journal())
    writes = observe(entries, acvpu="C", spo2_scale="2", temp=38.5)
    expected = {
        "acvpu": Entry(1.0, NOW, NOW + 12 * HOUR),
        "spo2_scale": Entry(2.0, NOW, None),
        "temp": Entry(38.5, NOW, NOW + 4 * HOUR),
    }
    assert entries.valid(BED, NOW) == expected
    commit(journal(), writes)
    again = Entries(journal())
    assert again.valid(BED, NOW + HOUR) == expected
    assert set(again.valid(BED, NOW + 4 * HOUR)) == {"acvpu", "spo2_scale"}
    assert set(again.valid(BED, NOW + 1_000 * HOUR)) == {"spo2_scale"}
    assert again.valid(BedKey("icu", "2"), NOW) == {}


def test_an_entry_that_was_taken_back_stays_away_after_a_restart(journal):
    entries = Entries(journal())
    writes = observe(entries, acvpu="A", oxygen="air")
    writes += observe(entries, acvpu=None)
    assert set(entries.valid(BED, NOW)) == {"oxygen"}
    commit(journal(), writes)
    assert set(Entries(journal()).valid(BED, NOW)) == {"oxygen"}


@pytest.mark.parametrize(
    ("since", "values", "sentence"),
    [
        (None, {"acvpu": "X"}, "one of A, C, V, P, U"),
        (None, {"temp": 99.0}, "Temp"),
        (None, {"mood": 1.0}, "cannot be entered"),
        (None, {"temp": 37.0, "time": NOW + 10 * 60_000}, "in the future"),
        (None, {"acvpu": "A", "time": NOW - 13 * HOUR}, "too old"),
        (NOW - HOUR, {"acvpu": "A", "time": NOW - 2 * HOUR}, "older than the admission"),
    ],
)
def test_an_observation_that_cannot_count_is_refused_whole_with_a_sentence(journal, since, values, sentence):
    entries = Entries(journal())
    with pytest.raises(ValueError, match=sentence):
        observe(entries, since, oxygen="air", **values)
    assert entries.valid(BED, NOW) == {}


def test_an_older_observation_does_not_replace_a_newer_one(journal):
    entries = Entries(journal())
    observe(entries, acvpu="U")
    with pytest.raises(ValueError, match="newer observation of acvpu"):
        observe(entries, acvpu="A", time=NOW - 60_000)
    assert entries.valid(BED, NOW)["acvpu"].value == 4.0


def admit(patient="p-1", bed="icu/1", **fields):
    return Admit(request="r", by="nurse-1", bed=bed, patient=patient, **fields)


def test_a_stay_begins_ends_and_survives_a_restart(journal):
    admissions = Admissions(journal())
    writes = admissions.admit(BED, admit(), NOW)
    commit(journal(), writes)
    again = Admissions(journal())
    assert again.patient(BED) == "p-1"
    patient, writes = again.discharge(BED, Discharge(request="r", by="nurse-2", bed="icu/1"), NOW + HOUR)
    assert patient == "p-1"
    last = journal()
    commit(last, writes)
    assert last.read('SELECT patient, start, "end", "by", ended_by FROM admission') == [
        ("p-1", NOW, NOW + HOUR, "nurse-1", "nurse-2")
    ]
    assert Admissions(journal()).patient(BED) == ""


def test_a_bed_holds_one_patient_and_a_patient_lies_in_one_bed(journal):
    admissions = Admissions(journal())
    admissions.admit(BED, admit(), NOW)
    with pytest.raises(ValueError, match="is taken by patient p-1; discharge that one first"):
        admissions.admit(BED, admit("p-2"), NOW)
    with pytest.raises(ValueError, match="lies in bed icu/1; discharge there first"):
        admissions.admit(BedKey("icu", "2"), admit(bed="icu/2"), NOW)
    admissions.discharge(BED, Discharge(request="r", by="nurse-1", bed="icu/1"), NOW + HOUR)
    with pytest.raises(ValueError, match="left this bed after that time"):
        admissions.admit(BED, admit("p-2", time=NOW), NOW + HOUR)
    with pytest.raises(ValueError, match="nobody is admitted"):
        admissions.discharge(BED, Discharge(request="r", by="nurse-1", bed="icu/1"), NOW + HOUR)


def test_a_name_is_no_patient_id():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(
            b'{"request": "r", "by": "nurse-1", "bed": "icu/1", "patient": "First Last"}', type=COMMANDS["admit"]
        )
