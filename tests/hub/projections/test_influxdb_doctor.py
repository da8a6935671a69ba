"""The doctor at real servers and at stand-ins of those that Debian has not: what is found, what is missing."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from hub.projections.findings import examine
from tests.fixtures_influx import free_port


@pytest.fixture
def look(settings_for, tmp_path):
    def look(url, bucket="vitals", token=None):
        settings = settings_for(url, bucket)
        if token is not None:
            (tmp_path / "token").write_text(token)
        return [(finding.well, finding.text) for finding in examine(settings, tmp_path)]

    return look


def missing(found):
    return [text for well, text in found if not well]


def test_an_influxdb_that_has_all_it_needs_lacks_nothing(look, influx_server, new_database):
    database = new_database()
    assert look(influx_server.url, database) == [
        (True, f"at {influx_server.url} answers InfluxDB 1.6.7, too old to serve /api/v2/write by itself"),
        (True, f"the token may write to {database}"),
        (True, "InfluxQL is answered, points stay for ever"),
    ]


def test_a_database_that_is_not_there_is_named_with_the_words_that_make_it(look, influx_server):
    found = missing(look(influx_server.url, "nowhere"))
    assert found[0].startswith("database nowhere is missing (")
    assert found[0].endswith('make it: CREATE DATABASE "nowhere"')


def test_a_wrong_password_and_a_missing_token_are_said(look, influx_server, new_database, tmp_path):
    database = new_database()
    assert "the token may not write" in missing(look(influx_server.url, database, "admin:wrong"))[0]
    (tmp_path / "token").chmod(0o644)
    assert "token of projections.influxdb cannot be read" in missing(look(influx_server.url, database, ""))[0]


def test_a_retention_policy_that_is_missing_or_too_short_is_said(look, influx_server, new_database):
    database = new_database()
    found = missing(look(influx_server.url, f"{database}/week"))
    assert f'CREATE RETENTION POLICY "week" ON "{database}"' in " ".join(found)
    influx_server.query(f'CREATE RETENTION POLICY "day" ON "{database}" DURATION 1d REPLICATION 1', "")
    assert missing(look(influx_server.url, f"{database}/day")) == [
        "it keeps points for 1 days, less than journal.keep: older ones of a backlog would be refused"
    ]


def test_an_old_influxdb_without_a_proxy_cannot_be_written_to(look, influx_server, new_database):
    url = f"http://127.0.0.1:{influx_server._influx_port}"
    assert "it has no /api/v2/write" in " ".join(missing(look(url, new_database())))


def test_victoria_metrics_is_found_out(look, victoria_server):
    found = look(victoria_server.url)
    assert "answers victoria-metrics" in found[0][1]
    assert missing(found) == []
    assert "PromQL" in found[-1][1]


def test_nobody_there_is_one_sentence(look):
    (text,) = missing(look(f"http://127.0.0.1:{free_port()}"))
    assert "nothing answers" in text


class Likeness:
    """What the documentation says that a server of a version answers."""

    def __init__(
        self, version, write=(400, {"code": "invalid", "message": "writing requires points"}), query=(200, {})
    ):
        self.version, self.write, self.query = version, write, query

    def answer(self, method, path, fields):
        if path == "/health":
            return 200, {"status": "pass", "version": self.version}
        if path == "/api/v2/write":
            return self.write
        if path == "/query":
            assert fields["q"][0].startswith("SHOW RETENTION POLICIES ON ")
            return self.query
        return (204, None) if path == "/ping" else (404, {"error": "not here"})


POLICIES = {
    "results": [{"series": [{"columns": ["name", "duration", "default"], "values": [["autogen", "0s", True]]}]}]
}


@contextmanager
def serving(likeness):
    class Handler(BaseHTTPRequestHandler):
        def _do(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            status, body = likeness.answer(self.command, parts.path, parse_qs(parts.query))
            text = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("X-Influxdb-Version", likeness.version)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _do  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("likeness", "lacks"),
    [
        (Likeness("v2.9.0", query=(200, POLICIES)), []),
        (Likeness("3.4.0", write=(204, None), query=(200, POLICIES)), []),
        (
            Likeness("v2.9.0", write=(404, {"code": "not found", "message": 'bucket "vitals" not found'})),
            ["bucket vitals is missing", "influx bucket create --name vitals"],
        ),
        (
            Likeness("v2.9.0", write=(403, {"code": "forbidden", "message": "insufficient permissions for write"})),
            ["the token may not write to vitals (403: insufficient permissions"],
        ),
        (
            Likeness("v2.9.0", query=(404, {"code": "not found", "message": "no dbrp mapping found"})),
            ["no dbrp mapping found", "influx v1 dbrp create --default --db vitals"],
        ),
        (
            Likeness("v2.9.0", query=(401, {"code": "unauthorized", "message": "unauthorized access"})),
            ["the token may not read vitals"],
        ),
    ],
)
def test_newer_versions_are_told_apart_and_what_they_lack_is_one_sentence(look, likeness, lacks):
    with serving(likeness) as url:
        found = look(url, token="secret-token")
    assert likeness.version.removeprefix("v") in found[0][1]
    assert len(missing(found)) == bool(lacks)
    assert all(words in " ".join(missing(found)) for words in lacks)
    assert "secret-token" not in str(found)
