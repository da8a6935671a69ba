"""The edge agent: sources, recorder, spool and publisher put together, from start to orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version

from chassis.clock import Clock, SystemClock, boot_id
from chassis.paho_session import Address, Message, PahoSession
from chassis.tasks import run_until, supervise
from edge_agent.bedside.bedside import Bedside
from edge_agent.bedside.drill import Drills
from edge_agent.bedside.ears import Ears
from edge_agent.link import LinkState
from edge_agent.publisher import Publisher
from edge_agent.recorder import Recorder
from edge_agent.seqset import Range
from edge_agent.settings import LoadedSettings
from edge_agent.sources.listeners import Listener, Secrets, build_listener, new_reception, read_secrets
from edge_agent.sources.sources import build_source
from edge_agent.spool import Spool
from edge_agent.spool_file import SpoolLock, open_spool
from edge_agent.spool_stand_in import disk_refusal, stand_in
from edge_agent.spool_thread import SpoolThread
from edge_agent.timekeeper import Timekeeper
from vitals import topics
from vitals.codec import encode
from vitals.errors import StorageError
from vitals.readings import ClockQuality
from vitals.sessions import GatewayStatus, Hello, Ledger

log = logging.getLogger(__name__)

STATUS_S = 5.0
LOOK_AT_DISK_S = 5.0
FEW = 100  # records under way to a hub that answers
WAVES_S = 0.25  # how often waves are looked through for a second of samples
SALVAGE_NOTICE_MS = 24 * 3_600_000  # how long the status tells of a spool that was damaged
FULL_NOTICE_MS = 600_000
HIGH_WATER = 0.8  # of the spool: from here on the status says so
HUB_OFFSET_MS = 2_000  # the clocks of gateway and hub differ by more: people should look


def run_agent(loaded: LoadedSettings, stop_event: Callable[[], asyncio.Event]) -> None:
    """Run an agent until `stop_event()`, called inside the loop, is set.

    Raises UsageError when the spool is in use or a secret is missing, StorageError when the spool cannot be opened.
    """
    address = broker_address(loaded)
    secrets = read_secrets(loaded)
    path = loaded.folder / loaded.settings.spool.path

    async def main(spool: Spool, refusal: str = "") -> bool:
        agent = Agent(loaded, spool, address, secrets, refusal=refusal)
        with _metrics(agent, spool, loaded):
            await agent.run(stop_event())
        return agent.disk_is_back

    while refusal := disk_refusal(path):
        log.error("the disk of the spool %s takes nothing (%s): readings go out from memory only", path, refusal)
        with stand_in() as spool:
            if not asyncio.run(main(spool, refusal)):
                return
        log.warning("the disk of the spool %s takes data again: readings are kept from now on", path)
    lock = SpoolLock(path)
    try:
        own = loaded.settings.spool
        kept = own.retain_after_ack if own.forget_on == "receipt" else 0
        asyncio.run(main(open_spool(path, own.max_mb << 20 if own.max_mb else None, kept)))
    finally:
        lock.release()


def broker_address(loaded: LoadedSettings) -> Address:
    """Where to connect, with secrets and certificates read. Raises UsageError."""
    broker = loaded.settings.broker
    username, password = broker.login(loaded.folder)
    if password is not None and username is None:
        username = loaded.settings.gateway
    return Address(
        host=broker.host,
        port=broker.port,
        client_id=loaded.settings.gateway,
        username=username,
        password=password,
        tls=broker.tls.context(loaded.folder) if broker.tls else None,
        protocol=broker.protocol,
    )


def _metrics(agent: Agent, spool: Spool, loaded: LoadedSettings) -> AbstractContextManager[None]:
    settings = loaded.settings
    if settings.metrics is None:
        return nullcontext()
    from chassis.metrics import metrics_page  # slow to import, and needed only here
    from edge_agent.metrics import EdgeMetrics

    return metrics_page(settings.metrics, EdgeMetrics(agent, spool, settings.gateway, version("wardline")))


class Agent:
    """One gateway. Make it inside the event loop."""

    def __init__(
        self,
        loaded: LoadedSettings,
        spool: Spool,
        address: Address,
        secrets: Secrets | None = None,
        clock: Clock | None = None,
        refusal: str = "",
    ) -> None:
        """`refusal`: why the disk takes nothing, when `spool` is in memory."""
        self._loaded = loaded
        self._refusal = refusal
        self.disk_is_back = False  # and nothing waits in memory: the spool can be opened
        self._secrets = secrets or {}
        self._settings = loaded.settings
        self._digest = loaded.digest
        self._gateway = loaded.settings.gateway
        self._spool = SpoolThread(spool)
        self._boot = boot_id()
        self._timekeeper = Timekeeper(clock or SystemClock(), self._spool, self._boot)
        self._clock: Clock = self._timekeeper.clock
        self._quality = self._timekeeper.watch
        self._opened_at = self._clock.steady_ms()
        self._full_until = 0
        self._status_due = asyncio.Event()
        self.publisher = Publisher(
            self._gateway, self._spool, self._clock, self._boot, self._greeting, self._settings.spool.forget_on
        )
        self.recorder = Recorder(
            self._spool,
            self._clock,
            self._quality,
            self._boot,
            self._settings.spool.commit_interval.seconds,
            lambda seqs, measured: self.publisher.committed(seqs, measured),
            self._pruned,
            self.publisher.memory,
        )
        self.recorder.in_memory = self.publisher.in_memory
        self.recorder.waves_stored = self.publisher.waves_committed
        self.recorder.changed = self._status_due.set
        self.recorder.settle = self.publisher.forget_now
        self.publisher.heard = self._timekeeper.heard
        self.publisher.guesses = lambda: self._timekeeper.guesses
        self._timekeeper.sure = self.publisher.sure
        self._timekeeper.dated = self.recorder.dated
        self.bedside = Bedside(
            self._gateway,
            self._settings.bedside,
            loaded.folder,
            self._clock,
            self._quality,
            self._status_due.set,
        )
        self.recorder.taken = self.bedside.taken
        self.drills = Drills(
            self._settings.device_ids(),
            self.recorder,
            self._spool,
            self.publisher,
            self._clock,
            self._status_due.set,
        )
        self.bedside.on_drill = self.drills.order
        # The publisher greets first: what was alarmed at the bed goes out before the next readings.
        self.session = PahoSession(address, self._will, Ears([self.publisher, self.bedside]))
        self.publisher.session = self.bedside.session = self.session
        self.links = {
            device.id: LinkState(device.id, device.driver, self._clock, self._status_due.set)
            for device in self._settings.devices
        }
        self.links |= {
            device.id: LinkState(device.id, listener.kind, self._clock, self._status_due.set)
            for listener in self._settings.listeners
            for device in listener.devices
        }
        self.receptions = [
            new_reception(listener, self.links, self._clock, self.recorder) for listener in self._settings.listeners
        ]

    @property
    def clock_quality(self) -> ClockQuality:
        """How good the system clock is."""
        return self._quality.quality

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then put everything pending on the disk and say goodbye."""
        for device in self._settings.devices:
            self.recorder.add_device(device.id, device.interval, device.waves)
        for listener in self._settings.listeners:
            for known in listener.devices:
                self.recorder.add_device(known.id, 0)
        keep = [
            _task("recorder", self.recorder.run),
            _task("broker session", self.session.run),
        ]
        if self._settings.spool.forget_on == "puback":
            log.warning(
                "spool.forget_on is puback: this agent LOSES readings; it is meant for the loss experiment only"
            )
        log.info(
            "gateway %s: %d devices, spool epoch %d, %d records waiting for a receipt",
            self._gateway,
            len(self.links),
            self._spool.spool.epoch,
            self.publisher.lanes.waiting,
        )
        ways = self._ways_in()
        try:
            await run_until(
                stop,
                _task("clock", self._timekeeper.run),
                _task("publisher", self.publisher.run),
                _task("forget", self.publisher.forget),
                _task("status", self._report),
                *([_task("waves", self._cut_waves)] if any(d.waves != "none" for d in self._settings.devices) else []),
                _task("bedside", self.bedside.run),
                _task("bedside rules", self.bedside.take_bundles),
                _task("bedside command", self.bedside.run_command),
                _task("bedside files", self.bedside.keep),
                _task("drills", self.drills.run),
                *([asyncio.create_task(self._await_disk(ways), name="disk")] if self._refusal else []),
                asyncio.create_task(_all(ways), name="ways in"),
            )
        finally:
            await self._close(keep)

    async def _await_disk(self, ways: list[asyncio.Task[None]]) -> None:
        """End when the disk takes data again, and all that was read until then has its receipt."""
        path = self._loaded.folder / self._settings.spool.path
        while await asyncio.to_thread(disk_refusal, path) or self.publisher.lanes.waiting > FEW:
            await asyncio.sleep(LOOK_AT_DISK_S)
        for way in ways:
            way.cancel()
        await self.recorder.flush(patient=False)
        while self.publisher.lanes.waiting:
            await asyncio.sleep(WAVES_S)
        self.disk_is_back = True

    def _ways_in(self) -> list[asyncio.Task[None]]:
        sources = {
            f"device {device.id}": build_source(
                device, self._loaded.folder, self.links[device.id], self._clock, self.recorder
            )
            for device in self._settings.devices
        }
        listeners: dict[str, Listener] = {
            f"listener {listener.id}": build_listener(listener, self._loaded, self._secrets, reception)
            for listener, reception in zip(self._settings.listeners, self.receptions, strict=True)
        }
        return [_task(name, way.run) for name, way in (sources | listeners).items()]

    async def _close(self, tasks: list[asyncio.Task[None]]) -> None:
        try:
            self.recorder.cut_waves(everything=True)
            await self.recorder.flush(patient=False)
            await self.publisher.forget_now()
        except StorageError as exc:
            log.error("at the end: %s; %d records were in memory only", exc, self.recorder.memory.holds)
        await self.session.stop(self._status(online=False, reason="stopped"))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._spool.close()
        log.info("gateway %s has stopped, %d records wait for a receipt", self._gateway, self.publisher.lanes.waiting)

    async def _cut_waves(self) -> None:
        while True:
            self.recorder.cut_waves()
            await asyncio.sleep(WAVES_S)

    async def _report(self) -> None:
        """Publish the status each few seconds, and at once when a link changes."""
        while True:
            try:
                await asyncio.wait_for(self._status_due.wait(), STATUS_S)
                await asyncio.sleep(0.1)  # links that change together are told together
            except TimeoutError:
                pass
            self._status_due.clear()
            self.session.publish(self._status(online=True))

    def _greeting(self) -> list[Message]:
        lanes, spool = self.publisher.lanes, self._spool.spool
        hello = Hello(
            gateway=self._gateway,
            epoch=spool.epoch,
            lowest=spool.lowest,
            highest=lanes.accepted if spool.lowest else 0,
            accepted=lanes.accepted,
            time=max(0, self._clock.wall_ms()),
            clock=self._quality.quality,
            boot=self._boot,
            version=version("wardline"),
            settings=self._digest,
            devices=self._settings.device_ids(),
        )
        return [
            Message(topic=topics.up(self._gateway, "hello"), payload=encode(hello)),
            self._status(online=True),
            *self.bedside.greeting(),
        ]

    def _status(self, *, online: bool, reason: str = "") -> Message:
        status = GatewayStatus(
            gateway=self._gateway,
            online=online,
            time=max(0, self._clock.wall_ms()),
            epoch=self._spool.spool.epoch,
            spooled=self.publisher.lanes.waiting,
            accepted=self.publisher.lanes.accepted,
            reason=reason or self._reason(),
            devices=[link.status() for link in self.links.values()],
            listeners=[reception.status() for reception in self.receptions],
            rules=self.bedside.rules,
            hub_silent_since=self.bedside.silent_since,
            drill=self.drills.trace,
            durability="degraded" if self.recorder.trouble or self._refusal else "full",
            ledger=self._ledger(),
            version=version("wardline"),
        )
        return Message(topic=topics.up(self._gateway, "status"), payload=encode(status), retain=True)

    def _will(self) -> Message:
        """What the broker says for us when we vanish. It is fixed at connect, so it says only that."""
        status = GatewayStatus(gateway=self._gateway, online=False, reason="connection lost")
        return Message(topic=topics.up(self._gateway, "status"), payload=encode(status), retain=True)

    def _reason(self) -> str:
        """Everything a person should look at, the worst first."""
        now = self._clock.steady_ms()
        spool = self._spool.spool
        reasons = [self.publisher.reason]
        if self.recorder.trouble:
            reasons.append(f"spool_error: {self.recorder.trouble}")
        if self._refusal:
            reasons.append(f"spool_error: the disk takes nothing ({self._refusal}), readings are in memory only")
        if now < self._full_until:
            reasons.append(f"spool_full: {self.publisher.lanes.pruned} records pruned so far")
        elif spool.fill > HIGH_WATER or spool.disk_full:
            full = "its disk is full" if spool.disk_full else "when it is full the oldest records go"
            reasons.append(f"spool_full: {spool.fill:.0%} taken, {full}")
        lost = self.recorder.lost.total()
        if lost:
            reasons.append(f"{lost} records lost: " + ", ".join(sorted(+self.recorder.lost)))
        offset = self.publisher.hub_offset_ms
        if offset is not None and abs(offset) > HUB_OFFSET_MS:
            reasons.append(f"clock: the hub's is {offset / 1_000:+.0f} s from ours")
        reasons.append(self._timekeeper.reason)
        if spool.note and now - self._opened_at < SALVAGE_NOTICE_MS:
            reasons.append(spool.note)
        reasons.append(self.bedside.reason)
        if self._settings.spool.forget_on == "puback":
            reasons.append("loss experiment: forgets on PUBACK")
        return "; ".join(reason for reason in reasons if reason)

    def _ledger(self) -> list[Ledger]:
        """The books: the spool's epoch, and the volatile one once it is in use."""
        lanes = self.publisher.lanes
        own = Ledger(
            epoch=self._spool.spool.epoch,
            accepted=lanes.accepted,
            spooled=lanes.waiting,
            receipted=lanes.receipted,
            pruned=lanes.pruned,
            rejected=lanes.rejected,
            volatile=bool(self._refusal),
            lost_before_spool={reason: count for reason, count in sorted(self.recorder.lost.items()) if count},
        )
        memory = self.publisher.memory
        return [own, memory.ledger()] if memory.lanes.accepted else [own]

    def _pruned(self, seqs: Range) -> None:
        if self._clock.steady_ms() >= self._full_until:
            log.error(
                "the spool is full: the oldest records %d to %d were pruned; the hub has not had them, "
                "see why no receipts come, or raise spool.max_mb",
                *seqs,
            )
        self._full_until = self._clock.steady_ms() + FULL_NOTICE_MS
        self.publisher.pruned(seqs)
        self._status_due.set()


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    """As long as somebody wants it, also when the tasks have been stopped; then they are stopped."""
    try:
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.Event().wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _task(name: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    return asyncio.create_task(supervise(name, run), name=name)
