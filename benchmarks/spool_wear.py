"""What a spool writes to its card: a gateway with ten numbers a second, receipts and deletes included.

    python -P benchmarks/spool_wear.py [--folder DIR] [--minutes 20]

The real spool, as fast as it goes: each simulated second brings ten records of one number, commits happen at the
interval, the spool is told of receipts as often as the agent tells it, and as many rows leave the kept ring as come.
Measured are the bytes this process caused to be written (/proc/self/io); the file system's own journal comes on top.
The folder must be on a disk: memory counts nothing.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from pathlib import Path

from edge_agent import spool as spool_module
from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft

RECORDS_PER_S = 10
RECEIPT_S = 30  # edge_agent/publisher.py: TELL_S
TRIM_S = spool_module.TRIM_S
GOALS = ((0.2, None), (1.0, 1.7), (4.0, 0.5))  # commit interval, GB a day


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure (default: the temporary one)")
    parser.add_argument("--minutes", type=float, default=20.0, help="simulated, per interval (default 20)")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, {RECORDS_PER_S} records a second")
    missed = False
    for interval_s, goal in GOALS:
        with tempfile.TemporaryDirectory(prefix="wardline-wear-", dir=arguments.folder) as name:
            gb, commit_ms = wear(Path(name), interval_s, int(arguments.minutes * 60))
        if not gb:
            print("nothing was counted: the folder is not on a disk; give one with --folder", file=sys.stderr)
            return 2
        text = f"commit each {interval_s:g} s: {gb:.2f} GB a day, {commit_ms:.2f} ms a commit"
        print(text + (f" (goal {goal:g} GB)" if goal else ""))
        missed |= goal is not None and gb > goal
    return 1 if missed else 0


def wear(folder: Path, interval_s: float, seconds: int) -> tuple[float, float]:
    """GB written per day, and milliseconds per commit."""
    spool = open_spool(folder / "spool.db", 2 << 30, retain_ms=60_000)
    spool_module.TRIM_S = 0.0  # time is simulated: whether to trim is said with each receipt
    commits, spent, last_receipt, last_trim = 0, 0.0, 0.0, 0.0
    number, now = 0, 0.0
    before = written_bytes()
    while now < seconds:
        now += interval_s
        due = int(now * RECORDS_PER_S) - number
        drafts = [_draft(number + index) for index in range(due)]
        number += due
        begun = time.perf_counter()
        spool.append(drafts)
        spent += time.perf_counter() - begun
        commits += 1
        if now - last_receipt >= RECEIPT_S:
            trim = now - last_trim >= TRIM_S
            spool.settle([(spool.watermark + 1, number)], watermark=number, now=int(now * 1_000) if trim else None)
            last_receipt, last_trim = now, now if trim else last_trim
    gb = (written_bytes() - before) / now * 86_400 / 1e9
    spool.close()
    return gb, spent / commits * 1_000


def _draft(number: int) -> Draft:
    at = number * 1_000 // RECORDS_PER_S
    values = {"hr": 60.0 + number % 60}
    return Draft(device=f"mon-{number % 10}", time=at, steady=at, boot="boot", clock="synced", values=values)


def written_bytes() -> int:
    """What this process caused to be written to disks."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


if __name__ == "__main__":
    sys.exit(main())
