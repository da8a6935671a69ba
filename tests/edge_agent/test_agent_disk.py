"""The whole agent while its disk is full, read-only or back, and while the hub forgets: against a real broker."""

import resource
import subprocess
import time

import pytest

from edge_agent.spool_file import open_spool
from vitals.readings import VOLATILE_FROM


@pytest.fixture
def talking(line, until):
    """`talking(condition, seconds)`: the monitor says one number after the other until it holds; the numbers said."""
    said = []

    def talk(condition, seconds=15.0):
        def step():
            said.append(40 + len(said) % 160)
            line.say_json(hr=said[-1], spo2=97)
            return condition()

        until(step, seconds, step_s=0.05)
        return said

    return talk


def gaps(hub, *reasons):
    found = [record.gap for record in hub.rows.values() if record.gap]
    return [gap for gap in found if not reasons or gap.reason in reasons]


def explained(hub, epoch):
    """Every seq of `epoch` the hub has or was told of."""
    seqs = {seq for at, seq in hub.rows if at == epoch}
    for (at, _), record in hub.rows.items():
        if record.gap and (record.gap.epoch or at) == epoch:
            seqs |= {seq for low, high in record.gap.spans() for seq in range(low, high + 1)}
    return seqs


def let_write(agent, how_much):
    """The kernel refuses every write of the agent past this size of a file, its sockets excepted."""
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (how_much, resource.RLIM_INFINITY))


def test_with_a_disk_that_refuses_live_readings_go_on_and_people_see_it_within_five_seconds(
    small_hub, broker, new_agent, talking, until
):
    agent = new_agent(broker).start()
    talking(lambda: len(small_hub.rows) > 20)
    durable = small_hub.hellos[-1].epoch
    let_write(agent, 0)
    began = time.monotonic()
    talking(lambda: small_hub.statuses[-1].durability == "degraded", 5)
    assert time.monotonic() - began < 5
    assert "spool_error" in small_hub.statuses[-1].reason
    talking(lambda: sum(epoch >= VOLATILE_FROM for epoch, _ in small_hub.rows) > 30)
    (volatile,) = {epoch for epoch, _ in small_hub.rows if epoch >= VOLATILE_FROM}
    live = [channel for channel, _, _ in small_hub.lanes[-20:]]
    assert set(live) == {"vitals"}
    let_write(agent, resource.RLIM_INFINITY)
    talking(lambda: small_hub.statuses[-1].durability == "full")
    count = len(small_hub.rows)
    said = talking(lambda: len(small_hub.rows) > count + 20)
    until(lambda: small_hub.values()[-1] is not None and agent.held() == 0)
    assert explained(small_hub, durable) == set(range(1, agent.accepted() + 1))
    until(lambda: small_hub.statuses[-1].ledger and small_hub.statuses[-1].ledger[-1].spooled == 0)
    books = small_hub.statuses[-1].ledger[-1]
    assert (books.epoch, books.volatile) == (volatile, True)
    assert explained(small_hub, volatile) == set(range(1, books.accepted + 1))
    heard = sorted((record.time, record.values["hr"]) for record in small_hub.rows.values() if record.values)
    assert [number for _, number in heard] == said[-len(heard) :]  # from when it first listened: each once, in order
    assert {entry.spooled for entry in small_hub.statuses[-1].ledger} == {0}


def test_a_gateway_that_starts_on_a_read_only_disk_sends_live_readings_and_says_so(
    small_disk, small_hub, broker, new_agent, talking
):
    folder = small_disk("2m")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    agent = new_agent(broker, f"spool: {{path: {folder}/spool.db, commit_interval: 50ms}}\n").start()
    talking(lambda: len(small_hub.rows) > 20)
    assert min(epoch for epoch, _ in small_hub.rows) >= VOLATILE_FROM
    status = small_hub.statuses[-1]
    assert status.durability == "degraded"
    assert "spool_error: the disk takes nothing (Read-only file system)" in status.reason
    assert status.ledger[0].volatile
    assert list(folder.iterdir()) == []
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    talking(lambda: small_hub.statuses[-1].durability == "full", 30)
    talking(lambda: sum(epoch < VOLATILE_FROM for epoch, _ in small_hub.rows) > 5)
    volatile = {(epoch, seq) for epoch, seq in small_hub.rows if epoch >= VOLATILE_FROM}
    assert {seq for _, seq in volatile} == set(range(1, len(volatile) + 1))
    assert agent.stop() == 0
    assert (folder / "spool.db").exists()


def test_with_a_full_disk_and_no_hub_the_oldest_go_and_the_hub_hears_which(
    small_disk, broker, line, new_agent, new_small_hub, until, draft
):
    folder = small_disk("2m")
    spool = open_spool(folder / "spool.db", max_bytes=64 << 20)
    gaps_made = 0
    for start in range(0, 30_000, 500):
        done = spool.append([draft(number) for number in range(start, start + 500)])
        gaps_made += sum(high - low + 1 for low, high in done.gaps)
    assert gaps_made
    accepted = spool.accepted()
    spool.close()
    agent = new_agent(broker, f"spool: {{path: {folder}/spool.db, max_mb: 64, commit_interval: 50ms}}\n")
    agent.spool = folder / "spool.db"
    hub = new_small_hub(broker)
    agent.start()
    until(lambda: agent.held() == 0 and agent.accepted() >= accepted, 30)
    (epoch,) = {epoch for epoch, _ in hub.rows}
    missing = set(range(1, accepted + 1)) - {seq for _, seq in hub.rows}
    named = [seq for gap in gaps(hub) for low, high in gap.spans() for seq in range(low, high + 1)]
    assert sorted(named) == sorted(missing)
    assert sum(gap.count for gap in gaps(hub, "disk_full")) == len(missing) > 5_000
    ledger = until(lambda: next((s.ledger[0] for s in hub.statuses[::-1] if s.ledger and not s.ledger[0].spooled), 0))
    assert (ledger.epoch, ledger.pruned) == (epoch, len(missing))
    assert ledger.accepted == ledger.receipted + ledger.pruned


def test_people_hear_that_the_spool_fills_before_anything_goes(small_hub, broker, new_agent, until, draft):
    agent = new_agent(broker, "spool: {path: spool.db, max_mb: 1, commit_interval: 50ms}\n")
    spool = open_spool(agent.spool, max_bytes=1 << 20)
    while spool.fill < 0.85:
        spool.append([draft(number) for number in range(200)])
    assert spool.pruned == 0
    spool.close()
    small_hub.receipts = False
    agent.start()
    status = until(lambda: next((s for s in small_hub.statuses if "spool_full" in s.reason), None))
    assert "% taken, when it is full the oldest records go" in status.reason
    assert status.ledger[0].pruned == 0
    small_hub.receipts = True
    until(lambda: "spool_full" not in small_hub.statuses[-1].reason)


def test_a_hub_put_back_from_a_copy_is_filled_again_from_what_is_kept(
    small_hub, broker, new_agent, new_small_hub, talking, until
):
    agent = new_agent(broker).start()
    talking(lambda: len(small_hub.rows) > 60)
    until(lambda: agent.held() == 0)
    copy = dict(sorted(small_hub.rows.items())[:20])
    talking(lambda: len(small_hub.rows) > 100)
    until(lambda: agent.held() == 0)
    small_hub.close()
    restored = new_small_hub(broker)
    restored.rows |= copy
    for epoch, seq in copy:
        restored.stored(epoch).add(seq)
    restored.say_started(1_900_000_000_000)
    until(lambda: "the hub has lost records it gave receipts for" in agent.said())
    talking(lambda: len(restored.rows) > 110, 30)
    until(lambda: sorted(seq for _, seq in restored.rows) == list(range(1, agent.accepted() + 1)))
    assert restored.hellos[-1].lowest == 1
    assert not gaps(restored)


def test_what_is_not_kept_any_more_is_declared_to_a_hub_put_back_from_a_copy(
    small_hub, broker, new_agent, new_small_hub, talking, until
):
    agent = new_agent(broker, "spool: {path: spool.db, commit_interval: 50ms, retain_after_ack: 0s}\n").start()
    talking(lambda: len(small_hub.rows) > 60)
    until(lambda: agent.held() == 0 and agent.kept() == 0)
    small_hub.close()
    restored = new_small_hub(broker)
    restored.say_started(1_900_000_000_000)
    talking(lambda: gaps(restored, "not_kept"), 30)
    (epoch,) = {epoch for epoch, _ in restored.rows}
    until(lambda: explained(restored, epoch) == set(range(1, agent.accepted() + 1)))
    assert sum(gap.count for gap in gaps(restored)) >= 60
