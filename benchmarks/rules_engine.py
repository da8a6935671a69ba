"""What the rule engine costs: microseconds per reading and per second of time, under the adult ward set.

Processor time; records by the quickest second, since whatever else the machine does only adds. Staff have entered what
NEWS2 asks for, so that the score of the adult set is complete. The last story adds conditions that every record must be
judged by: NEWS2 again, a trend, a vote, parts that last.

python benchmarks/rules_engine.py [--beds 5000] [--seconds 20]
"""

from __future__ import annotations

import argparse
import time
from math import inf

from rules.beds import Entry
from rules.documents import RuleSet, read_rules
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
CONDITIONS = """
format: 1
id: bench-conditions
title: Conditions that read every record
provenance: Made up for this benchmark.
conditions:
  - {id: score-high, kind: physiological, priority: high, when: news2() >= 7, for: 1min, message: NEWS2 of 7 or more}
  - {id: falling, kind: physiological, priority: medium, when: "change(spo2, 5min) <= -4", for: 5s, message: SpO2 falls}
  - id: vote
    kind: physiological
    priority: medium
    when: n_of_m(2, hr > 110 for 30s, rr > 24 for 30s, spo2 < 92) until hr < 100 and rr < 22 for 10s
    for: 0s
    message: Two signs at once
"""
STORIES = {
    "quiet: every value inside its limits": QUIET,
    "alarmed: one alarm at every bed goes on": QUIET | {"spo2": 88.0},
    "sensor off: one value missing at every bed": {name: value for name, value in QUIET.items() if name != "spo2"},
}


def measure(title: str, values: dict[str, float], beds: int, seconds: int, *sets: RuleSet) -> None:
    """Run `beds` beds at 1 Hz and print what a record and a second of timers cost."""
    keys = [BedKey("ward", str(number)) for number in range(beds)]
    engine = Engine(sets, [Bed(key, (f"gw/{key.bed}",)) for key in keys])
    for key in keys:
        engine.enter(key, {"acvpu": Entry(0.0, START_MS), "oxygen": Entry(0.0, START_MS)}, START_MS - 41_000)
    flags = {} if "spo2" in values else {"spo2": "sensor_off"}
    judging = inf
    ticking = 0.0
    events = 0
    slowest = 0.0
    for second in range(-40, seconds):  # the first 40 s fill every delay and are not measured
        now = START_MS + second * 1_000
        records = [
            (
                key,
                f"gw/{key.bed}",
                Record(
                    seq=second + 41, device=key.bed, time=now, values=values | {"hr": 72.0 + second % 2}, flags=flags
                ),
            )
            for key in keys
        ]
        begun = time.process_time()
        for key, source, record in records:
            events += len(engine.observe(key, source, record, now))
        judged = time.process_time()
        for quarter in range(4):
            tick = time.process_time()
            events += len(engine.advance(now + quarter * 250))
            if second >= 0:
                slowest = max(slowest, time.process_time() - tick)
        engine.unsaved()
        ticked = time.process_time()
        if second >= 0:
            judging = min(judging, judged - begun)
            ticking += ticked - judged
    print(f"{title} ({events} events)")
    print(f"  {judging / beds * 1e6:6.2f} µs per record, {judging / beds / len(QUIET) * 1e6:5.3f} µs per reading")
    print(f"  {ticking / seconds * 1e3:6.2f} ms of timers and saving per second, slowest tick {slowest * 1e3:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beds", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    for title, values in STORIES.items():
        measure(title, values, arguments.beds, arguments.seconds, read_set("adult-ward"))
    measure("quiet, equipment set alone", QUIET, arguments.beds, arguments.seconds, read_set("equipment"))
    conditions = read_rules(CONDITIONS, "conditions")
    adult = read_set("adult-ward")
    measure("quiet, with a score, a trend and a vote", QUIET, arguments.beds, arguments.seconds, adult, conditions)


if __name__ == "__main__":
    main()
