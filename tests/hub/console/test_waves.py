"""Waves on a running console: only for who looks, only of the bed looked at, only what is news."""

import contextlib
import json
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from hub.console.waves import QUEUED, WaveRelay
from hub.journal import Batch, Journal
from hub.journal_waves import WaveRow
from hub.registry import Registry
from hub.settings import HubSettings
from vitals import topics
from vitals.document import read_document
from vitals.errors import WireError
from vitals.identity import BedKey
from vitals.waves import WaveFrame, encode_frame

SAMPLES = b"\x01\x00\x00\x80\x03\x00"  # 1, none, 3


def frame(time_ms, device="mon-1", channel="pleth", seq=1):
    fields = (1, seq, device, channel, time_ms, "synced", 75.0, 1.0, 0.0, "raw", SAMPLES)
    return encode_frame(WaveFrame(*fields))


SETTINGS = """
hub: hub-1
wards: [{id: icu, beds: [{id: "1"}, {id: "2"}]}]
gateways:
  - {id: gw-1, devices: [{id: mon-1, bed: icu/1}, {id: mon-2, bed: icu/2}, {id: mon-9}]}
"""


class Relay(WaveRelay):
    """It notes what it would ask of the broker."""

    def __init__(self, registry):
        self.asked = []
        super().__init__(
            registry, lambda topic: self.asked.append(f"+{topic}"), lambda topic: self.asked.append(f"-{topic}")
        )


@pytest.fixture
def relay():
    return Relay(Registry(read_document(SETTINGS, "hub.yaml", HubSettings)))


def waiting(onlooker):
    found = [json.loads(text) for text in onlooker._waiting]
    onlooker._waiting.clear()
    return found


BED, OTHER = BedKey("icu", "1"), BedKey("icu", "2")


def test_a_gateway_is_listened_to_while_somebody_looks_at_one_of_its_beds(relay):
    first, second = relay.open(BED), relay.open(OTHER)
    relay.forget(first)
    assert relay.asked == ["+wardline/v1/up/gw-1/wave"]
    relay.forget(second)
    assert relay.asked[1:] == ["-wardline/v1/up/gw-1/wave"]


def test_a_bed_sees_its_own_waves_and_a_missing_sample_is_null(relay):
    here, there = relay.open(BED), relay.open(OTHER)
    relay.take("gw-1", frame(1_000) + frame(1_000, device="mon-9"))
    (seen,) = waiting(here)
    assert seen == {
        "gateway": "gw-1", "device": "mon-1", "channel": "pleth", "time": 1_000, "clock": "synced",
        "rate_hz": 75.0, "unit": "raw", "values": [1.0, None, 3.0],
    }  # fmt: skip
    assert waiting(there) == []


def test_what_is_older_than_what_was_shown_is_not_shown(relay):
    here = relay.open(BED)
    relay.take("gw-1", frame(5_000) + frame(1_000) + frame(5_000) + frame(1_000, channel="resp") + frame(6_000))
    assert [(one["channel"], one["time"]) for one in waiting(here)] == [
        ("pleth", 5_000),
        ("resp", 1_000),
        ("pleth", 6_000),
    ]


def test_who_is_slow_misses_the_oldest_and_memory_stays_flat(relay):
    here = relay.open(BED)
    for second in range(1_000):
        relay.take("gw-1", frame(second))
    assert [one["time"] for one in waiting(here)] == list(range(1_000 - QUEUED, 1_000))


def test_a_bad_frame_is_reported_and_its_neighbours_are_shown(relay):
    here = relay.open(BED)
    with pytest.raises(WireError):
        relay.take("gw-1", frame(1_000) + b"\x03\x00abc" + frame(2_000))
    assert len(waiting(here)) == 2


# A console process.


@contextlib.contextmanager
def looking(console, bed="icu/1"):
    with connect(f"ws://127.0.0.1:{console.port}/api/v1/beds/{bed}/waves", open_timeout=20) as socket:
        yield socket


@pytest.mark.broker
def test_a_screen_that_looks_at_a_bed_gets_its_waves(console, hub):
    with looking(console) as socket:
        deadline = time.monotonic() + 30
        for second in range(1, 500):
            hub.publish(topics.up("gw-1", "wave"), frame(1_000 * second))
            with contextlib.suppress(TimeoutError):
                seen = json.loads(socket.recv(timeout=0.1))
                break
            assert time.monotonic() < deadline
        assert (seen["device"], seen["channel"], seen["values"]) == ("mon-1", "pleth", [1.0, None, 3.0])


@pytest.mark.broker
def test_a_bed_that_is_not_there_is_said_so(console, hub):
    with looking(console, "icu/99") as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=5)
    assert closed.value.rcvd.code == 4404


@pytest.mark.broker
def test_stored_waves_are_answered_by_span_and_channel(new_console, rig):
    new_console.start()
    path = new_console.folder / "journal.db"
    batch = Batch()
    for seq in range(1, 11):
        channel = "pleth" if seq % 2 else "resp"
        place = ("gw-1", 1, seq, "mon-1", channel, "icu", "1")
        batch.waves.append(WaveRow(*place, 1_000 * seq, 1, "synced", 3.0, 1.0, 0.0, "raw", SAMPLES))
    journal = Journal(path)
    journal.commit(batch)
    journal.close()
    asked = "/api/v1/beds/icu/1/waves?from=4000&to=8000"
    assert [one["time"] for one in new_console.json(asked)] == [4_000, 5_000, 6_000, 7_000]
    assert [one["time"] for one in new_console.json(asked + "&channel=resp")] == [4_000, 6_000]
    assert new_console.json("/api/v1/beds/icu/1/waves?from=4500&to=8000")[0]["time"] == 4_000
    for wrong, status in (
        ("/api/v1/beds/icu/99/waves", 404),
        ("/api/v1/beds/icu/1/waves?from=0&to=700000", 422),
        ("/api/v1/beds/icu/1/waves?channel=xyz", 422),
        ("/api/v1/beds/icu/1/waves?from=x", 422),
    ):
        assert new_console.get(wrong)[0] == status
