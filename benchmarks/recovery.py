"""Recovery: how long after a kill -9 a gateway publishes again, and a hub gives receipts again.

    python benchmarks/recovery.py --kills 10

A real gateway with a recording at ten rows a second, mosquitto, and a real hub whose journal holds `--rows` records.
Each is killed and started at once; the clock stops at the first record measured after the kill (gateway), and at the
first receipt for a record published after it (hub). The goals: 3 s and 5 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.end_to_end import bodies
from benchmarks.mqtt_wire import open_wire, prefixed, publish_packet, subscribe_packet
from benchmarks.processes import broker, free_port, machine, mosquitto, stop

EDGE = """
gateway: gw-1
broker: {{port: {port}}}
spool: {{path: spool.db}}
log_level: WARNING
devices:
  - {{id: mon-a, driver: csv, replay: {{file: rows.csv, loop: true}}}}
"""
HUB = """
hub: hub-1
broker: {{port: {port}}}
journal: {{path: journal.db}}
rules: [adult-ward]
wards: [{{id: w, beds: [{{id: a}}, {{id: b}}]}}]
gateways:
  - {{id: gw-1, devices: [{{id: mon-a, bed: w/a}}]}}
  - {{id: gw-2, devices: [{{id: mon-b, bed: w/b}}]}}
log_level: ERROR
"""
LONGEST_S = 30.0
BATCH = 200


class Ear:
    """Hears records and receipts, and when."""

    def __init__(self) -> None:
        self.published: tuple[float, int] = (0.0, 0)  # (when heard, newest time of measurement)
        self.receipted: dict[str, int] = {}  # gateway → highest seq
        self.receipt_at = 0.0
        self.highest = 0  # seq of gw-1 published
        self.after = 0  # of a kill: only records measured after it count

    def heard(self, topic: bytes, payload: bytes) -> None:
        """One message."""
        words = json.loads(payload)
        gateway, channel = topic.decode().split("/")[-2:]
        if channel == "receipt":
            highest = max((high for _, high in words["committed"]), default=0)
            self.receipted[gateway] = max(highest, self.receipted.get(gateway, 0))
            self.receipt_at = time.perf_counter()
        elif gateway == "gw-1":
            self.highest = max(self.highest, *(record["seq"] for record in words["records"]))
            newest = max(record["time"] for record in words["records"])
            if newest > self.after and self.published[1] <= self.after:
                self.published = (time.perf_counter(), newest)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=10, help="of each (default 10)")
    parser.add_argument("--rows", type=int, default=200_000, help="in the journal before (default 200,000)")
    arguments = parser.parse_args()
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        result = asyncio.run(_run(arguments, binary, Path(name)))
    for key, value in result.items():
        print(f"{key:<24}  {value}")
    return 0


def _start(name: str, folder: Path) -> subprocess.Popen[bytes]:
    words = ["edge", "run"] if name == "edge" else ["hub", "run", "--part", "ingest"]
    return subprocess.Popen([sys.executable, "-m", "wardline", *words, "--config", str(folder / f"{name}.yaml")])


async def _run(arguments: argparse.Namespace, binary: str, folder: Path) -> dict[str, object]:
    port = free_port()
    (folder / "edge.yaml").write_text(EDGE.format(port=port))
    (folder / "hub.yaml").write_text(HUB.format(port=port))
    rows = "".join(f"{row / 10},{60 + row % 40},{90 + row % 10}\n" for row in range(600))
    (folder / "rows.csv").write_text("t_s,hr,spo2\n" + rows)
    with broker(binary, folder, port):
        parts = {name: _start(name, folder) for name in ("hub", "edge")}
        try:
            ear = Ear()
            wire = await open_wire("127.0.0.1", port, "bench-ear", ear.heard)
            assert wire.transport is not None
            wire.transport.write(subscribe_packet(["wardline/v1/up/+/vitals", "wardline/v1/down/+/receipt"]))
            await _until(lambda: ear.receipted.get("gw-1", 0) > 5)
            await _fill(port, arguments.rows, ear)
            edge = [await _edge(parts, folder, ear) for _ in range(arguments.kills)]
            hub = [await _hub(parts, folder, ear) for _ in range(arguments.kills)]
        finally:
            for part in parts.values():
                stop(part)
    return {
        "machine": machine(),
        "rows in the journal": arguments.rows,
        "gateway, median s": round(statistics.median(edge), 2),
        "gateway, longest s": round(max(edge), 2),
        "hub, median s": round(statistics.median(hub), 2),
        "hub, longest s": round(max(hub), 2),
        "kills": 2 * arguments.kills,
    }


async def _edge(parts: dict[str, subprocess.Popen[bytes]], folder: Path, ear: Ear) -> float:
    _kill(parts["edge"])
    ear.after, began = time.time_ns() // 1_000_000, time.perf_counter()
    parts["edge"] = _start("edge", folder)
    await _until(lambda: ear.published[1] > ear.after)
    return ear.published[0] - began


async def _hub(parts: dict[str, subprocess.Popen[bytes]], folder: Path, ear: Ear) -> float:
    _kill(parts["hub"])
    began, after = time.perf_counter(), ear.highest
    parts["hub"] = _start("hub", folder)
    await _until(lambda: ear.receipted["gw-1"] > after)
    return ear.receipt_at - began


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


async def _fill(port: int, rows: int, ear: Ear) -> None:
    """A journal that has been in use: old records of another gateway."""
    wire = await open_wire("127.0.0.1", port, "bench-filler")
    assert wire.transport is not None
    topic, (calm, _) = prefixed("wardline/v1/up/gw-2/backfill"), bodies(10)
    old = time.time_ns() // 1_000_000 - 1_000 * rows
    for packet, first in enumerate(range(1, rows + 1, BATCH), 1):
        records = ",".join(
            f'{{"seq":{seq},"device":"mon-b","time":{old + 1_000 * seq},"clock":"synced","values":{calm}}}'
            for seq in range(first, min(first + BATCH, rows + 1))
        )
        body = f'{{"epoch":1,"records":[{records}]}}'.encode()
        wire.transport.write(publish_packet(topic, body, (packet - 1) % 65_535 + 1))
        await _until(lambda first=first: ear.receipted.get("gw-2", 0) >= first - 10 * BATCH)
    await _until(lambda: ear.receipted.get("gw-2", 0) >= rows)


async def _until(condition) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(LONGEST_S):
        while not condition():
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
