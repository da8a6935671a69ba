import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sources.json_stream import Broken, JsonStream

ONE = b'{"device_id":"A","heart_rate":72}'
PRETTY = b'{\n  "device_id": "A",\n  "readings": [\n    {"hr": 72},\n    {"hr": 73}\n  ]\n}'
TRICKY = b'{"text":"a } \\" { ] \\\\","n":[1,[2],{"x":{}}]}'


def messages(stream, *pieces):
    return [found for piece in pieces for found in stream.feed(piece) if isinstance(found, bytes)]


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b"\0", b" , ", b"\x1e", b"\n\n\n"])
def test_objects_need_no_framing_and_bear_any(between):
    stream = JsonStream(1_000)
    assert messages(stream, between.join([ONE, TRICKY, PRETTY, ONE]) + between) == [ONE, TRICKY, PRETTY, ONE]
    assert stream.finish() == []


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_messages_do_not_depend_on_how_the_connection_splits_them(size):
    text = ONE + TRICKY + b"\n" + PRETTY + b"[" + ONE + b"]" + ONE
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    assert messages(JsonStream(1_000), *pieces) == [ONE, TRICKY, PRETTY, b"[" + ONE + b"]", ONE]


def test_garbage_before_and_between_is_told_and_passed_over():
    stream = JsonStream(1_000)
    found = stream.feed(b"hello " + ONE + b"\xff\xfe!!" + ONE)
    assert [item for item in found if isinstance(item, bytes)] == [ONE, ONE]
    assert [item.reason for item in found if isinstance(item, Broken)] == ["garbage", "garbage"]


@pytest.mark.parametrize(
    "broken", [b'{"a": 1', b'{"a": "cut off\n', b'{"a": {"b": 1}', b'{"a": [1, 2', b'{"a"', b'{"a":"\\']
)
def test_a_broken_object_costs_at_most_the_next_one(broken):
    stream = JsonStream(10_000)
    assert messages(stream, broken, *[b"\n" + ONE] * 5)[-3:] == [ONE] * 3


def test_a_message_that_is_too_large_is_told_and_not_kept():
    stream = JsonStream(100)
    assert stream.feed(b'{"a":"' + b"x" * 200) == [Broken("oversized", 206)]
    assert stream.held == 0
    assert stream.feed(b'{"a":"' + b"x" * 200 + b'"}')[0].reason == "oversized"


def test_an_object_that_never_ends_is_told_at_the_end():
    stream = JsonStream(100)
    assert stream.feed(ONE + b'{"device_id":"A","hea') == [ONE]
    assert stream.finish() == [Broken("incomplete", 21)]
    assert stream.finish() == []


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), _json, max_size=4), min_size=1, max_size=5), st.data())
def test_any_objects_in_any_pieces_come_out_as_they_went_in(objects, data):
    text = b"".join(json.dumps(one, ensure_ascii=data.draw(st.booleans())).encode() for one in objects)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[low:high] for low, high in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert [json.loads(found) for found in messages(JsonStream(100_000), *pieces)] == objects


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_no_bytes_make_it_raise_or_grow(pieces):
    stream = JsonStream(200)
    for piece in pieces:
        stream.feed(piece)
        assert stream.held <= 200
    stream.finish()
    assert messages(stream, ONE) == [ONE]
