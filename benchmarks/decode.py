"""What decoding costs: megabytes and frames a second of each driver, over its own recordings again and again.

    python benchmarks/decode.py [--seconds 1]

Each driver takes its recordings in pieces of 256 bytes, as they come from a serial port, with the options they need.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from edge_agent import drivers
from edge_agent.drivers.registry import build, find, names

PIECE = 256  # bytes
FOLDERS = Path(drivers.__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each driver decodes (default 1)")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, one core\n")
    print("| driver | MB/s | frames/s | observations/s | of its line at full speed |")
    print("|---|---|---|---|---|")
    for name in names():
        if find(name).serial and (FOLDERS / name.replace("-", "_")).is_dir():
            print(measure(name, arguments.seconds))
    return 0


def measure(name: str, seconds: float) -> str:
    """One row of the table."""
    streams = [stream(path) for path in sorted((FOLDERS / name.replace("-", "_") / "captures").glob("*.bin"))]
    size = frames = observations = 0
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        for options, pieces in streams:
            driver = build(name, options)
            heard = [driver.feed(piece, 0) for piece in pieces] + [driver.finish(0)]
            size += sum(map(len, pieces))
            frames += sum(part.good for part in heard)
            observations += sum(len(part.observations) for part in heard)
    spent = time.process_time() - begun
    # Ten bits on the line for each byte, eleven with parity.
    line = find(name).line
    full = line.baud / (10 if line.parity == "N" else 11)
    share = full * spent / size
    return (
        f"| {name} | {size / spent / 1e6:.2f} | {frames / spent:,.0f} | {observations / spent:,.0f} "
        f"| {100 * share:.2f} % of a core at {line.baud} baud |"
    )


def stream(path: Path) -> tuple[dict[str, object], list[bytes]]:
    """A recording many times over, so that the driver's birth does not count, and the options it needs."""
    chosen = path.with_suffix(".options.json")
    data = path.read_bytes()
    data *= 1 + 20_000 // len(data)
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    return (json.loads(chosen.read_text()) if chosen.exists() else {}), pieces


if __name__ == "__main__":
    sys.exit(main())
