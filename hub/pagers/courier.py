"""A courier: one thread that carries pages over one channel to one recipient, so that a slow one delays nobody else."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from vitals.errors import LinkError
from vitals.pages import Page

RETRY_S = (1.0, 3.0)  # between the attempts at one page; after the last the paging decides

log = logging.getLogger(__name__)


class Channel(Protocol):
    """One way to one recipient. Used by one thread."""

    name: str  # webhook or notify
    confirms: bool  # whether delivering is as good as a receipt

    def deliver(self, page: Page) -> None:
        """Hand the page over. Raises LinkError saying why not; must end within seconds."""


class Word(NamedTuple):
    """What became of a page."""

    delivery: str
    recipient: str
    outcome: Literal["sent", "received", "trouble"]
    reason: str = ""


@dataclass(slots=True)
class Health:
    """How a channel is doing."""

    reason: str = ""  # of the last failure; empty when the last page went through
    failing_since: int | None = None  # UTC ms


class Courier:
    """Carries the newest of each page; drops those nobody wants any more."""

    def __init__(
        self,
        recipient: str,
        channel: Channel,
        wanted: Callable[[str], bool],
        report: Callable[[Word], None],
        now: Callable[[], int],
    ) -> None:
        self.recipient = recipient
        self.channel = channel
        self.health = Health()
        self._wanted = wanted
        self._report = report
        self._now = now
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._some = threading.Condition()
        self._halted = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pager {recipient} {channel.name}", daemon=True)

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def take(self, page: Page) -> None:
        """Carry this page; never blocks."""
        with self._some:
            self._pages[page.id] = page
            self._some.notify()

    def halt(self) -> None:
        """Stop after the page under way; does not wait for it."""
        self._halted.set()
        with self._some:
            self._some.notify()

    def _run(self) -> None:
        while (page := self._next()) is not None:
            self._carry(page)

    def _next(self) -> Page | None:
        with self._some:
            while True:
                if self._halted.is_set():
                    return None
                while self._pages:
                    id_, page = self._pages.popitem(last=False)
                    if self._wanted(id_):
                        return page
                self._some.wait()

    def _carry(self, page: Page) -> None:
        reason = ""
        for wait in (0.0, *RETRY_S):
            if self._halted.wait(wait) or not self._wanted(page.id):
                return
            try:
                self.channel.deliver(page)
            except LinkError as error:
                reason = f"{self.channel.name}: {error}"
            except Exception as error:  # the thread of a channel must outlive whatever a library thinks of
                log.exception("the channel %s of %s failed", self.channel.name, self.recipient)
                reason = f"{self.channel.name}: {type(error).__name__}"
            else:
                self._well(page)
                return
        self._ill(page, reason)

    def _well(self, page: Page) -> None:
        if self.health.reason:
            log.info("pages reach %s again by %s", self.recipient, self.channel.name)
        self.health = Health()
        self._report(Word(page.id, self.recipient, "received" if self.channel.confirms else "sent"))

    def _ill(self, page: Page, reason: str) -> None:
        if not self.health.reason:
            log.warning("a page does not reach %s: %s", self.recipient, reason)
        since = self.health.failing_since
        self.health = Health(reason, self._now() if since is None else since)
        self._report(Word(page.id, self.recipient, "trouble", reason))
