"""How long a backtest takes: simulated beds over a day, ten parameters each second, one shipped profile.

python benchmarks/backtest.py [--beds 20] [--hours 24]
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from rules.burden import burden
from wardline.backtest import FileJob, run_jobs

BEGIN = 1_767_225_600_000
# Where each parameter starts, how far it may step each second, and the span it stays in.
WALKS = {
    "hr": (85, 0.8, 45, 140),
    "pr": (85, 0.8, 45, 140),
    "spo2": (95, 0.2, 84, 100),
    "rr": (18, 0.3, 6, 34),
    "abp_sys": (120, 0.8, 85, 200),
    "abp_dia": (70, 0.8, 40, 110),
    "abp_mean": (85, 0.8, 58, 140),
    "etco2": (38, 0.2, 25, 55),
    "temp": (37, 0.01, 35.5, 39.5),
    "cvp": (6, 0.1, 0.5, 15),
}


def write_bed(path: Path, seconds: int, seed: int) -> None:
    """A restless patient: every value walks at random."""
    luck = random.Random(seed)
    values = {name: float(start) for name, (start, *_) in WALKS.items()}
    with path.open("w") as out:
        out.write("t_s," + ",".join(WALKS) + "\n")
        for second in range(seconds):
            for name, (_, step, low, high) in WALKS.items():
                values[name] = min(high, max(low, values[name] + luck.uniform(-step, step)))
            out.write(f"{second}," + ",".join(f"{value:.1f}" for value in values.values()) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beds", type=int, default=20)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--rules", default="adult-ward")
    arguments = parser.parse_args()
    seconds = round(arguments.hours * 3_600)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"bed-{number}.csv" for number in range(arguments.beds)]
        for number, file in enumerate(files):
            write_bed(file, seconds, number)
        jobs = [
            FileJob(path=file, sets=((arguments.rules,),), begin=BEGIN, zero_is_missing=True, hold="auto")
            for file in files
        ]
        begun = time.perf_counter()
        trials = run_jobs(jobs)
        took = time.perf_counter() - begun
    records = sum(trial.records for trial in trials)
    spans = {trial.bed: trial.span for trial in trials}
    found = burden([one for trial in trials for one in trial.episodes[0]], spans)
    print(f"{arguments.beds} beds, {arguments.hours:g} h, {records} records of {len(WALKS)} values")
    print(f"{took:.1f} s on {os.cpu_count()} cores, {took / records * 1e6:.1f} µs per record; {found.alarms} alarms")


if __name__ == "__main__":
    main()
