"""How long the course of a bed takes to read from a journal that its hub goes on writing, and what memory that takes.

python benchmarks/trends.py --beds 16 --hours 24
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil

from chassis.settings import read_settings
from hub.console.bands import bands, stays
from hub.console.routes.trends import PAGE, _read
from hub.console.trends import Tracer
from hub.history import History
from hub.journal import Batch, Journal, RecordRow
from hub.rulebook import read_profiles
from hub.settings import HubSettings
from vitals.identity import BedKey

T0 = 1_763_682_504_000
COLUMNS = 1_200
BED = BedKey("icu", "3")
SETTINGS = """\
hub: hub-1
broker: {port: 1883}
journal: {path: journal.db}
wards: [{id: icu, beds: [{id: "3"}]}]
gateways: [{id: gw-1, devices: [{id: mon-3, bed: icu/3}]}]
"""


def main() -> None:
    """Make a journal, let it be written on, and read a bed of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beds", type=int, default=16)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_on(arguments.write, arguments.beds)
        return
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "journal.db"
        fill(path, arguments.beds, arguments.hours * 3_600)
        print(f"journal: {path.stat().st_size / 1e6:.0f} MB, {arguments.beds} beds, one record a second of five values")
        writer = subprocess.Popen(
            [sys.executable, __file__, "--write", str(path), "--beds", str(arguments.beds)],
            env={"PYTHONPATH": str(Path(__file__).parents[1])},
        )
        try:
            print("| span | records | columns | ms, median of 5 | at most | RSS MB grew by at most |")
            print("|---|---|---|---|---|---|")
            for hours in (span for span in (1, 8, 24, 72) if span <= arguments.hours):
                measure(path, hours, T0 + arguments.hours * 3_600_000)
        finally:
            writer.terminate()
            writer.wait(timeout=10)


def measure(path: Path, hours: int, end: int) -> None:
    """Read the last `hours` five times."""
    start = end - hours * 3_600_000
    profiles = read_profiles(_settings(path.parent), path.parent)
    took, records, peak = [], 0, _Peak()
    for _ in range(5):
        began = time.perf_counter()
        tracer = Tracer(start, end, (end - start) // COLUMNS)
        records = 0
        while True:
            with closing(History(path)) as history:
                count = _read(history, BED, tracer)
            records += count
            if count < PAGE:
                break
        tracer.finish(end)
        with closing(History(path)) as history:
            bands(profiles, history, BED, stays(history, BED, start, end), start, end)
        took.append((time.perf_counter() - began) * 1_000)
    grew = peak.stop()
    print(f"| {hours} h | {records:,} | {COLUMNS} | **{statistics.median(took):.0f}** | {max(took):.0f} | {grew:.1f} |")


def fill(path: Path, beds: int, seconds: int) -> None:
    """A journal as a hub leaves it: the beds' records lie between each other."""
    journal, seq, draw = Journal(path), 0, random.Random(1)
    batch = Batch()
    for second in range(seconds):
        for bed in range(1, beds + 1):
            seq += 1
            batch.records.append(_row(seq, bed, T0 + second * 1_000, draw))
        if second % 200 == 199:
            journal.commit(batch)
            batch = Batch()
    journal.commit(batch)
    journal.close()


def write_on(path: Path, beds: int) -> None:
    """Commit a record of every bed each second, until it is stopped."""
    journal, seq, draw = Journal(path), 2**40, random.Random(2)
    while True:
        batch = Batch()
        for bed in range(1, beds + 1):
            seq += 1
            batch.records.append(_row(seq, bed, time.time_ns() // 1_000_000, draw))
        journal.commit(batch)
        time.sleep(1.0)


def _row(seq: int, bed: int, at: int, draw: random.Random) -> RecordRow:
    values = '{"hr":%d,"pr":%d,"spo2":%d,"rr":%d,"pi":%.2f}' % (  # noqa: UP031 - the quickest way, three million times
        70 + draw.randrange(9),
        70 + draw.randrange(9),
        95 + draw.randrange(4),
        14 + draw.randrange(4),
        3 + draw.random(),
    )
    return RecordRow("gw-1", 1, seq, f"mon-{bed}", "icu", str(bed), at, at + 20, 0, b'{"values":%s}' % values.encode())


def _settings(folder: Path) -> HubSettings:
    path = folder / "hub.yaml"
    path.write_text(SETTINGS)
    return read_settings(path, HubSettings)


class _Peak:
    """How far the memory of this process grows, looked at each 5 ms."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._first = self._most = self._process.memory_info().rss
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self._most = max(self._most, self._process.memory_info().rss)

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return (self._most - self._first) / 1e6


if __name__ == "__main__":
    main()
