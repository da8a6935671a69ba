import asyncio
import json
import socket
import time

import pytest

from edge_agent.sources.fieldmap import FieldMap
from edge_agent.sources.listener_settings import TcpJsonSettings
from edge_agent.sources.tcp_json import TcpJsonListener
from vitals.document import read_document
from vitals.durations import Duration

FIELDS = read_document(
    "device: device_id\nvalues: [{parameter: hr, path: heart_rate, unit: bpm}]", "map.yaml", FieldMap
)


def reading(rate, device="A"):
    return json.dumps({"device_id": device, "heart_rate": rate}).encode()


@pytest.fixture
def stand(new_desk, free_port, serve):
    """`stand(scene, known=..., **settings)`: run `scene(desk, port)` against a listening server."""

    def play(scene, known=None, max_rate=1_000.0, **options):
        desk, port = new_desk(known, max_rate=max_rate), free_port()
        settings = TcpJsonSettings(port=port, **options)
        serve(TcpJsonListener(settings, FIELDS, desk.reception), desk.reception, lambda: scene(desk, port))
        return desk

    return play


async def send(port, *pieces, close=True):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    if close:
        writer.close()
        await writer.wait_closed()
    return writer


@pytest.mark.parametrize(
    "text",
    [
        b"".join(reading(rate) for rate in (70, 71, 72)),
        b"\n".join(reading(rate) for rate in (70, 71, 72)) + b"\n",
        b"[" + b",".join(reading(rate) for rate in (70, 71, 72)) + b"]",
    ],
)
def test_many_objects_on_one_connection(stand, soon, text):
    async def scene(desk, port):
        await send(port, text)
        await soon(lambda: desk.values() == [{"hr": 70.0}, {"hr": 71.0}, {"hr": 72.0}])

    assert stand(scene).refused == {}


def test_one_object_per_connection_ended_by_its_close(stand, soon):
    async def scene(desk, port):
        for rate in range(60, 80):
            await send(port, reading(rate))
        await soon(lambda: len(desk.seen) == 20)

    assert stand(scene).refused == {}


def test_an_object_in_pieces_is_one_object(stand, soon):
    async def scene(desk, port):
        text = reading(70)
        await send(port, *[text[place : place + 1] for place in range(len(text))])
        await soon(lambda: desk.values() == [{"hr": 70.0}])

    stand(scene)


def test_a_connection_lost_in_the_middle_of_an_object_is_counted(stand, soon):
    async def scene(desk, port):
        await send(port, reading(70) + reading(71)[:-5])
        await soon(lambda: desk.refused)

    desk = stand(scene)
    assert (desk.refused, desk.values()) == ({"incomplete": 1}, [{"hr": 70.0}])


def test_a_reset_connection_is_no_trouble(stand, soon):
    async def scene(desk, port):
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            rude.sendall(reading(70) + b'{"dev')
            await soon(lambda: desk.seen)
        await soon(lambda: desk.refused == {"incomplete": 1})
        await soon(lambda: desk.reception.connections == 0)

    stand(scene)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "garbage"),
        (b"\xff\x00\x80", "garbage"),
        (b'{"device_id":"\xff"}', "bad_utf8"),
        (b'{"device_id":"A","heart_rate":}', "bad_json"),
        (b'{"device_id":"A","heart_rate":NaN}', "not_finite"),
        (b'{"device_id":"Z","heart_rate":72}', "unknown_device"),
        (b'{"heart_rate":72}', "no_device_id"),
        (b'{"device_id":"A"}', "nothing_mapped"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "too_deep"),
        (b"[]", "nothing_mapped"),
    ],
)
def test_what_cannot_be_used_is_counted_and_the_next_reading_taken(stand, soon, text, reason):
    async def scene(desk, port):
        await send(port, text + b"\n" + reading(70))
        await soon(lambda: desk.seen)

    assert stand(scene).refused == {reason: 1}


def test_a_message_that_is_too_large_ends_the_connection(stand, soon):
    async def scene(desk, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"a":"' + b"x" * 2_000)
        assert await reader.read() == b""
        writer.close()
        await soon(lambda: desk.refused == {"oversized": 1})

    stand(scene, max_message=1_000)


def test_a_sender_that_never_says_anything_usable_is_hung_up_on(stand, soon):
    async def scene(desk, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"device_id":"Z","heart_rate":1}' * 200)
        with pytest.raises(ConnectionError):  # noqa: PT012
            await reader.read()
            writer.write(b"x")
            await writer.drain()
            raise ConnectionError
        writer.close()

    stand(scene)


def test_bytes_that_trickle_do_not_keep_a_connection(stand, soon, monkeypatch):
    monkeypatch.setattr("edge_agent.sources.tcp_server.SWEEP_S", 0.05)

    async def scene(desk, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        trickled = 0
        with pytest.raises(OSError):  # noqa: PT011, PT012
            while trickled < 200:
                writer.write(b'{"device_id":"A",' if trickled == 0 else b" ")
                await writer.drain()
                trickled += 1
                await asyncio.sleep(0.02)
        writer.close()
        assert desk.refused["idle"] == 1

    stand(scene, idle_timeout=Duration(300))


def test_a_connection_that_goes_on_sending_is_kept(stand, soon, monkeypatch):
    monkeypatch.setattr("edge_agent.sources.tcp_server.SWEEP_S", 0.05)

    async def scene(desk, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        for rate in range(60, 90):
            writer.write(reading(rate))
            await asyncio.sleep(0.03)
        await soon(lambda: len(desk.seen) == 30)
        writer.close()

    assert stand(scene, idle_timeout=Duration(400)).refused == {}


def test_more_connections_than_allowed_are_closed_and_counted(stand, soon):
    async def scene(desk, port):
        first = [await send(port, reading(70), close=False) for _ in range(3)]
        await soon(lambda: desk.reception.connections == 3)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionError):  # noqa: PT012
            assert await reader.read() == b""
            raise ConnectionError
        writer.close()
        await soon(lambda: desk.refused == {"too_many_connections": 1})
        for other in first:
            other.close()
        await soon(lambda: desk.reception.connections == 0)
        await send(port, reading(71))
        await soon(lambda: len(desk.seen) == 4)

    stand(scene, max_connections=3)


def test_a_thousand_connections_at_once_all_get_through(stand, soon):
    count = 1_000
    known = {f"D-{number}": f"d-{number}" for number in range(count)}

    async def scene(desk, port):
        writers = []
        for number in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append((number, writer))
        await soon(lambda: desk.reception.connections == count)
        for _ in range(3):
            for number, writer in writers:
                writer.write(reading(60 + number % 60, f"D-{number}"))
        await soon(lambda: len(desk.seen) == 3 * count)
        for _, writer in writers:
            writer.close()
        await soon(lambda: desk.reception.connections == 0)

    started = time.monotonic()
    desk = stand(scene, known)
    assert {device for device, _ in desk.seen} == set(known.values())
    assert desk.refused == {}
    assert time.monotonic() - started < 20


def test_an_address_in_use_is_told(stand, new_desk, soon):
    async def scene(desk, port):
        second = new_desk()
        listener = TcpJsonListener(TcpJsonSettings(port=port), FIELDS, second.reception)
        task = asyncio.create_task(listener.run())
        await asyncio.wait([task])
        assert "Address already in use" in str(task.exception()) or "address already in use" in str(task.exception())
        assert second.reception.status().link == "down"

    stand(scene)


SEED_SETTINGS = """\
gateway: gw-1
broker: {{host: 127.0.0.1, port: {broker}}}
spool: {{path: spool.db, commit_interval: 50ms}}
listeners:
  - id: beds
    tcp_json: {{port: {port}}}
    devices: [{{id: mon-a, known_as: ICU-MONITOR-01}}]
    map:
      device: device_id
      time: {{path: timestamp, format: epoch_s}}
      values:
        - {{parameter: hr, path: heart_rate, unit: /min}}
        - {{parameter: spo2, path: oxygen_level, unit: "%"}}
"""


def say_as_the_seed_does(port, message):
    """A new connection per reading, one object, no frame, then close."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sender:
        sender.sendall(json.dumps(message).encode("utf-8"))


def test_seed_readings_go_through_the_agent_into_the_spool(whole_agent, free_port, until):
    port = free_port()
    agent = whole_agent(SEED_SETTINGS.format(broker=free_port(), port=port))
    until(lambda: f"listening on 127.0.0.1 port {port}" in agent.said())
    first = time.time()
    message = {"device_id": "ICU-MONITOR-01", "heart_rate": 60, "oxygen_level": 95, "timestamp": first}
    for number in range(20):
        say_as_the_seed_does(port, message | {"heart_rate": 60 + number, "timestamp": first + number / 100})
    say_as_the_seed_does(port, message | {"device_id": "ICU-MONITOR-99"})
    until(lambda: "unknown_device" in agent.said())
    time.sleep(0.3)
    records = agent.records()
    assert [record.values for record in records] == [{"hr": 60.0 + number, "spo2": 95.0} for number in range(20)]
    assert {record.device for record in records} == {"mon-a"}
    for number, record in enumerate(records):
        assert abs(record.time - (first + number / 100) * 1_000) < 250


def test_the_hub_hears_of_the_listener_and_of_its_devices(whole_agent, small_hub, broker, free_port, until):
    port = free_port()
    agent = whole_agent(SEED_SETTINGS.format(broker=broker.port, port=port))
    until(lambda: f"listening on 127.0.0.1 port {port}" in agent.said())
    message = {"device_id": "ICU-MONITOR-01", "heart_rate": 72, "oxygen_level": 95, "timestamp": time.time()}
    say_as_the_seed_does(port, message)
    say_as_the_seed_does(port, message | {"device_id": "stranger"})
    until(lambda: small_hub.values() == [72.0])

    def told():
        status = small_hub.statuses[-1] if small_hub.statuses else None
        return status if status and status.listeners and status.listeners[0].refused else None

    status = until(told)
    [listener] = status.listeners
    assert (listener.id, listener.type, listener.link, listener.taken) == ("beds", "tcp_json", "up", 1)
    assert listener.refused == {"unknown_device": 1}
    assert [(device.id, device.driver, device.link, device.good) for device in status.devices] == [
        ("mon-a", "tcp_json", "up", 1)
    ]
    assert small_hub.hellos[0].devices == ["mon-a"]
    started = time.monotonic()
    agent.stop()
    assert time.monotonic() - started < 8
