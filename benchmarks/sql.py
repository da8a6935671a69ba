"""The projection into PostgreSQL and MariaDB: a journal copied as fast as it goes, then once more over itself.

    python benchmarks/sql.py --records 100000

A journal of `--records` records of ten values from 1,000 beds behind 50 gateways is filled, then the projection's own
copier moves it into a server of Debian's that is started for the purpose, with its files on this machine's disk and
with commits that wait for it. Counted is every row; timed are the wall clock, and the processor time of the projection
and of the server. The second pass is a rebuild: the same rows come again and nothing changes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import types
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
tests = types.ModuleType("tests")  # a dependency installs a package of this name, which would be found first
tests.__path__ = [str(ROOT / "tests")]
sys.modules["tests"] = tests

from benchmarks.journal import Load  # noqa: E402
from benchmarks.processes import machine  # noqa: E402
from hub.journal import Journal  # noqa: E402
from hub.projections.copier import Copier, Pace  # noqa: E402
from hub.projections.cursors import Cursors, Request, statuses  # noqa: E402
from hub.projections.sql.sink import SqlSink  # noqa: E402
from hub.settings import SqlSettings  # noqa: E402
from tests.fixtures_sql import PASSWORD, new_mariadb, new_postgres  # noqa: E402

VALUES = 10  # of a record of `Load`


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        folder = Path(name)
        _fill(folder / "journal.db", arguments.records)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o600)
        rows = []
        for start in (new_postgres, new_mariadb):
            with start() as server:
                rows += _measure(server, folder, arguments)
    if arguments.json:
        print(json.dumps({"machine": machine(), "passes": rows}, indent=2))
        return 0
    print(machine(), "\n")
    print("| server | pass | values/s | CPU of the projection | µs per value | CPU of the server | rows missing |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['server']} | {row['pass']} | **{row['values_per_s']:,}** | {row['cpu_percent']} % |"
            f" {row['us_per_value']} | {row['server_cpu_percent']} % | {row['missing']} of {row['values']:,} |"
        )
    return 1 if any(row["missing"] for row in rows) else 0


def _fill(path: Path, records: int) -> None:
    journal, load = Journal(path), Load()
    for _ in range(0, records, 1_000):
        journal.commit(load.batch(1_000, 20))
    journal.close()


def _measure(server, folder: Path, arguments: argparse.Namespace) -> list[dict[str, object]]:
    database = server.new_database()
    settings = SqlSettings(url=database.url, password="file:password", batch=arguments.batch)
    cursors = folder / f"{server.kind}.db"
    sink = SqlSink(settings, folder, "hub-1", folder / "journal.db")
    rows = []
    for title in ("first copy", "rebuild"):
        if title == "rebuild":
            Cursors(cursors, "sql").ask(Request("rewind", 0), 0)
        halt = threading.Event()
        copier = Copier(sink, folder / "journal.db", cursors, Pace(idle_s=0.05))
        watch = threading.Thread(target=_watch, args=(cursors, arguments.records * (len(rows) + 1), halt))
        watch.start()
        wall, cpu, theirs = time.perf_counter(), time.thread_time(), _server_cpu(server)
        copier.run(halt)
        wall, cpu, theirs = time.perf_counter() - wall, time.thread_time() - cpu, _server_cpu(server) - theirs
        watch.join()
        values = arguments.records * VALUES
        rows.append(
            {
                "server": server.kind,
                "pass": title,
                "values": values,
                "values_per_s": round(values / wall),
                "cpu_percent": round(100 * cpu / wall),
                "us_per_value": round(1e6 * cpu / values, 2),
                "server_cpu_percent": round(100 * theirs / wall),
                "missing": values - database.count("vital_values"),
            }
        )
    return rows


def _watch(cursors: Path, copied: int, halt: threading.Event) -> None:
    """Stop the copier once it has taken everything."""
    while not halt.wait(0.05):
        if cursors.exists() and any(one.copied >= copied for one in statuses(cursors)):
            halt.set()


def _server_cpu(server) -> float:
    """Seconds of all its processes; those of PostgreSQL that have ended count with the one that began them."""
    process = psutil.Process(server.process.pid)
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000, help="records of ten values each")
    parser.add_argument("--batch", type=int, default=2_000, help="records per transaction")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
