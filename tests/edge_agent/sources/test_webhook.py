import asyncio
import json
import socket
import time

import httpx
import pytest

from edge_agent.sources.fieldmap import FieldMap
from edge_agent.sources.listener_settings import WebhookSettings
from edge_agent.sources.webhook import WebhookListener
from vitals.document import read_document
from vitals.errors import LinkError

TOKEN = "a-token-of-this-test"
FIELDS = read_document("device: device\nvalues: [{parameter: hr, path: rate, unit: bpm}]", "map.yaml", FieldMap)
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def stand(new_desk, free_port, serve):
    """`stand(scene)`: run `scene(desk, client)` against a listening webhook."""

    def play(scene, max_rate=1_000.0, **options):
        desk, port = new_desk(max_rate=max_rate), free_port()
        settings = WebhookSettings(token="env:X", port=port, **options)
        listener = WebhookListener(settings, TOKEN, FIELDS, desk.reception)

        async def with_client():
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
                await scene(desk, client)

        serve(listener, desk.reception, with_client)
        return desk

    return play


def refusal(answer):
    assert list(answer.json()) == ["error"]
    sentence = answer.json()["error"]
    assert "\n" not in sentence
    assert len(sentence) < 150
    return answer.status_code


def test_202_says_that_the_reading_is_on_the_disk(stand):
    async def scene(desk, client):
        answer = await client.post("/readings", json={"device": "A", "rate": 72})
        assert (answer.status_code, answer.json()) == (202, {"taken": 1})
        assert desk.settled == 1

    desk = stand(scene)
    assert desk.values() == [{"hr": 72.0}]


def test_a_list_of_readings_is_taken_whole(stand):
    async def scene(desk, client):
        answer = await client.post("/readings", json=[{"device": "A", "rate": rate} for rate in (70, 71)])
        assert answer.json() == {"taken": 2}
        refused = await client.post("/readings", json=[{"device": "A", "rate": 72}, {"device": "Z", "rate": 73}])
        assert refusal(refused) == 400

    assert stand(scene).values() == [{"hr": 70.0}, {"hr": 71.0}]


@pytest.mark.parametrize(
    ("headers", "body", "status", "reason"),
    [
        ({"Authorization": ""}, b"{}", 401, "bad_token"),
        ({"Authorization": "Bearer wrong"}, b"{}", 401, "bad_token"),
        ({"Authorization": f"Basic {TOKEN}"}, b"{}", 401, "bad_token"),
        ({"Authorization": b"Bearer \xe4"}, b"{}", 401, "bad_token"),
        ({"Content-Type": "text/plain"}, b"{}", 415, "not_json"),
        ({"Content-Type": ""}, b"{}", 415, "not_json"),
        ({}, b'{"rate":' + b" " * 2_000 + b"1}", 413, "oversized"),
        ({}, b'{"device":"A","rate":', 400, "bad_json"),
        ({}, b'{"device":"A","rate":NaN}', 400, "not_finite"),
        ({}, b"\xff", 400, "bad_utf8"),
        ({}, b"[" * 50, 400, "too_deep"),
        ({}, b'{"device":"Z","rate":72}', 400, "unknown_device"),
        ({}, b'{"device":"A"}', 400, "nothing_mapped"),
        ({"Idempotency-Key": "k" * 201}, b'{"device":"A","rate":72}', 400, "bad_key"),
    ],
)
def test_every_refusal_is_one_sentence_and_counted(stand, headers, body, status, reason):
    async def scene(desk, client):
        headers_sent = {"Content-Type": "application/json", **headers}
        assert refusal(await client.post("/readings", content=body, headers=headers_sent)) == status
        assert TOKEN not in str(desk.reception.status())

    desk = stand(scene, max_message=1_000)
    assert (desk.refused, desk.seen) == ({reason: 1}, [])


def test_a_body_without_a_length_is_bounded_too(stand):
    async def endless():
        for _ in range(100):
            yield b" " * 100

    async def scene(desk, client):
        headers = {"Content-Type": "application/json"}
        assert refusal(await client.post("/readings", content=endless(), headers=headers)) == 413

    assert stand(scene, max_message=1_000).refused == {"oversized": 1}


def test_other_paths_and_methods_are_refused(stand):
    async def scene(_, client):
        assert refusal(await client.get("/readings")) == 405
        assert refusal(await client.post("/other", json={})) == 404
        assert refusal(await client.get("/docs")) == 404

    stand(scene)


def test_a_device_that_floods_hears_429(stand):
    async def scene(_, client):
        answers = [await client.post("/readings", json={"device": "A", "rate": 72}) for _ in range(12)]
        assert refusal(answers[-1]) == 429
        assert answers[-1].headers["retry-after"] == "1"

    assert stand(scene, max_rate=0.5).refused["too_fast"] >= 1


def test_the_same_idempotency_key_counts_once(stand):
    async def scene(desk, client):
        message, headers = {"device": "A", "rate": 72}, {"Idempotency-Key": "k-1"}
        answers = await asyncio.gather(*[client.post("/readings", json=message, headers=headers) for _ in range(5)])
        assert {(answer.status_code, answer.json()["taken"]) for answer in answers} == {(202, 1)}
        assert len(desk.seen) == 1
        other = await client.post("/readings", json=message, headers={"Idempotency-Key": "k-2"})
        assert other.status_code == 202
        assert len(desk.seen) == 2
        another = await client.post("/readings", json={"device": "A", "rate": 99}, headers=headers)
        assert refusal(another) == 422
        assert len(desk.seen) == 2

    stand(scene)


def test_a_refused_message_may_come_again_under_its_key(stand):
    async def scene(_, client):
        headers = {"Idempotency-Key": "k-1"}
        assert (await client.post("/readings", json={"device": "Z"}, headers=headers)).status_code == 400
        assert (await client.post("/readings", json={"device": "A", "rate": 72}, headers=headers)).status_code == 202

    stand(scene)


def test_while_the_disk_refuses_the_sender_is_told_to_keep_its_message(stand):
    async def scene(desk, client):
        desk.disk_refuses = True
        message, headers = {"device": "A", "rate": 72}, {"Idempotency-Key": "k-1"}
        answer = await client.post("/readings", json=message, headers=headers)
        assert refusal(answer) == 503
        desk.disk_refuses = False
        assert (await client.post("/readings", json=message, headers=headers)).status_code == 202
        assert len(desk.seen) == 1

    stand(scene)


def test_check_ins_are_the_state_of_the_link(stand):
    async def scene(desk, client):
        for state, link in (("online", "up"), ("error", "error"), ("OFFLINE", "down")):
            message = {"device_id": "A", "state": state, "message": "lead cable"}
            answer = await client.post("/status", json=message)
            assert answer.status_code == 202
            assert (desk.links["mon-a"].link, desk.links["mon-a"].detail) == (link, "lead cable")
        for wrong in (
            {"device_id": "A", "state": "happy"},
            {"device_id": "A", "state": True},
            {"device_id": "Z", "state": "online"},
            {"state": "online"},
            [],
        ):
            assert refusal(await client.post("/status", json=wrong)) == 400
        assert desk.seen == []

    stand(scene)


def test_a_connection_that_never_finishes_its_request_is_closed(stand, soon, monkeypatch):
    monkeypatch.setattr("edge_agent.sources.http_server.HEAD_TIMEOUT_S", 0.2)
    monkeypatch.setattr("edge_agent.sources.http_server.BODY_TIMEOUT_S", 0.2)

    async def scene(desk, client):
        port = client.base_url.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /readings HTTP/1.1\r\nHost: x\r\n")
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            f"POST /readings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        )
        writer.write(head.encode() + b"Content-Length: 100\r\n\r\n{")
        assert b"408" in await asyncio.wait_for(reader.read(100), 3)
        writer.close()
        assert (await client.post("/readings", json={"device": "A", "rate": 72})).status_code == 202

    stand(scene)


def test_an_address_in_use_is_told(stand, new_desk):
    async def scene(desk, client):
        second = new_desk()
        settings = WebhookSettings(token="env:X", port=client.base_url.port)
        with pytest.raises(LinkError, match=r"(?i)address already in use"):
            await WebhookListener(settings, TOKEN, FIELDS, second.reception).run()
        assert second.reception.status().link == "down"

    stand(scene)


SETTINGS = """\
gateway: gw-1
broker: {{host: 127.0.0.1, port: {broker}}}
spool: {{path: spool.db, commit_interval: 50ms}}
listeners:
  - id: wearables
    webhook: {{port: {port}, token: "file:token"}}
    devices: [{{id: band-1}}]
    map: {{device: device, values: [{{parameter: hr, path: rate, unit: bpm}}]}}
"""


def test_what_was_answered_with_202_survives_a_kill(whole_agent, free_port, until, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    port = free_port()
    agent = whole_agent(SETTINGS.format(broker=free_port(), port=port))
    until(lambda: f"listening on 127.0.0.1 port {port}" in agent.said())
    taken = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
        for rate in range(60, 75):
            answer = client.post("/readings", content=json.dumps({"device": "band-1", "rate": rate}),
                                 headers={"Content-Type": "application/json"})  # fmt: skip
            taken += [float(rate)] * (answer.status_code == 202)
    agent.process.kill()
    agent.process.wait(timeout=30)
    assert taken == [float(rate) for rate in range(60, 75)]
    assert [record.values["hr"] for record in agent.records()] == taken
    assert TOKEN not in agent.said()


def test_the_agent_stops_in_order_with_a_request_half_way(whole_agent, free_port, until, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    port = free_port()
    agent = whole_agent(SETTINGS.format(broker=free_port(), port=port))
    until(lambda: f"listening on 127.0.0.1 port {port}" in agent.said())
    with socket.create_connection(("127.0.0.1", port)) as slow:
        head = (
            f"POST /readings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        )
        slow.sendall(head.encode() + b"Content-Length: 100\r\n\r\n{")
        time.sleep(0.1)
        started = time.monotonic()
        agent.stop()
        assert time.monotonic() - started < 8
    assert agent.process.returncode == 0
    assert "Traceback" not in agent.said()
    assert "ERROR" not in agent.said()
