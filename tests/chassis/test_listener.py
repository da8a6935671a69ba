"""A listening connection against real brokers: what is published is heard, and a broken line is noticed."""

import asyncio
import logging
import os
import signal
import time

import pytest

from chassis import listener as listener_module
from chassis.listener import Listener
from chassis.mqtt import BrokerSettings
from chassis.session import Session
from vitals.errors import LinkError


async def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


class Rig:
    """A listener at work, and a session to publish with."""

    def __init__(self, broker, folder, protocol="auto"):
        self.heard = []
        self.connects = 0
        settings = BrokerSettings(host=broker.host, port=broker.port, protocol=protocol)
        self.listener = Listener(
            settings,
            folder,
            client_id="hub-ear",
            subscriptions=("up/+/+",),
            on_message=lambda *message: self.heard.append(message),
            on_connect=self._connected,
        )
        self.session = Session(settings, folder, client_id="hub", subscriptions=(), on_message=lambda *_: None)
        self.tasks = []

    def _connected(self):
        self.connects += 1

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(self.session.run()), asyncio.create_task(self.listener.run())]
        await until(lambda: self.session.connected and self.listener.connected)
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.mark.parametrize("protocol", ["auto", "3.1.1"])
def test_what_is_published_is_heard_whole_and_in_order(broker, tmp_path, protocol):
    payloads = [bytes([number % 256]) * number for number in (0, 1, 127, 128, 20_000, 200_000)]

    async def main():
        async with Rig(broker, tmp_path, protocol) as rig:
            for payload in payloads:
                rig.session.publish("up/gw/vitals", payload)
            await until(lambda: len(rig.heard) == len(payloads))
            assert rig.heard == [("up/gw/vitals", payload, False) for payload in payloads]

    asyncio.run(main())


def test_more_than_the_brokers_window_is_heard_because_each_is_acknowledged(broker, tmp_path):
    async def main():
        async with Rig(broker, tmp_path) as rig:
            for number in range(2_000):  # the window is 200
                rig.session.publish("up/gw/vitals", b"%d" % number)
                if number % 100 == 0:
                    await until(lambda: rig.session.drained)
            await until(lambda: len(rig.heard) == 2_000)
            assert [int(payload) for _, payload, _ in rig.heard] == list(range(2_000))

    asyncio.run(main())


def test_a_retained_message_says_so(broker, tmp_path):
    async def main():
        async with Rig(broker, tmp_path) as first:
            first.session.publish("up/gw/status", b"kept", retain=True)
            await until(lambda: first.heard)
            assert first.heard == [("up/gw/status", b"kept", False)]
        async with Rig(broker, tmp_path) as second:
            await until(lambda: second.heard)
            assert second.heard == [("up/gw/status", b"kept", True)]

    asyncio.run(main())


def test_a_killed_broker_ends_it_with_a_link_error(broker, tmp_path):
    async def main():
        async with Rig(broker, tmp_path) as rig:
            broker.kill()
            with pytest.raises(LinkError, match="lost the broker"):
                await asyncio.wait_for(rig.tasks[1], 5)
            assert not rig.listener.connected

    asyncio.run(main())


def test_a_frozen_broker_is_noticed(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(listener_module, "KEEPALIVE_S", 1)

    async def main():
        async with Rig(broker, tmp_path) as rig:
            os.kill(broker.process.pid, signal.SIGSTOP)
            try:
                with pytest.raises(LinkError, match="nothing heard"):
                    await asyncio.wait_for(rig.tasks[1], 10)
            finally:
                os.kill(broker.process.pid, signal.SIGCONT)

    asyncio.run(main())


def test_a_quiet_connection_stays(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(listener_module, "KEEPALIVE_S", 1)

    async def main():
        async with Rig(broker, tmp_path) as rig:
            await asyncio.wait(rig.tasks, timeout=3.5)
            assert rig.listener.connected
            rig.session.publish("up/gw/vitals", b"x")
            await until(lambda: rig.heard)

    asyncio.run(main())


def test_a_broker_that_wants_a_login_is_named(new_broker, tmp_path):
    broker = new_broker()
    broker.kill()
    broker.config.write_text(broker.config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()

    async def main():
        settings = BrokerSettings(host=broker.host, port=broker.port)
        listener = Listener(settings, tmp_path, client_id="hub-ear", subscriptions=("a",), on_message=lambda *_: None)
        with pytest.raises(LinkError, match=f"{broker.port} refused hub-ear: reason 0x87"):
            await listener.run()

    asyncio.run(main())


def test_nobody_there_is_a_link_error(tmp_path, broker):
    broker.kill()

    async def main():
        listener = Listener(
            BrokerSettings(host=broker.host, port=broker.port),
            tmp_path,
            client_id="hub-ear",
            subscriptions=("a",),
            on_message=lambda *_: None,
        )
        with pytest.raises(LinkError, match="refused hub-ear"):
            await listener.run()

    asyncio.run(main())


def test_a_message_whose_handling_fails_is_passed_over_with_a_word(broker, tmp_path, caplog):
    async def main():
        async with Rig(broker, tmp_path) as rig:
            take = rig.heard.append
            rig.listener._on_message = lambda *message: take(message) if message[1] != b"poison" else 1 / 0
            for payload in (b"before", b"poison", b"after"):
                rig.session.publish("up/gw/vitals", payload)
            await until(lambda: len(rig.heard) == 2)
            assert [payload for _, payload, _ in rig.heard] == [b"before", b"after"]
            assert rig.connects == 1

    asyncio.run(main())
    (said,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert said.getMessage() == "a message on up/gw/vitals was passed over"
    caplog.clear()


def test_bytes_that_are_no_mqtt_end_the_connection_and_a_new_one_hears_again(tmp_path):
    accepted, granted = b"\x20\x03\x00\x00\x00", b"\x90\x04\x00\x01\x00\x01"
    message = b"\x30\x08\x00\x03a/b\x00ok"
    visits = []

    async def serve(reader, writer):
        visits.append(writer)
        await reader.read(1024)
        writer.write(accepted)
        await reader.read(1024)
        writer.write(granted + (b"\x00\x00" if len(visits) == 1 else message))

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        heard = []
        settings = BrokerSettings(port=server.sockets[0].getsockname()[1])
        listener = Listener(
            settings, tmp_path, client_id="x", subscriptions=("a/+",), on_message=lambda *m: heard.append(m)
        )
        with pytest.raises(LinkError, match=r"lost the broker .*: a packet of kind 0"):
            await asyncio.wait_for(listener.run(), 10)
        assert not listener.connected
        again = asyncio.create_task(listener.run())
        await until(lambda: heard)
        assert heard == [("a/b", b"ok", False)]
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        for writer in visits:
            writer.close()
        server.close()
        await server.wait_closed()

    asyncio.run(main())
