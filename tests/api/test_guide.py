"""The guide to the API runs as it stands: each example, with a token, against a real console and hub."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [pytest.mark.broker, pytest.mark.system]

GUIDE = (Path(__file__).parents[2] / "docs/how-to/integrate-with-the-api.md").read_text()
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
(PYTHON,) = [text for kind, text in BLOCKS if kind == "python"]


@pytest.fixture(scope="module")
def environment(whole):
    """What the first example sets: where the console is, and a token to read and acknowledge."""
    body = {"name": "guide", "rights": ["view", "acknowledge"], "wards": ["icu"], "days": 1}
    status, _, answer = whole.post("/api/v1/tokens", body)
    assert status == 200, answer
    return {**os.environ, "WARDLINE": whole.url, "TOKEN": json.loads(answer)["secret"]}


def run(words, environment, **more):
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30, check=False, **more)


@pytest.fixture
def shell(environment):
    if shutil.which("curl") is None:
        reason = "curl is not installed (Debian: apt-get install curl)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return lambda text: run(["sh", "-c", text], environment)


def test_a_token_is_read_from_a_file_and_not_written_into_the_program(tmp_path, environment):
    (tmp_path / "wardline.token").write_text("wl_x\n")
    done = run(["sh", "-c", SHELL[0] + 'printf "%s" "$TOKEN"'], environment, cwd=tmp_path)
    assert done.stdout == "wl_x"


def test_the_beds_are_asked(shell):
    done = shell(SHELL[1])
    assert [bed["bed"] for bed in json.loads(done.stdout)] == ["1", "2"], done.stderr


def test_the_readings_are_asked_as_csv(shell):
    lines = shell(SHELL[2]).stdout.splitlines()
    assert {"spo2", "hr"} <= set(lines[0].split(","))
    assert len(lines) >= 5


def test_an_alarm_that_is_gone_is_refused_in_a_sentence(shell):
    assert "there is no alarm" in json.loads(shell(SHELL[3]).stdout)["error"]


def test_the_stream_is_followed_until_the_first_beat(environment):
    done = run([sys.executable, "-c", PYTHON], environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("icu has 2 beds\n")
    assert "alive; the hub was heard" in done.stdout


def test_the_websocket_takes_the_same_token(environment, whole):
    url = whole.url.replace("http", "ws") + "/api/v1/stream"
    with connect(url, additional_headers={"Authorization": f"Bearer {environment['TOKEN']}"}) as socket:
        assert json.loads(socket.recv(timeout=5))["type"] == "whole"
    wrong = {"Authorization": "Bearer wl_wrong"}
    with connect(url, additional_headers=wrong) as socket, pytest.raises(ConnectionClosed, match="4401"):
        socket.recv(timeout=5)
