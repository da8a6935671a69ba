"""A flood of one client, and what it does to the alarms of everybody else.

    python benchmarks/flood.py --beds 200 --seconds 20

The end-to-end benchmark is run quietly, then beside one flooding client: 10,000 messages a second, 256 kB payloads, and
10,000 topics. Broker, hub, generator and flooder share this machine. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import end_to_end
from benchmarks.mqtt_wire import open_wire, prefixed, publish_packet
from benchmarks.processes import machine, mosquitto, stop

PER_GATEWAY = 20
FLOODER = ("flood", "0")
KINDS = {"messages": 10_000, "payloads": 200, "topics": 10_000}  # messages a second
LARGE = 250_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--beds", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--alarms", type=float, default=0.05)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--be", nargs=3, metavar=("KIND", "PORT", "GATEWAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.be:
        asyncio.run(_flood(arguments.be[0], int(arguments.be[1]), arguments.be[2]))
        return 0
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; run make test-servers", file=sys.stderr)
        return 2
    arguments.rate, arguments.vitals, arguments.per_gateway = 1.0, 10, PER_GATEWAY
    results = {kind: _run(arguments, binary, kind) for kind in ("none", *KINDS)}
    if arguments.json:
        print(json.dumps({"machine": machine(), "results": results}, indent=2))
        return 0
    quiet = results["none"]["p99_ms"]
    for kind, result in results.items():
        assert isinstance(quiet, float)
        ratio = float(str(result["p99_ms"])) / quiet
        print(
            f"flood of {kind:<9} p50 {result['p50_ms']} ms  p99 {result['p99_ms']} ms (x {ratio:.2f})  "
            f"alarms {result['alarms_seen']} of {result['alarms_expected']}  missing {result['missing']}  "
            f"cpu {result['cpu_percent']}  rss {result['rss_mb']}"
        )
    return 0


def _run(arguments: argparse.Namespace, binary: str, kind: str) -> dict[str, object]:
    gateway = end_to_end.gateway_of(arguments.beds + PER_GATEWAY - 1, PER_GATEWAY)

    @contextlib.contextmanager
    def beside(port: int) -> Iterator[None]:
        if kind == "none":
            yield
            return
        flooder = subprocess.Popen([sys.executable, __file__, "--be", kind, str(port), gateway])
        try:
            yield
        finally:
            stop(flooder)

    with tempfile.TemporaryDirectory(prefix="wardline-flood-") as name:
        return asyncio.run(end_to_end.run(arguments, binary, Path(name), [FLOODER], beside))


async def _flood(kind: str, port: int, gateway: str) -> None:
    """Send at the rate of `kind` until killed, however little is heard back."""
    wire = await open_wire("127.0.0.1", port, "bench-flooder")
    assert wire.transport is not None
    calm, _ = end_to_end.bodies(10)
    payload = b"x" * LARGE if kind == "payloads" else end_to_end.batch(1, FLOODER[1], calm)
    names = [f"stranger-{number}" for number in range(10_000)] if kind == "topics" else [gateway]
    topics = [prefixed(f"wardline/v1/up/{name}/vitals") for name in names]
    start, sent = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - start) * KINDS[kind])
        while sent < due and wire.transport.get_write_buffer_size() < 4 * LARGE:
            wire.transport.write(publish_packet(topics[sent % len(topics)], payload, sent % 65_535 + 1))
            sent += 1
        sent = max(sent, due - KINDS[kind])  # what the broker did not take is not made up for
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
