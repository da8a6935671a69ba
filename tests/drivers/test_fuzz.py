"""Two hundred thousand damaged inputs: no driver raises, hoards, dawdles or says what no device can measure.

The inputs are recordings and published examples with bytes changed, lost, doubled, swapped with those of other devices,
and plain noise; seeded, so that what fails once fails again.
"""

import json
import random
import time
from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

from edge_agent.detection import candidates
from edge_agent.drivers import intellivue, medibus
from edge_agent.drivers.ge_datex_dri import frames as datex
from edge_agent.drivers.registry import find, names
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

INPUTS = 200_000  # over all drivers
INPUTS_PER_DRIVER = 400  # then a new one: a state that only a fresh driver has is met often
LONGEST = 240  # bytes of most inputs
FRAME = 1_600  # bytes of the others: larger than the largest frame of any recording
SLOWEST_S = 0.1  # of processor time
MOST_HELD = 200_000  # bytes and objects: the largest frame there is (8 kB), chains of results, blocks of waves

HERE = Path(__file__).parent
DRIVERS = HERE.parents[1] / "edge_agent" / "drivers"


def every_candidate():
    """Each driver, with each form its device may speak in; of datagram drivers the presets."""
    found = [(candidate.plugin, candidate.options) for candidate in candidates(find(name) for name in names())]
    return found + [(find(name), find(name).options()) for name in names() if not find(name).serial]


CANDIDATES = every_candidate()


def label(candidate):
    plugin, options = candidate
    forms = [getattr(options, name) for name in ("format", "mode") if hasattr(options, name)]
    return "-".join([plugin.name, *forms])


@cache
def material():
    """What devices say, of all protocols."""
    found = [path.read_bytes() for path in sorted(DRIVERS.glob("*/captures/*.bin"))]
    for path in sorted((HERE / "vectors").glob("*.json")):
        for vector in json.loads(path.read_text()):
            found.append(bytes.fromhex(vector["hex"]) if "hex" in vector else vector["ascii"].encode())
    return found


@cache
def material_of(name):
    """What devices of one driver say; of a datagram driver what its examples say."""
    folder = name.replace("-", "_").removesuffix("_udp")
    protocol = name.removesuffix("-udp")
    found = [path.read_bytes() for path in sorted((DRIVERS / folder / "captures").glob("*.bin"))]
    for vector in json.loads((HERE / "vectors" / f"{protocol}.json").read_text()):
        found.append(bytes.fromhex(vector["hex"]) if "hex" in vector else vector["ascii"].encode())
    return found


def datex_payloads(data):
    return [item for item in datex.FrameDecoder().feed(data) if isinstance(item, bytes)]


def intellivue_messages(data):
    return [item for item in intellivue.FrameDecoder().feed(data) if isinstance(item, bytes)]


def medibus_replies(data):
    found = medibus.FrameDecoder().feed(data)
    return [bytes([item.code]) + item.data for item in found if isinstance(item, medibus.Reply)]


# Protocols with a checksum: what stands in the frames of a stream, and how it is framed, so that damage gets past it.
SEALED = {
    "ge-datex-dri": (datex_payloads, datex.enclose),
    "intellivue": (intellivue_messages, intellivue.wrap),
    "medibus": (medibus_replies, lambda data: medibus.reply(data[0], data[1:]) if data else b""),
}


@cache
def contents(name):
    read, _ = SEALED[name]
    return [content for data in material_of(name) for content in read(data)]


def inputs(chance, name, count):
    """Damaged pieces of what such a device says; one in eight is something else altogether."""
    own = material_of(name)
    for _ in range(count):
        kind = chance.randrange(16)
        if kind == 0:
            yield chance.randbytes(chance.randrange(1, LONGEST))
        elif kind == 1:
            yield bytes([chance.randrange(256)]) * chance.randrange(1, LONGEST)
        elif kind > 11 and name in SEALED:
            yield SEALED[name][1](mutated(bytearray(chance.choice(contents(name))), chance))
        else:
            source = chance.choice(own if kind > 2 else material())
            # Whole from its start as often as not: what begins a frame opens most doors.
            start = 0 if chance.random() < 0.5 else chance.randrange(len(source))
            yield mutated(bytearray(source[start : start + (LONGEST if kind % 4 else FRAME)]), chance)


def mutated(data, chance):
    for _ in range(chance.choice((0, 1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(data):
                data[at] = chance.choice((0, 1, 0x7D, 0x7E, 0x7F, 0x80, 0xC0, 0xC1, 0xFE, 0xFF))
            case 2:
                del data[at : at + chance.randrange(1, 20)]
            case 3:
                data[at:at] = chance.randbytes(chance.randrange(1, 20))
            case 4:
                data[at:at] = data[at : at + 40]
            case 5:
                other = chance.choice(material())
                data[at:at] = other[: chance.randrange(1, 40)]
    return bytes(data[:FRAME])


@pytest.mark.parametrize("candidate", CANDIDATES, ids=label)
def test_no_damaged_input_is_too_much(candidate):
    plugin, options = candidate
    chance = random.Random(label(candidate))
    count = INPUTS // len(CANDIDATES) + 1
    now, driver = 0, plugin.build(options)
    for number, data in enumerate(inputs(chance, plugin.name, count)):
        if number % INPUTS_PER_DRIVER == 0:
            check(driver.finish(now))
            assert held(driver) <= MOST_HELD
            driver = plugin.build(options)
            if number // INPUTS_PER_DRIVER % 2:
                assert isinstance(driver.start(now), bytes)
        now += chance.choice((0, 20, 200, 3_000))
        begun = time.process_time()
        heard = driver.feed(data, now)
        assert time.process_time() - begun < SLOWEST_S, data
        check(heard)
        if number % 8 == 0:
            assert isinstance(driver.tick(now), bytes)
    assert held(driver) <= MOST_HELD


@pytest.mark.parametrize("candidate", CANDIDATES, ids=label)
def test_a_frame_that_never_ends_is_not_kept(candidate):
    """A quarter of a megabyte after each beginning that a device may make."""
    plugin, options = candidate
    beginnings = {source[:size] for source in material_of(plugin.name) for size in (1, 3, 12, 60)}
    chance = random.Random(label(candidate))
    for beginning in chance.sample(sorted(beginnings), min(6, len(beginnings))):
        driver = plugin.build(options)
        driver.feed(beginning, 0)
        filler = chance.choice((b"\x20", b"0", b"\x80", b"\x01")) * 16_384
        for number in range(16):
            check(driver.feed(filler, number))
            assert held(driver) <= MOST_HELD


def check(heard):
    """What may be said at all."""
    assert heard.good >= 0
    assert all(bad.size >= 0 and bad.reason for bad in heard.bad)
    for seen in heard.observations:
        assert not set(seen.values) & set(seen.missing)
        assert all(PARAMETERS[name].plausible(value) for name, value in seen.values.items()), seen
        assert set(seen.missing) <= set(PARAMETERS)
        assert set(seen.missing.values()) <= MISSING_REASONS
        assert set(seen.flags) <= DEVICE_STATES
        assert list(seen.flags) == sorted(set(seen.flags))
        assert seen.age_ms >= 0


def held(thing, seen=None):
    """How much an object keeps: its bytes, and one for each thing in it."""
    seen = set() if seen is None else seen
    if id(thing) in seen or thing is None or isinstance(thing, int | float | Enum | type) or callable(thing):
        return 1
    seen.add(id(thing))
    if isinstance(thing, str | bytes | bytearray):
        return len(thing)
    if isinstance(thing, dict):
        return sum(held(key, seen) + held(value, seen) for key, value in thing.items())
    if isinstance(thing, list | tuple | set | frozenset | deque):
        return sum(held(item, seen) for item in thing)
    if is_dataclass(thing):
        return sum(held(getattr(thing, entry.name, None), seen) for entry in fields(thing))
    return 1 + sum(held(value, seen) for value in getattr(thing, "__dict__", {}).values())


def test_what_is_held_is_counted():
    driver = find("nonin").build(find("nonin").options())
    driver._stream.hoard = [b"x" * 1_000] + [object()] * 10
    assert held(driver) > 1_000
