"""The paging at work: events and receipts in, pages saved, then sent; the state of it all told to the hub."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from chassis.clock import Clock, DisciplinedClock, SystemClock
from chassis.failpoints import failpoint
from chassis.session import Session, Will
from chassis.tasks import run_until, supervise
from hub.pagers.channels import channels_of
from hub.pagers.courier import Courier, Word
from hub.pagers.events import BEGINNING, Events
from hub.pagers.links import Links
from hub.pagers.store import Link, PageStore
from hub.pagers.wording import Wording
from hub.registry import Registry
from hub.settings import HubSettings
from rules.paging import Paging, Send
from rules.rotas import Plan
from vitals import topics
from vitals.codec import decode, encode
from vitals.errors import StorageError, UsageError, WireError
from vitals.pages import Page, PageReceipt, PagerFault, PagersStatus

TICK_S = 0.1
STATUS_S = 5.0
READ_AT_ONCE = 500
CHANNEL_FAULT_MS = 60_000  # a channel that fails for so long is a fault even if another one reaches the recipient
GRACE_MS = 5_000  # trouble with a file is told after so long: at the first start there is no journal yet
BEHIND_MS = 2_000  # not read for so long: what comes now may carry times of another clock

log = logging.getLogger(__name__)


class PagerService:
    """One per hub. `folder` is where relative paths of the settings begin."""

    def __init__(self, settings: HubSettings, plan: Plan, folder: Path, clock: Clock | None = None) -> None:
        self._settings = settings
        self._plan = plan
        self._clock = DisciplinedClock(clock or SystemClock())
        self._journal = folder / settings.journal.path
        self._store = PageStore(folder / settings.pagers.path)
        self._started = self._clock.now()
        self._store.name((recipient.id, recipient.title) for recipient in plan.recipients.values())
        saved = self._store.load()
        self._bookmark = self._saved_bookmark = saved.bookmark
        self._paging = Paging(plan)
        self._paging.restore(saved.escalations, saved.calls, saved.deliveries, saved.faults)
        self._links = Links(settings.pagers.base_url)
        registry = Registry(settings)
        self._wording = Wording(registry.wards, registry.bed_titles)
        self._events: Events | None = None
        self._read_at = 0  # when the journal was last read; 0: not yet
        self._words: deque[Word] = deque()  # of couriers and devices, for the next tick
        # (connection, number of the message, delivery) the broker has not acknowledged yet
        self._handed: list[tuple[int, int, str]] = []
        self._owed: list[Link] = []  # made and not saved, because the disk refused
        self._trouble: dict[str, PagerFault] = {}  # what does not work, journal or pages
        self._said: set[str] = set()
        self._broken: dict[str, str] = {}  # recipient → what is wrong with its settings
        self._told: tuple[PagerFault, ...] = ()
        self._couriers = self._make_couriers(plan, folder)
        self._session = Session(
            settings.broker,
            folder,
            client_id=f"{settings.hub[:24]}-pagers",
            subscriptions=(topics.ALL_PAGES_RECEIVED,),
            on_message=self._receive,
            on_connect=self._connected,
            will=Will(topics.pagers_status(settings.hub), encode(PagersStatus(hub=settings.hub, online=False))),
        )

    @property
    def connected(self) -> bool:
        """Whether the connection to the broker stands."""
        return self._session.connected

    @property
    def failing(self) -> int:
        """How many recipients and parts of the paging fail now."""
        return len(self._faults(self._clock.now()))

    async def run(self, stop: asyncio.Event) -> None:
        """Page until `stop`."""
        for courier in self._couriers:
            courier.start()
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "pager session": self._session.run,
            "paging": self._work,
            "pager status": self._beat,
        }
        tasks = [asyncio.create_task(supervise(name, part, last_s=2.0), name=name) for name, part in parts.items()]
        try:
            await run_until(stop, *tasks[1:])
            self._say_status(online=False)
            await asyncio.sleep(0.1)
        finally:
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for courier in self._couriers:
                courier.halt()
            if self._events is not None:
                self._events.close()
            self._store.close()

    async def _work(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(TICK_S)

    def tick(self) -> None:
        """Learn what happened, decide, save, send."""
        now = self._clock.now()
        self._read(now)
        self._hear(now)
        sends = self._paging.advance(now)
        pages = [self._page(send, now) for send in sends]
        self._save(now)
        for page in pages:
            self._send(page)
        if tuple(self._faults(now)) != self._told:
            self._say_status(online=True)

    # Events in.

    def _read(self, now: int) -> None:
        try:
            self._read_events(now)
        except StorageError as error:
            self._note("journal", str(error), now)
            if self._events is not None:
                self._events.close()
                self._events = None
        else:
            self._note("journal", "", now)
            self._read_at = now

    def _read_events(self, now: int) -> None:
        if self._events is not None and self._events.replaced():
            self._events.close()
            self._events = None
        if self._events is None:
            self._events = Events(self._journal)
            if self._bookmark == BEGINNING or not self._events.knows(self._bookmark):
                self._begin(now)
        live = self._read_at > 0 and now - self._read_at < BEHIND_MS
        while True:
            events, self._bookmark = self._events.after(self._bookmark, READ_AT_ONCE)
            for event in events:
                self._paging.take(event, now, live=live)
            if len(events) < READ_AT_ONCE:
                return

    def _begin(self, now: int) -> None:
        """A journal we have no place in: what stands in it is paged, what is over is not."""
        assert self._events is not None
        standing, self._bookmark = self._events.standing()
        for alarm in standing:
            self._paging.stand(alarm, now)

    # Receipts and the words of couriers in.

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:
        match topics.split(topic):
            case ["page", recipient, "received"] if not retained and payload:
                try:
                    receipt = decode(payload, PageReceipt)
                except WireError as error:
                    log.warning("cannot read the receipt of %s: %s", recipient, error.reason)
                    return
                self._words.append(Word(receipt.page, recipient, "received"))
                failpoint("page.receipt.taken")
            case _:
                pass

    def _hear(self, now: int) -> None:
        if self._handed and self._session.connected:
            here = [handed for handed in self._handed if handed[0] == self._session.generation]
            reached = self._session.acknowledged
            self._handed = [handed for handed in here if handed[1] > reached]
            for _, number, delivery in here:
                if number <= reached:
                    self._paging.sent(delivery, now)
        while self._words:
            word = self._words.popleft()
            if word.outcome == "trouble":
                self._paging.trouble(word.delivery, word.reason)
            elif word.outcome == "sent":
                self._paging.sent(word.delivery, now)
            else:
                known = self._paging.wanted(word.delivery)
                self._paging.received(word.delivery, word.recipient, now)
                if not known:
                    self._note_late_receipt(word, now)

    def _note_late_receipt(self, word: Word, now: int) -> None:
        try:
            self._store.note_received(word.delivery, word.recipient, now)
        except StorageError as error:
            log.warning("%s", error)

    # Pages out.

    def _page(self, send: Send, now: int) -> Page:
        address, link = self._links.of(send.delivery, now)
        if link is not None:
            self._owed.append(link)
        return self._wording.page(send, address)

    def _save(self, now: int) -> None:
        """What cannot be saved is sent all the same: a page sent twice is better than none."""
        changes = self._paging.unsaved()
        if not changes and not self._owed and self._bookmark == self._saved_bookmark:
            return
        try:
            self._store.save(self._bookmark, changes, self._paging.faults(), self._owed, now)
        except StorageError as error:
            self._note("pages", str(error), now)
            return
        self._paging.saved()
        self._owed = []
        self._saved_bookmark = self._bookmark
        self._note("pages", "", now)

    def _send(self, page: Page) -> None:
        log.info("page %s to %s about %d alarms, attempt %d", page.id, page.recipient, len(page.alarms), page.attempt)
        recipient = self._plan.recipients[page.recipient]
        failpoint("page.send.before")
        if recipient.mqtt and self._session.publish(topics.page(page.recipient), encode(page)):
            self._handed.append((self._session.generation, self._session.said, page.id))
        for courier in self._couriers:
            if courier.recipient == page.recipient:
                courier.take(page)
        failpoint("page.send.after")

    def _make_couriers(self, plan: Plan, folder: Path) -> list[Courier]:
        """One per recipient and channel; what is set up wrongly is a fault of its recipient, not of the others."""
        loop = asyncio.get_running_loop()

        def report(word: Word) -> None:
            loop.call_soon_threadsafe(self._words.append, word)

        made: list[Courier] = []
        for recipient in plan.recipients.values():
            for make in channels_of(recipient, folder, self._settings.hub, self._clock.now):
                try:
                    channel = make()
                except UsageError as error:
                    log.error("a channel of %s cannot be used: %s", recipient.id, error)
                    self._broken[recipient.id] = str(error)
                else:
                    made.append(Courier(recipient.id, channel, self._paging.wanted, report, self._clock.now))
        return made

    # How it is doing.

    def _connected(self) -> None:
        self._handed = []
        self._paging.reconnected()
        self._say_status(online=True)

    async def _beat(self) -> None:
        while True:
            self._say_status(online=True)
            await asyncio.sleep(STATUS_S)

    def _say_status(self, *, online: bool) -> None:
        now = self._clock.now()
        faults = self._faults(now)
        status = PagersStatus(
            hub=self._settings.hub, online=online, time=now, recipients=list(self._plan.recipients), faults=faults
        )
        if self._session.publish(topics.pagers_status(self._settings.hub), encode(status), retain=True):
            self._told = tuple(faults)

    def _faults(self, now: int) -> list[PagerFault]:
        found = {fault.recipient: fault for fault in self._paging.faults()}
        for name, reason in self._broken.items():
            found.setdefault(name, PagerFault(recipient=name, reason=reason, since=self._started))
        for courier in self._couriers:
            since, who = courier.health.failing_since, courier.recipient
            if since is not None and now - since >= CHANNEL_FAULT_MS:
                found.setdefault(who, PagerFault(recipient=who, reason=courier.health.reason, since=since))
        for fault in self._trouble.values():
            if now - fault.since >= GRACE_MS:
                found.setdefault("", fault)
        return sorted(found.values(), key=lambda fault: fault.recipient)

    def _note(self, what: str, reason: str, now: int) -> None:
        """One line when something has stopped, one when it is back."""
        fault = self._trouble.get(what)
        if not reason:
            if fault is not None and what in self._said:
                log.info("paging: the %s can be used again", what)
            self._trouble.pop(what, None)
            self._said.discard(what)
        elif fault is None:
            self._trouble[what] = PagerFault(reason=reason, since=now)
        elif what not in self._said and now - fault.since >= GRACE_MS:
            log.error("paging: %s", reason)
            self._said.add(what)
