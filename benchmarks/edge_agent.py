"""What a gateway costs: processor and memory of the real edge agent with four monitors, waveforms included.

    python benchmarks/edge_agent.py [--seconds 20]

The monitors are simulated on ptys by processes of their own, the broker is mosquitto, the hub is the real one and gives
receipts. Everything runs on this machine; only the agent is measured, after it has been up for some seconds. Waveforms
are asked for, read and decoded; the agent keeps them to itself.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import yaml

WARM_UP_S = 6.0
DEADLINE_S = 20.0
DEVICES: dict[str, tuple[str, dict[str, object]]] = {
    # Device and kind of monitor: driver and its options.
    "nonin-df7": ("nonin", {}),  # pleth, 75 samples a second
    "ge-datex-dri": ("ge-datex-dri", {"waves": ["ecg1", "pleth", "co2"]}),  # 425 samples a second
    "capnostream20": ("capnostream20", {}),  # CO2, 20 samples a second
    "ivy450c": ("ivy450c", {}),  # ECG, respiration, pleth, pressure: 350 samples a second
}
GOAL_PERCENT, GOAL_MB = 5.0, 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure (default 20)")
    arguments = parser.parse_args()
    binary = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        return run(binary, Path(name), arguments.seconds)


def run(binary: str, folder: Path, seconds: float) -> int:
    """Start everything, measure, print; 1 if the goal is missed or a monitor is not heard."""
    port = free_port()
    write_settings(folder, port)
    processes = [subprocess.Popen([binary, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)]
    try:
        wait_for(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close() is None)
        wardline = [sys.executable, "-m", "wardline"]
        hub = ["hub", "run", "--part", "ingest", "--config", str(folder / "hub.yaml")]
        processes.append(subprocess.Popen([*wardline, *hub]))
        for kind in DEVICES:
            words = ["sim", kind, "--pty", "--link", str(folder / kind)]
            processes.append(subprocess.Popen([*wardline, *words], stdout=subprocess.DEVNULL))
        wait_for(lambda: all((folder / kind).exists() for kind in DEVICES))
        log = (folder / "edge.log").open("wb")
        agent = subprocess.Popen(
            [*wardline, "edge", "run", "--config", str(folder / "edge.yaml")], stdout=log, stderr=log
        )
        processes.append(agent)
        time.sleep(WARM_UP_S)
        before, wrote, begun = cpu_s(agent.pid), written_bytes(agent.pid), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begun
        percent = 100 * (cpu_s(agent.pid) - before) / took
        gb_a_day = (written_bytes(agent.pid) - wrote) / took * 86_400 / 1e9
        memory_mb = rss_mb(agent.pid)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(timeout=20)
    records = committed(folder / "journal.db")
    told = (folder / "edge.log").read_text(errors="replace")
    silent = [kind for kind in DEVICES if f"device {kind} ({DEVICES[kind][0]}) is up" not in told]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"monitors {', '.join(DEVICES)}; {seconds:g} s")
    print(f"records committed by the hub: {records}")
    print(f"cpu  {percent:.1f} % of one core (goal {GOAL_PERCENT:g})")
    print(f"rss  {memory_mb:.1f} MB (goal {GOAL_MB:g})")
    print(f"disk {gb_a_day:.2f} GB a day; more on this: spool_wear.py")
    if silent:
        print(f"not heard: {', '.join(silent)}\n{told}", file=sys.stderr)
    return 1 if silent or not records or percent > GOAL_PERCENT or memory_mb > GOAL_MB else 0


def write_settings(folder: Path, port: int) -> None:
    user = "user root\n" if os.geteuid() == 0 else ""
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{user}log_type error\n"
    )
    broker = {"host": "127.0.0.1", "port": port}
    devices = [
        {"id": kind, "driver": driver, "options": options, "serial": {"path": str(folder / kind), "rtscts": False}}
        for kind, (driver, options) in DEVICES.items()
    ]
    edge = {"gateway": "gw-bench", "broker": broker, "spool": {"path": "spool.db"}, "devices": devices}
    hub = {
        "hub": "hub-bench",
        "broker": broker,
        "journal": {"path": "journal.db"},
        "rules": ["adult-ward"],
        "wards": [{"id": "w1", "beds": [{"id": kind} for kind in DEVICES]}],
        "gateways": [{"id": "gw-bench", "devices": [{"id": kind, "bed": f"w1/{kind}"} for kind in DEVICES]}],
        "log_level": "WARNING",
    }
    (folder / "edge.yaml").write_text(yaml.safe_dump(edge))
    (folder / "hub.yaml").write_text(yaml.safe_dump(hub))


def wait_for(what: Callable[[], bool]) -> None:
    """Until it is true and raises nothing."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            if what():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit("something did not start in time")
        time.sleep(0.05)


def committed(journal: Path) -> int:
    """How many records reached the hub's journal."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM record").fetchone()[0])


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written_bytes(pid: int) -> int:
    """What a process caused to be written to disks; nothing where the folder is in memory."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
