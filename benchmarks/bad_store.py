"""Alarms beside a bad store: the end to end measurement while the projection's InfluxDB is slow, hangs or has no room.

    python -P benchmarks/bad_store.py --beds 1000 --seconds 6

The same load each time, with a projections process of its own beside the hub. Afterwards the store is well again, and
every row of the journal must be in it once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from chaos.proxy import Proxy
from fixtures_influx import TOKEN, Influx, find_binary, wait_for

from benchmarks import end_to_end
from benchmarks.processes import free_port, machine, mosquitto, stop

WEATHERS = {
    "no projection": {},
    "a store that is well": {},
    "1 kB/s": {"bytes_per_s": 1_000},
    "takes requests, answers none": {"blackhole": True},
    "resets each connection": {"refuse": True},
}


def main() -> int:
    arguments = _arguments()
    binary = mosquitto()
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    print(machine())
    print(f"{'store':<30} {'alarms':>12} {'p50 ms':>7} {'p99 ms':>7} {'max ms':>7} {'µs a message':>13}  afterwards")
    with tempfile.TemporaryDirectory(prefix="wardline-store-") as name:
        (Path(name) / "influx").mkdir()
        server = Influx(find_binary("influxd", "influxdb"), find_binary("nginx", "nginx-light"), Path(name) / "influx")
        server.start()
        try:
            for number, weather in enumerate(WEATHERS):
                folder = Path(name) / f"run-{number}"
                folder.mkdir()
                _measure(arguments, binary, folder, server, weather)
        finally:
            server.stop()
    return 0


def _measure(arguments: argparse.Namespace, binary: str, folder: Path, server: Influx, weather: str) -> None:
    database = server.create(folder.name)
    proxy = Proxy(free_port(), int(server.url.rpartition(":")[2])).start()
    for name, value in WEATHERS[weather].items():
        setattr(proxy, name, value)

    @contextlib.contextmanager
    def beside(port: int) -> Iterator[None]:
        if weather == "no projection":
            yield
            return
        copying = _start(folder, port, f"http://127.0.0.1:{proxy.port}", database)
        try:
            time.sleep(1)
            yield
        finally:
            stop(copying)

    try:
        found = asyncio.run(end_to_end.run(arguments, binary, folder, beside=beside))
        proxy.calm()
        after = ""
        if weather != "no projection":
            copying = _start(folder, free_port(), f"http://127.0.0.1:{proxy.port}", database)
            try:
                rows = found["rows"]
                wait_for(lambda: server.count(database) == rows, f"{rows} rows", 60)
            finally:
                stop(copying)
            after = f"{server.count(database):,} of {rows:,} rows"
    finally:
        proxy.stop()
    alarms = f"{found['alarms_seen']} of {found['alarms_expected']}"
    figures = f"{found['p50_ms']:>7} {found['p99_ms']:>7} {found['max_ms']:>7} {found['hub_us_per_message']:>13}"
    print(f"{weather:<30} {alarms:>12} {figures}  {after}", flush=True)


def _start(folder: Path, port: int, url: str, database: str) -> subprocess.Popen[bytes]:
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    document = yaml.safe_load((folder / "hub.yaml").read_text())
    influx = {"url": url, "token": "file:token", "bucket": database, "timeout": "5s"}
    document |= {"projections": {"influxdb": influx}, "broker": {"port": port}, "log_level": "ERROR"}
    (folder / "copying.yaml").write_text(yaml.safe_dump(document))
    words = ["hub", "run", "--part", "projections", "--config", str(folder / "copying.yaml")]
    return subprocess.Popen([sys.executable, "-m", "wardline", *words])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beds", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=6, help="of load, each time")
    parser.set_defaults(rate=1.0, vitals=10, per_gateway=20, alarms=0.05)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
