"""Line protocol: exact lines, stable times, names that can never collide."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.history import RecordBody, StoredRecord
from hub.projections.influxdb import lines as protocol
from hub.projections.influxdb.bucket import judge
from hub.projections.influxdb.lines import ALARM_TAGS, EQUIPMENT_TAGS, SCORE_TAGS
from hub.projections.sink import PoisonError, StoredEvent, StoredScore, StoredState, StoredTicketEvent
from hub.scores import ScoreBody
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.errors import LinkError, UsageError
from vitals.parameters import PARAMETERS


def record(*, ward="icu", bed="7", epoch=1, seq=42, late=0, device="mon-a", **body):
    encoded = msgspec.json.encode(RecordBody(**body))
    return StoredRecord(1, "gw-1", epoch, seq, device, ward, bed, 1_763_682_504_123, 0, late, encoded)


def line(entry):
    return protocol.lines([entry]).decode()


def record_line(entry):
    return protocol.record_line(entry).decode()


def burden_line(event):
    return protocol.burden_line(event).decode()


def test_whole_numbers_are_written_as_floats():
    assert line(record(values={"hr": 72.0})) == (
        "vitals,bed=7,device=mon-a,gateway=gw-1,ward=icu epoch=1i,seq=42i,hr=72.0 1763682504123100045"
    )


def test_a_missing_value_is_a_reason_and_no_number():
    written = line(record(flags={"spo2": "sensor_off"}))
    assert 'spo2_missing="sensor_off"' in written
    assert "spo2=" not in written


def test_what_qualifies_a_record_is_kept():
    written = line(record(values={"hr": 72.0}, states=("low_perfusion", "demo"), clock="unsynced", late=1))
    assert 'states="low_perfusion demo",clock="unsynced",late=1i' in written


def test_many_entries_are_as_many_lines():
    records = [record(seq=seq, values={"hr": 72.0}) for seq in (1, 2, 3)]
    assert protocol.lines(records) == b"\n".join(protocol.record_line(one) for one in records)


@given(
    values=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.floats(allow_nan=False, allow_infinity=False)),
    flags=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.text(max_size=20), max_size=2),
)
def test_numbers_arrive_whatever_else_a_record_says(values, flags):
    fields = record_line(record(values=values, flags=flags)).split(" ", 1)[1]
    for name, value in values.items():
        (found,) = re.findall(rf"(?:^|,){name}=(-?[0-9.eE+-]+)(?:,| )", fields)
        assert float(found) == value


def test_a_device_at_no_bed_has_a_dash_for_ward_and_bed():
    assert line(record(ward="", bed="")).startswith("vitals,bed=-,device=mon-a,gateway=gw-1,ward=- ")


def test_signs_of_the_protocol_are_escaped():
    written = line(record(device="a b,c=d\n", flags={"hr": 'say "no"\\'}))
    assert r"device=a\ b\,c\=d\ ,gateway" in written
    assert r'hr_missing="say \"no\"\\"' in written


def test_the_same_record_has_the_same_time_and_its_neighbours_have_others():
    times = [record_line(record(epoch=epoch, seq=seq)).split()[-1] for epoch in (1, 2, 3) for seq in range(1, 500)]
    assert len(set(times)) == len(times)
    assert record_line(record(seq=9)) == record_line(record(seq=9))
    assert {time[:13] for time in times} == {"1763682504123"}


def test_no_name_is_both_a_tag_and_a_field():
    fields = {"epoch", "seq", "states", "clock", "late", *PARAMETERS, *(f"{name}_missing" for name in PARAMETERS)}
    assert not fields & set(EQUIPMENT_TAGS)
    assert not {"alarm", "change", "state", "priority", "message", "open", "rev", "by"} & set(ALARM_TAGS)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error":"partial write: field type conflict dropped=1"}', PoisonError),
        (422, '{"code":"unprocessable entity","message":"points outside retention"}', PoisonError),
        (413, "<html>too large</html>", PoisonError),
        (400, "<html>plain HTTP to an HTTPS port</html>", UsageError),
        (400, '{"error":"partial write: max-series-per-database limit exceeded: (1) dropped=5"}', UsageError),
        (401, '{"error":"authorization failed"}', UsageError),
        (403, '{"code":"forbidden","message":"insufficient permissions"}', UsageError),
        (404, '{"code":"not found","message":"bucket not found"}', UsageError),
        (301, "", UsageError),
        (0, "SSLError", UsageError),
        (429, "", LinkError),
        (500, '{"error":"timeout"}', LinkError),
        (503, "", LinkError),
    ],
)
def test_every_answer_says_who_must_act(status, body, kind):
    assert type(judge(status, body, "InfluxDB", "vitals")) is kind


def test_the_number_of_refused_lines_is_understood():
    error = judge(400, '{"error":"partial write: points beyond retention policy dropped=17"}', "InfluxDB", "vitals")
    assert error.dropped == 17


def transition(change, after_s=0, *, by="", rev=1, **fields):
    raised = 1_763_682_504_123
    given = {
        "id": alarm_id("spo2-low", "icu", "7", raised),
        "rule": "spo2-low",
        "ward": "icu",
        "bed": "7",
        "kind": "physiological",
        "priority": "high",
        "state": "active",
        "message": "SpO2 low",
    }
    alarm = Alarm(rev=rev, onset=raised, raised=raised, changed=raised, **given | fields)
    return AlarmEvent(change=change, time=raised + after_s * 1_000, alarm=alarm, by=by)


SERIES = "alarm_burden,bed=7,kind=physiological,rule=spo2-low,subject=-,ward=icu"
RAISED = "1763682504123000000"


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (transition("raised"), 'alarms=1i,late=0i,priority="high"'),
        (
            transition("acknowledged", 5, by="nurse-1"),
            'alarms=1i,late=0i,priority="high",acknowledged=1i,acknowledged_s=5.0',
        ),
        (transition("cleared", 14), 'alarms=1i,late=0i,priority="high",duration_s=14.0,short=1i'),
        (transition("latched", 15), 'alarms=1i,late=0i,priority="high",duration_s=15.0,short=0i'),
        (transition("reset", 90, by="nurse-1"), 'alarms=1i,late=0i,priority="high",acknowledged=1i'),
        (transition("raised", late=True), 'alarms=0i,late=1i,priority="high"'),
    ],
)
def test_every_transition_of_an_alarm_writes_into_its_one_point(event, fields):
    assert burden_line(event) == f"{SERIES} {fields} {RAISED}"


def test_a_transition_is_its_own_point_and_a_part_of_its_alarm():
    lines = line(StoredEvent(1, transition("raised"))).split("\n")
    assert [written.split(",")[0] for written in lines] == ["alarm", "alarm_burden"]


def test_a_test_is_no_burden():
    assert "alarm_burden" not in line(StoredEvent(1, transition("raised", test=True)))


def test_no_name_is_both_a_tag_and_a_field_of_the_burden():
    assert not {"alarms", "priority", "late", "acknowledged", "duration_s", "short"} & set(ALARM_TAGS)


def test_alarms_of_two_gateways_in_one_millisecond_stay_apart():
    one, other = (
        burden_line(transition("raised", bed="", ward="", subject=f"gateway/gw-{number}")) for number in (1, 2)
    )
    assert one.startswith("alarm_burden,bed=-,kind=physiological,rule=spo2-low,subject=gateway/gw-1,ward=- ")
    assert one != other


def state(number=7, state="offline", device="mon-a"):
    return StoredState(number, "gw-1", device, "icu", "7", 1_763_682_504_123, state, 'its line is "down"')


def test_a_state_is_a_word_and_a_number_for_charts():
    assert line(state()) == (
        "device_state,bed=7,device=mon-a,gateway=gw-1,ward=icu"
        r' state="offline",code=3i,message="its line is \"down\"",online=0i 1763682504123000007'
    )


def test_nobody_knows_whether_equipment_of_unknown_state_is_online():
    assert "online=" not in line(state(state="unknown"))


def test_the_state_of_a_gateway_has_no_device():
    assert line(state(device="")).startswith("device_state,bed=7,device=-,gateway=gw-1,ward=icu ")


def score(total, **body):
    encoded = msgspec.json.encode(ScoreBody(**body))
    return StoredScore(7, "icu", "7", 1_763_682_504_123, "news2", total, total is not None, "low", encoded)


def test_a_score_says_what_it_is_made_of():
    assert line(score(2, partial=2, points={"pulse": 2, "temp": 0})) == (
        'score,bed=7,table=news2,ward=icu complete=1i,text="2",risk="low",partial=2i,red=0i,missing="",total=2i,'
        "points_pulse=2i,points_temp=0i 1763682504123000000"
    )


def test_a_score_that_lacks_something_has_no_total_and_says_that_it_is_unknown():
    written = line(score(None, partial=2, missing=("temp", "spo2")))
    assert 'complete=0i,text="unknown"' in written
    assert 'missing="temp spo2"' in written
    assert "total=" not in written
    assert not {"complete", "text", "risk", "total", "partial", "red", "missing"} & set(SCORE_TAGS)


def test_a_ticket_leaves_the_words_and_names_of_people_at_home():
    told = StoredTicketEvent(5, 3, 1_763_682_504_123, "closed", "a name", "some words", "gw-1", "m", "", "", "error")
    assert line(told) == (
        'ticket,bed=-,device=m,gateway=gw-1,ward=- ticket=3i,kind="closed",fault="error",open=0i 1763682504123000005'
    )
