"""Fixtures of the simulator's tests: the vectors of the sheets, and the command as a process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_sim.signs import Signs

VECTORS = Path(__file__).parent / "vectors"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def vectors():
    """`vectors("nonin", "df2")`: the vectors of one format, by name."""

    def read(protocol: str, format_: str) -> dict:
        entries = json.loads((VECTORS / f"{protocol}.json").read_text())
        return {entry["name"]: entry for entry in entries if entry["format"] == format_}

    return read


@pytest.fixture
def wardline():
    """`wardline("sim", ...)` runs the command to its end."""

    def run(*words: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "wardline", *words], capture_output=True, timeout=30, cwd=ROOT, **options
        )

    return run


@pytest.fixture
def running():
    """`running("sim", ...)` starts the command; it is ended with the test."""
    processes = []

    def start(*words: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "wardline", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)


@pytest.fixture
def until():
    """`until(condition)` waits for it, with a deadline; returns what the condition returned."""

    def wait(condition, seconds: float = 30.0):
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)
        return result

    return wait


@pytest.fixture
def bed():
    """`bed((0, signs), (5_000, others))`: a source whose signs change at given times."""

    class Bed:
        def __init__(self, *changes) -> None:
            self.changes = changes

        def at(self, t_ms):
            return [signs for start, signs in self.changes if start <= t_ms][-1]

    return Bed


@pytest.fixture
def signs():
    """`signs("artifact", pr=185.0)`: a quiet adult with states and other numbers; None takes a number away."""

    def build(*states, **values) -> Signs:
        quiet = {"hr": 72.0, "pr": 72.0, "spo2": 97.0, "rr": 15.0, "pi": 4.0, "temp": 36.8}
        given = {name: value for name, value in (quiet | values).items() if value is not None}
        if {"sensor_off", "no_sensor"} & set(states):
            given = {name: value for name, value in given.items() if name not in ("pr", "spo2", "pi")}
        return Signs(values=given, states=frozenset(states))

    return build
