import asyncio
import os
import signal
import time

from chassis import paho_session
from chassis.paho_session import Address, Message, PahoSession


class Diary:
    """A listener that writes down what it is told."""

    def __init__(self):
        self.told = []

    def connected(self, connection):
        self.told.append(("connected", connection.version))

    def disconnected(self, reason):
        self.told.append(("disconnected", reason))

    def refused(self, reason):
        self.told.append(("refused", reason))

    def acknowledged(self, token, failure):
        self.told.append(("acknowledged", token, failure))

    def received(self, topic, payload):
        self.told.append(("received", topic, payload))

    def kinds(self):
        return [entry[0] for entry in self.told]


def play(broker, scene, **address):
    """Run a session at `broker` while `scene(session, diary)` plays."""

    async def main():
        diary = Diary()
        where = Address(**{"host": broker.host, "port": broker.port, "client_id": "gw-1", **address})
        session = PahoSession(where, lambda: Message(topic="will", payload=b"gone"), diary)
        task = asyncio.create_task(session.run())
        try:
            await scene(session, diary)
        finally:
            await session.stop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


async def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def test_what_is_published_is_acknowledged_and_what_is_subscribed_arrives(broker):
    async def scene(session, diary):
        await until(lambda: session.is_connected)
        session.subscribe("a/+")
        token = session.publish(Message(topic="a/b", payload=b"hello"))
        await until(lambda: ("received", "a/b", b"hello") in diary.told)
        await until(lambda: ("acknowledged", token, "") in diary.told)
        assert diary.told[0] == ("connected", "5")

    play(broker, scene)


def test_the_version_can_be_fixed(broker):
    async def scene(session, diary):
        await until(lambda: session.is_connected)
        assert diary.told == [("connected", "3.1.1")]

    play(broker, scene, protocol="3.1.1")


def test_without_a_connection_nothing_is_queued(broker):
    broker.stop()

    async def scene(session, diary):
        await until(lambda: "refused" in diary.kinds())
        assert session.publish(Message(topic="a/b", payload=b"lost")) is None
        assert not session.is_connected

    play(broker, scene)


def test_a_broker_that_comes_back_is_found_again(broker):
    async def scene(session, diary):
        await until(lambda: session.is_connected)
        broker.kill()
        await until(lambda: "disconnected" in diary.kinds())
        broker.start()
        await until(lambda: diary.kinds().count("connected") == 2)

    play(broker, scene)


def test_a_frozen_broker_counts_as_gone_and_is_found_again(broker, monkeypatch):
    monkeypatch.setattr(paho_session, "QUIET_LIMIT_S", 1.0)

    async def scene(session, diary):
        await until(lambda: session.is_connected)
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            await until(lambda: "disconnected" in diary.kinds())
            assert "silent" in diary.told[-1][1]
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
        await until(lambda: diary.kinds().count("connected") >= 2)

    play(broker, scene)


def test_a_wrong_password_is_told_and_not_hammered(new_broker, tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    passwords.chmod(0o644)
    broker = new_broker(f"per_listener_settings false\npassword_file {passwords}")
    broker.config.write_text(broker.config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.restart()

    async def scene(session, diary):
        await until(lambda: "refused" in diary.kinds())
        assert "Not authorized" in diary.told[0][1] or "Bad user name" in diary.told[0][1]
        await asyncio.sleep(1.0)
        assert diary.kinds() == ["refused"]

    play(broker, scene, username="gw-1", password="guess")


def test_the_will_is_published_when_we_vanish(broker):
    heard = Diary()

    async def scene(session, diary):
        witness = PahoSession(
            Address(host=broker.host, port=broker.port, client_id="witness"),
            lambda: Message(topic="other", payload=b""),
            heard,
        )
        task = asyncio.create_task(witness.run())
        await until(lambda: witness.is_connected and session.is_connected)
        witness.subscribe("will")
        token = witness.publish(Message(topic="x", payload=b""))
        await until(lambda: any(entry[:2] == ("acknowledged", token) for entry in heard.told))
        session._live.client.socket().shutdown(2)
        await until(lambda: ("received", "will", b"gone") in heard.told)
        await witness.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(broker, scene)


def test_an_orderly_stop_says_farewell_and_leaves_no_will(broker):
    heard = Diary()

    async def main():
        def make(name, diary):
            address = Address(host=broker.host, port=broker.port, client_id=name)
            return PahoSession(address, lambda: Message(topic="t/will", payload=b"gone"), diary)

        witness, leaving = make("witness", heard), make("leaving", Diary())
        tasks = [asyncio.create_task(session.run()) for session in (witness, leaving)]
        await until(lambda: witness.is_connected and leaving.is_connected)
        witness.subscribe("t/#")
        token = witness.publish(Message(topic="x", payload=b""))
        await until(lambda: any(entry[:2] == ("acknowledged", token) for entry in heard.told))
        await leaving.stop(Message(topic="t/status", payload=b"bye"))
        await until(lambda: ("received", "t/status", b"bye") in heard.told)
        witness.publish(Message(topic="t/end", payload=b""))
        await until(lambda: ("received", "t/end", b"") in heard.told)
        assert ("received", "t/will", b"gone") not in heard.told
        await witness.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
