"""The bedside inside an agent: what it says in the status, what it keeps, and what becomes of a bundle."""

import asyncio
import json
import subprocess
import sys

import pytest

from chassis.clock import SystemClock
from edge_agent.bedside.bedside import Bedside
from edge_agent.bedside.settings import BedsideSettings
from edge_agent.clock_quality import ClockWatch
from edge_agent.stamp import Draft
from vitals import topics
from vitals.codec import encode
from vitals.sessions import Heartbeat, HubStatus

GATEWAY = "gw-1"
SETTINGS = topics.bundle(GATEWAY)


class HandClock:
    """A clock moved by hand; the wall may step by itself."""

    def __init__(self):
        self.steady = 1_000_000
        self.wall = SystemClock().wall_ms()

    def steady_ms(self):
        return self.steady

    def wall_ms(self):
        return self.wall

    def move(self, ms):
        self.steady += ms
        self.wall += ms


class Rig:
    """A Bedside with its loop, a clock moved by hand, and no broker."""

    def __init__(self, folder, key):
        self.folder = folder
        self.clock = HandClock()
        self.said = []
        self.is_connected = True
        self.bedside = Bedside(
            GATEWAY, BedsideSettings(hub_key=key), folder, self.clock, ClockWatch(lambda: True), lambda: None
        )
        self.bedside.session = self
        self.tasks = [
            asyncio.create_task(part())
            for part in (self.bedside.run, self.bedside.take_bundles, self.bedside.run_command, self.bedside.keep)
        ]

    def subscribe(self, topic):
        pass

    def publish(self, message):
        self.said.append(json.loads(message.payload))

    def beat(self, hub="hub-1"):
        beat = Heartbeat(hub=hub, time=self.clock.wall, beat=1)
        self.bedside.received(topics.heartbeat(hub), encode(beat))

    async def until(self, condition, seconds=30):
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                await asyncio.sleep(0.01)
        return found

    async def take(self, payload):
        self.bedside.received(SETTINGS, payload)
        await self.until(lambda: self.bedside.rules)

    async def measure(self, seconds, **values):
        for _ in range(seconds):
            self.clock.move(1_000)
            self.bedside.taken(
                Draft(
                    device="mon-a", time=self.clock.wall, steady=self.clock.steady, boot="b", clock="synced",
                    values={name: float(value) for name, value in values.items()},
                )
            )  # fmt: skip
            await self.until(lambda: not self.bedside._drafts)

    async def fall_silent(self):
        self.bedside.disconnected("gone")
        for _ in range(5):  # in small steps: a jump would be the gateway's own standing still
            self.clock.move(1_000)
            await self.until(lambda: self.bedside._hearing._looked_at == self.clock.steady)
        assert self.bedside._was_silent

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
def play(tmp_path, hub_key):
    """Run a story with a rig."""

    def run(story, key=None):
        async def whole():
            rig = Rig(tmp_path, key or hub_key.shown)
            try:
                return await story(rig)
            finally:
                await rig.close()

        return asyncio.run(whole())

    return run


def test_while_the_hub_is_heard_the_shadow_says_nothing(play, sign, make_bundle, tmp_path):
    async def story(rig):
        await rig.take(sign(make_bundle()))
        rig.beat()
        await rig.measure(5, spo2=80, hr=150)
        assert len(rig.bedside._shadow.standing()) == 2  # it knows
        return rig.said, rig.bedside.reason, rig.bedside.greeting()

    assert play(story) == ([], "", [])
    assert not (tmp_path / "bedside.json").exists()


def test_when_the_hub_falls_silent_what_stands_is_told_and_what_comes_is_told(play, sign, make_bundle):
    async def story(rig):
        await rig.take(sign(make_bundle()))
        rig.beat()
        await rig.measure(10, hr=150)
        rig.clock.move(5_000)
        rig.beat()
        await rig.fall_silent()
        assert rig.bedside.reason.startswith("hub silent since 2")
        assert [(a["rule"], a.get("bedside", False)) for a in rig.said[-1]["standing"]] == [("hr-high", False)]
        await rig.measure(4, hr=150, spo2=80)
        await rig.until(lambda: len(rig.said[-1]["standing"]) == 2)
        own = {a["rule"]: a.get("bedside", False) for a in rig.said[-1]["standing"]}
        assert own == {"hr-high": False, "spo2-low": True}
        assert rig.said[-1]["silent_since"]
        # The connection is back: the report goes first, again.
        (message,) = rig.bedside.greeting()
        assert message.topic == topics.up(GATEWAY, "bedside")
        rig.beat()
        await rig.until(lambda: not rig.bedside._was_silent)
        assert "silent_since" not in rig.said[-1]
        assert rig.bedside.reason == ""
        rig.clock.move(31_000)
        rig.beat()
        await rig.until(lambda: rig.bedside.greeting() == [])

    play(story)


def test_a_hub_that_connects_is_told_at_once_and_only_its_beat_ends_the_silence(play, sign, make_bundle):
    async def story(rig):
        await rig.take(sign(make_bundle()))
        await rig.fall_silent()
        await rig.measure(4, spo2=80)
        await rig.until(lambda: rig.said and rig.said[-1].get("standing"))
        rig.said.clear()
        rig.bedside.received(topics.hub_status("hub-1"), encode(HubStatus(hub="hub-1", online=True)))
        assert [alarm["rule"] for alarm in rig.said[-1]["standing"]] == ["spo2-low"]
        assert rig.bedside.silent_since is not None

    play(story)


def test_a_hub_that_starts_anew_soon_after_it_was_told_is_told_again(play, sign, make_bundle):
    def status(started):
        return encode(HubStatus(hub="hub-1", online=True, started=started))

    async def story(rig):
        await rig.take(sign(make_bundle()))
        rig.beat()
        await rig.fall_silent()
        await rig.measure(10, spo2=80)
        await rig.until(lambda: [alarm["rule"] for alarm in rig.said[-1]["standing"]] == ["spo2-low"])
        rig.bedside.received(topics.hub_status("hub-1"), status(1))
        rig.beat()
        await rig.until(lambda: not rig.bedside._was_silent)
        said = len(rig.said)
        rig.bedside.received(topics.hub_status("hub-1"), status(1))
        assert len(rig.said) == said  # it goes on
        rig.bedside.received(topics.hub_status("hub-1"), status(2))
        assert len(rig.said) == said + 1
        assert [alarm["rule"] for alarm in rig.said[-1]["standing"]] == ["spo2-low"]

    play(story)


def test_the_beat_of_another_hub_is_not_ours(play, sign, make_bundle):
    async def story(rig):
        await rig.take(sign(make_bundle()))
        await rig.fall_silent()
        rig.beat("hub-2")
        rig.bedside.received(topics.hub_status("hub-2"), encode(HubStatus(hub="hub-2", online=True)))
        await asyncio.sleep(0)
        assert rig.bedside.silent_since is not None
        rig.beat("hub-1")
        assert rig.bedside.silent_since is None

    play(story)


def test_without_rules_it_says_that_there_are_no_bedside_alarms(play):
    async def story(rig):
        await rig.fall_silent()
        await rig.measure(5, spo2=50)
        return rig.bedside.reason, rig.said[-1].get("standing", [])

    reason, standing = play(story)
    assert "no bedside alarms: the hub has never sent its rules" in reason
    assert standing == []


def test_the_rules_are_kept_over_a_restart(play, sign, make_bundle, tmp_path):
    async def story(rig):
        await rig.take(sign(make_bundle()))
        return rig.bedside.rules

    async def again(rig):
        return rig.bedside.rules

    assert play(story) == play(again)
    kept = tmp_path / "bedside/bundle.json"
    assert kept.stat().st_mode & 0o077 == 0


def test_rules_changed_on_the_disk_are_not_believed(play, sign, make_bundle, tmp_path, caplog):
    async def story(rig):
        await rig.take(sign(make_bundle()))

    async def again(rig):
        return rig.bedside.rules, rig.bedside.reason

    play(story)
    kept = tmp_path / "bedside/bundle.json"
    kept.write_bytes(kept.read_bytes().replace(b"low: 90", b"low: 40"))
    rules, reason = play(again)
    assert rules == ""
    assert reason == "rules_rejected: the signature of the bundle is wrong"
    assert "the kept rules of the hub cannot be used" in caplog.text
    caplog.clear()


def test_a_refused_bundle_leaves_the_old_rules_and_a_good_one_ends_the_complaint(play, sign, make_bundle, caplog):
    async def story(rig):
        await rig.take(sign(make_bundle(version=5)))
        before = rig.bedside.rules
        rig.bedside.received(SETTINGS, sign(make_bundle(version=4)))
        await rig.until(lambda: "older" in rig.bedside.reason)
        assert rig.bedside.rules == before
        rig.bedside.received(SETTINGS, b"")  # somebody cleared the topic: no reason to forget anything
        rig.bedside.received(SETTINGS, sign(make_bundle(version=6)))
        await rig.until(lambda: rig.bedside.reason == "")
        assert rig.bedside.rules != before

    play(story)
    assert "the old ones stay" in caplog.text
    caplog.clear()


def test_times_are_by_the_wall_clock_even_if_it_was_set_while_the_agent_ran(play, sign, make_bundle):
    async def story(rig):
        await rig.take(sign(make_bundle(not_before=0)))
        rig.clock.wall += 50 * 365 * 86_400_000  # a gateway without a clock chip hears its first time server
        await rig.fall_silent()
        await rig.measure(5, spo2=80)
        await rig.until(lambda: rig.said[-1].get("standing"))
        (alarm,) = rig.said[-1]["standing"]
        assert abs(alarm["raised"] - rig.clock.wall) < 10_000
        assert abs(alarm["onset"] - rig.clock.wall) < 10_000
        assert alarm["onset"] <= alarm["raised"]

    play(story)


def test_a_silence_of_yesterday_is_not_rung_again_after_a_power_cut(play, sign, make_bundle, tmp_path):
    async def story(rig):
        await rig.take(sign(make_bundle()))
        await rig.fall_silent()
        await rig.measure(5, spo2=80)
        state = tmp_path / "bedside/state.json"
        await rig.until(lambda: state.exists() and "spo2-low" in state.read_text())

    async def soon(rig):
        return [alarm.rule for alarm in rig.bedside._shadow.standing()], rig.bedside.silent_since is not None

    play(story)
    assert play(soon) == (["spo2-low"], True)
    state = tmp_path / "bedside/state.json"
    kept = json.loads(state.read_text())
    kept["time"] -= 86_400_000
    state.write_text(json.dumps(kept))
    assert play(soon) == ([], False)


def test_the_check_says_whose_rules_are_believed(tmp_path, hub_key):
    (tmp_path / "hub.pub").write_text(hub_key.shown)
    base = "gateway: gw-1\ndevices: [{id: mon-a, driver: nonin, serial: {path: /dev/ttyUSB9}}]\n"

    def check(extra):
        (tmp_path / "edge.yaml").write_text(base + extra)
        command = [sys.executable, "-m", "wardline", "edge", "check", "--config", str(tmp_path / "edge.yaml")]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert "the hub's key is pinned" in check("bedside: {hub_key: 'file:hub.pub'}\n").stdout
    assert "the first key heard will be trusted" in check("").stdout
    wrong = check("bedside: {hub_key: 'file:nowhere.pub'}\n")
    assert wrong.returncode == 2
    assert "cannot read the public key of the hub" in wrong.stderr
