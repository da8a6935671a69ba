"""What the wire may carry, and the reason for each thing it may not."""

import contextlib
import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals import codec
from vitals.commands import Command
from vitals.errors import WireError
from vitals.readings import Batch, Record


def payload(**changes) -> bytes:
    """A good vitals payload with changes to its one record; `...` takes a key away."""
    record = {"seq": 1, "device": "mon-a", "time": 1_763_682_504_123, "values": {"hr": 72}} | changes
    record = {key: value for key, value in record.items() if value is not ...}
    return json.dumps({"epoch": 1, "records": [record]}).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(WireError) as caught:
        codec.decode_batch(data, "gw-01")
    return caught.value.reason


def test_a_batch_is_read_as_it_was_written():
    record = Record(seq=7, device="mon-a", time=5, clock="unsynced", values={"spo2": 97.0}, flags={"pr": "searching"})
    batch = Batch(epoch=3, records=[record], gateway="gw-01")
    assert codec.decode_batch(codec.encode(batch), "gw-01") == batch


def test_an_unknown_key_on_the_wire_is_let_pass_so_that_newer_senders_work():
    assert codec.decode_batch(payload(colour="blue"), "gw-01").records[0].values == {"hr": 72.0}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"epoch":1,"records":[{"seq":1,"device":"\xff","time":1}]}', "UTF-8"),
        (b"[" * 60_000, "invalid"),
        (b"null", "invalid"),
        (payload(values={"hr": True}), "invalid"),
        (payload(values={"hr": "72"}), "invalid"),
        (payload(values={"hr": None}), "invalid"),
        (payload().replace(b"72", b"NaN"), "not JSON"),
        (payload().replace(b"72", b"Infinity"), "not JSON"),
        (payload().replace(b"72", b"1e999"), "out of range"),
        (payload(seq=0), "invalid"),
        (payload(seq=1.5), "invalid"),
        (payload(seq=2**63), "invalid"),
        (payload(time=-1), "invalid"),
        (payload(time=300_000_000_000_000), "invalid"),
        (payload(clock="fine"), "invalid"),
        (payload(device="a/b"), "invalid"),
        (payload(device=...), "missing required field"),
        (b'{"epoch":0,"records":[]}', "invalid"),
        (b'{"epoch":1,"records":[]}', "invalid"),
        (b'{"epoch":1,"gateway":"gw-02","records":[{"seq":1,"device":"a","time":1}]}', "identity"),
    ],
)
def test_a_bad_payload_is_refused_with_its_reason(data, reason):
    assert reason.casefold() in refusal(data).casefold()


def test_a_payload_over_the_limit_is_refused_before_it_is_read():
    assert refusal(b" " * (codec.MAX_PAYLOAD_BYTES + 1)).startswith("oversized")


def test_more_than_a_thousand_records_are_refused():
    record = {"seq": 1, "device": "a", "time": 1}
    assert "invalid" in refusal(json.dumps({"epoch": 1, "records": [record] * 1_001}).encode())


@given(st.binary(max_size=300))
def test_noise_is_refused_and_never_anything_else(noise):
    with pytest.raises(WireError):
        codec.decode_batch(noise, "gw-01")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    )
)
def test_any_json_is_a_batch_or_a_refusal(value):
    with contextlib.suppress(WireError):
        batch = codec.decode_batch(json.dumps({"epoch": 1, "records": value}).encode(), "gw-01")
        assert batch.records


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"values": {"hgih": 1.0}}, "unknown parameter: hgih"),
        ({"values": {"hr": 351.0}}, "implausible: hr=351"),
        ({"values": {"spo2": -1.0}}, "implausible: spo2=-1"),
        ({"values": {"temp": 300.0}}, "implausible: temp=300"),
        ({"values": {}, "flags": {"nonsense": "sensor_off"}}, "unknown parameter: nonsense"),
        ({"values": {}, "flags": {"hr": "felt-like-it"}}, "unknown reason: felt-like-it"),
        ({"flags": {"hr": "sensor_off"}}, "contradiction: hr"),
        ({"states": ("on_fire",)}, "unknown state: on_fire"),
    ],
)
def test_a_record_that_makes_no_sense_says_why(changes, reason):
    record = Record(**({"seq": 1, "device": "a", "time": 1, "values": {"hr": 72.0}} | changes))
    found = codec.check_record(record)
    assert found is not None
    assert found.startswith(reason)


def test_a_missing_value_is_a_reason_and_never_a_zero():
    record = Record(seq=1, device="a", time=1, flags={"spo2": "sensor_off"}, states=("low_perfusion",))
    assert codec.check_record(record) is None
    assert msgspec.json.decode(codec.encode(record)) == {
        "seq": 1,
        "device": "a",
        "time": 1,
        "flags": {"spo2": "sensor_off"},
        "states": ["low_perfusion"],
    }


@pytest.mark.parametrize(
    "body",
    [
        {"request": "r1", "alarm": "xyz", "by": "N. Nurse"},
        {"request": "", "alarm": "0123456789abcdef", "by": "N. Nurse"},
        {"request": "r1", "alarm": "0123456789abcdef", "by": ""},
        {"request": "r1", "alarm": "0123456789abcdef"},
        {"request": "r1", "alarm": "0123456789abcdef", "by": "N. Nurse", "reason": "x" * 201},
    ],
)
def test_a_command_names_its_alarm_and_its_person_or_is_refused(body):
    with pytest.raises(WireError):
        codec.decode(json.dumps(body).encode(), Command)


def gap_record(**changes):
    gap = {"first": 3, "last": 9, "count": 7, "reason": "spool_full"} | changes.pop("gap", {})
    return {"seq": 20, "device": "gateway", "time": 1, "gap": gap} | changes


def test_a_gap_says_which_records_will_never_come():
    whole = codec.decode(json.dumps(gap_record()).encode(), Record)
    assert codec.check_record(whole) is None
    assert whole.gap.spans() == [(3, 9)]
    parts = codec.decode(json.dumps(gap_record(gap={"count": 3, "ranges": [[3, 3], [8, 9]]})).encode(), Record)
    assert codec.check_record(parts) is None
    assert parts.gap.spans() == [(3, 3), (8, 9)]
    unnumbered = codec.decode(json.dumps(gap_record(gap={"first": 0, "last": 0})).encode(), Record)
    assert codec.check_record(unnumbered) is None
    assert unnumbered.gap.spans() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"device": "mon-a"}, "contradiction"),
        ({"values": {"hr": 60.0}}, "contradiction"),
        ({"gap": {"reason": "boredom"}}, "unknown gap reason: boredom"),
        ({"gap": {"count": 6}}, "the count"),
        ({"gap": {"first": 0}}, "not in order|first and last"),
        ({"gap": {"first": 9, "last": 3}}, "not in order"),
        ({"gap": {"count": 3, "ranges": [[8, 9], [3, 3]]}}, "not in order"),
        ({"gap": {"count": 2, "ranges": [[3, 3], [8, 8]]}}, "first and last"),
    ],
)
def test_a_gap_that_does_not_add_up_is_refused(changes, reason):
    refused = codec.check_record(codec.decode(json.dumps(gap_record(**changes)).encode(), Record))
    assert re.search(reason, refused)
