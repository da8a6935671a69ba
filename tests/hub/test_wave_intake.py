"""Waves of gateways: every frame in the journal once, receipted with the readings, refused with a reason."""

import pytest

from hub.journal import Batch, Journal
from hub.journal_waves import WaveRow, expired_waves
from tests.fixtures_hub import Client, Hub
from vitals.ranges import Ranges
from vitals.waves import WaveFrame, encode_frame


def frame(seq, **fields):
    defaults = {
        "epoch": 1,
        "seq": seq,
        "device": "mon-a",
        "channel": "pleth",
        "time": 1_763_682_504_000 + 1_000 * seq,
        "clock": "synced",
        "rate_hz": 75.0,
        "scale": 1.0,
        "offset": 0.0,
        "unit": "raw",
        "samples": b"\x01\x00\x02\x00" * 37,
    }
    return encode_frame(WaveFrame(**{**defaults, **fields}))


@pytest.fixture
def hub(broker, tmp_path, settings_text, probe_rules):
    hub = Hub(tmp_path, settings_text(broker.port, probe_rules))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def client(broker, hub):
    client = Client(broker.port, "wardline/v1/down/#", "wardline/v1/hub/#")
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
    yield client
    client.close()


def receipt_up_to(seq):
    return lambda topic, payload: topic == "down/gw-a/receipt" and payload["committed"] == [[1, seq]]


@pytest.mark.system
def test_waves_and_readings_share_numbers_commits_and_receipts(hub, client, payload, record):
    client.publish("up/gw-a/vitals", payload(record(1), record(4)))
    client.publish("up/gw-a/wave", frame(2) + frame(3, channel="ecg_ii", device="spare"))
    client.wait_for(receipt_up_to(4))
    assert hub.rows("SELECT seq, channel, ward, bed, time, rate, unit, length(samples) FROM wave ORDER BY seq") == [
        (2, "pleth", "icu", "1", 1_763_682_506_000, 75.0, "raw", 148),
        (3, "ecg_ii", "", "", 1_763_682_507_000, 75.0, "raw", 148),
    ]
    assert hub.rows("SELECT seq FROM record ORDER BY seq") == [(1,), (4,)]


@pytest.mark.system
def test_a_repeated_frame_is_stored_once_and_receipted_again(hub, client):
    for _ in range(3):
        client.publish("up/gw-a/wave", frame(1))
        client.wait_for(receipt_up_to(1))
    assert hub.rows("SELECT count(*) FROM wave") == [(1,)]


@pytest.mark.system
def test_a_guessed_time_is_not_yet_to_come(hub, client):
    ahead = 4_000_000_000_000
    client.publish("up/gw-a/wave", frame(1, time=ahead, clock="unsynced") + frame(2, time=ahead, clock="synced"))
    client.wait_for(receipt_up_to(2))
    ((guessed, received), (known, _)) = hub.rows("SELECT time, received FROM wave ORDER BY seq")
    assert guessed == received < ahead
    assert known == ahead


@pytest.mark.system
def test_a_bad_frame_is_final_and_in_quarantine_and_its_neighbours_are_kept(hub, client):
    client.publish("up/gw-a/wave", frame(1) + frame(2, rate_hz=0.0) + frame(3))
    _, receipt = client.wait_for(receipt_up_to(3))
    assert [(seq, "rate" in reason) for seq, reason in receipt["rejected"]] == [(2, True)]
    assert hub.rows("SELECT seq FROM wave ORDER BY seq") == [(1,), (3,)]
    assert hub.rows("SELECT gateway, records FROM quarantine") == [("gw-a", 1)]


@pytest.mark.system
@pytest.mark.parametrize(
    ("gateway", "body", "reason"),
    [
        ("gw-a", b"", "no frame"),
        ("gw-a", b"{}", "ends inside"),
        ("gw-x", frame(1), "not registered"),
        ("gw-a", b"\0" * 300_000, "oversized"),
    ],
)
def test_what_nobody_can_use_goes_to_quarantine_and_the_next_frame_is_taken(hub, client, gateway, body, reason):
    client.publish(f"up/{gateway}/wave", body)
    client.publish("up/gw-a/wave", frame(1))
    client.wait_for(receipt_up_to(1))
    assert reason in hub.rows("SELECT group_concat(reason) FROM quarantine")[0][0]


@pytest.mark.system
def test_retained_waves_are_of_no_time_and_are_refused(hub, client, broker):
    client.publish("up/gw-a/wave", frame(1), retain=True)
    client.wait_for(receipt_up_to(1))  # to who listened it was not retained
    hub.stop()
    client.forget()
    hub.start()
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/heartbeat")
    client.publish("up/gw-a/wave", frame(2))
    client.wait_for(receipt_up_to(2))
    assert "retained" in hub.rows("SELECT group_concat(reason) FROM quarantine")[0][0]


@pytest.mark.system
def test_the_counters_of_the_hub_add_up_with_waves(hub, client, payload, record):
    client.publish("up/gw-a/vitals", payload(record(1)))
    client.publish("up/gw-a/wave", frame(2) + frame(2) + frame(3, rate_hz=0.0))
    client.wait_for(receipt_up_to(3))

    def balanced(topic, status):
        counters = status.get("counters", {}) if topic == "hub/hub-test/status" else {}
        return counters.get("received", 0) == 4 and counters["received"] == sum(
            counters.get(name, 0) for name in ("committed", "duplicate", "rejected", "shed", "pending")
        )

    client.wait_for(balanced)


# The journal itself


def batch_of(first, last, received):
    batch = Batch()
    for seq in range(first, last + 1):
        place = ("gw-a", 1, seq, "mon-a", "pleth", "icu", "1")
        batch.waves.append(WaveRow(*place, seq, received, "synced", 75.0, 1.0, 0.0, "raw", b"\0" * 500))
        batch.settle("gw-a", 1, seq)
    return batch


def test_waves_leave_the_journal_sooner_than_readings_and_are_counted(tmp_path):
    journal = Journal(tmp_path / "journal.db", waves_sooner_ms=100)
    journal.commit(batch_of(1, 300, received=950))
    journal.commit(batch_of(301, 310, received=1_050), keep_after=900)
    journal.commit(batch_of(311, 311, received=1_050), keep_after=900)
    assert journal.read("SELECT min(seq), max(seq) FROM wave") == [(301, 311)]
    assert expired_waves(journal._db, "gw-a", 1) == 300
    assert journal.settled("gw-a", 1) == Ranges([(1, 311)])
    journal.close()


def test_a_full_journal_gives_up_waves_before_readings(tmp_path, caplog):
    journal = Journal(tmp_path / "journal.db", max_bytes=2 << 20)
    for first in range(1, 20_001, 100):
        journal.commit(batch_of(first, first + 99, received=50), keep_after=10)
    ((pages, free),) = [
        (journal.read("PRAGMA page_count")[0][0], journal.read("PRAGMA freelist_count")[0][0]),
    ]
    assert (pages - free) * 4096 < 3 << 20
    ((kept, newest),) = journal.read("SELECT count(*), max(seq) FROM wave")
    assert newest == 20_000
    assert expired_waves(journal._db, "gw-a", 1) == 20_000 - kept
    assert not caplog.records
    journal.close()


def test_a_frame_is_in_the_journal_once_whoever_says_it_twice(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch_of(1, 2, received=1))
    journal.commit(batch_of(2, 3, received=1))
    assert journal.read("SELECT seq FROM wave ORDER BY id") == [(1,), (2,), (3,)]
    journal.close()
