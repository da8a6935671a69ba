"""Noise: each kind does what it says, the same for the same seed."""

from dataclasses import replace

import pytest

from firmware_sim.noise import KINDS as NAMES
from firmware_sim.noise import Noise, NoiseMix
from vitals.errors import UsageError

CLEAN = bytes(range(256)) * 40
KINDS = ("loss", "flip", "insert", "burst", "silence")


def only(kind, rate=0.01):
    return NoiseMix(rate=rate, **{other: float(other == kind) for other in KINDS})


def test_clean_line_changes_nothing():
    assert Noise(NoiseMix.of(0.0), 1).spoil(CLEAN) == CLEAN


def test_same_seed_is_the_same_noise_and_another_is_not():
    mix = NoiseMix.of(0.01)
    assert Noise(mix, 1).spoil(CLEAN) == Noise(mix, 1).spoil(CLEAN)
    assert Noise(mix, 1).spoil(CLEAN) != Noise(mix, 2).spoil(CLEAN)


@pytest.mark.parametrize("size", [1, 2, 13, 999])
def test_noise_does_not_depend_on_how_the_bytes_are_cut(size):
    cut = Noise(NoiseMix.of(0.01), 3)
    parts = [cut.spoil(CLEAN[start : start + size]) for start in range(0, len(CLEAN), size)]
    assert b"".join(parts) == Noise(NoiseMix.of(0.01), 3).spoil(CLEAN)


def test_loss_only_takes_away():
    out = Noise(only("loss"), 1).spoil(CLEAN)
    assert 0.985 < len(out) / len(CLEAN) < 0.995


def test_flip_turns_one_bit_of_a_byte():
    out = Noise(only("flip"), 1).spoil(CLEAN)
    changed = [before ^ after for before, after in zip(CLEAN, out, strict=True) if before != after]
    assert 60 < len(changed) < 150
    assert all(bits.bit_count() == 1 for bits in changed)


def test_insert_only_adds():
    out = Noise(only("insert"), 1).spoil(CLEAN)
    assert len(out) > len(CLEAN)
    rest = iter(out)
    assert all(byte in rest for byte in CLEAN)


def test_burst_keeps_the_length():
    out = Noise(only("burst"), 1).spoil(CLEAN)
    assert len(out) == len(CLEAN)
    assert sum(a != b for a, b in zip(CLEAN, out, strict=True)) > 500


def test_silence_takes_long_stretches():
    assert len(Noise(only("silence"), 1).spoil(CLEAN)) < 0.6 * len(CLEAN)


def test_garbage_comes_first_and_once():
    noise = Noise(NoiseMix(garbage_bytes=37), 1)
    assert noise.spoil(b"") == b""
    first, second = noise.spoil(b"abc"), noise.spoil(b"def")
    assert len(first) == 40
    assert first.endswith(b"abc")
    assert second == b"def"


def test_everything_can_be_lost():
    assert Noise(only("loss", rate=1.0), 1).spoil(CLEAN) == b""


def test_one_byte_writes():
    noise = Noise(NoiseMix(one_byte_writes=True), 1)
    assert list(noise.pieces(b"abc")) == [b"a", b"b", b"c"]
    assert list(Noise(NoiseMix(), 1).pieces(b"abc")) == [b"abc"]
    assert list(Noise(NoiseMix(), 1).pieces(b"")) == []


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_rate_is_a_share(rate):
    with pytest.raises(UsageError, match="from 0 to 1"):
        NoiseMix.of(rate)


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("", NoiseMix()),
        ("0", NoiseMix()),
        ("0.001", NoiseMix.of(0.001)),
        ("one-byte", NoiseMix(one_byte_writes=True)),
        ("0.001,one-byte", NoiseMix(rate=0.001, garbage_bytes=37, one_byte_writes=True)),
        ("garbage", NoiseMix(garbage_bytes=37)),
        ("garbage=5, skip=70", NoiseMix(garbage_bytes=5, skipped_bytes=70)),
        ("loss=0.01", NoiseMix(rate=0.01, loss=0.01, flip=0, insert=0, burst=0, silence=0)),
        (
            "loss=0.01,flips=0.02,strays=0.03,bursts=0.04,silence=0.05",
            NoiseMix(rate=0.15, loss=0.01, flip=0.02, insert=0.03, burst=0.04, silence=0.05),
        ),
    ],
)
def test_noise_is_written_as_one_rate_or_kind_by_kind(text, mix):
    parsed = NoiseMix.parse(text)
    assert parsed == replace(mix, rate=parsed.rate)
    assert parsed.rate == pytest.approx(mix.rate)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2", "from 0 to 1"),
        ("loss=-1", "from 0 to 1"),
        ("flips=nan", "from 0 to 1"),
        ("loss=0.7,flips=0.7", "from 0 to 1"),
        ("loss", "neither a share"),
        ("hum=0.1", "neither a share"),
        ("garbage=nan", "number of bytes"),
        ("skip=-1", "number of bytes"),
        ("0.001,loss=0.1", "either one rate"),
    ],
)
def test_bad_noise_says_what_noise_there_is(text, problem):
    with pytest.raises(UsageError, match=problem):
        NoiseMix.parse(text)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_named_kind_does_what_the_kind_does(name):
    assert Noise(NoiseMix.parse(f"{name}=0.01"), 1).spoil(CLEAN) == Noise(only(NAMES[name]), 1).spoil(CLEAN)


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_reader_may_join_in_the_middle_of_a_frame(size):
    noise = Noise(NoiseMix.parse("skip=10"), 1)
    assert b"".join(noise.spoil(CLEAN[at : at + size]) for at in range(0, len(CLEAN), size)) == CLEAN[10:]
