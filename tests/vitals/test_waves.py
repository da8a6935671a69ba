"""Wave frames: what goes on the wire comes off it, and nothing else does."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals.errors import WireError
from vitals.parameters import WAVEFORMS
from vitals.waves import (
    NO_SAMPLE,
    RAW,
    WaveFrame,
    decode_frames,
    encode_frame,
    pack,
    quantise,
    renumbered,
    sift_frames,
)


def frame(**changes):
    fields = {
        "epoch": 3,
        "seq": 1042,
        "device": "mon-a",
        "channel": "ecg_ii",
        "time": 1_763_682_504_123,
        "clock": "holdover",
        "rate_hz": 250.0,
        "scale": 0.5,
        "offset": -1.0,
        "unit": "mV",
        "samples": struct.pack("<4h", 0, 2, NO_SAMPLE, -2),
    }
    return WaveFrame(**{**fields, **changes})


def test_a_frame_comes_off_the_wire_as_it_went_on():
    assert decode_frames(encode_frame(frame())) == [frame()]


def test_frames_are_joined_without_anything_between():
    several = [frame(seq=seq, channel=channel) for seq, channel in enumerate(WAVEFORMS, start=1)]
    assert decode_frames(b"".join(map(encode_frame, several))) == several


def test_a_missing_sample_is_none_and_never_zero():
    assert frame().values() == [-1.0, 0.0, None, -2.0]
    assert (frame().size, frame().duration_ms) == (4, 16.0)


@given(st.lists(st.floats(-10, 10) | st.none() | st.just(float("nan")), min_size=1, max_size=50))
def test_quantised_values_are_within_half_a_step(values):
    scale, offset, samples = quantise(values, -10, 10)
    for value, back in zip(values, frame(scale=scale, offset=offset, samples=samples).values(), strict=True):
        if value is None or value != value:
            assert back is None
        else:
            assert back == pytest.approx(value, abs=scale * 0.51)


def test_what_lies_outside_the_range_is_held_at_its_edge():
    scale, offset, samples = quantise([1e9, -1e9], -5, 5)
    assert frame(scale=scale, offset=offset, samples=samples).values() == pytest.approx([5, -5])


@given(st.lists(st.integers(-32_766, 32_766) | st.none(), min_size=1, max_size=50), st.integers(-1, 500))
def test_counts_of_a_device_are_carried_exactly(values, shift):
    values = [value if value is None else value + shift * 32_766 for value in values]
    scale, offset, samples = pack(values)
    assert frame(scale=scale, offset=offset, unit=RAW, samples=samples).values() == values


@given(st.lists(st.floats(-300, 300) | st.none(), min_size=1, max_size=50))
def test_other_values_lose_less_than_a_65534th_of_their_span(values):
    scale, offset, samples = pack(values)
    present = [value for value in values if value is not None]
    step = (max(present, default=0) - min(present, default=0)) / 65_534
    for value, back in zip(values, frame(scale=scale, offset=offset, samples=samples).values(), strict=True):
        assert (back is None) if value is None else (back == pytest.approx(value, rel=1e-6, abs=step * 0.51 + 1e-6))


def test_what_is_no_number_is_no_sample():
    scale, offset, samples = pack([float("nan"), float("inf"), float("-inf"), None, 0.5])
    assert frame(scale=scale, offset=offset, samples=samples).values() == [None, None, None, None, 0.5]


def test_a_stored_frame_gets_its_number_when_it_is_sent():
    assert decode_frames(renumbered(encode_frame(frame()), 9, 77)) == [frame(epoch=9, seq=77)]


def test_a_bad_frame_does_not_take_its_neighbours_along():
    payload = encode_frame(frame(seq=1)) + encode_frame(frame(seq=2, rate_hz=0.0)) + encode_frame(frame(seq=3))
    good, bad = sift_frames(payload)
    assert [one.seq for one in good] == [1, 3]
    assert [(one.epoch, one.seq, "rate" in one.reason) for one in bad] == [(3, 2, True)]


def test_a_bad_frame_without_a_number_is_still_reported():
    good, bad = sift_frames(b"\x05\x00abcde" + encode_frame(frame()))
    assert (good, [(one.seq, one.payload) for one in bad]) == ([frame()], [(0, b"abcde")])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"device": "UPPER"}, "device"),
        ({"channel": "nothing"}, "unknown channel"),
        ({"rate_hz": 0.0}, "rate"),
        ({"rate_hz": float("nan")}, "rate"),
        ({"scale": float("inf")}, "finite"),
        ({"scale": 0.0}, "finite"),
        ({"offset": float("nan")}, "finite"),
        ({"unit": ""}, "unit"),
        ({"unit": "m\nV"}, "unit"),
        ({"unit": "x" * 25}, "unit"),
        ({"samples": b""}, "samples"),
        ({"samples": b"\0\0\0"}, "samples"),
        ({"seq": 0}, "out of range"),
        ({"epoch": 0}, "out of range"),
        ({"time": 2**60}, "out of range"),
    ],
)
def test_a_frame_that_makes_no_sense_is_refused_with_a_reason(changes, sentence):
    with pytest.raises(WireError) as refused:
        decode_frames(encode_frame(frame(**changes)))
    assert sentence in refused.value.reason


@pytest.mark.parametrize("size", range(len(encode_frame(frame()))))
def test_a_payload_that_was_cut_short_is_refused(size):
    with pytest.raises(WireError):
        decode_frames(encode_frame(frame())[:size])


@given(st.binary(max_size=300))
def test_random_bytes_are_frames_or_a_refusal(payload):
    try:
        frames = decode_frames(payload)
    except WireError:
        return
    assert b"".join(map(encode_frame, frames)) == payload
