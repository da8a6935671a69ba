"""How fast a span of readings leaves the journal, what memory that takes, and how fast it enters the data lake.

python benchmarks/export.py --beds 200 --minutes 10
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import psutil

from hub.export.export import Asked, Export
from hub.export.formats import FORMATS, make_format
from hub.export.tables import READINGS
from hub.history import History, RecordBody
from hub.journal import Batch, Journal, RecordRow
from hub.projections.cursors import Cursors
from hub.projections.feed import Feed
from hub.projections.lake.sink import LakeSink
from hub.projections.lake.verify import survey
from hub.projections.passage import Passage
from hub.settings import LakeSettings

T0 = 1_763_682_504_000
VALUES = {"hr": 72, "pr": 72, "spo2": 97, "rr": 16, "abp_sys": 120, "abp_dia": 75, "abp_mean": 90, "temp": 37}
VALUES |= {"etco2": 38, "pi": 4}


def main() -> None:
    """Make a journal, and let a process of its own do each job with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beds", type=int, default=200)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(
            json.dumps(lake(arguments.folder) if arguments.job == "lake" else export(arguments.folder, arguments.job))
        )
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, arguments.beds, arguments.minutes)
        print("| job | rows | rows/s | bytes per row | RSS MB at the start / at most | growth, MB per million rows |")
        print("|---|---|---|---|---|---|")
        for job in (*FORMATS, "lake"):
            command = [sys.executable, __file__, "--job", job, "--folder", name]
            path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
            found = json.loads(subprocess.run(command, env=path, check=True, capture_output=True).stdout)
            print(
                f"| {job} | {found['rows']:,} | {found['rows'] / found['seconds']:,.0f}"
                f" | {found['bytes'] / found['rows']:.1f} | {found['first']:.0f} / {found['most']:.0f}"
                f" | {found['slope']:+.2f} |",
                flush=True,
            )


def fill(folder: Path, beds: int, minutes: int) -> None:
    """A record of ten values per bed and second, values that walk, one in twenty missing."""
    chance = random.Random(7)
    present = {bed: dict(VALUES) for bed in range(beds)}
    with closing(Journal(folder / "journal.db")) as journal:
        for second in range(60 * minutes):
            batch = Batch()
            for bed, values in present.items():
                name = chance.choice(list(VALUES))
                values[name] += chance.choice((-1, 1))
                body = RecordBody(values=dict(values))
                if chance.random() < 0.5:
                    del body.values[name]
                    body.flags[name] = "sensor_off"
                row = (f"mon-{bed}", "icu", str(bed), T0 + second * 1_000 + bed, T0 + second * 1_000 + bed + 40, 0)
                batch.records.append(
                    RecordRow(f"gw-{bed // 20}", 1, second * beds + bed, *row, msgspec.json.encode(body))
                )
            journal.commit(batch)


class Memory:
    """The memory of this process against the rows it has made, sampled."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.samples: list[tuple[float, float]] = []

    def note(self, rows: int) -> None:
        self.samples.append((rows / 1e6, self._process.memory_info().rss / 2**20))

    def slope(self) -> float:
        """MB per million rows, by least squares over the second half: the first warms up."""
        half = self.samples[len(self.samples) // 2 :]
        middle = sum(x for x, _ in half) / len(half), sum(y for _, y in half) / len(half)
        spread = sum((x - middle[0]) ** 2 for x, _ in half)
        return sum((x - middle[0]) * (y - middle[1]) for x, y in half) / spread if spread else 0.0

    def report(self, rows: int, size: int, seconds: float) -> dict[str, float]:
        return {
            "rows": rows,
            "bytes": size,
            "seconds": seconds,
            "first": self.samples[0][1],
            "most": max(megabytes for _, megabytes in self.samples),
            "slope": self.slope(),
        }


def export(folder: Path, name: str) -> dict[str, float]:
    """Every reading of the journal in one format, into nothing."""
    memory, size = Memory(), 0
    job = Export(READINGS, make_format(name, READINGS), Asked(0, 2**50))
    begin = time.perf_counter()
    with closing(History(folder / "journal.db")) as history:
        while (piece := job.step(history)) is not None:
            size += len(piece)
            memory.note(job.rows)
    return memory.report(job.rows, size, time.perf_counter() - begin)


def lake(folder: Path) -> dict[str, float]:
    """Every reading of the journal in the lake, file by file as a hub does, then merged."""
    memory = Memory()
    begin = time.perf_counter()
    with closing(Cursors(folder / "projections.db", "lake")) as cursors, closing(Feed(folder / "journal.db")) as feed:
        sink = LakeSink(LakeSettings(folder=Path("lake")), folder, folder / "projections.db")
        with closing(sink):
            cursors.begin(sink.streams)
            passage = Passage(feed, sink, cursors, threading.Event())
            sink.open()
            while passage.step().moved:
                memory.note(survey(folder / "lake").tables[0].rows)
            seconds = time.perf_counter() - begin
            sink._tidy.run(sink._lake, 2**50, everything=True)
    found = survey(folder / "lake").tables[0]
    return memory.report(found.rows, found.bytes, seconds)


if __name__ == "__main__":
    main()
