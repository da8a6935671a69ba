"""The push client against a small HTTP server that answers like Grafana. It proves the client, not Grafana."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from grafana.boards import SHIPPED
from wardline.cli import main

TOKEN = "glsa_test"


class FakeGrafana:
    """Folders and dashboards in memory; `fail` answers every request with a status."""

    def __init__(self) -> None:
        self.folders, self.dashboards, self.sources = {}, {}, {"vitals"}
        self.fail, self.writes, self.page = None, 0, None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(*fake.get(self.path))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(*fake.post(self.path, body))

            def _answer(self, status, body):
                if self.headers["Authorization"] not in (f"Bearer {TOKEN}", "Basic YWRtaW46c2VjcmV0"):
                    status, body = 401, {"message": "Invalid API key"}
                if fake.fail:
                    status, body = fake.fail, {"message": "because of the test"}
                data = fake.page or json.dumps(body).encode()
                self.send_response(status)
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
            "datasources/uid": {"uid": uid} if uid in self.sources else None,
        }[kind]
        return (200, found) if found else (404, {"message": "not found"})

    def post(self, path, body):
        self.writes += 1
        if path == "/grafana/api/folders":
            self.folders[body["uid"]] = body
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
        login = () if "--user" in words else ("--token-file", str(path))
        code = main(["grafana", "push", "--url", url or fake_grafana.url, *login, *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_push_makes_the_folder_and_both_dashboards(push, fake_grafana):
    code, out, _ = push()
    assert code == 0
    assert out == "folder Wardline: created\ndashboard Bed: created\ndashboard Ward overview: created\n"
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
    assert out == "dashboard Bed: unchanged\ndashboard Ward overview: unchanged\n"


def test_a_dashboard_somebody_edited_is_put_right(push, fake_grafana):
    push()
    fake_grafana.dashboards["wardline-bed"]["dashboard"]["title"] = "Bed, mine"
    assert "dashboard Bed: updated" in push()[1]
    assert fake_grafana.dashboards["wardline-bed"]["dashboard"]["title"] == "Bed"


def test_a_dry_run_writes_nothing(push, fake_grafana):
    code, out, _ = push("--dry-run")
    assert (code, fake_grafana.writes) == (0, 0)
    assert "dashboard Bed: would be created" in out


def test_a_missing_data_source_is_said(push, fake_grafana):
    fake_grafana.sources.clear()
    assert "data source vitals: missing" in push()[1]


def test_outcomes_can_be_read_by_programs(push):
    assert {"what": "dashboard Bed", "change": "created"} in json.loads(push("--json")[1])


def test_a_user_and_a_password_file_will_do(push, tmp_path):
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    assert push("--user", "admin", "--password-file", str(password))[0] == 0
    code, _, err = push("--user", "admin")
    assert (code, "needs --password-file" in err) == (2, True)


def test_a_wrong_token_is_one_sentence(push):
    code, _, err = push(token="glsa_wrong")
    assert code == 2
    assert "refuses the login" in err
    assert err.count("\n") == 1
    assert "glsa_wrong" not in err


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, 2, "its role must be Editor"),
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
    assert main(["grafana", "check", "--from", str(into)]) == 0
    assert main(["grafana", "check", "--from", str(tmp_path / "nothing")]) == 2
