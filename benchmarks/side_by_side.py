"""Side by side: the same beds, the same broker, the same InfluxDB, one system after the other.

    python benchmarks/side_by_side.py --loads 300,1000,3000 --seconds 10 --systems wardline,tutorial,node-red

Each system hears every message, publishes an alarm where a value crosses a limit, and stores ten values per message in
InfluxDB 1.6.7 behind the same nginx. Wardline also commits every message to its journal before the store sees it, gives
receipts and runs the whole adult rule set; the others do none of that. Every row is counted afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fixtures_influx import TOKEN, Influx, find_binary

from benchmarks import end_to_end
from benchmarks.load import Load, Measured, generate
from benchmarks.mqtt_wire import open_wire, prefixed, publish_packet, subscribe_packet
from benchmarks.peers import node_red
from benchmarks.processes import broker, cpu_s, free_port, machine, mosquitto, rss_mb, stop

DATABASE = "ward"
GATEWAY_BEDS = 20
READY_S = 60.0
DRAIN_S = 30.0
WARM = ("warm", "0")
SYSTEMS = ("wardline", "tutorial", "node-red", "node-red-batched")

Beds = list[tuple[str, str]]


@dataclass
class Running:
    """A system at work: its processes, and how to talk to it."""

    processes: dict[str, subprocess.Popen[bytes]]
    topic: Callable[[str, str], bytes]
    payload: Callable[[str, str, bool], bytes]
    alarm_topic: str
    alarm_of: Callable[[bytes, bytes], str | None]
    measurement_field: str = "hr"
    journal: Path | None = None
    extra: dict[str, object] = field(default_factory=dict)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--loads", default="300,1000,3000,5000,10000", help="beds, each sending once a second")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--node-red", type=Path, default=Path.home() / ".cache/wardline-node-red", metavar="DIR")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; run make test-servers", file=sys.stderr)
        return 2
    systems = [name for name in arguments.systems.split(",") if name in SYSTEMS]
    red = node_red.install(arguments.node_red) if any("node-red" in name for name in systems) else None
    results = []
    for load in (int(word) for word in arguments.loads.split(",")):
        for name in systems:
            if name.startswith("node-red") and red is None:
                print("npm is not installed: Node-RED is left out", file=sys.stderr)
                continue
            with tempfile.TemporaryDirectory(prefix="wardline-side-") as folder:
                result = asyncio.run(_run(name, load, arguments.seconds, binary, red, Path(folder)))
            results.append(result)
            if not arguments.json:
                print(_line(result), flush=True)
    if arguments.json:
        print(json.dumps({"machine": machine(), "results": results}, indent=2))
    return 0


async def _run(
    name: str, beds_count: int, seconds: int, binary: str, red: Path | None, folder: Path
) -> dict[str, object]:
    port = free_port()
    beds = [(f"w{number // end_to_end.BEDS_PER_WARD:04}", f"b{number:05}") for number in range(beds_count)]
    with ExitStack() as stack:
        (folder / "influx").mkdir()
        influx = Influx(find_binary("influxd", "influxdb"), find_binary("nginx", "nginx-light"), folder / "influx")
        influx.start()
        stack.callback(influx.stop)
        influx.create(DATABASE)
        broker_process = stack.enter_context(broker(binary, folder, port))
        running = _start(name, folder, port, influx, beds, red)
        for process in running.processes.values():
            stack.callback(stop, process)
        measured = Measured()
        await _listen(port, running, measured)
        await _warm_up(port, running, measured)
        pids = {word: process.pid for word, process in running.processes.items()}
        pids |= {"broker": broker_process.pid, "influxd": influx.pid}
        before = {word: cpu_s(pid) for word, pid in pids.items()}
        started = time.perf_counter()
        await _load(beds, seconds, port, running, measured)
        elapsed = time.perf_counter() - started
        used = {word: cpu_s(pid) - before[word] for word, pid in pids.items()}
        rows, drained_s = await _drain(influx, running, measured.published)
        return {
            "system": name,
            "beds": beds_count,
            "messages": measured.published,
            "alarms_expected": measured.expected,
            "alarms_seen": len(measured.latencies),
            "p50_ms": measured.percentile_ms(50),
            "p99_ms": measured.percentile_ms(99),
            "cpu_percent": {word: round(100 * value / elapsed, 1) for word, value in used.items()},
            "rss_mb": {word: rss_mb(pid) for word, pid in pids.items()},
            "rows_in_store": rows,
            "missing": measured.published - rows,
            "drained_s": round(drained_s, 1),
        }


def _start(name: str, folder: Path, port: int, influx: Influx, beds: Beds, red: Path | None) -> Running:
    if name == "wardline":
        return _wardline(folder, port, influx, beds)
    if name == "tutorial":
        words = [sys.executable, str(Path(__file__).parent / "peers/tutorial.py")]
        words += ["--port", str(port), "--url", influx.url, "--token", TOKEN, "--bucket", DATABASE]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
    else:
        assert red is not None
        url = f"{influx.url}/api/v2/write?bucket={DATABASE}&org=-"
        process = node_red.start(red, folder / "red", port, free_port(), url, TOKEN, batched=name == "node-red-batched")
    calm = json.dumps(dict(zip(end_to_end.READINGS, end_to_end.QUIET, strict=True)), separators=(",", ":"))
    wild = json.dumps(json.loads(calm) | {end_to_end.PROBE: 120.0}, separators=(",", ":"))

    def payload(ward: str, bed: str, probe: bool) -> bytes:
        now = time.time_ns() // 1_000_000
        return f'{{"ward":"{ward}","bed":"{bed}","time":{now},"values":{wild if probe else calm}}}'.encode()

    return Running(
        processes={name: process},
        topic=lambda ward, bed: prefixed(f"beds/{ward}/{bed}/vitals"),
        payload=payload,
        alarm_topic="alarms/+/+",
        alarm_of=lambda topic, _: topic.decode().partition("/")[2],
    )


def _wardline(folder: Path, port: int, influx: Influx, beds: Beds) -> Running:
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    # one gateway more, which warms the hub up and is left out of the count
    influxdb = {"url": influx.url, "token": "file:token", "bucket": DATABASE}
    end_to_end.write_settings(folder, port, [*beds, WARM], GATEWAY_BEDS, {"influxdb": influxdb})
    processes = {}
    for part in ("ingest", "projections"):
        words = ["-m", "wardline", "hub", "run", "--part", part, "--config", str(folder / "hub.yaml")]
        with (folder / "log").open("ab") as log:
            processes[f"hub {part}"] = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log)
    place = {bed: number for number, bed in enumerate([*beds, WARM])}
    seqs: dict[str, int] = {}
    calm, wild = end_to_end.bodies(10)

    def gateway(ward: str, bed: str) -> str:
        return end_to_end.gateway_of(place[ward, bed], GATEWAY_BEDS)

    def payload(ward: str, bed: str, probe: bool) -> bytes:
        name = gateway(ward, bed)
        seqs[name] = seqs.get(name, 0) + 1
        return end_to_end.batch(seqs[name], bed, wild if probe else calm)

    def alarm_of(_: bytes, body: bytes) -> str | None:
        event = msgspec.json.decode(body)
        alarm = event["alarm"]
        raised = event["change"] == "raised" and alarm["rule"] == "bench-probe"
        return f"{alarm['ward']}/{alarm['bed']}" if raised else None

    return Running(
        processes=processes,
        topic=lambda ward, bed: prefixed(f"wardline/v1/up/{gateway(ward, bed)}/vitals"),
        payload=payload,
        alarm_topic="wardline/v1/ward/+/event",
        alarm_of=alarm_of,
        journal=folder / "journal.db",
    )


async def _listen(port: int, running: Running, measured: Measured) -> None:
    def heard(topic: bytes, payload: bytes) -> None:
        name = running.alarm_of(topic, payload)
        if name is not None:
            measured.heard(name)

    wire = await open_wire("127.0.0.1", port, "bench-pager", heard)
    assert wire.transport is not None
    wire.transport.write(subscribe_packet([running.alarm_topic]))
    await wire.subscribed.wait()


async def _warm_up(port: int, running: Running, measured: Measured) -> None:
    """Cross the limit at a bed nobody counts until the system answers."""
    wire = await open_wire("127.0.0.1", port, "bench-warm")
    assert wire.transport is not None
    name = "/".join(WARM)
    deadline = time.perf_counter() + READY_S
    while not measured.latencies:
        measured.probes[name] = time.perf_counter()
        for probe in (False, True):
            body = running.payload(*WARM, probe)
            wire.transport.write(publish_packet(running.topic(*WARM), body, 1 + probe))
        await asyncio.sleep(0.5)
        died = [word for word, process in running.processes.items() if process.poll() is not None]
        if died or time.perf_counter() > deadline:
            raise SystemExit(f"{', '.join(died) or 'the system'} did not become ready")
    await asyncio.sleep(1.0)
    wire.transport.close()
    measured.latencies.clear()
    measured.probes.clear()


async def _load(beds: Beds, seconds: int, port: int, running: Running, measured: Measured) -> None:
    await generate(
        Load(beds=len(beds), seconds=seconds, per_line=GATEWAY_BEDS),
        port,
        [f"{ward}/{bed}" for ward, bed in beds],
        [running.topic(ward, bed) for ward, bed in beds],
        lambda number, _sample, probe: running.payload(*beds[number], probe),
        measured,
    )


async def _drain(influx: Influx, running: Running, expected: int) -> tuple[int, float]:
    """Rows in the store once they are all there, or once nothing moves any more."""
    started = time.perf_counter()
    rows, moved = 0, started
    while True:
        now = time.perf_counter()
        found = _rows(influx, running.measurement_field)
        if found != rows:
            rows, moved = found, now
        if rows >= expected or now - moved > 5 or now - started > DRAIN_S:
            return rows, now - started
        await asyncio.sleep(0.25)


def _rows(influx: Influx, name: str) -> int:
    series = influx.query(f'SELECT count("{name}") FROM "vitals" WHERE "ward" != \'{WARM[0]}\'', DATABASE)
    return int(series[0]["values"][0][1]) if series else 0


def _line(result: dict[str, object]) -> str:
    words = ("system", "beds", "messages", "missing", "alarms_seen", "alarms_expected", "p50_ms", "p99_ms")
    return "  ".join(f"{word} {result[word]}" for word in (*words, "cpu_percent", "rss_mb", "drained_s"))


if __name__ == "__main__":
    sys.exit(main())
