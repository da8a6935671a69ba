import datetime
import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sources.fieldmap import FieldMap, apply
from edge_agent.sources.messages import MAX_DEPTH, Refused, clean, read_json
from vitals.document import read_document
from vitals.errors import DocumentError
from vitals.units import conversion

NOW = 1_795_000_000_000

SEED = """\
device: device_id
time: {path: timestamp, format: epoch_s}
values:
  - {parameter: hr, path: heart_rate, unit: /min}
  - {parameter: spo2, path: oxygen_level, unit: "%"}
"""


def fields(text):
    return read_document(text, "map.yaml", FieldMap)


def one(value, **more):
    """The observation of a message {"v": value} in which v is a temperature in Celsius."""
    value_map = {"parameter": "temp", "path": "v", "unit": "Cel", **more}
    return apply({"v": value}, msgspec.convert({"values": [value_map]}, FieldMap), NOW).observation


def test_the_seed_format_works_as_it_is():
    message = {"device_id": "ICU-MONITOR-01", "heart_rate": 72, "oxygen_level": 97, "timestamp": NOW / 1_000 - 1.5}
    mapped = apply(message, fields(SEED), NOW)
    assert mapped.device == "ICU-MONITOR-01"
    assert mapped.observation.values == {"hr": 72.0, "spo2": 97.0}
    assert (mapped.observation.aperiodic, mapped.observation.age_ms, mapped.observation.untimed) == (True, 1_500, False)


@pytest.mark.parametrize(
    ("parameter", "unit", "sent", "ours"),
    [
        ("nibp_sys", "kPa", 16.0, 120.0099),
        ("temp", "[degF]", 98.6, 37.0),
        ("temp", "°F", 212, 100.0),
        ("temp", "K", 310.15, 37.0),
        ("spo2", "fraction", 0.97, 97.0),
        ("hr", "Hz", 1.2, 72.0),
        ("glucose", "mg/dL", 90.078, 5.0),
        ("weight", "lb", 154.3236, 70.0),
        ("hr", "/min", 72, 72),
    ],
)
def test_units_are_converted(parameter, unit, sent, ours):
    assert conversion(parameter, unit).apply(sent) == pytest.approx(ours, abs=0.001)


def test_milligrams_per_decilitre_are_known_of_glucose_only():
    assert conversion("weight", "mg/dL") is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("unit: /min", "unit: kPa", "map.yaml:4: values.0: hr cannot be converted from 'kPa'; known units are"),
        ("parameter: hr", "parameter: heart", "there is no parameter 'heart'"),
        ("path: heart_rate", "path: a..b", "'a..b' is not a path"),
        ("path: heart_rate", "path: 'a[x]'", "is not a path"),
        ("unit: /min}", "unit: /min, low: 5, high: 5}", "low must be below high"),
        ("unit: /min}", "unit: /min, reason: tired}", "there is no reason 'tired'"),
        ("unit: /min}", "unit: /min, scale: 2}", "unknown key 'scale'"),
        ("parameter: spo2", "parameter: hr", "hr cannot be converted from '%'"),
        ("unit: \"%\"}", "unit: \"%\"}\n  - {parameter: hr, path: x, unit: /min}", "hr is mapped twice"),
        ("epoch_s", "epoch", "format"),
        ("format: epoch_s", "format: epoch_s, zone: UTC", "zone belongs to iso8601 only"),
        ("format: epoch_s", "format: iso8601, zone: Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
        ("device: device_id", "device: id\nstates: [{state: glad, when: {path: a, equals: 1}}]", "no state 'glad'"),
    ],
)  # fmt: skip
def test_a_wrong_map_is_told_with_its_line(old, new, problem):
    assert old in SEED
    with pytest.raises(DocumentError) as caught:
        fields(SEED.replace(old, new, 1))
    assert problem in str(caught.value)


@pytest.mark.parametrize("value", [True, False, "37.0", [], {}, [37.0], math.nan, math.inf, 10**400])
def test_what_is_no_number_is_device_invalid(value):
    assert one(value).missing == {"temp": "device_invalid"}


@pytest.mark.parametrize(
    ("value", "markers", "reason"),
    [
        (None, [None], "not_measured"),
        (0, [None, 0], "not_measured"),
        (0.0, [0], "not_measured"),
        (-999, [-999], "not_measured"),
        ("", [""], "not_measured"),
        ("--", ["--"], "not_measured"),
        (False, [0], "device_invalid"),
        ("0", [0], "device_invalid"),
    ],
)
def test_missing_markers_are_no_values(value, markers, reason):
    assert one(value, missing=markers).missing == {"temp": reason}


def test_zero_is_a_number_where_nobody_says_it_is_not():
    assert one(0).values == {"temp": 0.0}


def test_a_marker_may_have_a_reason_of_its_own():
    assert one(-1, missing=[-1], reason="sensor_off").missing == {"temp": "sensor_off"}


@pytest.mark.parametrize("value", [33.9, 42.1])
def test_numbers_outside_the_constraints_are_out_of_range(value):
    assert one(value, low=34, high=42).missing == {"temp": "out_of_range"}


@pytest.mark.parametrize("value", [34, 42])
def test_numbers_at_the_constraints_are_values(value):
    assert one(value, low=34, high=42).values == {"temp": float(value)}


def test_paths_lead_through_objects_and_lists():
    text = 'values: [{parameter: hr, path: "a.b[1].the rate", unit: bpm}]'
    assert apply({"a": {"b": [0, {"the rate": 71}]}}, fields(text), NOW).observation.values == {"hr": 71.0}


def test_a_message_may_be_one_bare_number():
    assert apply(71, fields("values: [{parameter: hr, path: $, unit: bpm}]"), NOW).observation.values == {"hr": 71.0}


LABELLED = """\
values:
  - {parameter: hr, path: number, unit: bpm, when: {path: label, equals: HeartRate}}
  - {parameter: spo2, path: number, unit: "%", when: {path: label, equals: O2Sat}}
states: [{state: low_battery, when: {path: battery.low, equals: true}}]
"""


def test_a_label_decides_which_parameter_a_number_is():
    assert apply({"label": "O2Sat", "number": 97}, fields(LABELLED), NOW).observation.values == {"spo2": 97.0}


def test_a_state_alone_is_an_observation():
    seen = apply({"battery": {"low": True}}, fields(LABELLED), NOW).observation
    assert (seen.values, seen.flags) == ({}, ("low_battery",))


@pytest.mark.parametrize("low", [1, "true", False, None])
def test_only_true_is_true(low):
    with pytest.raises(Refused, match="nothing_mapped"):
        apply({"battery": {"low": low}}, fields(LABELLED), NOW)


def test_a_message_with_none_of_the_fields_is_refused():
    with pytest.raises(Refused, match="nothing_mapped"):
        apply({"device_id": "A", "colour": "blue"}, fields(SEED), NOW)


@pytest.mark.parametrize("name", [None, "", True, 1.5, [], "x" * 129])
def test_a_message_without_a_device_id_is_refused(name):
    with pytest.raises(Refused, match="no_device_id"):
        apply({"device_id": name, "heart_rate": 72}, fields(SEED), NOW)


def test_a_whole_number_is_a_device_id():
    assert apply({"device_id": 7, "heart_rate": 72}, fields(SEED), NOW).device == "7"


def timed(stamp, time):
    text = f"values: [{{parameter: hr, path: hr, unit: bpm}}]\ntime: {{path: t, {time}}}"
    return apply({"hr": 72, "t": stamp}, fields(text), NOW).observation


def iso(offset_s, zone=datetime.UTC):
    return datetime.datetime.fromtimestamp(NOW / 1_000 + offset_s, zone)


@pytest.mark.parametrize(
    ("stamp", "time"),
    [
        (NOW - 4_000, "format: epoch_ms"),
        (NOW / 1_000 - 4, "format: epoch_s"),
        (iso(-4).isoformat(), "format: iso8601"),
        (iso(-4, datetime.timezone(datetime.timedelta(hours=5, minutes=30))).isoformat(), "format: iso8601"),
        (iso(-4).strftime("%Y-%m-%dT%H:%M:%SZ"), "format: iso8601"),
        (iso(-4).strftime("%Y-%m-%d %H:%M:%S"), "format: iso8601, zone: UTC"),
        (iso(-4 + 19_800).strftime("%Y-%m-%d %H:%M:%S"), "format: iso8601, zone: Asia/Kolkata"),
    ],
)
def test_the_senders_time_becomes_the_age_of_the_measurement(stamp, time):
    seen = timed(stamp, time)
    assert (seen.age_ms, seen.aperiodic, seen.untimed) == (4_000, True, False)


@pytest.mark.parametrize(
    ("stamp", "time"),
    [
        (NOW - 30_001, "format: epoch_ms"),
        (NOW + 5_001, "format: epoch_ms"),
        (iso(-4).strftime("%Y-%m-%d %H:%M:%S"), "format: iso8601"),
        ("yesterday", "format: iso8601"),
        ("2026-02-30T10:00:00Z", "format: iso8601"),
        (None, "format: epoch_s"),
        (True, "format: epoch_s"),
        ("1763682504", "format: epoch_s"),
        (1e308, "format: epoch_s"),
        (0, "format: epoch_s"),
    ],
)
def test_a_time_beyond_belief_is_marked_and_the_arrival_stands(stamp, time):
    seen = timed(stamp, time)
    assert (seen.age_ms, seen.aperiodic, seen.untimed) == (0, False, True)


def test_a_clock_that_is_a_little_ahead_says_now():
    assert timed(NOW + 5_000, "format: epoch_ms").age_ms == 0


def test_what_is_believed_can_be_set():
    assert timed(NOW - 3_600_000, "format: epoch_ms, max_age: 2h").age_ms == 3_600_000


def test_without_a_time_in_the_map_the_time_of_arrival_is_no_doubt():
    seen = apply({"hr": 72}, fields("values: [{parameter: hr, path: hr, unit: bpm}]"), NOW).observation
    assert (seen.aperiodic, seen.untimed) == (False, False)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["device", "t", "hr", "n", "label", "a"]), inner, max_size=5)
    ),
    max_leaves=12,
)
BUSY = """\
device: device
time: {path: t, format: FORMAT}
values:
  - {parameter: hr, path: hr, unit: bpm, missing: [null, 0, -1, "", true]}
  - {parameter: temp, path: "a[0].n", unit: "[degF]", low: 80, high: 120, when: {path: label, equals: T}}
states: [{state: low_battery, when: {path: a, equals: true}}]
"""


@pytest.mark.parametrize("time", ["epoch_s", "epoch_ms", "iso8601, zone: Europe/Berlin"])
@settings(deadline=None)
@given(message=st.dictionaries(st.sampled_from(["device", "t", "hr", "label", "a"]), ANYTHING, max_size=5) | ANYTHING)
def test_no_message_raises_anything_but_a_refusal_or_yields_what_is_no_number(time, message):
    try:
        seen = apply(message, fields(BUSY.replace("FORMAT", time)), NOW).observation
    except Refused:
        return
    assert all(type(value) is float and math.isfinite(value) for value in seen.values.values())
    assert not seen.values.keys() & seen.missing.keys()
    assert seen.age_ms >= 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe", "bad_utf8"),
        (b"", "bad_json"),
        (b'{"a": 1', "bad_json"),
        (b'{"a": 01}', "bad_json"),
        (b'{"a": NaN}', "not_finite"),
        (b'{"a": -Infinity}', "not_finite"),
        (b'{"a": 1e999}', "not_finite"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "bad_json"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b"[" * 40 + b"]" * 40, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(data, reason):
    with pytest.raises(Refused) as caught:
        read_json(data)
    assert caught.value.reason == reason


def test_depth_is_counted_outside_of_strings_only():
    message = {"a": '"[{' * 30 + "\\", "b": [[[1]]]}
    assert read_json(json.dumps(message).encode()) == message
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert isinstance(read_json(deepest), list)


def test_text_of_strangers_is_made_fit_for_a_log_line():
    assert clean("a\nb\x1b[31m\ud800" + "x" * 500, 10).encode() == b"a b [31m x"
