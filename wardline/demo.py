"""The all-in-one demo: broker, hub, board, one gateway and eight simulated monitors, on loopback, in the foreground."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import firmware_sim
from chassis.mqtt import BrokerSettings
from chassis.session import Session
from chassis.settings import read_text
from chassis.tasks import run_until, supervise
from rules.rotas import read_pagers
from vitals import topics
from vitals.alarms import AlarmEvent
from vitals.codec import decode
from vitals.errors import UsageError, WireError
from wardline import board
from wardline.broker import Choice, RunningBroker, start_broker
from wardline.credentials import SECRETS_FOLDER, Client, read_secret, write_broker_files
from wardline.demo_settings import CLIENTS, DEVICES, EDGE_FILE, HUB_FILE, LINES_FOLDER, PAGER, write_settings
from wardline.embedded import EmbeddedBroker
from wardline.processes import Child
from wardline.screen import Screen

PLAN = Path(firmware_sim.__file__).parent / "plans" / "demo.yaml"
STOP_WITHIN_S = 4.0  # edge, simulator and hub together; the broker comes after
STOP_PART_S = {"edge": 1.5, "sim": 0.5, "hub": 3.0}
POLL_S = 0.2
REMIND_S = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line said."""

    port: int
    broker_port: int
    broker: Choice
    seconds: float | None  # None: until it is stopped
    pagers: Path | None = None  # a pagers document: whom to page


class Demo:
    """One run of the demo, in a state folder it owns."""

    def __init__(self, folder: Path, options: DemoOptions) -> None:
        self._folder = folder
        self._options = options
        self._logs = folder / "logs"
        self._stop = asyncio.Event()
        self._screen = Screen(on_gone=self._stop.set)
        self._broker: RunningBroker | None = None
        self._children: list[Child] = []  # in the order they are stopped
        self._shown = False
        self._time_is_up = False

    async def run(self) -> int:
        """Run until a signal or the end of the time given: 0, or 1 if by then no reading has reached the board."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            await run_until(self._stop, asyncio.create_task(self._work(), name="demo"))
        finally:
            await self._end()
        if self._time_is_up and not self._shown:
            self._screen.say(f"No reading has reached the board; the logs in {self._logs} say why.")
            return 1
        return 0

    async def _work(self) -> None:
        await self._start_broker()
        if self._options.seconds is not None:
            asyncio.get_running_loop().call_later(self._options.seconds, self._end_of_time)
        await self._start_parts()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_alarms(), name="alarms")
            tasks.create_task(self._watch_board(), name="board")

    async def _start_broker(self) -> None:
        folder, options = self._folder, self._options
        write_broker_files(folder, [*CLIENTS, *_recipients(options.pagers)])
        write_settings(folder, options.port, options.broker_port, options.pagers)
        for name in ("logs", "hub", "edge", LINES_FOLDER):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        self._screen.step("state", f"settings, secrets and history in {folder}")
        self._screen.restart_clock()
        self._broker = await start_broker(options.broker, folder, options.broker_port, self._logs, self._warn)
        kind = "amqtt in this process" if isinstance(self._broker, EmbeddedBroker) else "mosquitto"
        self._screen.step("broker", f"{kind} on 127.0.0.1:{options.broker_port}, one login per client")

    async def _start_parts(self) -> None:
        folder = self._folder
        await self._start("hub", "hub", "run", "--config", str(folder / HUB_FILE))
        self._screen.step("hub", "hub, projections and board started")
        await self._start("sim", "sim", "--plan", str(PLAN), "--folder", str(folder / LINES_FOLDER))
        self._screen.step("sim", f"{len(DEVICES)} simulated monitors on serial lines in {folder / LINES_FOLDER}")
        await self._start("edge", "edge", "run", "--config", str(folder / EDGE_FILE))
        self._screen.step("edge", "edge agent reads the lines")

    async def _start(self, name: str, *words: str) -> None:
        argv = [sys.executable, "-P", "-m", "wardline", *words]
        child = Child(name, argv, self._logs / f"{name}.log", self._warn)
        self._children.insert(0, child)
        await child.start()

    async def _watch_board(self) -> None:
        port = self._options.port
        await self._until("board", "answers", lambda: board.answers(port), "hub")
        await self._until(
            "reading", "the first readings are on the board", lambda: board.beds_with_readings(port) > 0, "edge"
        )
        self._shown = True
        self._screen.guide(
            port=port,
            broker_port=self._options.broker_port,
            pager=PAGER,
            secret=read_secret(self._folder, PAGER),
            secret_file=self._folder / SECRETS_FOLDER / PAGER,
            command=topics.command(PAGER, "acknowledge"),
            logs=self._logs,
        )

    async def _until(self, part: str, done: str, ask: Callable[[], bool], on: str) -> None:
        """Ask until the answer is yes, and say so; meanwhile show what the process `on` which it waits wrote last."""
        remind = self._screen.elapsed_s + REMIND_S
        while not await asyncio.to_thread(ask):
            if self._screen.elapsed_s > remind:
                log_file = self._logs / f"{on}.log"
                self._screen.step(part, f"still waiting; {log_file} ends with: {self._last_line(on)}")
                remind += REMIND_S
            await asyncio.sleep(POLL_S)
        self._screen.step(part, done)

    def _last_line(self, name: str) -> str:
        return next((child.last_line for child in self._children if child.name == name), "")

    async def _watch_alarms(self) -> None:
        session = Session(
            BrokerSettings(port=self._options.broker_port, username=PAGER, password=f"file:{SECRETS_FOLDER / PAGER}"),
            self._folder,
            client_id="wardline-demo",
            subscriptions=[topics.ALL_EVENTS],
            on_message=self._hear,
        )
        await supervise("alarm watch", session.run, last_s=2.0)

    def _hear(self, topic: str, payload: bytes, _retained: bool) -> None:
        try:
            self._screen.alarm(decode(payload, AlarmEvent))
        except WireError as error:
            log.error("cannot read the event on %s: %s", topic, error)

    def _warn(self, text: str) -> None:
        self._screen.step("trouble", text)

    def _end_of_time(self) -> None:
        self._time_is_up = True
        self._stop.set()

    async def _end(self) -> None:
        """Stop the parts from the bedside to the broker, so that each can still say goodbye to the next."""
        if not self._children and self._broker is None:
            return
        self._screen.restart_clock()
        self._screen.say("")
        for child in self._children:
            left = max(0.2, STOP_WITHIN_S - self._screen.elapsed_s)
            await child.stop(min(left, STOP_PART_S[child.name]))
        if self._broker is not None:
            await self._broker.stop()
        self._screen.step("stopped", "edge, simulator, hub and broker")


def _recipients(pagers: Path | None) -> list[Client]:
    """A login for each recipient with a device. Raises DocumentError or UsageError."""
    if pagers is None:
        return []
    plan = read_pagers(read_text(pagers), str(pagers))
    return [Client(recipient.id, "pager") for recipient in plan.recipients.values() if recipient.mqtt]


def check_ports(port: int, broker_port: int) -> None:
    """Raises UsageError that names the port somebody else listens on, and the option that changes it."""
    if port == broker_port:
        raise UsageError(f"board and broker cannot share port {port}; choose another with --port or --broker-port")
    for number, option in ((port, "--port"), (broker_port, "--broker-port")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as error:
                raise UsageError(_port_trouble(number, option, error)) from error


def _port_trouble(number: int, option: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"port {number} needs more rights than yours; choose one above 1023 with {option} N"
    return f"port {number} is already in use; choose another with {option} N"
