"""Sources of one device beside the serial port: TCP client, UDP, replay."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from edge_agent.drivers import registry
from edge_agent.drivers.driver import BadFrame, Heard
from edge_agent.link import LinkState
from edge_agent.sources import replay as replay_module
from edge_agent.sources.replay import ReplaySource, read_csv
from edge_agent.sources.tcp_client import TcpClientSource
from edge_agent.sources.udp import UdpSource
from vitals.errors import LinkError
from vitals.readings import Observation

CAPTURE = Path(__file__).parents[3] / "edge_agent/drivers/nonin/captures/df2-fast-rates.bin"


class Numbers:
    """A driver for tests: each line is a heart rate, anything else is noise; it greets, asks and thanks."""

    silence_s = 0.4

    def __init__(self):
        self.rest = b""

    def start(self, now):
        return b"hello\n"

    def feed(self, data, now):
        *lines, self.rest = (self.rest + data).split(b"\n")
        good = [Observation(values={"hr": float(text)}) for text in lines if text.isdigit()]
        bad = tuple(BadFrame(reason="bad_line", size=len(text)) for text in lines if not text.isdigit())
        return Heard(observations=tuple(good), good=len(good), bad=bad, send=b"ok\n" * len(good))

    def tick(self, now):
        return b"?"

    def finish(self, now):
        return Heard()


class Bench:
    def __init__(self):
        self.heard = []
        self.link = LinkState("mon-a", "numbers", SystemClock())

    def observed(self, observation, _steady):
        self.heard.append(observation)

    def numbers(self):
        return [seen.values["hr"] for seen in self.heard]


@pytest.fixture
def play():
    def run(make, scene, seconds=20):
        bench = Bench()

        async def main():
            task = asyncio.create_task(make(bench).run())
            try:
                async with asyncio.timeout(seconds):
                    await scene(bench)
                    assert not task.done()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())
        return bench

    return run


# TCP client


class Box:
    """A terminal server: it holds the last connection and what was said on it."""

    def __init__(self):
        self.writer = None
        self.said = b""

    async def listen(self, port):
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", port)

    async def _connected(self, reader, writer):
        self.writer, self.said = writer, b""
        while data := await reader.read(100):
            self.said += data
        writer.close()

    def close(self):
        self.server.close()
        if self.writer:
            self.writer.transport.abort()


def over_tcp(port):
    return lambda bench: TcpClientSource("127.0.0.1", port, Numbers, bench.link, SystemClock(), bench.observed)


def test_a_serial_port_over_tcp_is_read_and_answered(play, free_port, soon):
    port = free_port()

    async def scene(bench):
        box = Box()
        await box.listen(port)
        await soon(lambda: box.said.startswith(b"hello\n"))
        box.writer.write(b"7")
        await asyncio.sleep(0.02)
        box.writer.write(b"2\nnoise\n73\n")
        await soon(lambda: bench.numbers() == [72.0, 73.0])
        await soon(lambda: b"ok\nok\n" in box.said and b"?" in box.said)
        assert (bench.link.link, bench.link.good, bench.link.bad.total()) == ("up", 2, 1)
        box.close()

    play(over_tcp(port), scene)


def test_a_box_that_goes_and_comes_is_found_again_without_half_a_frame(play, free_port, soon):
    port = free_port()

    async def scene(bench):
        await soon(lambda: "cannot connect" in bench.link.detail)
        box = Box()
        await box.listen(port)
        await soon(lambda: box.writer)
        box.writer.write(b"70\n99")
        await soon(lambda: bench.numbers() == [70.0])
        box.close()
        await soon(lambda: bench.link.link == "down")
        box = Box()
        await box.listen(port)
        await soon(lambda: box.writer)
        box.writer.write(b"71\n")
        await soon(lambda: bench.numbers() == [70.0, 71.0])
        assert bench.link.link == "up"
        box.close()

    play(over_tcp(port), scene)


def test_an_open_line_without_a_valid_frame_is_silent(play, free_port, soon):
    port = free_port()

    async def scene(bench):
        box = Box()
        await box.listen(port)
        await soon(lambda: bench.link.link == "silent")
        box.close()

    play(over_tcp(port), scene)


# UDP


class Monitor(asyncio.DatagramProtocol):
    def __init__(self):
        self.said = []
        self.peer = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.said.append(data)
        self.peer = peer


def over_udp(port, local_port=0):
    return lambda bench: UdpSource("127.0.0.1", port, local_port, Numbers, bench.link, SystemClock(), bench.observed)


def test_each_datagram_is_fed_and_the_drivers_words_go_back(play, free_port, soon):
    port, local_port = free_port(), free_port()

    async def scene(bench):
        loop = asyncio.get_running_loop()
        await soon(lambda: bench.link.link == "down")  # nobody listens there yet
        _, monitor = await loop.create_datagram_endpoint(Monitor, local_addr=("127.0.0.1", port))
        await soon(lambda: b"?" in monitor.said)
        assert monitor.peer[1] == local_port
        monitor.transport.sendto(b"72\n", monitor.peer)
        await soon(lambda: bench.numbers() == [72.0])
        await soon(lambda: b"ok\n" in monitor.said)
        assert bench.link.link == "up"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"99\n", ("127.0.0.1", local_port))
        monitor.transport.sendto(b"73\n", monitor.peer)
        await soon(lambda: bench.numbers() == [72.0, 73.0])
        monitor.transport.close()
        await soon(lambda: bench.link.link in ("down", "silent"))

    play(over_udp(port, local_port), scene)


def test_a_monitor_nobody_can_reach_is_told(play, free_port, soon):
    async def scene(bench):
        await soon(lambda: "refused" in bench.link.detail)
        assert bench.link.link == "down"

    play(over_udp(free_port()), scene)


# Replay

TABLE = "t_s,hr,spo2,nbp_sys\n0,72,97,\n60,0,96,120\n120,,,\n180,74,95,\n"


@pytest.fixture
def recording(tmp_path):
    def write(text):
        file = tmp_path / "recording.csv"
        file.write_text(text)
        return file

    return write


def replayed(file, speed, **options):
    return lambda bench: ReplaySource(file, speed, bench.link, SystemClock(), bench.observed, **options)


def test_a_recorded_table_is_replayed_and_marked_as_test(play, recording, soon):
    async def scene(bench):
        await soon(lambda: bench.link.detail == "the recording has ended")

    started = time.monotonic()
    bench = play(replayed(recording(TABLE), 600), scene)
    assert [(dict(seen.values), dict(seen.missing)) for seen in bench.heard] == [
        ({"hr": 72.0, "spo2": 97.0}, {}),
        ({"spo2": 96.0, "nibp_sys": 120.0}, {"hr": "not_measured"}),
        ({"hr": 74.0, "spo2": 95.0}, {}),
    ]
    assert {seen.flags for seen in bench.heard} == {("test",)}
    assert time.monotonic() - started >= 0.3


def test_a_loop_begins_again(play, recording, soon):
    async def scene(bench):
        await soon(lambda: len(bench.heard) >= 7)
        assert bench.link.link == "up"

    play(replayed(recording(TABLE), 1_000, loop=True), scene)


def test_a_raw_capture_goes_through_the_driver_of_its_device(play, soon):
    async def scene(bench):
        await soon(lambda: bench.link.detail == "the recording has ended")

    def build():
        return registry.build("nonin", {"format": "df2"})

    bench = play(replayed(CAPTURE, 1_000, build=build, bytes_per_s=960), scene)
    driver = build()
    data = CAPTURE.read_bytes()
    wanted = [*driver.feed(data, 0).observations, *driver.finish(0).observations]
    assert bench.heard
    assert [seen.values for seen in bench.heard] == [seen.values for seen in wanted]
    assert all("test" in seen.flags for seen in bench.heard)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ":1: expected t_s"),
        ("time,hr\n0,72\n", ":1: expected t_s"),
        ("t_s,colour\n0,72\n", ":1: expected t_s"),
        ("t_s,hr,hr\n0,72,72\n", ":1: expected t_s"),
        ("t_s,hr\n0,72,97\n", ":2: expected 2 numbers"),
        ("t_s,hr\n0,many\n", ":2: expected 2 numbers"),
        ("t_s,hr\n0,nan\n", ":2: expected 2 numbers"),
        ("t_s,hr\n5,72\n5,73\n", ":3: expected 2 numbers, the time growing"),
        ("t_s,hr\n0,\n", "holds no numbers"),
    ],
)
def test_a_table_that_cannot_be_read_names_its_line(recording, text, problem):
    with pytest.raises(LinkError) as caught:
        list(read_csv(recording(text)))
    assert problem in str(caught.value)


@pytest.mark.parametrize("build", [None, Numbers])
def test_a_recording_that_is_not_there_is_told_and_tried_again(play, tmp_path, soon, monkeypatch, build):
    monkeypatch.setattr(replay_module, "RETRY_S", 0.05)
    file = tmp_path / "later"

    async def scene(bench):
        await soon(lambda: "cannot read" in bench.link.detail)
        file.write_bytes(b"72\n73\n" if build else b"t_s,hr\n0,72\n1,73\n")
        await soon(lambda: bench.numbers() == [72.0, 73.0])

    play(replayed(file, 1_000, build=build), scene)


SETTINGS = """\
gateway: gw-1
broker: {{host: 127.0.0.1, port: {broker}}}
spool: {{path: spool.db, commit_interval: 50ms}}
devices:
  - id: mon-a
    driver: hobby-lines
    options: {{settle: 0s}}
    tcp_client: {{host: 127.0.0.1, port: {port}}}
  - id: mon-b
    driver: csv
    replay: {{file: recording.csv, speed: 600}}
"""


def test_a_whole_agent_reads_a_box_and_a_recording(whole_agent, free_port, until, recording):
    recording(TABLE)
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as door:
        agent = whole_agent(SETTINGS.format(broker=free_port(), port=port))
        line, _ = door.accept()
        with line:
            until(
                lambda: line.sendall(b'{"hr":72}\r\n') or "device mon-a (hobby-lines) is up" in agent.said(), step_s=0.1
            )
            until(lambda: "the recording has ended" in agent.said())
    records = agent.records()
    assert {72.0} == {record.values["hr"] for record in records if record.device == "mon-a"}
    replayed_records = [record for record in records if record.device == "mon-b"]
    assert [record.values.get("spo2") for record in replayed_records] == [97.0, 96.0, 95.0]
    assert {record.states for record in replayed_records} == {("test",)}
