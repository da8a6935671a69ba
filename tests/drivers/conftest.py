"""Builders for driver tests: the bytes of a Nonin oximeter written from its data sheet, and a way to feed them."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.drivers.registry import build

HERE = Path(__file__).parent


@dataclass
class Listened:
    """Everything a driver made of a stream."""

    observations: list = field(default_factory=list)
    bad: list = field(default_factory=list)
    good: int = 0

    def add(self, heard):
        self.observations += heard.observations
        self.bad += heard.bad
        self.good += heard.good

    def reasons(self):
        return sorted(bad.reason for bad in self.bad)

    def __eq__(self, other):
        return (self.observations, self.bad, self.good) == (other.observations, other.bad, other.good)


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def nonin_frame(format_, status, pleth, variable):
    head = bytes([1, status, pleth]) if format_ == 2 else bytes([status, pleth >> 8, pleth & 0xFF])
    head += bytes([variable])
    return head + bytes([sum(head) % 256])


def nonin_packet(format_=2, pr=72, spo2=97, status=0, pleth=None, held=None, stat2=0):
    """25 frames; `status` is set on each of them, `held` is what the display fields still show."""
    held_pr, held_spo2 = held or (pr, spo2)
    variables = [0] * 25
    variables[0], variables[1] = divmod(pr, 128)
    variables[2], variables[3], variables[7], variables[8] = spo2, 48, stat2, held_spo2
    variables[13], variables[14] = divmod(pr, 128)
    variables[19], variables[20] = divmod(held_pr, 128)
    pleth = pleth or [(60 + 7 * n) % 256 if format_ == 2 else 32768 + 100 * n for n in range(25)]
    frames = []
    for number in range(25):
        sync = 1 if number == 0 else 0
        frames.append(nonin_frame(format_, 0x80 | status | sync, pleth[number], variables[number]))
    return b"".join(frames)


def damaged(data, *, seed, rate):
    """The stream after a bad line: bytes flipped, lost and invented, each with a third of the rate."""
    noise = random.Random(seed)
    result = bytearray()
    for byte in data:
        if noise.random() >= rate:
            result.append(byte)
            continue
        kind = noise.choice(("flip", "insert", "delete"))
        if kind == "flip":
            result.append(byte ^ 1 << noise.randrange(8))
        elif kind == "insert":
            result += bytes([noise.randrange(256), byte])
    return bytes(result)


@pytest.fixture(scope="session")
def listen():
    """`listen("nonin", data, size=1, format="df2")`: a fresh driver, fed in pieces of a size, to the end."""

    def run(name, data, *, size=None, **options):
        driver, result = build(name, options), Listened()
        for piece in cut(data, size or max(1, len(data))):
            result.add(driver.feed(piece, 0))
        result.add(driver.finish(0))
        return result

    return run


@pytest.fixture(scope="session")
def packet():
    return nonin_packet


@pytest.fixture(scope="session")
def frame():
    return nonin_frame


@pytest.fixture(scope="session")
def damage():
    return damaged


def vectors(protocol):
    return json.loads((HERE / "vectors" / f"{protocol}.json").read_text())


@pytest.fixture(scope="session")
def all_vectors():
    return vectors
