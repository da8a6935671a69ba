"""Noise: each kind does what it says, the same for the same seed."""

import pytest

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
