"""The journal arrives whole in real stores: Debian's influxd behind a v2 endpoint, and victoria-metrics."""

import contextlib
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from hub.history import History
from hub.journal import Batch, Journal
from hub.projections.cursors import Cursors, Request, dead_letters, statuses
from tests.fixtures_influx import TOKEN, free_port, wait_for
from vitals.errors import StorageError

ROOT = Path(__file__).parents[3]


def counted(server, database, expected):
    wait_for(lambda: server.count(database) == expected, f"{expected} records, there are {server.count(database)}")


def status_of(folder, sink="influxdb"):
    """How the sink says it is doing, None while it has said nothing."""
    with contextlib.suppress(StorageError):
        return next((status for status in statuses(folder / "projections.db") if status.sink == sink), None)


def settled(folder, sink="influxdb"):
    """Whether the sink has everything."""
    status = status_of(folder, sink)
    return status is not None and status.state == "running" and status.lag == 0


def waiting(folder):
    """Whether the sink says that it waits."""
    status = status_of(folder)
    return status is not None and status.state == "waiting"


def test_every_value_in_the_journal_is_in_influxdb_and_nothing_else(
    ward, settings_for, project, influx_server, new_database, tmp_path
):
    ward.add(1234)
    database = new_database()
    project(settings_for(influx_server.url, database))
    counted(influx_server, database, 1234)
    stored = {}
    for series in influx_server.query('SELECT * FROM "vitals" GROUP BY "ward","bed","device","gateway"', database):
        for values in series["values"]:
            point = {name: value for name, value in zip(series["columns"], values, strict=True) if value is not None}
            stored[point["epoch"], point["seq"]] = (series["tags"], point)
    for record in History(ward.path).after(0, 5000):
        tags, point = stored.pop((record.epoch, record.seq))
        body = record.read()
        assert tags == {
            "ward": record.ward or "-",
            "bed": record.bed or "-",
            "device": record.device,
            "gateway": "gw-1",
        }
        assert point.pop("time") // 1_000_000 == record.time
        expected = {**body.values, **{f"{name}_missing": reason for name, reason in body.flags.items()}}
        assert point == {**expected, "epoch": 1, "seq": record.seq}
    assert stored == {}


def test_records_of_one_device_in_the_same_millisecond_stay_apart(
    ward, settings_for, project, influx_server, new_database
):
    ward.add(100, time=1_763_682_504_123)
    database = new_database()
    project(settings_for(influx_server.url, database))
    counted(influx_server, database, 100)


def test_alarm_transitions_are_projected_with_their_words(ward, settings_for, project, influx_server, new_database):
    database = new_database()
    ward.add_event("raised", 1, value=130.0, limit=120.0, unit="/min", parameter="hr")
    ward.add_event("cleared", 2)
    project(settings_for(influx_server.url, database))
    wait_for(lambda: influx_server.count(database, "rev", "alarm") == 2, "two transitions")
    (series,) = influx_server.query(
        'SELECT "message", "change", "open", "value", "limit_value", "priority" FROM "alarm" GROUP BY "rule"', database
    )
    assert series["tags"] == {"rule": "hr-high"}
    message = 'HR is "high", 130 /min'
    assert [row[1:] for row in series["values"]] == [
        [message, "raised", 1, 130, 120, "medium"],
        [message, "cleared", 0, None, None, "medium"],
    ]


def test_an_alarm_is_one_point_of_the_burden(ward, settings_for, project, influx_server, new_database):
    database = new_database()
    ward.add_event("raised", 1)
    ward.add_event("cleared", 2)
    project(settings_for(influx_server.url, database))
    wait_for(lambda: influx_server.count(database, "short", "alarm_burden") == 1, "the end of the alarm")
    (series,) = influx_server.query(
        'SELECT sum("alarms"), last("duration_s") FROM "alarm_burden" GROUP BY "bed", "rule"', database
    )
    assert series["tags"] == {"bed": "7", "rule": "hr-high"}
    assert series["values"][0][1:] == [1, 0.002]


def test_rebuilding_from_the_start_adds_nothing(ward, settings_for, project, influx_server, new_database, tmp_path):
    ward.add(700)
    ward.add_event("raised", 1)
    database = new_database()
    settings = settings_for(influx_server.url, database)
    first = project(settings)
    counted(influx_server, database, 700)
    wait_for(lambda: settled(tmp_path), "a cursor at the end")
    assert first.stop()
    cursors = Cursors(tmp_path / "projections.db", "influxdb")
    cursors.ask(Request("rewind", 0), 1)
    cursors.close()
    project(settings)
    wait_for(lambda: _position(tmp_path) == 700, "the second copy")
    assert influx_server.count(database) == 700
    wait_for(lambda: influx_server.count(database, "rev", "alarm") == 1, "the alarm")


def _position(folder, stream="records"):
    cursors = Cursors(folder / "projections.db", "influxdb")
    try:
        return cursors.cursor(stream).position
    finally:
        cursors.close()


def test_what_was_measured_while_influxdb_was_down_is_there_when_it_is_back(
    ward, settings_for, project, stoppable_influx, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    stoppable_influx.create("vitals")
    project(settings_for(stoppable_influx.url))
    ward.add(50)
    counted(stoppable_influx, "vitals", 50)
    wait_for(lambda: settled(tmp_path), "the answer")
    stoppable_influx.stop()
    for _ in range(10):
        ward.add(100)
    wait_for(lambda: waiting(tmp_path), "the outage to be noticed")
    assert "does not answer" in status_of(tmp_path).error
    wait_for(lambda: status_of(tmp_path).lag == 1000, "the lag to be counted")
    stoppable_influx.start()
    counted(stoppable_influx, "vitals", 1050)
    wait_for(lambda: settled(tmp_path), "the status to say so")
    said = [record.message for record in caplog.records if "projection influxdb " in record.message]
    assert sum("has stopped" in message for message in said) == 1
    assert sum("is back" in message for message in said) == 1


def test_a_poison_line_is_buried_and_the_rest_of_its_batch_is_stored(
    ward, settings_for, project, influx_server, new_database, tmp_path
):
    database = new_database()
    ward.add(1, values={"glucose": 5.5})
    settings = settings_for(influx_server.url, database)
    project(settings)
    counted(influx_server, database, 1)
    ward.add(200)
    ward.add(1, flags={"hr": "no_sensor"}, values={"epoch": 1.5})  # a float where the first point had an integer
    ward.add(200)
    counted(influx_server, database, 401)
    (letter,) = wait_for(lambda: dead_letters(tmp_path / "projections.db", "influxdb"), "the dead letter")
    assert letter.stream == "records"
    assert letter.entry == 202
    assert b'hr_missing="no_sensor"' in letter.line
    assert "epoch" in letter.reason
    wait_for(lambda: settled(tmp_path), "the cursor to pass it")
    assert status_of(tmp_path).dead == 1


def test_a_record_whose_body_cannot_be_read_is_buried_with_its_bytes(
    ward, settings_for, project, influx_server, new_database, tmp_path
):
    database = new_database()
    ward.add(3)
    ward.journal._db.execute("UPDATE record SET body = ? WHERE id = 2", (b"{nonsense",))
    project(settings_for(influx_server.url, database))
    counted(influx_server, database, 2)
    (letter,) = wait_for(lambda: dead_letters(tmp_path / "projections.db", "influxdb"), "the dead letter")
    assert (letter.entry, letter.line) == (2, b"{nonsense")


def test_a_wrong_password_is_said_once_and_a_corrected_one_needs_no_restart(
    ward, settings_for, project, influx_server, new_database, tmp_path, caplog
):
    database = new_database()
    settings = settings_for(influx_server.url, database)
    (tmp_path / "token").write_text("admin:wrong")
    ward.add(30)
    project(settings)
    wait_for(lambda: waiting(tmp_path), "a status")
    time_out = time.monotonic() + 0.5
    wait_for(lambda: time.monotonic() > time_out, "some more attempts")
    errors = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert [message.split(" has ")[0] for message in sorted(errors)] == [
        "projection influxdb",
        "projection influxdb-1m",
    ]
    assert "refuses the login (401" in errors[0]
    assert "check the token" in errors[0]
    assert "wrong" not in errors[0]
    (tmp_path / "token").write_text(TOKEN)
    counted(influx_server, database, 30)


def test_a_missing_bucket_is_said_and_creating_it_is_enough(
    ward, settings_for, project, influx_server, tmp_path, caplog
):
    ward.add(5)
    database = f"late-{free_port()}"
    project(settings_for(influx_server.url, database))
    wait_for(lambda: any(f"has no bucket {database}" in r.message for r in caplog.records), "the sentence")
    influx_server.create(database)
    counted(influx_server, database, 5)


def test_an_answer_that_gets_lost_makes_no_second_copy(
    ward, settings_for, project, influx_server, new_database, tmp_path
):
    database = new_database()
    ward.add(400)
    with Forgetful(influx_server.url, forget=3) as proxy:
        project(settings_for(proxy.url, database, batch=100))
        wait_for(lambda: settled(tmp_path), "all batches to be acknowledged")
        assert proxy.forgotten == 3
        assert influx_server.count(database) == 400


def test_an_answer_of_something_that_is_no_influxdb_moves_nothing(ward, settings_for, project, tmp_path, caplog):
    ward.add(5)
    with Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwelcome") as portal:
        project(settings_for(portal.url))
        wait_for(lambda: any("it is no InfluxDB" in record.message for record in caplog.records), "the sentence")
    assert _position(tmp_path) == 0


def test_a_proxy_that_refuses_everything_in_html_buries_nothing(ward, settings_for, project, tmp_path, caplog):
    ward.add(5)
    page = b"<html>The plain HTTP request was sent to HTTPS port</html>"
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with Answering(head % len(page) + page) as proxy:
        project(settings_for(proxy.url))
        wait_for(lambda: any("refuses to store anything" in record.message for record in caplog.records), "it")
    assert _position(tmp_path) == 0
    assert dead_letters(tmp_path / "projections.db", "influxdb") == []


def test_it_stops_within_a_second_in_the_middle_of_a_hanging_request(ward, settings_for, project, tmp_path):
    ward.add(5)
    with Hanging() as server:
        projection = project(settings_for(server.url))
        wait_for(lambda: server.visitors, "a request")
        assert projection.stop(timeout_s=1.5)
    assert _position(tmp_path) == 0


def test_the_process_ends_soon_after_sigterm_although_the_store_hangs(ward, settings_for, tmp_path):
    ward.add(5)
    with Hanging() as server:
        settings_for(server.url)
        (tmp_path / "hub.yaml").write_text(
            f"hub: hub-1\nwards: [{{id: icu, beds: [{{id: '7'}}]}}]\n"
            f"projections: {{influxdb: {{url: '{server.url}', token: 'file:token', timeout: 60s}}}}\n"
        )
        command = ["-m", "wardline", "hub", "run", "--config", str(tmp_path / "hub.yaml"), "--part", "projections"]
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: server.visitors, "a request")
            process.terminate()
            _, said = process.communicate(timeout=5)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0
    assert "nothing is lost" in said
    assert "Traceback" not in said


def test_a_journal_that_does_not_exist_yet_is_waited_for(
    settings_for, project, influx_server, new_database, tmp_path, request
):
    database = new_database()
    project(settings_for(influx_server.url, database))
    wait_for(lambda: waiting(tmp_path), "a status")
    request.getfixturevalue("ward").add(10)
    counted(influx_server, database, 10)


def test_a_journal_that_was_replaced_is_copied_from_its_beginning(
    ward, settings_for, project, influx_server, new_database, tmp_path
):
    database = new_database()
    ward.add(20)
    project(settings_for(influx_server.url, database))
    counted(influx_server, database, 20)
    rows = [record[1:] for record in History(ward.path).after(0, 100)]
    ward.journal.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{ward.path}{suffix}").unlink(missing_ok=True)
    ward.journal = Journal(ward.path)
    batch = Batch()
    batch.records += [(gateway, 2, *rest) for gateway, _, *rest in rows * 2]
    batch.records[20:] = [(gateway, 3, *rest) for gateway, _, *rest in rows]
    ward.journal.commit(batch)
    counted(influx_server, database, 60)


def test_killing_the_process_again_and_again_loses_and_doubles_nothing(
    ward, settings_for, influx_server, new_database, tmp_path
):
    database = new_database()
    settings_for(influx_server.url, database)
    (tmp_path / "hub.yaml").write_text(
        f"hub: hub-1\nwards: [{{id: icu, beds: [{{id: '7'}}]}}]\nprojections:\n  influxdb:\n"
        f"    url: {influx_server.url}\n    token: file:token\n    bucket: {database}\n    batch: 7\n"
    )
    program = (
        "import asyncio, pathlib, sys\n"
        "from chassis.settings import read_settings\n"
        "from hub.projections.run import run_projections\n"
        "from hub.settings import HubSettings\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "asyncio.run(run_projections(read_settings(path, HubSettings), path.parent, asyncio.Event()))\n"
    )
    kills = 0
    while True:
        ward.add(200)
        before = influx_server.count(database)
        process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "hub.yaml")], cwd=ROOT)
        try:
            if kills == 4:
                counted(influx_server, database, ward.records)
                break
            wait_for(lambda before=before: influx_server.count(database) > before, "the first batches")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += 1
    seqs = influx_server.query('SELECT "seq" FROM "vitals"', database)[0]["values"]
    assert sorted(seq for _, seq in seqs) == list(range(1, ward.records + 1))


def test_victoria_metrics_holds_the_same_values(ward, settings_for, project, victoria_server, tmp_path):
    ward.add(600)
    project(settings_for(victoria_server.url, "vitals"))
    wait_for(lambda: settled(tmp_path), "the copy")
    exported = victoria_server.export("vitals_hr")
    found = sorted(
        (time, series["metric"]["device"], value)
        for series in exported
        for time, value in zip(series["timestamps"], series["values"], strict=True)
    )
    records = History(ward.path).after(0, 5000)
    assert found == sorted((record.time, record.device, record.read().values["hr"]) for record in records)


def test_the_journal_can_be_written_while_the_store_hangs(ward, settings_for, project):
    with Hanging() as server:
        project(settings_for(server.url))
        ward.add(10)
        wait_for(lambda: server.visitors, "a request")
        for _ in range(20):
            ward.add(10)  # Journal.commit waits 5 s for a lock and then raises
        assert ward.journal._db.execute("SELECT count(*) FROM record").fetchone() == (210,)


class Server:
    """A loopback TCP server that does `serve(connection)` for each visitor in a thread."""

    def __init__(self) -> None:
        self.visitors = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.visitors += 1
            thread = threading.Thread(target=self._serve_closing, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve_closing(self, connection) -> None:
        with connection:
            connection.settimeout(0.5)
            self.serve(connection)

    def serve(self, connection) -> None:
        raise NotImplementedError


class Hanging(Server):
    """Takes requests and never answers."""

    def serve(self, connection) -> None:
        self._over.wait(10)


class Answering(Server):
    """Answers everything alike."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer

    def serve(self, connection) -> None:
        read_request(connection)
        connection.sendall(self._answer)


class Forgetful(Server):
    """A proxy that hands each request on, and swallows the first answers."""

    def __init__(self, url: str, forget: int) -> None:
        super().__init__()
        host, port = url.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._forget = forget
        self.forgotten = 0

    def serve(self, connection) -> None:
        while request := read_request(connection):
            with socket.create_connection(self._target, timeout=5) as upstream:
                upstream.sendall(request)
                answer = upstream.recv(65536)
            if self.forgotten < self._forget:
                assert b" 204 " in answer
                self.forgotten += 1
                return
            connection.sendall(answer)


def read_request(connection) -> bytes:
    """One whole HTTP request with a Content-Length, or b''."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            part = connection.recv(65536)
        except OSError:
            return b""
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length"))
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
