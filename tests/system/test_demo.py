"""The demo as a person runs it: a process on a terminal, a board to look at, Ctrl-C at the end."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import psutil
import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

FIRST_READING_S = 10.0
FIRST_ALARM_S = 60.0
STOP_S = 5.0

BROKERS = [pytest.param("mosquitto", marks=pytest.mark.broker), "embedded"]
needs_clients = pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="mosquitto-clients is not installed")


def two_free_ports():
    with socket.socket() as one, socket.socket() as two:
        for probe in (one, two):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def is_zombie(process):
    """Dead, but not yet buried by a lazy init."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class RunningDemo:
    """A `wardline demo` process and what it has printed."""

    def __init__(self, state, *options):
        self.port, self.broker_port = two_free_ports()
        self.lines = []
        words = ["--state", state, "--port", self.port, "--broker-port", self.broker_port, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wardline", "demo", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=lambda: self.lines.extend(self._read()))
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            yield line.rstrip("\n")

    def line(self, text, timeout_s=40.0):
        """The first line with `text`, as soon as it is there."""
        deadline = time.monotonic() + timeout_s
        while True:
            for line in list(self.lines):
                if text in line:
                    return line
            assert time.monotonic() < deadline, f"no {text!r} within {timeout_s} s in:\n" + "\n".join(self.lines)
            assert self.process.poll() is None, "\n".join(self.lines)
            time.sleep(0.05)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as response:
            return json.load(response)

    def readings(self, until_ms):
        return self.get(f"/api/v1/beds/icu/1/readings?from=0&to={until_ms}")["readings"]

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number, timeout_s=STOP_S):
        """Send a signal and wait; (exit code, children that outlived it)."""
        family = self.family()
        self.process.send_signal(number)
        code = self.process.wait(timeout_s)
        left = psutil.wait_procs(family, timeout=2)[1]
        return code, [process for process in left if not is_zombie(process)]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        self.process.stdout.close()


@pytest.fixture
def demo(tmp_path):
    made = []

    def start(*options):
        made.append(RunningDemo(tmp_path / "state", *options))
        return made[-1]

    yield start
    for one in made:
        one.close()


def until(what, timeout_s=40.0):
    deadline = time.monotonic() + timeout_s
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return value


def pasted(demo, program):
    """The printed command that begins with `program`, ready for a shell."""
    start = next(index for index, line in enumerate(demo.lines) if line.strip().startswith(program))
    text = demo.lines[start]
    if text.endswith("\\"):
        text = text[:-1] + demo.lines[start + 1]
    return shlex.split(text)


@needs_clients
@pytest.mark.parametrize("broker", BROKERS)
def test_readings_an_alarm_its_acknowledgement_and_a_clean_end(demo, broker):
    running = demo("--broker", broker)
    running.line("the first readings are on the board", FIRST_READING_S)
    beds = until(lambda: [bed for bed in running.get("/api/v1/beds") if any_fresh(bed)])
    assert {bed["ward"] for bed in beds} == {"icu"}
    raised = running.line(" raised ", FIRST_ALARM_S)
    alarm = raised.rpartition("[")[2].rstrip("]")

    heard = subprocess.run(
        [*pasted(running, "mosquitto_sub"), "-C", "1", "-W", "10"], capture_output=True, text=True, check=True
    ).stdout
    topic, _, payload = heard.partition(" ")
    assert topic.startswith("wardline/v1/ward/icu/")
    assert json.loads(payload)["state"] == "active"
    subprocess.run([word.replace("ID", alarm) for word in pasted(running, "mosquitto_pub")], check=True)
    assert alarm in running.line("acknowledged by your name")

    until(lambda: sum(any_fresh(bed) for bed in running.get("/api/v1/beds")) == 8, 30.0)
    assert running.end(signal.SIGINT) == (0, [])


def any_fresh(bed):
    return any(value["value"] is not None and value["fresh"] for value in bed["values"].values())


@pytest.mark.broker
def test_a_second_run_goes_on_with_the_history_of_the_first(demo):
    first = demo("--for", "12")
    first.line("the first readings are on the board")
    end = time.time_ns() // 1_000_000
    before = until(lambda: first.readings(end))
    assert first.process.wait(30) == 0

    second = demo()
    second.line("the first readings are on the board")
    after = second.readings(end)
    assert len(after) >= len(before)
    assert [reading for reading in before if reading not in after] == []
    assert second.readings(time.time_ns() // 1_000_000)[-1]["time"] > end


@pytest.mark.broker
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_killed_part_comes_back_and_a_killed_demo_leaves_nobody(demo):
    running = demo()
    running.line("the first readings are on the board")
    edge = next(child for child in running.family() if "edge" in child.cmdline())
    os.kill(edge.pid, signal.SIGKILL)
    running.line("edge was ended by SIGKILL; starting it again")
    killed = time.time_ns() // 1_000_000
    until(lambda: any("edge" in child.cmdline() for child in running.family()))
    until(
        lambda: any(value["time"] > killed for bed in running.get("/api/v1/beds") for value in bed["values"].values())
    )
    assert running.end(signal.SIGKILL)[1] == []


@pytest.mark.broker
def test_two_demos_cannot_share_a_state_folder_and_the_first_is_not_disturbed(demo):
    first = demo()
    first.line("answers")
    second = demo()
    assert second.process.wait(10) == 2
    second.close()
    assert f"another demo (process {first.process.pid}) is using" in second.lines[0]
    assert first.get("/healthz")["status"] in ("ok", "degraded")
