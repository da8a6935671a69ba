"""End to end: simulated gateways → mosquitto → hub → alarm subscriber, every row verified in the journal.

    python benchmarks/end_to_end.py --beds 1000 --rate 1 --seconds 60

One MQTT message per bed and sample, each with `--vitals` readings, QoS 1, receipts and the shipped adult rule set on.
A share of the beds crosses an undelayed limit each second; the latency is from the publish call to the arrival of the
raised event at a subscriber. Broker, hub, generator and subscriber share this machine. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.load import Load, Measured, generate
from benchmarks.mqtt_wire import Wire, open_wire, prefixed, subscribe_packet
from benchmarks.processes import broker, cpu_s, free_port, machine, mosquitto, rss_mb, stop

BEDS_PER_WARD = 50
READINGS = ("hr", "pr", "spo2", "rr", "abp_sys", "abp_dia", "abp_mean", "temp", "etco2", "icp")
QUIET = (72.0, 72.0, 97.0, 16.0, 120.0, 75.0, 90.0, 36.8, 38.0, 8.0)
PROBE = "icp"  # no shipped limit uses it; the benchmark's own undelayed limit does
BENCH_RULES = {
    "format": 1,
    "id": "bench-probe",
    "title": "One limit without delay, to time the alarm path",
    "provenance": "benchmark only",
    "limits": [
        {
            "id": "bench-probe",
            "parameter": PROBE,
            "high": 100,
            "for": "0ms",
            "priority": "low",
            "message": "benchmark probe",
        }
    ],
}


@dataclass
class HubMeasured(Measured):
    """What one run saw of the hub."""

    receipts: int = 0
    hub_ready: bool = False
    snapshots: list[float] = field(default_factory=list)  # when each one of the first ward came

    def longest_gap_s(self) -> float | None:
        """The longest time a display had nothing new; None when it saw less than two snapshots."""
        return round(max(later - one for one, later in pairwise(self.snapshots)), 2) if self.snapshots[1:] else None


def main() -> int:
    arguments = _arguments()
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        result = asyncio.run(run(arguments, binary, Path(name)))
    print(json.dumps(result, indent=2) if arguments.json else _table(result))
    return 0 if result["missing"] == 0 and result["doubled"] == 0 else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beds", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=1.0, help="samples per bed and second (default 1)")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--vitals", type=int, default=10, choices=range(1, 11), metavar="1..10")
    parser.add_argument("--per-gateway", type=int, default=20, help="beds behind one gateway (default 20)")
    parser.add_argument(
        "--alarms", type=float, default=0.01, help="share of beds that alarm each second (default 0.01)"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


async def run(
    arguments: argparse.Namespace,
    binary: str,
    folder: Path,
    more_beds: Sequence[tuple[str, str]] = (),
    beside: Callable[[int], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
) -> dict[str, object]:
    """One measurement; `more_beds` are known to the hub and not loaded, `beside(port)` goes on during the load."""
    port = free_port()
    beds = [(f"w{number // BEDS_PER_WARD:04}", f"b{number:05}") for number in range(arguments.beds)]
    write_settings(folder, port, [*beds, *more_beds], arguments.per_gateway)
    with broker(binary, folder, port) as broker_process:
        hub = subprocess.Popen(
            [sys.executable, "-m", "wardline", "hub", "run", "--part", "ingest", "--config", str(folder / "hub.yaml")]
        )
        try:
            return await _measure(arguments, port, beds, hub, broker_process.pid, folder, beside)
        finally:
            stop(hub)


async def _measure(
    arguments: argparse.Namespace,
    port: int,
    beds: list[tuple[str, str]],
    hub: subprocess.Popen[bytes],
    broker_pid: int,
    folder: Path,
    beside: Callable[[int], contextlib.AbstractContextManager[object]],
) -> dict[str, object]:
    measured = HubMeasured()
    await _subscribe(port, measured)
    await _wait_for_hub(hub, measured)
    before = {"hub": cpu_s(hub.pid), "broker": cpu_s(broker_pid), "generator": time.process_time()}
    started = time.perf_counter()
    with beside(port):
        await _generate(arguments, port, beds, measured)
    elapsed = time.perf_counter() - started
    cpu = {"hub": cpu_s(hub.pid), "broker": cpu_s(broker_pid), "generator": time.process_time()}
    cpu = {name: used - before[name] for name, used in cpu.items()}
    stored, distinct, drained_s = await _drain(folder / "journal.db", measured.published)
    return {
        "machine": machine(),
        "beds": arguments.beds,
        "vitals": arguments.vitals,
        "seconds": arguments.seconds,
        "messages": measured.published,
        "messages_per_s": round(measured.published / elapsed, 1),
        "readings_per_s": round(measured.published * arguments.vitals / elapsed, 1),
        "generator_behind_ms": round(measured.behind_s * 1e3, 1),
        "alarms_expected": measured.expected,
        "alarms_seen": len(measured.latencies),
        "p50_ms": measured.percentile_ms(50),
        "p99_ms": measured.percentile_ms(99),
        "max_ms": measured.percentile_ms(100),
        "later_half_p99_ms": measured.percentile_ms(99, later=True),
        "snapshots": len(measured.snapshots),
        "snapshot_gap_s": measured.longest_gap_s(),
        "cpu_percent": {name: round(100 * seconds / elapsed, 1) for name, seconds in cpu.items()},
        "hub_us_per_message": round(1e6 * cpu["hub"] / measured.published, 1),
        "rss_mb": {"hub": rss_mb(hub.pid), "broker": rss_mb(broker_pid)},
        "journal_mb": round(sum(path.stat().st_size for path in folder.glob("journal.db*")) / 1e6, 1),
        "receipts": measured.receipts,
        "rows": stored,
        "missing": measured.published - distinct,
        "doubled": stored - distinct,
        "drained_s": round(drained_s, 2),
    }


def write_settings(
    folder: Path,
    port: int,
    beds: list[tuple[str, str]],
    per_gateway: int,
    projections: dict[str, object] | None = None,
) -> None:
    """The hub's settings file, with a rule of the benchmark's own beside the adult set."""
    (folder / "bench.yaml").write_text(yaml.safe_dump(BENCH_RULES))
    wards: dict[str, list[str]] = {}
    for ward, bed in beds:
        wards.setdefault(ward, []).append(bed)
    gateways = [
        {"id": gateway_of(first, per_gateway), "devices": [{"id": bed, "bed": f"{ward}/{bed}"} for ward, bed in group]}
        for first in range(0, len(beds), per_gateway)
        for group in [beds[first : first + per_gateway]]
    ]
    document = {
        "hub": "hub-bench",
        "broker": {"host": "127.0.0.1", "port": port},
        "journal": {"path": "journal.db"},
        "rules": ["adult-ward", "bench.yaml"],
        "wards": [{"id": ward, "beds": [{"id": bed} for bed in names]} for ward, names in wards.items()],
        "gateways": gateways,
        "credit": 100_000,
        "log_level": "WARNING",
        "projections": projections or {},
    }
    (folder / "hub.yaml").write_text(yaml.safe_dump(document))


def gateway_of(number: int, per_gateway: int) -> str:
    """The gateway of a bed."""
    return f"gw-{number // per_gateway:05}"


async def _subscribe(port: int, measured: HubMeasured) -> Wire:
    deadline = time.perf_counter() + 10

    def heard(topic: bytes, payload: bytes) -> None:
        if topic.endswith(b"/event"):
            event = msgspec.json.decode(payload)
            if event["change"] == "raised" and event["alarm"]["rule"] == "bench-probe":
                measured.heard(f"{event['alarm']['ward']}/{event['alarm']['bed']}")
        elif topic.endswith(b"/receipt"):
            measured.receipts += 1
        elif topic.endswith(b"/heartbeat"):
            measured.hub_ready = True
        elif topic.endswith(b"/live"):
            measured.snapshots.append(time.perf_counter())

    while True:
        try:
            wire = await open_wire("127.0.0.1", port, "bench-pager", heard)
            break
        except OSError:
            if time.perf_counter() > deadline:
                raise
            await asyncio.sleep(0.05)
    assert wire.transport is not None
    prefix = "wardline/v1"
    topics = ["ward/+/event", "down/+/receipt", "hub/+/heartbeat", "ward/w0000/live"]
    wire.transport.write(subscribe_packet([f"{prefix}/{topic}" for topic in topics]))
    await wire.subscribed.wait()
    return wire


async def _wait_for_hub(hub: subprocess.Popen[bytes], measured: HubMeasured) -> None:
    async with asyncio.timeout(90):
        while not measured.hub_ready:
            if hub.poll() is not None:
                raise SystemExit("the hub ended before it was ready; its words are above")
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


async def _generate(arguments: argparse.Namespace, port: int, beds: list[tuple[str, str]], measured: Measured) -> None:
    calm, wild = bodies(arguments.vitals)
    gateways = [gateway_of(number, arguments.per_gateway) for number in range(len(beds))]
    seqs = dict.fromkeys(gateways, 0)

    def payload(bed: int, _sample: int, probe: bool) -> bytes:
        gateway = gateways[bed]
        seqs[gateway] += 1
        return batch(seqs[gateway], beds[bed][1], wild if probe else calm)

    load = Load(
        beds=len(beds),
        seconds=arguments.seconds,
        rate=arguments.rate,
        alarms=arguments.alarms,
        per_line=arguments.per_gateway,
    )
    topics = [prefixed(f"wardline/v1/up/{gateway}/vitals") for gateway in gateways]
    await generate(load, port, [f"{ward}/{bed}" for ward, bed in beds], topics, payload, measured)


def bodies(vitals: int) -> tuple[str, str]:
    """The values of a record as JSON: a quiet one, and one that crosses the benchmark's limit."""
    calm = dict(zip(READINGS[-vitals:], QUIET[-vitals:], strict=True))
    return json.dumps(calm, separators=(",", ":")), json.dumps(calm | {PROBE: 120.0}, separators=(",", ":"))


def batch(seq: int, device: str, values: str) -> bytes:
    """A message of one record measured now."""
    return (
        f'{{"epoch":1,"records":[{{"seq":{seq},"device":"{device}","time":{time.time_ns() // 1_000_000},'
        f'"clock":"synced","values":{values}}}]}}'
    ).encode()


async def _drain(journal: Path, expected: int) -> tuple[int, int, float]:
    started = time.perf_counter()
    stored = distinct = 0
    while time.perf_counter() - started < 60:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            (stored,) = db.execute("SELECT count(*) FROM record").fetchone()
        if stored >= expected:
            break
        await asyncio.sleep(0.1)
    elapsed = time.perf_counter() - started
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        identity = "gateway || '/' || epoch || '/' || seq"
        query = f"SELECT count(*), count(DISTINCT {identity}) FROM record WHERE ward GLOB 'w[0-9]*'"
        stored, distinct = db.execute(query).fetchone()
    return stored, distinct, elapsed


def _table(result: dict[str, object]) -> str:
    width = max(map(len, result))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in result.items())


if __name__ == "__main__":
    sys.exit(main())
