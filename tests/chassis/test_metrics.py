"""The metrics page: a real HTTP server, a real event loop that may hang."""

import asyncio
import contextlib
import socket
import threading
import urllib.error
import urllib.request

import pytest

from chassis import metrics
from chassis.histogram import Histogram
from chassis.metrics import Family, metrics_page
from chassis.metrics_settings import MetricsSettings
from tests.conftest import free_port as any_port
from vitals.errors import UsageError

SEEN = Family(name="wardline_birds_seen_total", kind="counter", help="Birds", labels=("kind",))
NESTS = Family(name="wardline_nests", kind="gauge", help="Nests")
FLIGHT = Family(name="wardline_flight_seconds", kind="histogram", help="Flights")


class Garden:
    """Something that counts, in the loop and on a disk."""

    def __init__(self):
        self.flights = Histogram((0.1, 1.0))
        self.look = lambda: None

    def collect(self):
        self.look()
        yield SEEN.by({"tit": 3, 'a "wren"': 1})
        yield FLIGHT.spread(self.flights)

    def read(self):
        yield NESTS.one(2)


@pytest.fixture
def free_port():
    return any_port()


@pytest.fixture
def garden():
    return Garden()


@pytest.fixture
def loop():
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def serve(loop, garden, free_port):
    """Serve the garden; gives the address."""
    stack = contextlib.ExitStack()

    async def begin(port):
        stack.enter_context(metrics_page(MetricsSettings(port=port), garden))

    def serve(port=free_port):
        asyncio.run_coroutine_threadsafe(begin(port), loop).result(10)
        return f"http://127.0.0.1:{port}"

    yield serve
    stack.close()


def get(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_the_page_shows_what_is_in_memory_on_the_disk_and_of_the_process(serve, garden):
    for took in (0.05, 0.1, 0.5, 7.0):
        garden.flights.observe(took)
    status, content, page = get(serve() + "/metrics")
    assert status == 200
    assert content.startswith("text/plain")
    lines = page.splitlines()
    assert 'wardline_birds_seen_total{kind="tit"} 3.0' in lines
    assert 'wardline_birds_seen_total{kind="a \\"wren\\""} 1.0' in lines
    assert "wardline_nests 2.0" in lines
    assert 'wardline_flight_seconds_bucket{le="0.1"} 2.0' in lines
    assert 'wardline_flight_seconds_bucket{le="+Inf"} 4.0' in lines
    assert "wardline_flight_seconds_sum 7.65" in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


def test_a_prometheus_that_asks_for_open_metrics_gets_it(serve):
    status, content, page = get(serve() + "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert status == 200
    assert content.startswith("application/openmetrics-text")
    assert page.endswith("# EOF\n")


def test_other_addresses_say_where_the_page_is(serve):
    status, _, sentence = get(serve() + "/")
    assert status == 404
    assert "/metrics" in sentence


def test_a_process_whose_loop_hangs_is_seen_to_hang_and_seen_again_afterwards(serve, garden, loop, monkeypatch):
    monkeypatch.setattr(metrics, "LOOP_TIMEOUT_S", 0.05)
    address = serve()
    free = threading.Event()
    loop.call_soon_threadsafe(free.wait, 10)
    try:
        status, _, sentence = get(address + "/metrics")
    finally:
        free.set()
    assert status == 503
    assert "hangs" in sentence
    monkeypatch.setattr(metrics, "LOOP_TIMEOUT_S", 10)
    assert get(address + "/metrics")[0] == 200


def test_a_mistake_in_a_number_is_said_and_not_an_empty_page(serve, garden, caplog):
    def fail():
        raise KeyError("a number")

    garden.look = fail
    status, _, sentence = get(serve() + "/metrics")
    assert status == 500
    assert "log" in sentence
    assert "the metrics page failed" in caplog.text


def test_what_is_collected_is_looked_at_in_the_event_loop(serve, garden):
    seen = []
    garden.look = lambda: seen.append(asyncio.get_running_loop())
    get(serve() + "/metrics")
    assert len(seen) == 1


def test_a_client_that_says_nothing_does_not_keep_others_out(serve):
    address = serve()
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))):
        assert get(address + "/metrics")[0] == 200


def test_a_port_that_is_taken_is_a_sentence_that_says_what_to_change(serve, free_port):
    with socket.create_server(("127.0.0.1", free_port)), pytest.raises(UsageError, match=r"metrics\.port") as refused:
        serve(free_port)
    assert str(free_port) in str(refused.value)


def test_the_port_is_free_again_afterwards(loop, garden, free_port):
    async def twice():
        for _ in range(2):
            with metrics_page(MetricsSettings(port=free_port), garden):
                pass

    asyncio.run_coroutine_threadsafe(twice(), loop).result(10)


def test_each_process_of_a_hub_has_the_next_port(loop, garden, free_port):
    async def look():
        with metrics_page(MetricsSettings(port=free_port - 3), garden, part=3):
            return await asyncio.to_thread(get, f"http://127.0.0.1:{free_port}/metrics")

    assert asyncio.run_coroutine_threadsafe(look(), loop).result(10)[0] == 200


@pytest.mark.parametrize(
    ("values", "cumulative"),
    [
        ((), [("1.0", 0), ("2.0", 0), ("+Inf", 0)]),
        ((1.0, 1.5, 2.0), [("1.0", 1), ("2.0", 3), ("+Inf", 3)]),
        ((-4.0, 9.0), [("1.0", 1), ("2.0", 1), ("+Inf", 2)]),
    ],
)
def test_a_value_counts_in_the_bucket_that_ends_at_it_or_after(values, cumulative):
    histogram = Histogram((1.0, 2.0))
    for value in values:
        histogram.observe(value)
    assert histogram.cumulative() == cumulative
    assert histogram.count == len(values)


def test_a_clock_that_is_behind_adds_nothing_to_the_sum():
    histogram = Histogram((1.0,))
    histogram.observe(-3.0)
    histogram.observe(0.5)
    assert histogram.total == 0.5
