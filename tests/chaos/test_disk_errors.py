"""Disks that fail at the n-th write or fsync of spool and journal: an error, no room, or the end of the process.

WARDLINE_CHAOS_CALLS says up to which n; each is a run of its own under strace.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.promises import broken_promises

ROOT = Path(__file__).resolve().parents[2]
CALLS = int(os.environ.get("WARDLINE_CHAOS_CALLS", "0"))
FEW = {"fdatasync": (1, 9, 17, 40, 60), "pwrite64": (1, 30, 150, 400, 640)}  # from making the file to its last rows
FAULTS = {
    "EIO": ("fdatasync", "error=EIO"),
    "ENOSPC": ("pwrite64", "error=ENOSPC"),
    "torn": ("pwrite64", "error=EIO"),
    "kill": ("fdatasync", "signal=SIGKILL"),
    "kill in a write": ("pwrite64", "signal=SIGKILL"),
}

pytestmark = [pytest.mark.system, pytest.mark.timeout(60 + 2 * CALLS)]


@pytest.fixture
def strace():
    binary = shutil.which("strace")
    if binary is None:
        reason = "strace is not installed (Debian: apt-get install strace)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return binary


def run(folder, story, strace=None, fault="", call=0) -> int:
    words = [sys.executable, str(ROOT / "tests/chaos/stories.py"), story, str(folder)]
    if strace is not None:
        name, what = FAULTS[fault]
        words = [
            strace,
            "-f",
            "-qq",
            "-o",
            os.devnull,
            "-e",
            f"trace={name}",
            "-e",
            f"inject={name}:{what}:when={call}",
            *words,
        ]
    return subprocess.run(
        words, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60
    ).returncode


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spool_keeps_its_promises_whichever_call_to_the_disk_fails(strace, quick_folder, fault):
    codes = set()
    for call in calls(fault):
        folder = quick_folder / f"{call}"
        folder.mkdir()
        codes.add(run(folder, "stubborn", strace, fault, call))
        assert run(folder, "reopen") == 0
        assert broken_promises(folder) == [], f"call {call}"
    check_ends(fault, codes)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_journal_commits_each_batch_once_whichever_call_to_the_disk_fails(strace, quick_folder, fault):
    codes = set()
    for call in calls(fault):
        folder = quick_folder / f"{call}"
        folder.mkdir()
        codes.add(run(folder, "keep_journal", strace, fault, call))
        said = folder / "said.jsonl"
        committed = [json.loads(line)["committed"] for line in said.read_text().splitlines()] if said.exists() else []
        assert run(folder, "keep_journal") == 0
        with closing(sqlite3.connect(folder / "journal.db")) as db:
            records = [seq for (seq,) in db.execute("SELECT seq FROM record ORDER BY seq")]
            events = [int(alarm) for (alarm,) in db.execute("SELECT alarm FROM alarm_event ORDER BY id")]
            outbox = db.execute("SELECT count(*) FROM outbox").fetchone()[0]
            ranges = db.execute("SELECT low, high FROM committed").fetchall()
        assert records == list(range(1, len(records) + 1)), f"call {call}"
        assert set(committed) <= set(records), f"call {call}"
        assert events == records, f"call {call}"
        assert outbox == len(events), f"call {call}"
        assert ranges == [(1, len(records))], f"call {call}"
    check_ends(fault, codes)


def calls(fault):
    return range(1, CALLS + 1) if CALLS else FEW[FAULTS[fault][0]]


def check_ends(fault, codes) -> None:
    """What only refuses is borne; what kills has killed."""
    if "kill" in fault:
        assert codes >= {128 + signal.SIGKILL} or codes >= {-signal.SIGKILL}
    else:
        assert codes == {0}
