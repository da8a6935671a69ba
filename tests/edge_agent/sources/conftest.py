"""What tests of the ways in share: a reception without an agent, and a whole agent with any settings."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time

import pytest

from chassis.clock import SystemClock
from edge_agent.link import LinkState
from edge_agent.sources.reception import Reception
from edge_agent.spool_file import open_spool
from vitals.codec import decode
from vitals.errors import StorageError
from vitals.readings import Record


class Desk:
    """A reception, what it took, and a disk that can be made to refuse."""

    def __init__(self, known, **options):
        self.seen = []  # (device, observation)
        self.disk_refuses = False
        self.settled = 0
        self.clock = SystemClock()
        self.links = {device: LinkState(device, "test", self.clock) for device in known.values()}
        self.reception = Reception(
            "desk", "test", known, self.links, self.clock, self._observed, self._stored, **options
        )

    def _observed(self, device, observation, _steady):
        self.seen.append((device, observation))

    async def _stored(self):
        await asyncio.sleep(0)
        if self.disk_refuses:
            raise StorageError("the disk is full")
        self.settled += 1

    @property
    def refused(self):
        return dict(self.reception.refused)

    def values(self):
        return [dict(observation.values) for _, observation in self.seen]


@pytest.fixture
def new_desk():
    """`new_desk(known, max_rate=..., silence_ms=...)`; by default one device, A, known to us as mon-a."""
    return lambda known=None, **options: Desk(known or {"A": "mon-a"}, **options)


@pytest.fixture
def free_port():
    """A port nobody listens on."""

    def find():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find


@pytest.fixture
def serve():
    """`serve(listener, scene)`: run `scene()` while the listener runs, and end both."""

    def play(listener, reception, scene, seconds=20):
        async def main():
            task = asyncio.create_task(listener.run())
            try:
                async with asyncio.timeout(seconds):
                    while reception.status().link != "up":
                        assert not task.done(), task.exception()
                        await asyncio.sleep(0.01)
                    await scene()
                    assert not task.done()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())

    return play


@pytest.fixture
def soon():
    """`await soon(condition)`: poll until it holds, or fail."""

    async def wait(condition, seconds=30.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            await asyncio.sleep(0.01)
        return found

    return wait


class WholeAgent:
    """`wardline edge run` with settings of our own; its spool is read when it has stopped."""

    def __init__(self, folder, settings):
        self.folder = folder
        self.config = folder / "edge.yaml"
        self.config.write_text(settings)
        self.log = folder / "edge.log"
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "wardline", "edge", "run", "--config", str(self.config)]
            self.process = subprocess.Popen(command, stderr=log, stdout=log)
        return self

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def said(self):
        return self.log.read_text()

    def records(self):
        """What the spool holds, oldest first, after an orderly end."""
        self.stop()
        spool = open_spool(self.folder / "spool.db", 64 << 20)
        with contextlib.closing(spool):
            return [decode(body, Record) for _, body in spool.read([(1, max(1, spool.accepted()))], 1 << 30)]


@pytest.fixture
def whole_agent(tmp_path):
    """`whole_agent(settings)`: an agent, started."""
    made = []

    def make(settings):
        made.append(WholeAgent(tmp_path, settings))
        return made[-1].start()

    yield make
    for agent in made:
        agent.stop()
