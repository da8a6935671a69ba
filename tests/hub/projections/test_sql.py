"""The journal arrives whole in real PostgreSQL and MariaDB, once each, whatever is sent again and in which order."""

import random
from datetime import UTC

import msgspec
import pytest

from hub.history import RecordBody, StoredRecord
from hub.projections.cursors import dead_letters
from hub.projections.sink import (
    PoisonError,
    StoredEvent,
    StoredScore,
    StoredState,
    StoredStay,
    StoredTicketEvent,
)
from hub.projections.sql.sink import SqlSink
from hub.settings import BedSettings, HubSettings, ProjectionSettings, WardSettings
from tests.fixtures_influx import wait_for
from tests.fixtures_sql import (  # noqa: F401
    database,
    mariadb_server,
    postgres_server,
    sql_server,
    sql_settings,
)
from vitals.alarms import Alarm, AlarmEvent

START = 1_763_682_504_123
TABLES = ("patient_vitals", "alarms", "alarm_transitions", "devices", "device_history", "tickets", "ticket_events")
TABLES += ("scores", "admissions")


def ms(moment):
    """A time of a database in ms."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def record(seq, *, time=None, values=None, flags=None, ward="icu", bed="7", **given):
    """A record of ten values' worth of fields."""
    body = RecordBody(
        values={"hr": 60.0 + seq % 40, "spo2": 97.5} if values is None else values,
        flags={"rr": "lead_off"} if flags is None else flags,
        **{name: given.pop(name) for name in ("clock", "states") if name in given},
    )
    when = START + seq * 1000 if time is None else time
    place = ("gw-1", 1, seq, "mon-a", ward, bed, when, when + 40, given.get("late", 0))
    return StoredRecord(seq, *place, msgspec.json.encode(body))


def event(number, change, rev, **alarm):
    """One transition of one alarm."""
    given = {"id": "0123456789abcdef", "rule": "hr-high", "ward": "icu", "bed": "7", "kind": "physiological"}
    given |= {"priority": "medium", "state": "active", "message": "HR 130 /min is \\ 'high'\t\n", "onset": START}
    given |= {"raised": START + 10_000, "changed": START + 10_000 + rev, "rev": rev} | alarm
    return StoredEvent(number, AlarmEvent(change=change, time=given["changed"], alarm=Alarm(**given)))


def told(number, kind, ticket=1, by="", text=""):
    """A line of a ticket's history."""
    return StoredTicketEvent(number, ticket, START + number, kind, by, text, "gw-1", "mon-a", "icu", "7", "offline")


def stay(number, kind, admission, patient, start, end=None, bed="7", time=None):
    """An admission after a change."""
    return StoredStay(
        number, time or START + number, kind, admission, "icu", bed, patient, start, end, "nurse-1", "as found"
    )


def story():
    """Entries of every stream, with what tables are apt to stumble over."""
    return {
        "records": [record(seq) for seq in range(1, 41)] + [record(41, bed="", ward=""), record(42, late=1)],
        "alarm-events": [
            event(1, "raised", 1),
            event(2, "acknowledged", 2, state="acknowledged", acknowledged_by="Nurse Ünal", acknowledged_at=START + 5),
            event(3, "raised", 1, id="fedcba9876543210", rule="spo2-low", value=84.5, limit=85.0, condition=None),
            event(4, "cleared", 3),
        ],
        "device-states": [
            StoredState(1, "gw-1", "mon-a", "icu", "7", START, "online", ""),
            StoredState(2, "gw-1", "", "icu", "", START, "online", "since boot"),
            StoredState(3, "gw-1", "mon-a", "icu", "7", START + 9, "offline", "no data for 30 s"),
        ],
        "ticket-events": [
            told(1, "opened", text="offline: no data"),
            told(2, "assigned", by="desk", text="workshop"),
            told(3, "opened", ticket=2, by="desk", text="loose plug"),
            told(4, "closed", by="workshop", text="cable"),
        ],
        "scores": [
            StoredScore(1, "icu", "7", START, "news2", 3, True, "low", b'{"points":{"hr":3}}'),
            StoredScore(2, "icu", "7", START + 1000, "news2", None, False, "", b'{"missing":["rr"]}'),
        ],
        "admissions": [
            stay(1, "admitted", 1, "P-1", START),
            stay(2, "discharged", 1, "P-1", START, START + 20_000),
            stay(3, "admitted", 2, "P-2", START + 25_000),
        ],
    }


@pytest.fixture
def new_sink(ward, sql_settings, tmp_path):  # noqa: F811
    """Open sinks: new_sink(database)."""
    made = []

    def make(base, patients=True, **given):
        sink = SqlSink(sql_settings(base, patients=patients, **given), tmp_path, "hub-1", ward.path)
        made.append(sink)
        sink.open()
        return sink

    yield make
    for sink in made:
        sink.close()


def copy(sink, entries):
    """Write every stream whole."""
    for batch in entries.values():
        sink.write(batch)


def content(base):
    """Every row of every table."""
    return {table: base.rows(table) for table in TABLES}


@pytest.mark.parametrize(
    ("states", "mark"),
    [("", 0), ("drill", 1), ("demo", 1), ("low_battery test", 1), ("questionable sensor_fault", 0)],
)
def test_every_value_and_every_reason_for_having_none_is_one_row(database, new_sink, states, mark):  # noqa: F811
    new_sink(database).write([record(1, time=START, states=tuple(states.split()), clock="holdover")])
    rows = database.query(
        "SELECT gateway, epoch, seq, device, ward, bed, time, received, late, clock, states, test, parameter,"
        " value, reason"
        " FROM vital_values ORDER BY parameter"
    )
    common = ("gw-1", 1, 1, "mon-a", "icu", "7", START, START + 40, 0, "holdover", states, mark)
    found = [(*row[:6], ms(row[6]), ms(row[7]), *row[8:]) for row in rows]
    assert found == [
        (*common, "hr", 61.0, None),
        (*common, "rr", None, "lead_off"),
        (*common, "spo2", 97.5, None),
    ]


def test_numbers_keep_every_digit(database, new_sink):  # noqa: F811
    odd = {"hr": 0.1, "spo2": 1e-7, "temp": 36.65, "rr": 0.0, "icp": -12.5}
    new_sink(database).write([record(1, values=odd, flags={})])
    assert dict(database.query("SELECT parameter, value FROM vital_values")) == odd


def test_an_alarm_is_its_newest_revision_and_keeps_its_transitions(database, new_sink):  # noqa: F811
    copy(new_sink(database), story())
    alarms = database.query("SELECT alarm, rev, transition, standing, holds, value, message FROM alarms ORDER BY alarm")
    assert alarms == [
        ("0123456789abcdef", 3, "cleared", 0, 1, None, "HR 130 /min is \\ 'high'\t\n"),
        ("fedcba9876543210", 1, "raised", 1, None, 84.5, "HR 130 /min is \\ 'high'\t\n"),
    ]
    assert database.query("SELECT alarm, rev, transition FROM alarm_transitions ORDER BY alarm, rev") == [
        ("0123456789abcdef", 1, "raised"),
        ("0123456789abcdef", 2, "acknowledged"),
        ("0123456789abcdef", 3, "cleared"),
        ("fedcba9876543210", 1, "raised"),
    ]


def test_devices_tickets_and_scores_are_as_the_journal_has_them(database, new_sink):  # noqa: F811
    copy(new_sink(database), story())
    assert database.query("SELECT gateway, device, state, message FROM devices ORDER BY device") == [
        ("gw-1", "", "online", "since boot"),
        ("gw-1", "mon-a", "offline", "no data for 30 s"),
    ]
    assert database.count("device_history") == 3
    columns = "ticket, hub, fault, message, opened_by, technician, closed_by, reason, closed IS NULL"
    assert database.query(f"SELECT {columns} FROM tickets ORDER BY ticket") == [
        (1, "hub-1", "offline", "offline: no data", "", "workshop", "workshop", "cable", 0),
        (2, "hub-1", "offline", "loose plug", "desk", "", "", "", 1),
    ]
    assert database.query("SELECT total, complete, risk, detail FROM scores ORDER BY time") == [
        (3, 1, "low", '{"points":{"hr":3}}'),
        (None, 0, "", '{"missing":["rr"]}'),
    ]


def test_a_reopened_ticket_is_open_again(database, new_sink):  # noqa: F811
    sink = new_sink(database)
    sink.write([told(1, "opened"), told(2, "closed", text="online for 60 s")])
    sink.write([told(3, "reopened", text="offline: again")])
    assert database.query("SELECT closed, reason, message FROM tickets") == [(None, "", "offline: again")]


@pytest.mark.parametrize("seed", range(3))
def test_sending_again_in_any_order_and_any_batches_makes_the_same_rows(database, new_sink, seed):  # noqa: F811
    sink = new_sink(database)
    entries = story()
    copy(sink, entries)
    expected = content(database)
    shuffled = random.Random(seed)
    database.query("DELETE FROM tickets")
    for stream in shuffled.sample(sorted(entries), len(entries)):
        mixed = shuffled.sample(entries[stream] * 2, len(entries[stream]) * 2)
        while mixed:
            size = shuffled.randint(1, 15)
            sink.write(mixed[:size])
            mixed = mixed[size:]
    assert content(database) == expected


def test_an_empty_database_filled_in_any_order_has_the_same_rows(sql_server, new_sink):  # noqa: F811
    entries, one, two = story(), sql_server.new_database(), sql_server.new_database()
    copy(new_sink(one), entries)
    sink = new_sink(two)
    for stream in sorted(entries):
        for entry in reversed(entries[stream]):
            sink.write([entry])
    assert content(two) == content(one)


def test_a_row_somebody_changed_is_put_right_by_a_rebuild(database, new_sink):  # noqa: F811
    sink = new_sink(database)
    copy(sink, story())
    expected = content(database)
    database.query("UPDATE vital_values SET value = 1 WHERE parameter = 'hr'")
    database.query("UPDATE alarms SET message = ''")
    database.query("DELETE FROM device_history")
    copy(sink, story())
    assert content(database) == expected


def patients(base):
    """Whose the values of each second are."""
    return dict(base.query("SELECT seq, patient FROM patient_vitals WHERE parameter = 'hr' ORDER BY seq"))


def test_a_value_belongs_to_whoever_lay_in_the_bed_when_it_was_measured(database, new_sink):  # noqa: F811
    copy(new_sink(database), story())
    found = patients(database)
    assert [found[seq] for seq in (1, 19, 20, 24, 25, 40)] == ["P-1", "P-1", None, None, "P-2", "P-2"]
    assert found[41] is None  # at no bed
    assert database.query("SELECT count(*) FROM patient_vitals") == database.query("SELECT count(*) FROM vital_values")


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("late", [stay(9, "admitted", 3, "P-3", START + 21_000, START + 23_000)], {20: None, 21: "P-3", 23: None}),
        ("corrected", [stay(9, "corrected", 1, "P-9", START + 2_000, START + 20_000)], {1: None, 2: "P-9", 25: "P-2"}),
        ("cancelled", [stay(9, "cancelled", 2, "P-2", START + 25_000)], {19: "P-1", 25: None, 40: None}),
        (
            "transferred",
            [
                stay(9, "transferred", 2, "P-2", START + 25_000, START + 30_000),
                stay(10, "transferred", 3, "P-2", START + 30_000, bed="8"),
            ],
            {29: "P-2", 30: None},
        ),
        ("claimed twice", [stay(9, "admitted", 3, "P-3", START + 30_000)], {29: "P-2", 30: None}),
    ],
)
def test_a_changed_admission_gives_its_values_to_the_right_patient(
    database,  # noqa: F811
    new_sink,
    name,
    changes,
    expected,
):
    sink = new_sink(database)
    copy(sink, story())
    sink.write(changes)
    found = patients(database)
    assert {seq: found[seq] for seq in expected} == expected


def test_without_patients_no_admission_is_asked_for_and_no_value_names_one(database, new_sink):  # noqa: F811
    sink = new_sink(database, patients=False)
    assert "admissions" not in sink.streams
    sink.write(story()["records"])
    assert set(patients(database).values()) == {None}


def test_an_entry_no_table_can_hold_is_poison_and_leaves_nothing_behind(database, new_sink):  # noqa: F811
    sink = new_sink(database)
    bad = event(2, "raised", 1, id="x" * 40)
    with pytest.raises(PoisonError):
        sink.write([event(1, "raised", 1), bad])
    assert database.count("alarm_transitions") == 0
    sink.write([event(1, "raised", 1)])
    assert database.count("alarm_transitions") == 1
    assert b"x" * 40 in sink.render(bad)


@pytest.fixture
def settings(sql_settings):  # noqa: F811
    """Hub settings that project into a database."""

    def make(base, **given):
        return HubSettings(
            hub="hub-1",
            wards=[WardSettings(id="icu", beds=[BedSettings(id="7")])],
            projections=ProjectionSettings(sql=sql_settings(base, **{"batch": 100} | given)),
        )

    return make


def test_a_whole_journal_is_copied_and_a_rebuild_changes_nothing(database, ward, settings, project, tmp_path):  # noqa: F811
    ward.add(1234)
    ward.add_event("raised", 1)
    ward.add_event("cleared", 2)
    running = project(settings(database))
    wait_for(lambda: database.count("vital_values") == 3702, "every value")
    wait_for(lambda: database.count("alarm_transitions") == 2, "every transition")
    assert running.stop()
    expected = content(database)
    (tmp_path / "projections.db").unlink()
    database.query("DELETE FROM copied")
    project(settings(database))
    wait_for(lambda: database.query("SELECT max(entry) FROM copied") == [(1234,)], "the rebuild")
    assert content(database) == expected
    assert dead_letters(tmp_path / "projections.db", "sql") == []
