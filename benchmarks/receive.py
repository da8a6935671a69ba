"""What taking a message in costs the hub by itself: without broker and connection, in one process.

    python benchmarks/receive.py [--beds 5000] [--seconds 5]

The processor time of the main thread for each message of one record with ten vital signs: the first one of each bed,
messages straight after each other in the order of the beds and in no order, and with a sleep of one millisecond after
every few of them, as when they come over a connection. Each second ends in a commit that is not measured.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.end_to_end import BEDS_PER_WARD, batch, bodies, gateway_of, write_settings
from benchmarks.processes import machine
from chassis.settings import read_settings
from hub.hub import Hub
from hub.settings import HubSettings

PER_GATEWAY = 20
NO_PORT = 1  # nothing is connected
PAUSE_S = 0.001

Message = tuple[str, bytes]


class Ward:
    """A hub that is handed messages; `beds` of them a second."""

    def __init__(self, folder: Path, beds: int) -> None:
        self._beds = [(f"w{number // BEDS_PER_WARD:04}", f"b{number:05}") for number in range(beds)]
        write_settings(folder, NO_PORT, self._beds, PER_GATEWAY)
        self._hub = Hub(read_settings(folder / "hub.yaml", HubSettings), folder, "benchmark")
        self._hub.committer.wake = lambda: None  # type: ignore[method-assign]  # commits are made here
        self._hub.workshop.advance(self._hub.now(), connected=True)
        self._seqs: dict[str, int] = {}
        self._calm, _ = bodies(10)

    def second(self, *, ordered: bool, burst: int = 0) -> float:
        """Microseconds a message of one second costs; `burst`: sleep after so many, 0: never."""
        messages = [self._message(number) for number in range(len(self._beds))]
        if not ordered:
            random.Random(1).shuffle(messages)
        used = 0.0
        size = burst or len(messages)
        for first in range(0, len(messages), size):
            began = time.thread_time()
            for topic, payload in messages[first : first + size]:
                self._hub._receive(topic, payload, retained=False)
            used += time.thread_time() - began
            if burst:
                time.sleep(PAUSE_S)
        self._hub.journal.commit(self._hub.intake.take())
        return used / len(messages) * 1e6

    def _message(self, number: int) -> Message:
        gateway = gateway_of(number, PER_GATEWAY)
        self._seqs[gateway] = seq = self._seqs.get(gateway, 0) + 1
        return f"wardline/v1/up/{gateway}/vitals", batch(seq, self._beds[number][1], self._calm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beds", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=5, help="of each story; the quickest counts (default 5)")
    arguments = parser.parse_args()
    print(f"{machine()}; {arguments.beds:,} beds, µs per message")
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as folder:
        ward = Ward(Path(folder), arguments.beds)
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)  # as in the hub
        print(f"{'the first of each bed':40} {ward.second(ordered=True):8.1f}")
        for title, ordered, burst in (
            ("in the order of the beds", True, 0),
            ("in no order", False, 0),
            ("in the order of the beds, 16 at a time", True, 16),
            ("in the order of the beds, 2 at a time", True, 2),
            ("in no order, 16 at a time", False, 16),
        ):
            quickest = min(ward.second(ordered=ordered, burst=burst) for _ in range(arguments.seconds))
            print(f"{title:40} {quickest:8.1f}")


if __name__ == "__main__":
    main()
