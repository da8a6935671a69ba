"""What the rule engine costs: microseconds per reading and per second of time, under the adult ward set.

python benchmarks/rules_engine.py [--beds 5000] [--seconds 20]
"""

from __future__ import annotations

import argparse
import time

from rules.engine import Bed, Engine
from rules.library import read_set
from vitals.identity import BedKey
from vitals.readings import Record

START_MS = 1_700_000_000_000
QUIET = {
    "hr": 72.0,
    "pr": 72.0,
    "spo2": 97.0,
    "rr": 14.0,
    "nibp_sys": 122.0,
    "nibp_dia": 78.0,
    "nibp_mean": 93.0,
    "temp": 36.8,
    "abp_sys": 121.0,
    "etco2": 38.0,
}
STORIES = {
    "quiet: every value inside its limits": QUIET,
    "alarmed: one alarm at every bed goes on": QUIET | {"spo2": 88.0},
    "sensor off: one value missing at every bed": {name: value for name, value in QUIET.items() if name != "spo2"},
}


def measure(title: str, values: dict[str, float], beds: int, seconds: int) -> None:
    """Run `beds` beds at 1 Hz and print what a record and a second of timers cost."""
    keys = [BedKey("ward", str(number)) for number in range(beds)]
    engine = Engine([read_set("adult-ward")], [Bed(key, (f"gw/{key.bed}",)) for key in keys])
    flags = {} if "spo2" in values else {"spo2": "sensor_off"}
    judging = ticking = 0.0
    events = 0
    slowest = 0.0
    for second in range(-40, seconds):  # the first 40 s fill every delay and are not measured
        now = START_MS + second * 1_000
        records = [
            (key, f"gw/{key.bed}", Record(seq=second + 41, device=key.bed, time=now, values=dict(values), flags=flags))
            for key in keys
        ]
        begun = time.perf_counter()
        for key, source, record in records:
            events += len(engine.observe(key, source, record, now))
        judged = time.perf_counter()
        for quarter in range(4):
            tick = time.perf_counter()
            events += len(engine.advance(now + quarter * 250))
            if second >= 0:
                slowest = max(slowest, time.perf_counter() - tick)
        engine.unsaved()
        ticked = time.perf_counter()
        if second >= 0:
            judging += judged - begun
            ticking += ticked - judged
    count = beds * seconds
    print(f"{title} ({events} events)")
    print(f"  {judging / count * 1e6:6.2f} µs per record, {judging / count / len(QUIET) * 1e6:5.3f} µs per reading")
    print(f"  {ticking / seconds * 1e3:6.2f} ms of timers and saving per second, slowest tick {slowest * 1e3:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beds", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    for title, values in STORIES.items():
        measure(title, values, arguments.beds, arguments.seconds)


if __name__ == "__main__":
    main()
