"""Drain: gateways that were cut off for an hour send their backlog while their beds go on alarming.

    python benchmarks/drain.py --beds 500 --minutes 60 --seconds 240

Simulated gateways speak the protocol of the edge: backfill within the credit of the hub's receipts, and beside it the
live record of each bed and second. A share of the beds crosses an undelayed limit each second; in the end all rows are
counted. The goal: five times as fast as the live rate, and live alarms within a second (p99) all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.end_to_end import BEDS_PER_WARD, HubMeasured, batch, bodies, gateway_of, write_settings
from benchmarks.load import Load, generate
from benchmarks.mqtt_wire import Wire, open_wire, prefixed, publish_packet, subscribe_packet
from benchmarks.processes import broker, cpu_s, free_port, machine, mosquitto, rss_mb, stop
from chassis.database import open_read_only

BATCH = 200  # records of ten values in one backfill message: under 64 kB
SHARE = 0.7  # of the credit, as the edge agent does
RETRY_S = 5.0


class Backlog:
    """What one gateway owes: seqs 1 to `owed`, by the receipts it has had."""

    def __init__(self, gateway: str, beds: list[str], seconds: int, values: str) -> None:
        self.gateway = gateway
        self.owed = seconds * len(beds)
        self.watermark = 0
        self.credit = 500
        self.progress_at = time.perf_counter()
        self._beds = beds
        self._values = values
        self._start = time.time_ns() // 1_000_000 - seconds * 1_000
        self._sent = 0
        self._topic = prefixed(f"wardline/v1/up/{gateway}/backfill")

    @property
    def drained(self) -> bool:
        """Whether the hub has all of it."""
        return self.watermark >= self.owed

    def receipt(self, committed: list[tuple[int, int]], credit: int) -> None:
        """The hub has these."""
        self.credit = credit
        for low, high in committed:
            if low == 1 and high > self.watermark:
                self.watermark, self.progress_at = high, time.perf_counter()

    def next_packet(self, packet: int) -> bytes | None:
        """The next message, if the credit allows one."""
        if time.perf_counter() - self.progress_at > RETRY_S:
            self._sent, self.progress_at = self.watermark, time.perf_counter()
        allowed = int(self.credit * SHARE) - (self._sent - self.watermark)
        count = min(BATCH, self.owed - self._sent, allowed)
        if count <= 0:
            return None
        beds, values, start = self._beds, self._values, self._start
        records = ",".join(
            f'{{"seq":{seq},"device":"{beds[(seq - 1) % len(beds)]}","time":{start + (seq - 1) // len(beds) * 1_000},'
            f'"clock":"synced","values":{values}}}'
            for seq in range(self._sent + 1, self._sent + count + 1)
        )
        self._sent += count
        return publish_packet(self._topic, f'{{"epoch":1,"records":[{records}]}}'.encode(), packet)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beds", type=int, default=500)
    parser.add_argument("--minutes", type=int, default=60, help="how long nobody heard the gateways (default 60)")
    parser.add_argument("--seconds", type=int, default=240, help="how long live readings go on (default 240)")
    parser.add_argument("--per-gateway", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        result = asyncio.run(_run(arguments, binary, Path(name)))
    width = max(map(len, result))
    lines = [f"{key:<{width}}  {value}" for key, value in result.items()]
    print(json.dumps(result, indent=2) if arguments.json else "\n".join(lines))
    return 0 if result["missing"] == 0 and result["doubled"] == 0 else 1


async def _run(arguments: argparse.Namespace, binary: str, folder: Path) -> dict[str, object]:
    port = free_port()
    beds = [(f"w{number // BEDS_PER_WARD:04}", f"b{number:05}") for number in range(arguments.beds)]
    write_settings(folder, port, beds, arguments.per_gateway)
    settings = folder / "hub.yaml"
    settings.write_text(settings.read_text().replace("credit: 100000\n", ""))  # the credit of everyday
    with broker(binary, folder, port) as broker_process:
        hub = subprocess.Popen(
            [sys.executable, "-m", "wardline", "hub", "run", "--part", "ingest", "--config", str(settings)]
        )
        try:
            return await _measure(arguments, port, beds, hub, broker_process.pid, folder)
        finally:
            stop(hub)


async def _measure(
    arguments: argparse.Namespace,
    port: int,
    beds: list[tuple[str, str]],
    hub: subprocess.Popen[bytes],
    broker_pid: int,
    folder: Path,
) -> dict[str, object]:
    calm, wild = bodies(10)
    backlogs: dict[str, Backlog] = {}
    for first in range(0, len(beds), arguments.per_gateway):
        gateway = gateway_of(first, arguments.per_gateway)
        names = [bed for _, bed in beds[first : first + arguments.per_gateway]]
        backlogs[gateway] = Backlog(gateway, names, arguments.minutes * 60, calm)
    measured = HubMeasured()
    await _subscribe(port, measured, backlogs)
    async with asyncio.timeout(90):
        while not measured.hub_ready:
            await asyncio.sleep(0.05)
    seqs = {gateway: backlog.owed for gateway, backlog in backlogs.items()}
    gateways = [gateway_of(number, arguments.per_gateway) for number in range(len(beds))]

    def payload(bed: int, _sample: int, probe: bool) -> bytes:
        seqs[gateways[bed]] += 1
        return batch(seqs[gateways[bed]], beds[bed][1], wild if probe else calm)

    load = Load(beds=len(beds), seconds=arguments.seconds, alarms=0.01, per_line=arguments.per_gateway)
    topics = [prefixed(f"wardline/v1/up/{gateway}/vitals") for gateway in gateways]
    before, began = {"hub": cpu_s(hub.pid), "broker": cpu_s(broker_pid)}, time.perf_counter()
    draining = asyncio.create_task(_drain(port, backlogs))
    rss = asyncio.create_task(_highest_rss(hub.pid))
    await generate(load, port, [f"{ward}/{bed}" for ward, bed in beds], topics, payload, measured)
    elapsed = time.perf_counter() - began
    async with asyncio.timeout(600):
        drained_s, latencies_then = await draining, list(measured.latencies)
    rss.cancel()
    cpu = {"hub": cpu_s(hub.pid), "broker": cpu_s(broker_pid)}
    owed = sum(backlog.owed for backlog in backlogs.values())
    stored, distinct = await _rows(folder / "journal.db", owed + measured.published)
    live = len(beds)
    return {
        "machine": machine(),
        "beds": live,
        "backlog_records": owed,
        "backlog_minutes": arguments.minutes,
        "drained_s": round(drained_s, 1),
        "drain_records_per_s": round(owed / drained_s, 1),
        "times_live": round(owed / drained_s / live, 1),
        "live_messages": measured.published,
        "generator_behind_ms": round(measured.behind_s * 1e3, 1),
        "alarms_expected": measured.expected,
        "alarms_seen": len(latencies_then),
        "p50_ms": measured.percentile_ms(50),
        "p99_ms": measured.percentile_ms(99),
        "max_ms": measured.percentile_ms(100),
        "cpu_percent": {name: round(100 * (cpu[name] - before[name]) / elapsed, 1) for name in cpu},
        "hub_rss_mb_highest": _peak[0],
        "rows": stored,
        "missing": owed + measured.published - distinct,
        "doubled": stored - distinct,
    }


_peak = [0.0]


async def _highest_rss(pid: int) -> None:
    while True:
        _peak[0] = max(_peak[0], rss_mb(pid))
        await asyncio.sleep(0.5)


async def _drain(port: int, backlogs: dict[str, Backlog]) -> float:
    """Send every backlog as fast as receipts allow; the seconds it took."""
    wires: list[Wire] = [await open_wire("127.0.0.1", port, f"bench-backlog-{number}") for number in range(4)]
    began, packet = time.perf_counter(), 0
    waiting = list(backlogs.values())
    while waiting:
        idle = True
        for number, backlog in enumerate(waiting):
            packet = packet % 65_535 + 1
            message = backlog.next_packet(packet)
            if message is not None:
                idle = False
                transport = wires[number % len(wires)].transport
                assert transport is not None
                transport.write(message)
                await asyncio.sleep(0)
        waiting = [backlog for backlog in waiting if not backlog.drained]
        await asyncio.sleep(0.005 if idle else 0)
    return time.perf_counter() - began


async def _subscribe(port: int, measured: HubMeasured, backlogs: dict[str, Backlog]) -> Wire:
    def heard(topic: bytes, payload: bytes) -> None:
        if topic.endswith(b"/event"):
            event = msgspec.json.decode(payload)
            if event["change"] == "raised" and event["alarm"]["rule"] == "bench-probe":
                measured.heard(f"{event['alarm']['ward']}/{event['alarm']['bed']}")
        elif topic.endswith(b"/receipt"):
            receipt = msgspec.json.decode(payload)
            backlogs[topic.split(b"/")[-2].decode()].receipt(receipt["committed"], receipt["credit"])
        elif topic.endswith(b"/heartbeat"):
            measured.hub_ready = True

    wire = await open_wire("127.0.0.1", port, "bench-ear", heard)
    assert wire.transport is not None
    topics = ["wardline/v1/ward/+/event", "wardline/v1/down/+/receipt", "wardline/v1/hub/+/heartbeat"]
    wire.transport.write(subscribe_packet(topics))
    await wire.subscribed.wait()
    return wire


async def _rows(journal: Path, expected: int) -> tuple[int, int]:
    deadline = time.perf_counter() + 60
    while True:
        with closing(open_read_only(journal)) as db:
            (stored,) = db.execute("SELECT count(*) FROM record").fetchone()
            if stored >= expected or time.perf_counter() > deadline:
                (distinct,) = db.execute(
                    "SELECT count(*) FROM (SELECT DISTINCT gateway, epoch, seq FROM record)"
                ).fetchone()
                return stored, distinct
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
