"""Waves of a whole ward: gathered for a moment, made into bytes once, only while a screen shows them."""

import json
import struct

import pytest

from hub.console.ward_waves import QUEUED
from hub.console.waves import WaveRelay
from hub.registry import Registry
from hub.settings import HubSettings
from vitals.document import read_document
from vitals.waves import WaveFrame, encode_frame

SETTINGS = """
hub: hub-1
wards: [{id: icu, beds: [{id: "1"}, {id: "2"}]}, {id: hdu, beds: [{id: "9"}]}]
gateways:
  - {id: gw-1, devices: [{id: mon-1, bed: icu/1}, {id: mon-2, bed: icu/2}]}
  - {id: gw-2, devices: [{id: mon-9, bed: hdu/9}]}
"""
ECG = frozenset({"ecg_ii"})


def frame(time, device="mon-1", channel="ecg_ii", samples=(1, -32768, 3)):
    words = struct.pack(f"<{len(samples)}h", *samples)
    return encode_frame(WaveFrame(1, 1, device, channel, time, "synced", 250.0, 0.5, 10.0, "mV", words))


@pytest.fixture
def asked():
    return []


@pytest.fixture
def relay(asked):
    registry = Registry(read_document(SETTINGS, "hub.yaml", HubSettings))
    return WaveRelay(registry, lambda topic: asked.append(f"+{topic}"), lambda topic: asked.append(f"-{topic}"))


def sent(relay, screen):
    for look in relay._looks.values():
        look.send()
    found, screen._waiting = list(screen._waiting), type(screen._waiting)(maxlen=QUEUED)
    return [read(message) for message in found]


def read(message):
    length = int.from_bytes(message[:4], "little")
    head, body = json.loads(message[4 : 4 + length]), message[4 + length :]
    assert length % 2 == 0, "the samples must begin at an even place"
    stretches = []
    for stretch in head:
        size = 2 * stretch["size"]
        stretches.append((stretch["bed"], stretch["time"], struct.unpack(f"<{size // 2}h", body[:size])))
        body = body[size:]
    assert body == b""
    return stretches


def test_a_screen_gets_all_beds_of_its_ward_in_one_message(relay):
    screen = relay.open_ward("icu", ECG)
    relay.take("gw-1", frame(1_000))
    relay.take("gw-1", frame(1_000, "mon-2", samples=(7,)))
    assert sent(relay, screen) == [[("1", 1_000, (1, -32768, 3)), ("2", 1_000, (7,))]]
    assert sent(relay, screen) == [], "nothing new, nothing said"


def test_what_is_another_wards_or_another_channel_is_not_sent(relay):
    screen = relay.open_ward("icu", ECG)
    relay.open_ward("hdu", ECG)
    relay.take("gw-2", frame(1_000, "mon-9"))
    relay.take("gw-1", frame(1_000, channel="pleth"))
    relay.take("gw-1", frame(500))
    relay.take("gw-1", frame(400))  # older than what was taken: history
    assert sent(relay, screen) == [[("1", 500, (1, -32768, 3))]]


def test_screens_that_show_the_same_share_the_same_bytes(relay):
    one, other = relay.open_ward("icu", ECG), relay.open_ward("icu", ECG)
    relay.take("gw-1", frame(1_000))
    for look in relay._looks.values():
        look.send()
    assert one._waiting[0] is other._waiting[0]


def test_gateways_are_listened_to_only_while_somebody_looks(relay, asked):
    one, other = relay.open_ward("icu", ECG), relay.open_ward("icu", frozenset({"pleth"}))
    assert len(asked) == 1
    relay.forget_ward("icu", ECG, one)
    assert len(asked) == 1
    relay.forget_ward("icu", frozenset({"pleth"}), other)
    assert len(asked) == 2
    relay.take("gw-1", frame(2_000))
    assert relay._looks == {}


def test_a_screen_that_takes_nothing_keeps_only_the_newest(relay):
    screen = relay.open_ward("icu", ECG)
    for number in range(QUEUED + 5):
        relay.take("gw-1", frame(1_000 + number))
        for look in relay._looks.values():
            look.send()
    assert len(screen._waiting) == QUEUED
    assert read(screen._waiting[-1])[0][1] == 1_000 + QUEUED + 4
