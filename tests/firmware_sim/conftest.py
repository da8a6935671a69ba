"""Fixtures of the simulator's tests: the vectors of the sheets, and the command as a process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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

    def wait(condition, seconds: float = 10.0):
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)
        return result

    return wait
