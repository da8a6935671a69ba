"""End to end: simulated gateways → mosquitto → hub → alarm subscriber, every row verified in the journal.

    python benchmarks/end_to_end.py --beds 1000 --rate 1 --seconds 60

One MQTT message per bed and sample, each with `--vitals` readings, QoS 1, receipts and the shipped adult rule set on.
A share of the beds crosses an undelayed limit each second; the latency is from the publish call to the arrival of the
raised event at a subscriber. Broker, hub, generator and subscriber share this machine. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.mqtt_wire import Wire, open_wire, prefixed, publish_packet, subscribe_packet

BEDS_PER_WARD = 50
CONNECTIONS = 8
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
class Measured:
    """What one run saw."""

    published: int = 0
    probes: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    receipts: int = 0
    hub_ready: bool = False
    behind_s: float = 0.0  # how late the generator itself ever was


def main() -> int:
    arguments = _arguments()
    binary = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        result = asyncio.run(_run(arguments, binary, Path(name)))
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


async def _run(arguments: argparse.Namespace, binary: str, folder: Path) -> dict[str, object]:
    port = _free_port()
    beds = [(f"w{number // BEDS_PER_WARD:04}", f"b{number:05}") for number in range(arguments.beds)]
    _write_settings(folder, port, beds, arguments.per_gateway)
    broker = subprocess.Popen([binary, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    hub = subprocess.Popen(
        [sys.executable, "-m", "wardline", "hub", "run", "--part", "ingest", "--config", str(folder / "hub.yaml")]
    )
    try:
        measured = Measured()
        await _subscribe(port, measured)
        await _wait_for_hub(hub, measured)
        before = {name: _cpu(pid) for name, pid in (("hub", hub.pid), ("broker", broker.pid))}
        before["generator"] = time.process_time()
        started = time.perf_counter()
        await _generate(arguments, port, beds, measured)
        elapsed = time.perf_counter() - started
        cpu = {
            "hub": _cpu(hub.pid) - before["hub"],
            "broker": _cpu(broker.pid) - before["broker"],
            "generator": time.process_time() - before["generator"],
        }
        stored, distinct, drained_s = await _drain(folder / "journal.db", measured.published)
        rss = {"hub": _rss_mb(hub.pid), "broker": _rss_mb(broker.pid)}
        wal_mb = sum(path.stat().st_size for path in folder.glob("journal.db*")) / 1e6
    finally:
        for process in (hub, broker):
            process.terminate()
            process.wait(timeout=20)
    latencies = sorted(measured.latencies)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "beds": arguments.beds,
        "vitals": arguments.vitals,
        "seconds": arguments.seconds,
        "messages": measured.published,
        "messages_per_s": round(measured.published / elapsed, 1),
        "readings_per_s": round(measured.published * arguments.vitals / elapsed, 1),
        "generator_behind_ms": round(measured.behind_s * 1e3, 1),
        "alarms_expected": len(measured.probes) + len(latencies),
        "alarms_seen": len(latencies),
        "p50_ms": _percentile(latencies, 50),
        "p99_ms": _percentile(latencies, 99),
        "max_ms": round(latencies[-1] * 1e3, 1) if latencies else None,
        "cpu_percent": {name: round(100 * seconds / elapsed, 1) for name, seconds in cpu.items()},
        "hub_us_per_message": round(1e6 * cpu["hub"] / measured.published, 1),
        "rss_mb": rss,
        "journal_mb": round(wal_mb, 1),
        "receipts": measured.receipts,
        "rows": stored,
        "missing": measured.published - distinct,
        "doubled": stored - distinct,
        "drained_s": round(drained_s, 2),
    }


def _write_settings(folder: Path, port: int, beds: list[tuple[str, str]], per_gateway: int) -> None:
    user = "user root\n" if os.geteuid() == 0 else ""
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{user}max_inflight_messages 2000\n"
        "max_queued_messages 100000\nset_tcp_nodelay true\nlog_type error\n"
    )
    (folder / "bench.yaml").write_text(yaml.safe_dump(BENCH_RULES))
    wards: dict[str, list[str]] = {}
    for ward, bed in beds:
        wards.setdefault(ward, []).append(bed)
    gateways = [
        {"id": _gateway(first, per_gateway), "devices": [{"id": bed, "bed": f"{ward}/{bed}"} for ward, bed in group]}
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
    }
    (folder / "hub.yaml").write_text(yaml.safe_dump(document))


def _gateway(number: int, per_gateway: int) -> str:
    return f"gw-{number // per_gateway:05}"


async def _subscribe(port: int, measured: Measured) -> Wire:
    deadline = time.perf_counter() + 10

    def heard(topic: bytes, payload: bytes) -> None:
        if topic.endswith(b"/event"):
            event = msgspec.json.decode(payload)
            if event["change"] == "raised" and event["alarm"]["rule"] == "bench-probe":
                sent = measured.probes.pop(f"{event['alarm']['ward']}/{event['alarm']['bed']}", None)
                if sent is not None:
                    measured.latencies.append(time.perf_counter() - sent)
        elif topic.endswith(b"/receipt"):
            measured.receipts += 1
        elif topic.endswith(b"/heartbeat"):
            measured.hub_ready = True

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
    wire.transport.write(
        subscribe_packet([f"{prefix}/ward/+/event", f"{prefix}/down/+/receipt", f"{prefix}/hub/+/heartbeat"])
    )
    await wire.subscribed.wait()
    return wire


async def _wait_for_hub(hub: subprocess.Popen[bytes], measured: Measured) -> None:
    async with asyncio.timeout(90):
        while not measured.hub_ready:
            if hub.poll() is not None:
                raise SystemExit("the hub ended before it was ready; its words are above")
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


async def _generate(arguments: argparse.Namespace, port: int, beds: list[tuple[str, str]], measured: Measured) -> None:
    wires = [await open_wire("127.0.0.1", port, f"bench-load-{number}") for number in range(CONNECTIONS)]
    transports = [wire.transport for wire in wires]
    names, quiet = READINGS[-arguments.vitals :], QUIET[-arguments.vitals :]
    calm = json.dumps(dict(zip(names, quiet, strict=True)), separators=(",", ":"))
    wild = json.dumps(dict(zip(names, quiet, strict=True)) | {PROBE: 120.0}, separators=(",", ":"))
    topics = [
        prefixed(f"wardline/v1/up/{_gateway(number, arguments.per_gateway)}/vitals") for number in range(len(beds))
    ]
    seqs = [0] * (len(beds) // arguments.per_gateway + 1)
    every = max(1, round(1 / arguments.alarms)) if arguments.alarms > 0 else 0
    samples = round(arguments.seconds * arguments.rate)
    period = 1 / arguments.rate
    start = time.perf_counter()
    packet = 0
    for sample in range(samples):
        for number, (ward, bed) in enumerate(beds):
            if number % 25 == 0:  # the beds of a second are spread over the whole of it
                due = start + (sample + number / len(beds)) * period
                wait = due - time.perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                else:
                    measured.behind_s = max(measured.behind_s, -wait)
                    await asyncio.sleep(0)
            gateway = number // arguments.per_gateway
            seqs[gateway] += 1
            probe = every and (number + sample) % every == 0
            payload = (
                f'{{"epoch":1,"records":[{{"seq":{seqs[gateway]},"device":"{bed}","time":{time.time_ns() // 1_000_000},'
                f'"clock":"synced","values":{wild if probe else calm}}}]}}'
            ).encode()
            packet = packet % 65_535 + 1
            if probe:
                measured.probes[f"{ward}/{bed}"] = time.perf_counter()
            transport = transports[gateway % CONNECTIONS]
            assert transport is not None
            transport.write(publish_packet(topics[number], payload, packet))
            measured.published += 1
    deadline = time.perf_counter() + 5
    while measured.probes and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    for transport in transports:
        assert transport is not None
        transport.close()


async def _drain(journal: Path, expected: int) -> tuple[int, int, float]:
    started = time.perf_counter()
    stored = distinct = 0
    while time.perf_counter() - started < 60:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
            (stored,) = db.execute("SELECT count(*) FROM record").fetchone()
        if stored >= expected:
            break
        await asyncio.sleep(0.1)
    elapsed = time.perf_counter() - started
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
        (distinct,) = db.execute("SELECT count(*) FROM (SELECT DISTINCT gateway, epoch, seq FROM record)").fetchone()
    return stored, distinct, elapsed


def _percentile(ordered: list[float], percent: int) -> float | None:
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3, 1) if ordered else None


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _table(result: dict[str, object]) -> str:
    width = max(map(len, result))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in result.items())


if __name__ == "__main__":
    sys.exit(main())
