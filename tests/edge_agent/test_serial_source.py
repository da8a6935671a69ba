import asyncio
import fcntl
import os
import time

import pytest

from chassis.clock import SystemClock
from edge_agent.drivers.driver import BadFrame, Heard, SerialLine
from edge_agent.link import LinkState
from edge_agent.sources.serial import SerialSource
from vitals.readings import Observation


class Numbers:
    """A driver for tests: each line is a heart rate, anything else is noise; it greets and it asks."""

    silence_s = 0.4

    def __init__(self):
        self.rest = b""
        self.ticks = 0

    def start(self, now):
        return b"hello\n"

    def feed(self, data, now):
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.rest = self.rest[-100:]
        observations, bad = [], []
        for text in lines:
            if text.isdigit():
                observations.append(Observation(values={"hr": float(text)}))
            else:
                bad.append(BadFrame(reason="bad_line", size=len(text)))
        return Heard(observations=tuple(observations), good=len(observations), bad=tuple(bad), send=b"ok" * len(lines))

    def tick(self, now):
        self.ticks += 1
        return b"?"

    def finish(self, now):
        return Heard()


class Bench:
    """A source that runs, what it said, and how its link changed."""

    def __init__(self, path, driver=Numbers):
        self.heard = []
        self.changes = []
        self.link = LinkState("mon-a", "numbers", SystemClock(), lambda: self.changes.append(self.link.link))
        self.source = SerialSource(
            str(path), SerialLine(), driver, self.link, SystemClock(), lambda seen, _: self.heard.append(seen)
        )

    def numbers(self):
        return [seen.values["hr"] for seen in self.heard]


async def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def play(path, scene, driver=Numbers):
    """Run a source on `path` while `scene(bench)` plays."""

    async def main():
        bench = Bench(path, driver)
        task = asyncio.create_task(bench.source.run())
        try:
            await scene(bench)
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_bytes_become_observations_and_the_link_is_up(line):
    async def scene(bench):
        await until(lambda: b"hello" in line.heard())
        line.say(b"72\n73")
        line.say(b"\n")
        await until(lambda: bench.numbers() == [72.0, 73.0])
        assert bench.link.status().link == "up"
        assert bench.link.status().good == 2

    play(line.path, scene)


def test_the_driver_answers_and_asks_on_the_line(line):
    async def scene(bench):
        await until(lambda: b"hello" in line.heard())
        line.say(b"72\n")
        said = bytearray()
        await until(lambda: said.extend(line.heard()) or (b"ok" in said and b"?" in said))

    play(line.path, scene)


def test_a_megabyte_of_noise_is_counted_and_read_as_nothing(line):
    noise = os.urandom(1 << 20).replace(b"\n7", b"\nx")

    async def scene(bench):
        await until(lambda: b"hello" in line.heard())
        await asyncio.to_thread(line.say, noise)
        await asyncio.to_thread(line.say, b"\n72\n")
        await until(lambda: bench.numbers()[-1:] == [72.0])
        assert bench.link.status().bad > 1_000
        assert bench.link.noise_bytes > 500_000

    play(line.path, scene)


def test_a_line_without_valid_frames_is_silent_and_up_again_with_the_next(line):
    async def scene(bench):
        await until(lambda: b"hello" in line.heard())
        line.say(b"72\n")
        await until(lambda: bench.link.link == "up")
        line.say(b"noise\n")
        await until(lambda: bench.link.link == "silent")
        line.say(b"72\n")
        await until(lambda: bench.link.link == "up")
        assert bench.changes == ["up", "silent", "up"]

    play(line.path, scene)


def test_a_path_that_is_not_there_is_down_until_it_appears(line):
    line.pull()

    async def scene(bench):
        await until(lambda: "is not there" in bench.link.detail)
        assert bench.link.link == "down"
        line.plug()
        await until(lambda: b"hello" in line.heard())
        line.say(b"80\n")
        await until(lambda: bench.numbers() == [80.0])

    play(line.path, scene)


def test_a_pulled_and_replugged_line_is_back_within_two_seconds(line):
    async def scene(bench):
        for number in (70, 71, 72):
            await until(lambda: b"hello" in line.heard())
            line.say(b"%d\n" % number)
            await until(lambda number=number: bench.numbers()[-1:] == [number])
            line.pull()
            await until(lambda: bench.link.link == "down")
            line.plug()
        assert bench.numbers() == [70.0, 71.0, 72.0]

    play(line.path, scene)


def test_half_a_frame_before_the_pull_is_not_joined_to_one_after_it(line):
    async def scene(bench):
        await until(lambda: b"hello" in line.heard())
        line.say(b"71\n1")
        await until(lambda: bench.numbers() == [71.0])
        line.pull()
        await until(lambda: bench.link.link == "down")
        line.plug()
        await until(lambda: b"hello" in line.heard())
        line.say(b"23\n")
        await until(lambda: len(bench.heard) == 2)
        assert bench.numbers() == [71.0, 23.0]

    play(line.path, scene)


def test_a_path_that_leads_to_another_device_is_opened_anew(line):
    async def scene(bench):
        await until(lambda: b"hello" in line.heard())
        line.say(b"70\n")
        await until(lambda: bench.link.link == "up")
        old = line.master
        line.plug()  # the link now leads elsewhere while the old device still talks
        try:
            await until(lambda: b"hello" in line.heard())
            line.say(b"71\n")
            await until(lambda: bench.numbers()[-1:] == [71.0])
        finally:
            os.close(old)

    play(line.path, scene)


def test_a_port_another_program_has_is_an_error_that_says_so(line):
    other = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)

    async def scene(bench):
        await until(lambda: bench.link.link == "error")
        assert "in use by another program" in bench.link.detail
        os.close(other)
        await until(lambda: b"hello" in line.heard())

    play(line.path, scene)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_port_we_may_not_open_is_an_error_that_says_what_to_do(line):
    os.chmod(line.path, 0)

    async def scene(bench):
        await until(lambda: bench.link.link == "error")
        assert "dialout" in bench.link.detail

    play(line.path, scene)


def test_a_path_that_is_no_serial_port_is_an_error(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a device")

    async def scene(bench):
        await until(lambda: bench.link.link == "error")
        assert "is not a serial port" in bench.link.detail

    play(path, scene)


def test_a_driver_that_fails_ends_the_run_so_that_its_supervisor_can_say_so(line):
    class Broken(Numbers):
        def feed(self, data, now):
            raise ZeroDivisionError

    async def main():
        bench = Bench(line.path, Broken)
        task = asyncio.create_task(bench.source.run())
        await until(lambda: b"hello" in line.heard())
        line.say(b"1\n")
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(task, 5)

    asyncio.run(main())
