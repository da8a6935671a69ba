"""The metrics page: what a process counts, as plain numbers, read by a Prometheus at `/metrics` when it asks.

Nothing is computed until somebody asks. What lives in the event loop is looked at in the event loop, so that a
process whose loop hangs does not answer, and so is seen to hang.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import TimeoutError as OverdueError
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Protocol, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from chassis.histogram import Histogram
from chassis.metrics_settings import MetricsSettings
from vitals.errors import UsageError

LOOP_TIMEOUT_S = 4.0  # a loop that does not answer for so long hangs; below the scrape timeout of our example
CLIENT_TIMEOUT_S = 5.0
MAX_CLIENTS = 8
IDLE_S = 5.0  # the thread sleeps until somebody comes

log = logging.getLogger(__name__)

Labels = tuple[str, ...]
_L = TypeVar("_L", bound=Labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric: its name, what it counts, and the names of its labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()

    def one(self, value: float, *labels: str) -> Metric:
        """The metric with one sample."""
        return self.many({labels: value})

    def many(self, samples: Mapping[_L, float]) -> Metric:
        """The metric with a sample for each tuple of label values."""
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        metric: Metric = make(self.name.removesuffix("_total"), self.help, labels=self.labels)
        for labels, value in samples.items():
            metric.add_metric(labels, value)  # type: ignore[attr-defined]
        return metric

    def by(self, samples: Mapping[str, float]) -> Metric:
        """The metric of one label, with a sample for each of its values."""
        return self.many({(label,): value for label, value in samples.items()})

    def spread(self, histogram: Histogram) -> Metric:
        """The metric of a histogram."""
        metric = HistogramMetricFamily(self.name, self.help)
        metric.add_metric((), histogram.cumulative(), histogram.total)
        return metric


CONNECTED = Family(
    name="wardline_broker_connected",
    kind="gauge",
    help="Whether a connection to the broker stands",
    labels=("connection",),
)
"""Of every process that speaks MQTT."""


class Counting(Protocol):
    """What a part of the system has to tell."""

    def collect(self) -> Iterable[Metric]:
        """In the event loop: quick, of what is in memory."""

    def read(self) -> Iterable[Metric]:
        """In a thread of the page: of what is on the disk. What cannot be read is left out."""


@contextlib.contextmanager
def metrics_page(settings: MetricsSettings, counting: Counting, *, part: int = 0) -> Iterator[None]:
    """Serve the page of `counting` meanwhile, on the port of the settings plus `part`.

    Call it in the running event loop. Raises UsageError when nobody can listen there.
    """
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Page(counting, asyncio.get_running_loop()))
    server = _listen(settings.host, settings.port + part, registry)
    thread = threading.Thread(target=partial(server.serve_forever, IDLE_S), name="metrics", daemon=True)
    thread.start()
    try:
        log.info("metrics are at http://%s:%d/metrics", settings.host, settings.port + part)
        yield
    finally:
        with contextlib.suppress(OSError):
            server.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread; it never waits for the loop, its answers do
        server.shutdown()
        server.server_close()


class _Page:
    """Asks the loop and the disk, each time somebody looks."""

    def __init__(self, counting: Counting, loop: asyncio.AbstractEventLoop) -> None:
        self._counting = counting
        self._loop = loop

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the loop."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Everything there is to tell. Raises OverdueError when the loop does not answer."""
        if self._loop.is_closed():
            raise OverdueError
        asked = asyncio.run_coroutine_threadsafe(self._look(), self._loop)
        try:
            found = asked.result(LOOP_TIMEOUT_S)
        except OverdueError:
            asked.cancel()
            raise
        return [*found, *self._counting.read()]

    async def _look(self) -> list[Metric]:
        return list(self._counting.collect())


def _listen(host: str, port: int, registry: CollectorRegistry) -> _Server:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return _Server(family, (host, port), registry)
    except OSError as error:
        raise UsageError(
            f"the metrics page cannot listen on {host} port {port}: {error.strerror}; "
            "free it, or change metrics.host or metrics.port"
        ) from error


class _Server(ThreadingHTTPServer):
    """Answers a few clients at a time; one that dawdles is dropped."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int], registry: CollectorRegistry) -> None:
        self.address_family = family
        self.registry = registry
        self.free = threading.Semaphore(MAX_CLIENTS)
        super().__init__(address, _Answer)

    def server_bind(self) -> None:
        """Bind, without asking a name server who we are."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is no news."""
        log.debug("a reader of the metrics page went away", exc_info=True)


class _Answer(BaseHTTPRequestHandler):
    """`/metrics`, and a sentence for everything else."""

    server: _Server
    timeout = CLIENT_TIMEOUT_S
    server_version = "wardline"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self._say(HTTPStatus.NOT_FOUND, "there is nothing at this address; see /metrics\n")
            return
        if not self.server.free.acquire(blocking=False):
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, "too many ask at the same time; ask again\n")
            return
        try:
            self._answer()
        finally:
            self.server.free.release()

    def _answer(self) -> None:
        encode, content = choose_encoder(self.headers.get("Accept", ""))
        try:
            page = encode(self.server.registry)
        except OverdueError:
            self._say(
                HTTPStatus.SERVICE_UNAVAILABLE, "the process does not answer: its event loop hangs, or has ended\n"
            )
            return
        except Exception:  # a mistake in one number must be seen, not look like a client that went away
            log.exception("the metrics page failed")
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, "the page failed; the log of the process says more\n")
            return
        self._send(HTTPStatus.OK, content, page)

    def _say(self, status: HTTPStatus, sentence: str) -> None:
        self._send(status, "text/plain; charset=utf-8", sentence.encode())

    def _send(self, status: HTTPStatus, content: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a scrape each few seconds is no news."""
