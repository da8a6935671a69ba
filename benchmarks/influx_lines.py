"""The copy into InfluxDB as fast as it goes: a full journal, the real projections process, Debian's influxd.

    python benchmarks/influx_lines.py --records 200000 --seconds 30

A journal of `--records` records of ten values is filled first. Then `wardline hub run --part projections` copies it
into an influxd 1.6.7 behind the nginx of the tests, with the minutes beside the readings, until all is there. Counted
are readings (values) a second of wall time, start of the process included, and its processor time as a share of one
core. With `--rate` the journal grows by so many readings a second while they are copied, which is how a hub works.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fixtures_influx import TOKEN, Influx, find_binary

from benchmarks.journal import Load
from benchmarks.processes import machine, stop
from hub.history import History
from hub.journal import Journal
from hub.projections.cursors import statuses
from vitals.errors import StorageError

VALUES = 10  # of each record
FILL = 20_000
TICK_S = 0.1
SETTINGS = """
hub: hub-1
log_level: ERROR
wards: [{{id: w00, beds: [{{id: "0001"}}]}}]
projections: {{influxdb: {{url: '{url}', token: 'file:token', bucket: bench, batch: {batch}, timeout: 60s}}}}
"""


def main() -> int:
    arguments = _arguments()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="wardline-influx-") as name:
        folder = Path(name)
        (folder / "influx").mkdir()
        server = Influx(find_binary("influxd", "influxdb"), find_binary("nginx", "nginx-light"), folder / "influx")
        server.start()
        try:
            server.create("bench")
            (folder / "token").write_text(TOKEN)
            (folder / "token").chmod(0o600)
            (folder / "hub.yaml").write_text(SETTINGS.format(url=server.url, batch=arguments.batch))
            _measure(arguments, folder, server)
        finally:
            server.stop()
    return 0


def _measure(arguments: argparse.Namespace, folder: Path, server: Influx) -> None:
    load, journal = Load(), Journal(folder / "journal.db")
    for _ in range(0, arguments.records, FILL):  # a second of a thousand beds each
        journal.commit(load.batch(min(FILL, arguments.records), 1_000 * FILL // 1_000))
    command = [sys.executable, "-m", "wardline", "hub", "run", "--part", "projections"]
    began = time.monotonic()
    copying = subprocess.Popen([*command, "--config", str(folder / "hub.yaml")])
    try:
        if arguments.rate:
            _grow(journal, load, arguments.rate, arguments.seconds)
        deadline = began + arguments.seconds + 300
        while not _copied(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        took, cpu = time.monotonic() - began, _cpu_s(copying.pid)
    finally:
        stop(copying)
        journal.close()
    with closing(History(folder / "journal.db")) as history:
        records = history.latest_position()
    found, minutes = server.count("bench"), server.count("bench", "records", "vitals_1m")
    each = 1e6 * cpu / records / VALUES
    print(f"records: {records:,} in the journal, {found:,} in influxd, {minutes:,} minutes")
    print(f"readings/s: {records * VALUES / took:,.0f} over {took:.1f} s")
    print(f"cpu of the projections: {cpu:.1f} s, {100 * cpu / took:.0f} % of a core, {each:.2f} µs a reading")


def _grow(journal: Journal, load: Load, rate: int, seconds: int) -> None:
    size = round(rate / VALUES * TICK_S)
    begin = time.monotonic()
    for tick in range(round(seconds / TICK_S)):
        with suppress(ValueError):
            time.sleep(begin + tick * TICK_S - time.monotonic())
        journal.commit(load.batch(size, round(TICK_S * 1_000)))


def _copied(folder: Path) -> bool:
    with suppress(StorageError):
        with closing(History(folder / "journal.db")) as history:
            newest = history.latest_position()
        rows = {one.sink: one for one in statuses(folder / "projections.db")}
        return len(rows) == 2 and all(one.state == "running" and one.copied >= newest for one in rows.values())
    return False


def _cpu_s(pid: int) -> float:
    """User and system time of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000, help="in the journal before it begins")
    parser.add_argument("--batch", type=int, default=2_000, help="projections.influxdb.batch")
    parser.add_argument("--rate", type=int, default=0, help="readings a second that come while it copies")
    parser.add_argument("--seconds", type=int, default=30, help="how long they come")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
