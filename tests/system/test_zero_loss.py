"""Zero loss: edge, broker and hub are killed at random, and every reading the spool accepted is in the journal once.

The oracle is the spool's own sequence table against the journal. The negative control runs the same kills with a
spool that forgets on the broker's acknowledgement; it must lose readings, or the first test proves nothing.
The seed is printed and can be given again with WARDLINE_CHAOS_SEED.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

DEVICES = 6
KILLS = 24
DRAIN_S = 45.0

EDGE = """
gateway: gw-chaos
broker: {{port: {port}}}
spool: {{path: spool.db, commit_interval: 50ms, forget_on: {forget_on}}}
devices:
{devices}
"""
HUB = """
hub: hub-chaos
broker: {{port: {port}}}
journal: {{path: journal.db}}
wards: [{{id: icu, beds: [{beds}]}}]
gateways: [{{id: gw-chaos, devices: [{devices}]}}]
"""


class Rig:
    """One gateway with simulated monitors, one broker, one hub: all real processes."""

    def __init__(self, broker, folder, forget_on: str) -> None:
        self.broker = broker
        self.folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        names = [f"mon-{number}" for number in range(1, DEVICES + 1)]
        self.links = {name: folder / name for name in names}
        devices = "".join(
            f"  - {{id: {name}, driver: nonin, serial: {{path: {path}}}}}\n" for name, path in self.links.items()
        )
        (folder / "edge.yaml").write_text(EDGE.format(port=broker.port, forget_on=forget_on, devices=devices))
        beds = ", ".join(f'{{id: "{number}"}}' for number in range(1, DEVICES + 1))
        placed = ", ".join(f"{{id: mon-{number}, bed: icu/{number}}}" for number in range(1, DEVICES + 1))
        (folder / "hub.yaml").write_text(HUB.format(port=broker.port, beds=beds, devices=placed))

    def start(self, name: str) -> None:
        words = {
            "edge": ["edge", "run", "--config", str(self.folder / "edge.yaml")],
            "hub": ["hub", "run", "--part", "ingest", "--config", str(self.folder / "hub.yaml")],
        }.get(name) or ["sim", "nonin-df2", "--pty", "--seed", name[-1], "--link", str(self.links[name])]
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "wardline", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait(timeout=10)

    def stop(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(timeout=10)

    def spool(self) -> tuple[int, int, int]:
        """(epoch, highest seq ever accepted, how many have no receipt); the database's own words."""
        with sqlite3.connect(f"file:{self.folder / 'spool.db'}?mode=ro", uri=True) as db:
            accepted = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'record'").fetchone()
            settled = db.execute("SELECT coalesce(sum(high - low + 1), 0) FROM settled").fetchone()
            epoch = db.execute("SELECT epoch FROM meta").fetchone()
        return epoch[0], accepted[0], accepted[0] - settled[0]

    def journal(self) -> list[tuple[int, int]]:
        """(epoch, seq) of every stored record; none while there is no journal yet."""
        try:
            with sqlite3.connect(f"file:{self.folder / 'journal.db'}?mode=ro", uri=True) as db:
                return list(db.execute("SELECT epoch, seq FROM record WHERE gateway = 'gw-chaos'"))
        except sqlite3.OperationalError:
            return []

    def words(self) -> str:
        """The last words of every process, for a failing test."""
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log")))


@pytest.fixture
def rig(new_broker, tmp_path):
    rigs = []

    def make(forget_on: str) -> Rig:
        broker = new_broker("persistence true\nautosave_interval 1\nautosave_on_changes false")
        rig = Rig(broker, tmp_path, forget_on)
        rigs.append(rig)
        for name in (*rig.links, "hub", "edge"):
            rig.start(name)
        deadline = time.monotonic() + 20
        while not rig.journal():
            assert time.monotonic() < deadline, f"no reading arrived before the first kill\n{rig.words()}"
            time.sleep(0.1)
        return rig

    yield make
    for rig in rigs:
        for process in rig.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait(timeout=10)


def torment(rig: Rig, dice: random.Random, kills: int) -> None:
    """Kill at random and start again at once. Hub first and the broker a little later is the nastiest order."""
    done = 0
    while done < kills:
        time.sleep(dice.uniform(0.1, 1.3))
        victim = dice.choice(["edge", "hub", "broker", "broker", "hub then broker"])
        if victim == "hub then broker":
            rig.kill("hub")
            time.sleep(dice.uniform(0.2, 0.8))
            rig.broker.kill()
            done += 2
        elif victim == "broker":
            rig.broker.kill()
            done += 1
        else:
            rig.kill(victim)
            done += 1
        if victim != "edge" and dice.random() < 0.5:
            for file in rig.broker.folder.glob("mosquitto.db*"):
                file.unlink()
        if "broker" in victim:
            rig.broker.start()
        for name in ("edge", "hub"):
            if rig.processes[name].poll() is not None:
                rig.start(name)


def settle(rig: Rig) -> None:
    """Stop producing, then wait until the spool is empty or nothing moves any more."""
    for name in rig.links:
        rig.stop(name)
    deadline = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline:
        if rig.spool()[2] == 0:
            break
        time.sleep(0.2)
    time.sleep(1.0)


def balance(rig: Rig, seed: int) -> dict:
    epoch, accepted, held = rig.spool()
    journal = rig.journal()
    expected = {(epoch, seq) for seq in range(1, accepted + 1)}
    result = {
        "seed": seed,
        "accepted": accepted,
        "stored": len(set(journal)),
        "doubled": len(journal) - len(set(journal)),
        "lost": len(expected - set(journal)),
        "unknown": len(set(journal) - expected),
        "spooled": held,
    }
    print(json.dumps(result))
    return result


def seed_of_the_day() -> int:
    seed = int(os.environ.get("WARDLINE_CHAOS_SEED") or random.randrange(1, 1_000_000))
    print(f"WARDLINE_CHAOS_SEED={seed}")
    return seed


def test_nothing_is_lost_or_doubled_when_edge_broker_and_hub_are_killed(rig):
    seed = seed_of_the_day()
    stand = rig("receipt")
    torment(stand, random.Random(seed), KILLS)
    settle(stand)
    result = balance(stand, seed)
    assert result["accepted"] > 100
    assert (result["lost"], result["doubled"], result["unknown"], result["spooled"]) == (0, 0, 0, 0)


def test_a_spool_that_forgets_on_puback_loses_readings_under_the_same_kills(rig):
    seed = seed_of_the_day()
    stand = rig("puback")
    torment(stand, random.Random(seed), KILLS // 2)
    settle(stand)
    result = balance(stand, seed)
    assert result["lost"] > 0
