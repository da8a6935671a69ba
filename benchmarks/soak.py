"""Soak: half an hour, or three days, of steady load; memory, descriptors and the books must stay as they are.

    python benchmarks/soak.py --minutes 30 --devices 1000 --out soak

Simulated gateways send ten values per device and second, a real gateway sends a recording, and the hub is real, alarms
included. Every five seconds resident memory, open descriptors and processor time are noted. In the end all rows are
counted, the real gateway's sequence table is compared with the journal, and the slope of the second half is told.
Writes OUT.json and OUT.svg.
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

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.end_to_end import BEDS_PER_WARD, HubMeasured, batch, bodies, gateway_of, write_settings
from benchmarks.load import Load, generate
from benchmarks.mqtt_wire import open_wire, prefixed, subscribe_packet
from benchmarks.processes import broker, cpu_s, free_port, machine, mosquitto, rss_mb, stop
from chassis.database import open_read_only

EVERY_S = 5.0
SETTLE_S = 60.0
COLOURS = {"hub": "#0b6e4f", "broker": "#8a5a00", "edge": "#3b4cc0"}
EDGE = """
gateway: gw-real
broker: {{port: {port}}}
spool: {{path: spool.db}}
log_level: WARNING
devices:
  - {{id: mon-real, driver: csv, replay: {{file: rows.csv, loop: true}}}}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--devices", type=int, default=1000, help="simulated, one bed each (default 1000)")
    parser.add_argument("--out", type=Path, default=Path("soak"), help="where the result goes, without ending")
    arguments = parser.parse_args()
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wardline-soak-") as name:
        result = asyncio.run(_run(arguments, binary, Path(name)))
    arguments.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    arguments.out.with_suffix(".svg").write_text(plot(result["samples"]))
    summary = {key: value for key, value in result.items() if key != "samples"}
    print("\n".join(f"{key:<24}  {value}" for key, value in summary.items()))
    wrong = ("missing", "doubled", "lost_of_the_real_gateway", "bookkeeping_mismatches")
    return 1 if any(result[key] for key in wrong) else 0


async def _run(arguments: argparse.Namespace, binary: str, folder: Path) -> dict:
    port = free_port()
    beds = [(f"w{number // BEDS_PER_WARD:04}", f"b{number:05}") for number in range(arguments.devices)]
    write_settings(folder, port, beds, 20)
    settings = yaml.safe_load((folder / "hub.yaml").read_text())
    settings["wards"].append({"id": "real", "beds": [{"id": "real"}]})
    settings["gateways"].append({"id": "gw-real", "devices": [{"id": "mon-real", "bed": "real/real"}]})
    (folder / "hub.yaml").write_text(yaml.safe_dump(settings))
    (folder / "edge.yaml").write_text(EDGE.format(port=port))
    rows = "".join(f"{row / 10},{60 + row % 40},{95 + row % 5}\n" for row in range(600))
    (folder / "rows.csv").write_text("t_s,hr,spo2\n" + rows)
    with broker(binary, folder, port) as broker_process:
        hub = _start(folder, "hub", "hub", "run", "--part", "ingest")
        edge = _start(folder, "edge", "edge", "run")
        try:
            pids = {"hub": hub.pid, "broker": broker_process.pid, "edge": edge.pid}
            return await _measure(arguments, port, beds, pids, folder, edge)
        finally:
            stop(edge)
            stop(hub)


def _start(folder: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "wardline", *words, "--config", str(folder / f"{name}.yaml")])


async def _measure(
    arguments: argparse.Namespace,
    port: int,
    beds: list[tuple[str, str]],
    pids: dict[str, int],
    folder: Path,
    edge: subprocess.Popen[bytes],
) -> dict:
    measured = HubMeasured()
    await _listen(port, measured)
    async with asyncio.timeout(90):
        while not measured.hub_ready:
            await asyncio.sleep(0.05)
    calm, wild = bodies(10)
    gateways = [gateway_of(number, 20) for number in range(len(beds))]
    seqs = dict.fromkeys(gateways, 0)

    def payload(bed: int, _sample: int, probe: bool) -> bytes:
        seqs[gateways[bed]] += 1
        return batch(seqs[gateways[bed]], beds[bed][1], wild if probe else calm)

    load = Load(beds=len(beds), seconds=round(arguments.minutes * 60), alarms=0.001, per_line=20)
    topics = [prefixed(f"wardline/v1/up/{gateway}/vitals") for gateway in gateways]
    samples: list[dict] = []
    watching = asyncio.create_task(_watch(pids, folder, samples))
    await generate(load, port, [f"{ward}/{bed}" for ward, bed in beds], topics, payload, measured)
    watching.cancel()
    edge.terminate()  # it tells its spool of the last receipts
    edge.wait(timeout=20)
    journal = folder / "journal.db"
    await _settle(journal, measured.published)
    return {
        "machine": machine(),
        "minutes": arguments.minutes,
        "devices": arguments.devices,
        "messages": measured.published,
        "p99_ms": measured.percentile_ms(99),
        "alarms_missed": len(measured.probes),
        **{f"{name}_rss_mb": (samples[0][f"{name}_rss_mb"], samples[-1][f"{name}_rss_mb"]) for name in pids},
        **{f"{name}_rss_mb_per_hour": slope(samples, f"{name}_rss_mb") for name in pids},
        **{f"{name}_descriptors": (samples[0][f"{name}_fds"], samples[-1][f"{name}_fds"]) for name in pids},
        **_books(journal, folder / "spool.db", measured.published),
        "samples": samples,
    }


async def _watch(pids: dict[str, int], folder: Path, samples: list[dict]) -> None:
    began = time.perf_counter()
    while True:
        sample: dict = {"t_s": round(time.perf_counter() - began, 1)}
        for name, pid in pids.items():
            sample[f"{name}_rss_mb"] = rss_mb(pid)
            sample[f"{name}_fds"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            sample[f"{name}_cpu_s"] = round(cpu_s(pid), 1)
        sample["journal_mb"] = round(sum(path.stat().st_size for path in folder.glob("journal.db*")) / 1e6, 1)
        samples.append(sample)
        await asyncio.sleep(EVERY_S)


async def _listen(port: int, measured: HubMeasured) -> None:
    def heard(topic: bytes, payload: bytes) -> None:
        if topic.endswith(b"/heartbeat"):
            measured.hub_ready = True
            return
        event = json.loads(payload)
        if event["change"] == "raised" and event["alarm"]["rule"] == "bench-probe":
            measured.heard(f"{event['alarm']['ward']}/{event['alarm']['bed']}")

    deadline = time.perf_counter() + 10
    while True:
        try:
            wire = await open_wire("127.0.0.1", port, "bench-ear", heard)
            break
        except OSError:
            if time.perf_counter() > deadline:
                raise
            await asyncio.sleep(0.05)
    assert wire.transport is not None
    wire.transport.write(subscribe_packet(["wardline/v1/ward/+/event", "wardline/v1/hub/+/heartbeat"]))
    await wire.subscribed.wait()


async def _settle(journal: Path, expected: int) -> None:
    deadline = time.perf_counter() + SETTLE_S
    while time.perf_counter() < deadline:
        with closing(open_read_only(journal)) as db:
            (stored,) = db.execute("SELECT count(*) FROM record WHERE gateway <> 'gw-real'").fetchone()
        if stored >= expected:
            return
        await asyncio.sleep(0.2)


def _books(journal: Path, spool: Path, published: int) -> dict:
    """Whether every row is there once, and whether hub and gateway ever disagreed."""
    with closing(open_read_only(journal)) as db:
        simulated = "FROM record WHERE gateway <> 'gw-real'"
        (stored,) = db.execute(f"SELECT count(*) {simulated}").fetchone()
        (distinct,) = db.execute(f"SELECT count(*) FROM (SELECT DISTINCT gateway, epoch, seq {simulated})").fetchone()
        real = {seq for (seq,) in db.execute("SELECT seq FROM record WHERE gateway = 'gw-real'")}
        (mismatches,) = db.execute(
            "SELECT count(*) FROM alarm_event WHERE rule = 'bookkeeping-mismatch' AND change = 'raised'"
        ).fetchone()
    with closing(open_read_only(spool)) as db:
        (accepted,) = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
        waiting = accepted - sum(high - low + 1 for low, high in db.execute("SELECT low, high FROM settled"))
    return {
        "missing": published - distinct,
        "doubled": stored - distinct,
        "accepted_of_the_real_gateway": accepted,
        "waiting_of_the_real_gateway": waiting,
        "lost_of_the_real_gateway": max(0, accepted - waiting - len(real)),
        "bookkeeping_mismatches": mismatches,
    }


def slope(samples: list[dict], name: str) -> float:
    """Per hour, by least squares over the second half: the first is warming up."""
    half = samples[len(samples) // 2 :]
    if len(half) < 3:
        return 0.0
    times, values = [sample["t_s"] / 3_600 for sample in half], [sample[name] for sample in half]
    t_mean, v_mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - t_mean) ** 2 for t in times)
    return round(sum((t - t_mean) * (v - v_mean) for t, v in zip(times, values, strict=True)) / spread, 2)


def plot(samples: list[dict]) -> str:
    """Resident memory over time, one line for each process."""
    width, height, left, top, bottom = 720, 300, 50, 20, 40
    longest = max(samples[-1]["t_s"], 1.0)
    highest = 10 * (1 + max(sample[f"{name}_rss_mb"] for sample in samples for name in COLOURS) // 10)
    lines = []
    for number, (name, colour) in enumerate(COLOURS.items()):
        points = " ".join(
            f"{left + sample['t_s'] / longest * (width - left - 20):.1f},"
            f"{height - bottom - sample[f'{name}_rss_mb'] / highest * (height - top - bottom):.1f}"
            for sample in samples
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="{left + 10 + 90 * number}" y="{top - 6}" fill="{colour}">{name}</text>')
    for step in range(5):
        y = height - bottom - step / 4 * (height - top - bottom)
        lines.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - 20}" y2="{y:.1f}" stroke="#ccc"/>')
        lines.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{highest * step / 4:.0f}</text>')
        x = left + step / 4 * (width - left - 20)
        lines.append(f'<text x="{x:.1f}" y="{height - 18}" text-anchor="middle">{longest * step / 240:.0f}</text>')
    lines.append(f'<text x="{width / 2}" y="{height - 3}" text-anchor="middle">minutes</text>')
    lines.append(f'<text x="4" y="{top - 6}">MB</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    head += ' font-size="12">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *lines, "</svg>\n"])


if __name__ == "__main__":
    sys.exit(main())
