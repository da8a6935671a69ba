"""The journal's commits while it grows, while old records leave, and while the file gives its room back.

    python benchmarks/journal.py --rows 2000000 --rate 10000 --seconds 20

A journal of `--rows` records of ten values is filled, then takes `--rate` records a second, a commit each 20 ms, with
what the hub's own settings do beside it. Timed is each commit, from the call to its return: synchronous FULL, one disk;
the processor time beside it does not depend on what else the machine does.
The last phase shortens what is kept to nothing, so that everything old leaves and the file shrinks.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.processes import machine
from hub.journal import Batch, Journal, RecordRow

INTERVAL_S = 0.02
GATEWAYS, BEDS = 50, 1_000
FILL = 20_000
BODY = json.dumps({"values": dict.fromkeys("hr pr spo2 rr abp_sys abp_dia abp_mean temp etco2 icp".split(), 72.5)})
LATEST = 2**62


class Load:
    """Records of `BEDS` beds behind `GATEWAYS` gateways, one after the other, by a clock of their own."""

    def __init__(self) -> None:
        self._seqs = dict.fromkeys(range(GATEWAYS), 0)
        self._next = 0
        self.now = 1_763_682_504_000

    def batch(self, size: int, passed_ms: int) -> Batch:
        self.now += passed_ms
        batch = Batch()
        for _ in range(size):
            bed = self._next = (self._next + 1) % BEDS
            number = bed % GATEWAYS
            seq = self._seqs[number] = self._seqs[number] + 1
            gateway = f"gw-{number:03}"
            batch.records.append(
                RecordRow(
                    *(gateway, 1, seq, f"mon-{bed:04}", f"w{bed // 50:02}", f"{bed:04}"),
                    *(self.now, self.now, 0, BODY.encode()),
                )
            )
            batch.settle(gateway, 1, seq)
        return batch


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="wardline-bench-", dir=arguments.dir) as name:
        rows = list(_phases(arguments, Path(name) / "journal.db"))
    if arguments.json:
        print(json.dumps({"machine": machine(), "phases": rows}, indent=2))
        return 0
    print(machine(), "\n")
    print("| phase | commits | records left | p50 ms | p99 ms | max ms | CPU p50 / p99 / max ms | MB before | after |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['phase']} | {row['commits']} | {row['left']:,} | {row['p50_ms']} | **{row['p99_ms']}** |"
            f" {row['max_ms']} | {row['cpu_p50_ms']} / {row['cpu_p99_ms']} / {row['cpu_max_ms']} |"
            f" {row['before_mb']:,} | {row['after_mb']:,} |"
        )
    return 0 if all(row["max_ms"] <= arguments.limit_ms for row in rows) else 1


def _phases(arguments: argparse.Namespace, path: Path) -> Iterator[dict[str, object]]:
    load, journal = Load(), Journal(path)
    size = round(arguments.rate * INTERVAL_S)
    began = load.now
    for _ in range(arguments.rows // FILL):
        journal.commit(load.batch(FILL, round(FILL / arguments.rate * 1_000)))
    kept_ms = load.now - began
    yield _measure("grows", journal, path, load, size, arguments.seconds, LATEST)
    yield _measure("old records leave as new ones come", journal, path, load, size, arguments.seconds, kept_ms)
    seconds = max(arguments.seconds, round(1.5 * arguments.rows / arguments.rate))
    yield _measure("everything old leaves, the file shrinks", journal, path, load, size, seconds, 1_000)
    journal.close()


def _measure(
    phase: str, journal: Journal, path: Path, load: Load, size: int, seconds: int, keep_ms: int
) -> dict[str, object]:
    before = path.stat().st_size
    first = journal.read("SELECT coalesce(min(id), 0) FROM record")[0][0]
    took: list[float] = []
    worked: list[float] = []
    due = time.perf_counter()
    for _ in range(round(seconds / INTERVAL_S)):
        batch = load.batch(size, round(INTERVAL_S * 1_000))
        start, busy = time.perf_counter(), time.thread_time()
        journal.commit(batch, load.now - keep_ms)
        took.append((time.perf_counter() - start) * 1_000)
        worked.append((time.thread_time() - busy) * 1_000)
        due += INTERVAL_S
        time.sleep(max(0.0, due - time.perf_counter()))
    took.sort()
    worked.sort()
    last = journal.read("SELECT coalesce(min(id), 0) FROM record")[0][0]
    return {
        "phase": phase,
        "commits": len(took),
        "left": last - first,
        "p50_ms": round(took[len(took) // 2], 1),
        "p99_ms": round(took[len(took) * 99 // 100], 1),
        "max_ms": round(took[-1], 1),
        "cpu_p50_ms": round(worked[len(worked) // 2], 1),
        "cpu_p99_ms": round(worked[len(worked) * 99 // 100], 1),
        "cpu_max_ms": round(worked[-1], 1),
        "before_mb": before >> 20,
        "after_mb": path.stat().st_size >> 20,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2_000_000, help="records to begin with (default 2,000,000)")
    parser.add_argument("--rate", type=int, default=10_000, help="records per second (default 10,000)")
    parser.add_argument("--seconds", type=int, default=20, help="of each phase; the last one takes what it needs")
    parser.add_argument("--limit-ms", type=float, default=100.0, help="exit 1 if a commit takes longer (default 100)")
    parser.add_argument("--dir", type=Path, help="where the journal is made (default: the folder for temporary files)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
