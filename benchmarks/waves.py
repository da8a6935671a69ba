"""Waves beside readings: sampled signals of every bed while alarms are timed, every frame verified in the journal.

    python benchmarks/waves.py --beds 500 --seconds 60

As end_to_end.py, and beside it three waveforms of 250 Hz per bed in frames of a second, four messages per gateway and
second as the edge agent sends them. `--waves 0` is the same without waves, to compare. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.end_to_end import gateway_of, run
from benchmarks.load import LAST_ANSWERS_S
from benchmarks.mqtt_wire import open_wire, prefixed, publish_packet
from benchmarks.processes import mosquitto, stop
from vitals.waves import WaveFrame, encode_frame

CHANNELS = ("ecg_ii", "pleth", "abp_w", "resp", "co2_w", "ecg")
RATE_HZ = 250
MESSAGES_PER_S = 4  # of a gateway
EPOCH = 2  # the readings of the benchmark are epoch 1
CONNECTIONS = 4
_NUMBER = struct.Struct("<QQ")  # seq and time in an encoded frame
_NUMBER_AT = 6


def main() -> int:
    arguments = _arguments()
    if arguments.generate:
        asyncio.run(_generate(arguments))
        return 0
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        folder = Path(name)
        result = asyncio.run(run(arguments, binary, folder, beside=lambda port: _beside(arguments, port, folder)))
        result |= _stored(arguments, folder)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        width = max(map(len, result))
        print("\n".join(f"{key:<{width}}  {value}" for key, value in result.items()))
    return 0 if result["missing"] == 0 and result["frames_missing"] == 0 else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beds", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--waves", type=int, default=3, choices=range(len(CHANNELS) + 1), help="waveforms per bed")
    parser.add_argument("--per-gateway", type=int, default=20, help="beds behind one gateway")
    parser.add_argument("--vitals", type=int, default=10)
    parser.add_argument("--rate", type=float, default=1.0, help="readings per bed and second")
    parser.add_argument("--alarms", type=float, default=0.01, help="share of beds that alarm each second")
    parser.add_argument("--generate", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextlib.contextmanager
def _beside(arguments: argparse.Namespace, port: int, folder: Path) -> Iterator[None]:
    """The generator of waves, a process of its own, until it has sent all."""
    words = [f"--{name}={getattr(arguments, name)}" for name in ("beds", "seconds", "waves")]
    words += [f"--per-gateway={arguments.per_gateway}", f"--generate={port}"]
    with (folder / "waves.json").open("wb") as said:
        process = subprocess.Popen([sys.executable, __file__, *words], stdout=said)
        try:
            yield
            process.wait(timeout=60)
        finally:
            if process.poll() is None:
                stop(process)


def _stored(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    sent = json.loads((folder / "waves.json").read_text())
    hours = arguments.beds * arguments.seconds / 3_600
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True)) as db:
        (frames,) = db.execute("SELECT count(*) FROM wave").fetchone()
        try:
            (size,) = db.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'wave%'").fetchone()
        except sqlite3.OperationalError:  # this SQLite was built without it
            size = None
    return {
        "frames": sent["frames"],
        "frames_missing": sent["frames"] - frames,
        "waves_behind_ms": sent["behind_ms"],
        "wave_mb_per_bed_hour": round(size / 1e6 / hours, 2) if size is not None else None,
        "wave_generator_cpu_s": sent["cpu_s"],
    }


class _Parcel:
    """A message of one gateway: the frames of some of its beds, numbered and dated anew each second."""

    def __init__(self, gateway: str, beds: list[str], channels: tuple[str, ...], samples: bytes) -> None:
        self.topic = prefixed(f"wardline/v1/up/{gateway}/wave")
        self.frames = len(beds) * len(channels)
        self._body = bytearray()
        self._places: list[int] = []
        for bed in beds:
            for channel in channels:
                self._places.append(len(self._body) + _NUMBER_AT)
                frame = WaveFrame(EPOCH, 1, bed, channel, 0, "synced", RATE_HZ, 0.001, 0.0, "mV", samples)
                self._body += encode_frame(frame)

    def at(self, seq: int, time_ms: int) -> bytes:
        """The message of a second."""
        for place in self._places:
            _NUMBER.pack_into(self._body, place, seq, time_ms)
            seq += 1
        return bytes(self._body)


async def _generate(arguments: argparse.Namespace) -> None:
    samples = random.Random(1).randbytes(RATE_HZ * 2)
    beds = [f"b{number:05}" for number in range(arguments.beds)]
    gateways = [
        (gateway_of(first, arguments.per_gateway), beds[first : first + arguments.per_gateway])
        for first in range(0, len(beds), arguments.per_gateway)
    ]
    quarters: list[list[tuple[int, _Parcel]]] = [[] for _ in range(MESSAGES_PER_S)]
    for number, (gateway, mine) in enumerate(gateways):
        for turn, quarter in enumerate(quarters):
            part = mine[turn::MESSAGES_PER_S]
            if part and arguments.waves:
                quarter.append((number, _Parcel(gateway, part, CHANNELS[: arguments.waves], samples)))
    wires = [await open_wire("127.0.0.1", arguments.generate, f"bench-waves-{n}") for n in range(CONNECTIONS)]
    seqs, packet, frames, sent, behind = [1] * len(gateways), 0, 0, 0, 0.0
    started = time.perf_counter()
    for second in range(arguments.seconds):
        for turn, quarter in enumerate(quarters):
            for index, (number, parcel) in enumerate(quarter):
                if index % 4 == 0:
                    due = started + second + (turn + index / len(quarter)) / MESSAGES_PER_S
                    behind = max(behind, time.perf_counter() - due)
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                packet = packet % 65_535 + 1
                wire = wires[number % CONNECTIONS].transport
                assert wire is not None
                wire.write(publish_packet(parcel.topic, parcel.at(seqs[number], time.time_ns() // 1_000_000), packet))
                seqs[number] += parcel.frames
                frames += parcel.frames
                sent += 1
    deadline = time.perf_counter() + LAST_ANSWERS_S
    while sum(wire.acknowledged for wire in wires) < sent and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    print(json.dumps({"frames": frames, "behind_ms": round(behind * 1e3), "cpu_s": round(time.process_time(), 1)}))


if __name__ == "__main__":
    sys.exit(main())
