"""The bad network does what it says, or the tests that use it prove nothing."""

import contextlib
import socket
import threading
import time

import pytest


@pytest.fixture
def echo():
    """A server that sends back what it gets; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(line,), daemon=True).start()

    def answer(line):
        with contextlib.suppress(OSError), line:
            while data := line.recv(4096):
                line.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def call(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def speak(proxy):
    with call(proxy) as line:
        line.recv(1)


def heard(line, size):
    data = b""
    while len(data) < size and (piece := line.recv(size - len(data))):
        data += piece
    return data


@pytest.mark.parametrize("weather", [{}, {"one_byte": True}, {"delay_s": 0.01}, {"bytes_per_s": 50_000}])
def test_what_is_sent_arrives_whole_whatever_the_weather(new_proxy, echo, weather):
    proxy = new_proxy(echo)
    for name, value in weather.items():
        setattr(proxy, name, value)
    with call(proxy) as line:
        line.sendall(bytes(range(256)) * 8)
        assert heard(line, 2048) == bytes(range(256)) * 8


def test_a_throttled_line_takes_its_time(new_proxy, echo):
    proxy = new_proxy(echo)
    proxy.bytes_per_s = 1_000
    with call(proxy) as line:
        began = time.monotonic()
        line.sendall(bytes(500))
        heard(line, 500)
        assert time.monotonic() - began > 0.35  # four waits of a tenth of a second before the last piece


def test_a_blackhole_swallows_until_it_is_over(new_proxy, echo):
    proxy = new_proxy(echo)
    with call(proxy) as line:
        line.sendall(b"a")
        assert heard(line, 1) == b"a"
        proxy.blackhole = True
        line.sendall(b"b")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
        proxy.calm()
        line.settimeout(5)
        assert heard(line, 1) == b"b"


def test_a_cut_resets_open_connections_and_new_ones_are_taken(new_proxy, echo):
    proxy = new_proxy(echo)
    with call(proxy) as line:
        line.sendall(b"a")
        heard(line, 1)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            line.recv(1)
    with call(proxy) as line:
        line.sendall(b"b")
        assert heard(line, 1) == b"b"


def test_a_connection_ends_after_so_many_bytes(new_proxy, echo):
    proxy = new_proxy(echo)
    proxy.close_after = 10
    with call(proxy) as line:
        line.sendall(bytes(50))
        with contextlib.suppress(ConnectionResetError):
            assert len(heard(line, 50)) <= 10
    assert proxy.passed <= 10


def test_a_refused_connection_is_reset(new_proxy, echo):
    proxy = new_proxy(echo)
    proxy.refuse = True
    with pytest.raises(ConnectionResetError):
        speak(proxy)
