"""`wardline topics tail` prints what a client may hear, and says clearly why it hears nothing."""

import json
import threading

import pytest
import yaml

from wardline.cli import main
from wardline.credentials import SECRETS_FOLDER

EVENT = "wardline/v1/ward/icu/event"


@pytest.fixture
def served(enrolled, run_broker, port, listener):
    """A broker on which the hub says something now and then, as `say(topic, payload)` was told."""
    run_broker("embedded", enrolled, port)
    hub = listener(enrolled, "hub", port)
    stop = threading.Event()
    speakers = []

    def say(topic, payload):
        def speak():
            while not stop.wait(0.05):
                hub.client.publish(topic, payload, qos=1)

        speakers.append(threading.Thread(target=speak))
        speakers[-1].start()

    yield say
    stop.set()
    for speaker in speakers:
        speaker.join()


def login(enrolled, port, name="pager"):
    secret = f"file:{enrolled / SECRETS_FOLDER / name}"
    return ["--port", str(port), "--user", name, "--password", secret]


def test_tail_prints_topic_and_payload(enrolled, served, port, capsys):
    served(EVENT, "raised")
    assert main(["topics", "tail", *login(enrolled, port), "--count", "2"]) == 0
    assert capsys.readouterr().out == f"{EVENT} raised\n" * 2


def test_tail_prints_json_and_shows_bytes_that_are_no_text(enrolled, served, port, capsys):
    served(EVENT, b"\xff\x00")
    words = ["topics", "tail", *login(enrolled, port), "--filter", EVENT, "--count", "1", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"topic": EVENT, "payload": "(2 bytes) ff00", "retained": False}


def test_tail_logs_in_with_the_console_of_a_hub_settings_file(enrolled, served, port, capsys):
    served(EVENT, "raised")
    document = {
        "hub": "hub",
        "broker": {"port": port, "username": "hub", "password": "file:secrets/hub"},
        "console": {"username": "console", "password": "file:secrets/console"},
    }
    (enrolled / "hub.yaml").write_text(yaml.safe_dump(document))
    assert main(["topics", "tail", "--config", str(enrolled / "hub.yaml"), "--count", "1"]) == 0
    assert capsys.readouterr().out == f"{EVENT} raised\n"


def test_tail_says_that_the_user_may_not_read_a_filter(enrolled, served, port, capsys):
    assert main(["topics", "tail", *login(enrolled, port), "--filter", "wardline/v1/up/#"]) == 1
    assert "refused wardline/v1/up/#" in capsys.readouterr().err


def test_tail_says_that_the_login_is_refused(enrolled, served, port, capsys):
    words = login(enrolled, port)
    (enrolled / SECRETS_FOLDER / "pager").write_text("old")
    assert main(["topics", "tail", *words]) == 1
    assert "the broker refused the login" in capsys.readouterr().err


def test_tail_says_that_there_is_no_broker(port, capsys):
    assert main(["topics", "tail", "--port", str(port)]) == 1
    assert f"cannot reach the broker 127.0.0.1:{port}" in capsys.readouterr().err


def test_a_password_on_the_command_line_is_refused(port, capsys):
    assert main(["topics", "tail", "--port", str(port), "--user", "pager", "--password", "opensesame"]) == 2
    assert "opensesame" not in capsys.readouterr().err
