"""What a hub lets in, what it refuses, and that one bad record never takes its neighbours along."""

import contextlib
import gc
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.admission import admit
from vitals.codec import decode_batch, encode, keys_are_plain
from vitals.errors import WireError
from vitals.readings import Batch, Record

REGISTERED = {"gw-a"}


def refusal(payload: bytes, gateway: str = "gw-a") -> str:
    with pytest.raises(WireError) as caught:
        admit(gateway, payload, REGISTERED)
    return caught.value.reason


def test_good_records_are_admitted(payload, record):
    admitted = admit("gw-a", payload(record(1), record(2, flags={"hr": "lead_off"})), REGISTERED)
    assert [one.seq for one in admitted.records] == [1, 2]
    assert not admitted.rejected


def test_unknown_keys_are_let_pass_on_the_wire(payload, record):
    admitted = admit("gw-a", payload(record(1, colour="blue"), sent=1), REGISTERED)
    assert [one.seq for one in admitted.records] == [1]


def test_an_unregistered_gateway_is_refused(payload):
    assert refusal(payload(), "gw-x").startswith("identity")


def test_a_payload_of_another_gateway_is_refused(payload):
    assert refusal(payload(gateway="gw-b")).startswith("identity")
    assert admit("gw-a", payload(gateway="gw-a"), REGISTERED).records


def test_a_payload_of_another_gateway_is_refused_although_it_must_be_taken_apart(payload, record):
    assert refusal(payload(record(values={"hr": True}), gateway="gw-b")).startswith("identity")


@pytest.mark.parametrize(
    ("rubbish", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b'{"epoch":1,"records":[', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"epoch":1,"gateway":"\xff","records":[{"seq":1,"device":"a","time":1}]}', "not UTF-8"),
        (b'{"epoch":1,"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "nested too deeply"),
        (b'{"epoch":1,"records":[]}' + b" " * 70_000, "oversized"),
        (b'{"records":[]}', "invalid"),
        (b'{"epoch":0,"records":[{"seq":1,"device":"a","time":1}]}', "invalid"),
        (b'{"epoch":1,"records":[{"device":"a","time":1}]}', "invalid"),
        (b'{"epoch":1,"records":[{"seq":1,"device":"a","time":1,"values":{"hr":NaN}}]}', "not JSON"),
        (b'{"epoch":1,"records":[{"seq":1,"device":"a","time":1,"values":{"hr":Infinity}}]}', "not JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_with_a_reason(rubbish, reason):
    assert refusal(rubbish).startswith(reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"values": {"hr": True}}, "invalid"),
        ({"values": {"hr": "72"}}, "invalid"),
        ({"values": {"hr": None}}, "invalid"),
        ({"values": {"hr": 400}}, "implausible: hr=400"),
        ({"values": {"spo2": -1}}, "implausible: spo2=-1"),
        ({"values": {"mood": 7}}, "unknown parameter: mood"),
        ({"flags": {"hr": "because"}}, "unknown reason: because"),
        ({"values": {"hr": 72}, "flags": {"hr": "lead_off"}}, "contradiction"),
        ({"states": ["happy"]}, "unknown state: happy"),
        ({"time": -1}, "invalid"),
        ({"time": 1.5}, "invalid"),
        ({"device": "Mon A"}, "invalid"),
        ({"clock": "sundial"}, "invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_one_bad_record_is_rejected_by_number_and_its_neighbours_are_kept(payload, record, fields, reason):
    admitted = admit("gw-a", payload(record(1), record(2) | fields, record(3)), REGISTERED)
    assert [one.seq for one in admitted.records] == [1, 3]
    assert [one.seq for one in admitted.rejected] == [2]
    assert admitted.rejected[0].reason.startswith(reason)


def test_a_number_too_large_for_a_float_is_rejected_by_number():
    rubbish = b'{"epoch":1,"records":[{"seq":5,"device":"a","time":1,"values":{"hr":1e999}}]}'
    admitted = admit("gw-a", rubbish, REGISTERED)
    assert [one.seq for one in admitted.rejected] == [5]


def test_a_record_that_is_not_utf8_is_rejected_by_number():
    admitted = admit("gw-a", b'{"epoch":1,"records":[{"seq":4,"device":"\xff","time":1}]}', REGISTERED)
    assert [(one.seq, one.reason) for one in admitted.rejected] == [(4, "not UTF-8")]


def test_a_value_said_twice_is_rejected_by_number_because_nobody_knows_which_is_meant():
    said = (
        b'{"epoch":1,"records":[{"seq":1,"device":"a","time":1,"values":{"hr":72.0}},'
        b'{"seq":2,"device":"a","time":1,"values":{"hr":72.0,"hr":30.0}}]}'
    )
    admitted = admit("gw-a", said, REGISTERED)
    assert [one.seq for one in admitted.records] == [1]
    assert [(one.seq, one.reason) for one in admitted.rejected] == [(2, "ambiguous: hr is said twice")]


@pytest.mark.parametrize(
    "values",
    [
        b'{"hr" :72.0,"hr":30.0}',
        b'{"hr"\n:72.0,"hr":30.0}',
        b'{"hr":72.0,"h\\u0072":30.0}',
        b'{"hr":72.0,"hr":30.0},"clock":"synced"',
    ],
)
def test_a_value_said_twice_is_found_however_it_is_spelled(values):
    said = b'{"epoch":1,"records":[{"seq":2,"device":"a","time":1,"values":' + values + b"}]}"
    assert [one.reason for one in admit("gw-a", said, REGISTERED).rejected] == ["ambiguous: hr is said twice"]


def test_a_clock_said_where_it_need_not_be_needs_no_second_look():
    said = b'{"epoch":1,"records":[{"seq":2,"device":"a","time":1,"clock":"synced","values":{"hr":72.0}}]}'
    batch = decode_batch(said, "gw-a")
    assert keys_are_plain(said, batch)


@pytest.mark.parametrize(
    "said",
    [
        b'{"epoch":1,"epoch":2,"records":[{"seq":1,"device":"a","time":1,"values":{"hr":72}}]}',
        b'{"epoch":1,"records":[],"records":[{"seq":1,"device":"a","time":1,"values":{"hr":72}}]}',
        b'{"epoch":1,"records":[{"seq":1,"seq":2,"device":"a","time":1,"values":{"hr":72}}]}',
    ],
)
def test_a_message_that_says_twice_which_records_it_brings_is_refused_whole(said):
    assert refusal(said).startswith("ambiguous")


def test_keys_nobody_knows_and_spaces_are_no_repetition():
    said = (
        b'{ "epoch" : 1, "note": {"a": 1}, "records": [ {"seq": 1, "device": "a", "time": 1, "values": {"hr": 72}} ] }'
    )
    assert [one.seq for one in admit("gw-a", said, REGISTERED).records] == [1]


@given(
    st.dictionaries(st.sampled_from(["hr", "spo2", "rr"]), st.integers(20, 90), max_size=3),
    st.sampled_from(["synced", "holdover"]),
    st.booleans(),
)
def test_what_our_own_gateways_send_needs_no_second_look(values, clock, named):
    batch = Batch(
        epoch=1,
        gateway="gw-a" if named else None,
        records=[Record(seq=1, device="a", time=1, values=values, clock=clock, states=("artifact",))],
    )
    body = encode(batch).replace(b',"gateway":null', b"")
    assert keys_are_plain(body, batch)


@pytest.mark.parametrize(
    "rubbish",
    [b" " * 70_000, b"hello", b'{"epoch":1,"gateway":"gw-b","records":[]}', b'{"epoch":1,"records":[{"seq":"a"}]}'],
    ids=["oversized", "no JSON", "identity", "no number"],
)
def test_a_refused_payload_is_let_go_at_once_without_waiting_for_the_collector(rubbish):
    refusal(rubbish)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)  # other threads of this process may leave something, too
    try:
        for _ in range(3):
            with contextlib.suppress(WireError):
                admit("gw-a", rubbish, REGISTERED)
        gc.collect()
        assert not [left for left in gc.garbage if isinstance(left, WireError | msgspec.MsgspecError)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
