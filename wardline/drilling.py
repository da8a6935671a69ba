"""One drill watched from outside: each hop of a TEST record from the bed to the pager, and how long it took."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt

from chassis.mqtt import BrokerSettings
from hub.pagers.book import PageBook
from vitals import topics
from vitals.alarms import Alarm, AlarmEvent
from vitals.codec import decode
from vitals.commands import Drill, Result
from vitals.drills import DRILL, DrillTrace
from vitals.errors import LinkError, WireError
from vitals.identity import BedKey
from vitals.sessions import GatewayStatus
from wardline.asking import ask, new_request
from wardline.login import new_client

HOP_S = 15.0  # a hop that takes longer is broken, whatever comes of it later
LOOK_S = 0.05


class Hop(NamedTuple):
    """One step of the way. `ms` counts from the command; None: it was not reached."""

    name: str
    ms: int | None
    detail: str = ""
    advice: str = ""  # what to do; empty when all is well


class Drilling:
    """Runs one drill; iterate over it for the hops as they happen. The last one has `advice` if it failed."""

    def __init__(
        self, broker: BrokerSettings, folder: Path, bed: BedKey, by: str, pages: Path | None, hop_s: float = HOP_S
    ) -> None:
        self._broker = broker
        self._folder = folder
        self._bed = bed
        self._by = by
        self._pages = pages
        self._hop_s = hop_s
        self._page_s = 2 * hop_s  # a page that was not received is sent again after 15 s
        self._heard: Queue[tuple[str, bytes]] = Queue()
        self._traces: list[DrillTrace] = []
        self._alarm: Alarm | None = None
        self._request = new_request()
        self._began = 0.0

    def hops(self) -> Iterator[Hop]:
        """Raises LinkError when the broker or the hub does not answer."""
        client = new_client(self._broker, self._folder, f"drill-{uuid.uuid4().hex[:12]}")
        client.on_message = lambda _client, _data, message: self._heard.put((message.topic, bytes(message.payload)))
        listening: Queue[str] = Queue()
        client.on_connect = lambda *words: self._subscribe(client, words[3], listening)
        client.on_subscribe = lambda *_: listening.put("")
        try:
            client.connect(self._broker.host, self._broker.port)
        except OSError as error:
            raise LinkError(f"cannot reach the broker {self._broker.host}:{self._broker.port}: {error}") from error
        client.loop_start()
        try:
            if trouble := _first(listening, self._hop_s, "the broker does not answer"):
                raise LinkError(trouble)
            yield from self._way()
        finally:
            client.disconnect()
            client.loop_stop()

    def _subscribe(self, client: mqtt.Client, code: Any, listening: Queue[str]) -> None:
        if code.is_failure:
            listening.put(f"the broker refused the login: {code}")
        else:
            client.subscribe([(topics.event(self._bed.ward), 1), (topics.up("+", "status"), 1)])

    def _way(self) -> Iterator[Hop]:
        self._began = time.monotonic()
        command = Drill(request=self._request, by=self._by, reason="drill", bed=str(self._bed))
        result = ask(self._broker, self._folder, "drill", command)
        if not result.done:
            yield Hop("hub takes the command", None, advice=result.reason)
            return
        yield Hop("hub takes the command", self._ms(), f"gateway {result.gateway} is to send the record")
        for step in (self._spooled, self._announced, self._receipted, self._paged):
            hop = step(result)
            if hop is not None:
                yield hop
                if hop.advice:
                    return

    def _spooled(self, result: Result) -> Hop:
        name = "gateway spools the TEST record"
        trace = self._wait(lambda: self._trace(lambda trace: trace.spooled is not None))
        if trace is None:
            advice = (
                f"gateway {result.gateway} says nothing of the drill: see whether it runs and is connected, and "
                "whether this login may hear gateways (wardline enrol writes the access list anew)"
            )
            return Hop(name, None, advice=advice)
        if trace.problem:
            return Hop(name, None, advice=trace.problem)
        assert trace.spooled is not None
        return Hop(name, self._ms(), f"record {trace.seq} of {trace.device}, {trace.spooled - trace.heard} ms there")

    def _announced(self, result: Result) -> Hop:
        name = "hub announces the TEST alarm"
        alarm = self._wait(lambda: self._alarm)
        if alarm is None:
            advice = (
                f"the hub did not alarm: see its log for what {result.gateway} sends; right after another drill, wait "
                "a minute"
            )
            return Hop(name, None, advice=advice)
        return Hop(name, self._ms(), f"alarm {alarm.id}")

    def _receipted(self, result: Result) -> Hop:
        name = "gateway has the hub's receipt"
        trace = self._wait(lambda: self._trace(lambda trace: trace.receipted is not None))
        if trace is None or trace.problem:
            advice = "the hub has alarmed but not stored the record: see its log for the journal and the disk"
            return Hop(name, None, advice=trace.problem if trace else advice)
        assert trace.receipted is not None
        return Hop(name, self._ms(), f"{trace.receipted - trace.heard} ms after the order, by the gateway's clock")

    def _paged(self, _result: Result) -> Hop | None:
        """A page of this alarm that its recipient's device has."""
        if self._pages is None:
            return None
        name, deadline, told = "a pager receives the page", time.monotonic() + self._page_s, ""
        book = PageBook(self._pages)
        try:
            while time.monotonic() < deadline:
                for page in asyncio.run(book.pages(self._bed.ward, None, 50)):
                    if not any(self._alarm and call.alarm.id == self._alarm.id for call in page.calls):
                        continue
                    sent, received = page.delivery.sent, page.delivery.received
                    if sent is not None and received is not None:
                        return Hop(name, self._ms(), page.name)
                    told = f"{page.name} was sent the page and has not confirmed it" if sent else "a page waits"
                time.sleep(LOOK_S)
        finally:
            book.close()
        advice = told or "nobody was paged: see wardline pagers check, and whether the pagers part of the hub runs"
        return Hop(name, None, advice=f"{advice}; look at the recipient's device and the log of the hub")

    def _wait(self, ready: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self._hop_s
        while (found := ready()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            try:
                self._take(*self._heard.get(timeout=left))
            except Empty:
                return None
        return found

    def _take(self, topic: str, payload: bytes) -> None:
        try:
            if topics.parse_up(topic) is not None:
                trace = decode(payload, GatewayStatus).drill
                if trace is not None and trace.request == self._request:
                    self._traces.append(trace)
            else:
                event = decode(payload, AlarmEvent)
                alarm = event.alarm
                if alarm.rule == DRILL and alarm.bed == self._bed.bed and event.change in ("raised", "reraised"):
                    self._alarm = alarm
        except WireError:
            return

    def _trace(self, fits: Callable[[DrillTrace], bool]) -> DrillTrace | None:
        return next((trace for trace in self._traces if trace.problem or fits(trace)), None)

    def _ms(self) -> int:
        return round((time.monotonic() - self._began) * 1_000)


def _first(queue: Queue[str], timeout_s: float, otherwise: str) -> str:
    try:
        return queue.get(timeout=timeout_s)
    except Empty:
        return otherwise
