"""The push client against a small HTTP server that answers like Grafana. It proves the client, not Grafana."""

import json
import sys
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from grafana.boards import SHIPPED
from grafana.caller import Caller
from vitals.errors import LinkError
from wardline.cli import main

TOKEN = "glsa_test"


class FakeGrafana:
    """Folders and dashboards in memory; `fail` answers every request with a status."""

    def __init__(self) -> None:
        self.folders, self.dashboards = {}, {}
        self.sources = {uid: {"uid": uid} for uid in ("vitals", "wardline-metrics")}
        self.secrets = {}
        self.fail, self.writes, self.page = None, 0, None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(*fake.get(self.path))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(*fake.post(self.path, body))

            do_PUT = do_POST  # noqa: N815

            def _answer(self, status, body):
                if self.headers["Authorization"] not in (f"Bearer {TOKEN}", "Basic YWRtaW46c2VjcmV0"):
                    status, body = 401, {"message": "Invalid API key"}
                if fake.fail:
                    status, body = fake.fail, {"message": "because of the test"}
                data = fake.page or json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if not fake.page else "text/html")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}/grafana"
        self._thread.start()

    def get(self, path):
        kind, _, uid = path.removeprefix("/grafana/api/").rpartition("/")
        found = {
            "folders": self.folders.get(uid),
            "dashboards/uid": self.dashboards.get(uid),
            "datasources/uid": self.sources.get(uid),
        }[kind]
        return (200, found) if found else (404, {"message": "not found"})

    def post(self, path, body):
        self.writes += 1
        if path == "/grafana/api/folders":
            self.folders[body["uid"]] = body
        elif path.startswith("/grafana/api/datasources"):
            self.secrets[body["uid"]] = body.pop("secureJsonData", None)
            self.sources[body["uid"]] = {**body, "id": 3, "version": 1, "secureJsonFields": {}}
        else:
            assert path == "/grafana/api/dashboards/db"
            assert body["folderUid"] in self.folders
            board = {**body["dashboard"], "id": 17, "version": 5}
            self.dashboards[board["uid"]] = {"dashboard": board, "meta": {"folderUid": body["folderUid"]}}
        return 200, {"status": "success"}

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def fake_grafana():
    fake = FakeGrafana()
    yield fake
    fake.close()


@pytest.fixture
def push(fake_grafana, tmp_path, capsys):
    """push(*words) → (exit code, standard output, standard error), with a good token unless told otherwise."""

    def run(*words, token=TOKEN, url=None):
        path = tmp_path / "token"
        path.write_text(token)
        path.chmod(0o600)
        login = () if "--user" in words else ("--token", f"file:{path}")
        code = main(["grafana", "push", "--url", url or fake_grafana.url, *login, *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


TITLES = ("Alarms", "Bed", "Devices and gateways", "Pipeline", "Ward overview")


def test_a_push_makes_the_folder_and_every_dashboard(push, fake_grafana):
    code, out, _ = push()
    assert code == 0
    assert out == "folder Wardline: created\n" + "".join(f"dashboard {title}: created\n" for title in TITLES)
    assert fake_grafana.folders["wardline"]["title"] == "Wardline"
    stored = fake_grafana.dashboards["wardline-bed"]["dashboard"]
    shipped = json.loads((SHIPPED / "bed.json").read_text())
    assert {key: value for key, value in stored.items() if key not in ("id", "version")} == {
        key: value for key, value in shipped.items() if key != "version"
    }


def test_a_second_push_changes_nothing(push, fake_grafana):
    push()
    writes = fake_grafana.writes
    code, out, _ = push()
    assert (code, fake_grafana.writes) == (0, writes)
    assert out == "".join(f"dashboard {title}: unchanged\n" for title in TITLES)


def test_a_dashboard_somebody_edited_is_put_right(push, fake_grafana):
    push()
    fake_grafana.dashboards["wardline-bed"]["dashboard"]["title"] = "Bed, mine"
    assert "dashboard Bed: updated" in push()[1]
    assert fake_grafana.dashboards["wardline-bed"]["dashboard"]["title"] == "Bed"


def test_a_dashboard_somebody_moved_comes_back(push, fake_grafana):
    push()
    fake_grafana.dashboards["wardline-bed"]["meta"]["folderUid"] = "elsewhere"
    assert "it would move into the folder" in push("--dry-run")[1]
    push()
    assert fake_grafana.dashboards["wardline-bed"]["meta"]["folderUid"] == "wardline"


def test_a_dry_run_writes_nothing(push, fake_grafana):
    code, out, _ = push("--dry-run")
    assert (code, fake_grafana.writes) == (0, 0)
    assert "dashboard Bed: would be created" in out


def test_a_dry_run_shows_what_would_change(push, fake_grafana):
    push()
    fake_grafana.dashboards["wardline-bed"]["dashboard"]["title"] = "Bed, mine"
    out = push("--dry-run")[1]
    assert "dashboard Bed: would be updated\n" in out
    assert '\n- "title": "Bed, mine",\n+ "title": "Bed",\n' in out
    assert "dashboard Alarms: unchanged\n" in out


def test_a_missing_data_source_is_said(push, fake_grafana):
    fake_grafana.sources.clear()
    out = push()[1]
    assert "data source vitals: missing" in out
    assert "data source wardline-metrics: missing" in out


@pytest.fixture
def sources(tmp_path):
    """The words that make both data sources."""
    (tmp_path / "influx").write_text("read-only-token")
    (tmp_path / "influx").chmod(0o600)
    words = ["--influxdb", "http://influxdb:8086", "--database", "wardline", "--prometheus", "http://prometheus:9090"]
    return [*words, "--influxdb-token", f"file:{tmp_path / 'influx'}"]


def test_data_sources_are_made_once_and_their_secrets_are_never_shown(push, fake_grafana, sources):
    fake_grafana.sources.clear()
    first = push("--dry-run", *sources)[1]
    assert "data source vitals: would be created" in first
    assert "http://influxdb:8086" in first
    assert "read-only-token" not in first
    assert fake_grafana.sources == {}
    assert "data source vitals: created\ndata source wardline-metrics: created\n" in push(*sources)[1]
    assert fake_grafana.secrets["vitals"] == {"httpHeaderValue1": "Token read-only-token"}
    writes = fake_grafana.writes
    assert "data source vitals: unchanged\n" in push(*sources)[1]
    assert fake_grafana.writes == writes


def test_a_data_source_that_is_another_is_put_right_and_a_new_secret_is_sent_when_asked(push, fake_grafana, sources):
    push(*sources)
    fake_grafana.sources["vitals"]["url"] = "http://elsewhere:8086"
    assert '-"url": "http://elsewhere:8086"' in push("--dry-run", *sources)[1].replace(" ", "").replace('":"', '": "')
    assert "data source vitals: updated\n" in push(*sources)[1]
    assert fake_grafana.sources["vitals"]["url"] == "http://influxdb:8086"
    fake_grafana.secrets.clear()
    assert "data source vitals: updated\n" in push("--new-secrets", *sources)[1]
    assert fake_grafana.secrets["vitals"] == {"httpHeaderValue1": "Token read-only-token"}


def test_influxdb_1_gets_a_user_and_a_password(push, fake_grafana, sources, tmp_path):
    (tmp_path / "influx").write_text("reader:secret")
    fake_grafana.sources.clear()
    push(*sources)
    made = fake_grafana.sources["vitals"]
    assert (made["user"], fake_grafana.secrets["vitals"]) == ("reader", {"password": "secret"})
    assert "httpHeaderName1" not in made["jsonData"]


def test_a_provisioned_data_source_is_left_alone(push, fake_grafana, sources):
    fake_grafana.sources["vitals"] = {"uid": "vitals", "url": "http://other:1", "readOnly": True}
    assert "data source vitals: provisioned from a file: left as it is" in push(*sources)[1]
    assert fake_grafana.sources["vitals"]["url"] == "http://other:1"


def test_a_data_source_needs_its_token(push):
    code, _, err = push("--influxdb", "http://influxdb:8086")
    assert (code, "--influxdb needs --influxdb-token" in err) == (2, True)


class Successor:
    """grafana-client by its shape: the same words, another name for who asks, an error of its own."""

    class Error(Exception):
        def __init__(self, status_code, response, message):
            super().__init__(message)
            self.status_code, self.response = status_code, response

    def __init__(self, **given):
        self.given, self.asked, self.client = given, [], self

    def GET(self, path, json=None):
        self.asked.append(path)
        if path == "/slow":
            raise self.Error(0, None, "timed out")
        raise self.Error(404, {"message": "not found"}, "")

    def POST(self, path, json=None):
        return {"uid": json["uid"]}


@pytest.fixture
def successor(monkeypatch):
    """As if grafana-client was installed."""
    made = []

    def api(**given):
        made.append(Successor(**given))
        return made[-1]

    monkeypatch.setitem(sys.modules, "grafana_client", types.SimpleNamespace(GrafanaApi=api))
    errors = types.SimpleNamespace(GrafanaException=Successor.Error)
    monkeypatch.setitem(sys.modules, "grafana_client.client", errors)
    return made


def test_grafana_client_is_preferred_where_it_is_installed(successor):
    caller = Caller("https://grafana.example/sub", "glsa_x")
    assert caller.get("/folders/wardline") is None
    assert caller.post("/folders", {"uid": "wardline"}) == {"uid": "wardline"}
    (made,) = successor
    assert made.asked == ["/folders/wardline"]
    assert made.given == {
        "auth": "glsa_x",
        "host": "grafana.example",
        "port": None,
        "url_path_prefix": "sub/",
        "protocol": "https",
        "timeout": 10.0,
    }
    with pytest.raises(LinkError, match="is not ready \\(no answer: timed out\\)"):
        caller.get("/slow")


def test_outcomes_can_be_read_by_programs(push):
    assert {"what": "dashboard Bed", "change": "created", "diff": ""} in json.loads(push("--json")[1])


def test_a_user_and_a_password_will_do(push, tmp_path, monkeypatch):
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    assert push("--user", "admin", "--password", f"file:{password}")[0] == 0
    monkeypatch.setenv("GRAFANA_PASSWORD", "secret")
    assert push("--user", "admin", "--password", "env:GRAFANA_PASSWORD")[0] == 0
    code, _, err = push("--user", "admin")
    assert (code, "needs --password" in err) == (2, True)
    code, _, err = push("--user", "admin", "--password", "secret")
    assert (code, "never written out" in err) == (2, True)


def test_a_wrong_token_is_one_sentence(push):
    code, _, err = push(token="glsa_wrong")
    assert code == 2
    assert "refuses the login" in err
    assert err.count("\n") == 1
    assert "glsa_wrong" not in err


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, 2, "its role must be Editor, for data sources Admin"),
        (412, 2, "another version of this dashboard"),
        (400, 2, "because of the test"),
        (503, 1, "is not ready"),
    ],
)
def test_each_refusal_says_what_to_do(push, fake_grafana, status, code, said):
    fake_grafana.fail = status
    found, _, err = push()
    assert (found, said in err) == (code, True), err


def test_something_that_is_no_grafana_is_said(push, fake_grafana):
    fake_grafana.page = b"<html>welcome</html>"
    code, _, err = push()
    assert (code, "is no Grafana" in err) == (2, True)


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("http://127.0.0.1:9", 1, "does not answer"),
        ("127.0.0.1:3000", 2, "is no address of a Grafana"),
        ("http://127.0.0.1:port", 2, "has no valid port"),
    ],
)
def test_a_wrong_address_is_said(push, url, code, said):
    found, _, err = push(url=url)
    assert (found, said in err) == (code, True), err


def test_dashboards_with_a_problem_are_not_pushed(push, fake_grafana, tmp_path):
    board = json.loads((SHIPPED / "bed.json").read_text()) | {"schemaVersion": 1}
    (tmp_path / "bed.json").write_text(json.dumps(board))
    code, _, err = push("--from", str(tmp_path))
    assert (code, fake_grafana.writes) == (2, 0)
    assert "schemaVersion is 1" in err


def test_building_follows_other_rules_and_check_notices(tmp_path, capsys):
    rules = tmp_path / "own.yaml"
    rules.write_text(
        "format: 1\nid: own\ntitle: Own\nprovenance: a test\nlimits:\n"
        "  - {id: spo2-low, parameter: spo2, low: 93, priority: high, for: 10s, message: SpO2 low}\n"
    )
    into = tmp_path / "boards"
    assert main(["grafana", "build", "--rules", str(rules), "--into", str(into)]) == 0
    assert '"value": 93.0' in (into / "bed.json").read_text()
    assert main(["grafana", "build", "--rules", str(rules), "--into", str(into), "--check"]) == 0
    assert main(["grafana", "build", "--into", str(into), "--check"]) == 1
    assert "run: wardline grafana build" in capsys.readouterr().out
    assert main(["grafana", "check", "--rules", str(rules), "--from", str(into), "--model"]) == 0
    assert main(["grafana", "check", "--from", str(into)]) == 1
    assert "is made from the rules own, not from adult-ward; name them with --rules" in capsys.readouterr().out
    assert main(["grafana", "check", "--from", str(tmp_path / "nothing")]) == 2
