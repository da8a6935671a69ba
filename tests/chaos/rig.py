"""A hospital to torment: gateways, broker and hub as real processes, fed by real ptys and by a terminal server."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.chaos import oracle
from tests.chaos.faults import Strike
from tests.chaos.feeder import Feeder
from tests.conftest import free_port

GATEWAYS = ("gw-1", "gw-2", "gw-3", "gw-4")
START_S = 30.0
# Two monitors on real lines stand at the first gateway, the other gateways reach theirs through the terminal server.
MONITORS = {"mon-1": "nonin-df2", "mon-2": "nonin-df2"}

EDGE = """
gateway: {gateway}
broker: {{port: {port}}}
spool: {{path: spool.db, commit_interval: 50ms, forget_on: {forget_on}}}
devices:
{devices}
"""
LINE = "  - {{id: {id}, driver: nonin, serial: {{path: {path}}}}}\n"
SERVED = (
    "  - {{id: {id}, driver: hobby-lines, tcp_client: {{host: 127.0.0.1, port: {port}}}, options: {{settle: 0s}}}}\n"
)
HUB = """
hub: hub-1
broker: {{port: {port}}}
journal: {{path: journal.db}}
rules: [adult-ward]
wards: [{{id: icu, beds: [{beds}]}}]
gateways:
{gateways}
"""


class Rig:
    """Everything of it has a name: gw-1 to gw-4, mon-1, mon-2, hub, broker."""

    def __init__(self, broker, folder: Path, *, forget_on: str = "receipt", rate: float = 10.0) -> None:
        self.broker = broker
        self.folder = folder
        self.feeder = Feeder(free_port(), rate).start()
        self.processes: dict[str, subprocess.Popen] = {}
        self.kills = 0
        self.journal = folder / "hub/journal.db"
        self._settings(forget_on)

    def _settings(self, forget_on: str) -> None:
        beds, registered = [], []
        for gateway in GATEWAYS:
            names = [f"{gateway}-a", f"{gateway}-b"] if gateway != GATEWAYS[0] else [*MONITORS, f"{gateway}-a"]
            beds += names
            registered.append(
                f"  - {{id: {gateway}, devices: [{', '.join(f'{{id: {name}, bed: icu/{name}}}' for name in names)}]}}\n"
            )
            (self.folder / gateway).mkdir()
            devices = "".join(
                LINE.format(id=name, path=self.folder / name)
                if name in MONITORS
                else SERVED.format(id=name, port=self.feeder.port)
                for name in names
            )
            self.edge_settings(gateway, self.broker.port, devices, forget_on)
        (self.folder / "hub").mkdir()
        (self.folder / "hub/hub.yaml").write_text(
            HUB.format(
                port=self.broker.port,
                beds=", ".join(f"{{id: {name}}}" for name in beds),
                gateways="".join(registered),
            )
        )

    def edge_settings(self, gateway: str, port: int, devices: str, forget_on: str) -> None:
        """The settings of a gateway; `port` is where it believes its broker to be."""
        (self.folder / gateway / "edge.yaml").write_text(
            EDGE.format(gateway=gateway, port=port, forget_on=forget_on, devices=devices)
        )

    def through(self, gateway: str, port: int) -> None:
        """This gateway reaches its broker by another port: call before it starts."""
        path = self.folder / gateway / "edge.yaml"
        path.write_text(path.read_text().replace(f"port: {self.broker.port}", f"port: {port}"))

    # Life and death

    def start(self, name: str, **environment: str) -> None:
        """Start one by its name."""
        if name == "broker":
            self.broker.start()
            return
        if name in MONITORS:
            words = ["sim", MONITORS[name], "--pty", "--seed", name[-1], "--link", str(self.folder / name)]
        elif name == "hub":
            words = ["hub", "run", "--part", "ingest", "--config", str(self.folder / "hub/hub.yaml")]
        else:
            words = ["edge", "run", "--config", str(self.folder / name / "edge.yaml")]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "wardline", *words],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
            )

    def start_all(self) -> None:
        """Everything; returns when the hub has readings of every gateway."""
        for name in (*MONITORS, "hub", *GATEWAYS):
            self.start(name)
        self.until(lambda: len(self.rows("SELECT DISTINCT gateway FROM record")) == len(GATEWAYS), START_S)

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self.kills += 1
        if name == "broker":
            self.broker.kill()
            return
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait(timeout=30)

    def strike(self, strike: Strike) -> None:
        """Carry out one strike of a schedule, and start again what it killed."""
        time.sleep(strike.wait_s)
        for name in strike.first:
            self.kill(name)
        if strike.then:
            time.sleep(strike.pause_s)
            for name in strike.then:
                self.kill(name)
        dead = (*strike.first, *strike.then)
        if "broker" in dead and strike.wipe:
            for file in self.broker.folder.glob("mosquitto.db*"):
                file.unlink()
        time.sleep(strike.down_s)
        for name in dead:
            self.start(name)

    def pid(self, name: str) -> int:
        """Its process id."""
        return self.broker.process.pid if name == "broker" else self.processes[name].pid

    def freeze(self, name: str) -> None:
        """SIGSTOP."""
        os.kill(self.pid(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        os.kill(self.pid(name), signal.SIGCONT)

    def stop(self, name: str) -> None:
        """SIGTERM."""
        process = self.processes.pop(name, None)
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(timeout=20)

    def close(self) -> None:
        """End whatever still runs."""
        if self.broker.process is not None and self.broker.process.poll() is None:
            self.thaw("broker")
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(timeout=30)
        self.feeder.stop()

    # What is so

    def spool(self, gateway: str) -> Path:
        """Where its spool is."""
        return self.folder / gateway / "spool.db"

    def watermark(self, gateway: str) -> int:
        """Up to where the hub has everything of it."""
        return oracle.watermark(self.journal, gateway)

    def accepted(self, gateway: str) -> int:
        """The highest seq its spool ever gave out; 0 while there is none."""
        with contextlib.suppress(sqlite3.OperationalError, TypeError):
            return oracle.read_spool(self.spool(gateway))[1]
        return 0

    def rows(self, query: str) -> list:
        """From the hub's journal; nothing while there is none."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=10)) as db:
                return db.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def rss_mb(self, name: str) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.pid(name)}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def settle(self, seconds: float = 60.0) -> None:
        """Stop producing, then wait until every spool has its receipts; what waits after that is the oracle's."""
        self.feeder.quiet()
        for name in MONITORS:
            self.stop(name)
        deadline = time.monotonic() + seconds
        counts = [0] * len(GATEWAYS)
        while time.monotonic() < deadline:
            before, counts = counts, [self.accepted(gateway) for gateway in GATEWAYS]
            if before == counts and not any(oracle.read_spool(self.spool(gateway))[2] for gateway in GATEWAYS):
                return
            time.sleep(0.25)

    def balances(self) -> list[oracle.Balance]:
        """The books of every gateway."""
        return [oracle.balance(gateway, self.spool(gateway), self.journal) for gateway in GATEWAYS]

    def until(self, condition, seconds: float):
        """Poll until it holds; its answer."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"it did not happen in time\n{self.words()}"
            time.sleep(0.05)
        return found

    def words(self) -> str:
        """The last words of every process, and what each gateway waits for, for a failing test."""
        waiting = {
            gateway: (
                self.watermark(gateway),
                self.accepted(gateway),
                sorted(oracle.read_spool(self.spool(gateway))[2])[:9],
            )
            for gateway in GATEWAYS
            if self.accepted(gateway)
        }
        return f"{waiting}\n" + "\n".join(
            f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log"))
        )
