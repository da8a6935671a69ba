"""`wardline pagers`: the document answers who is paged, and a terminal is a pager."""

import json
import os
import subprocess
import sys
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from vitals import topics
from vitals.alarms import Alarm
from vitals.codec import encode
from vitals.pages import Page
from wardline.cli import main

EXAMPLE = Path(__file__).parents[2] / "config/pagers.example.yaml"


def check(*words):
    return main(["pagers", "check", str(EXAMPLE), *words])


@pytest.mark.parametrize(
    ("at", "first"),
    [
        ("2025-11-22 03:00", "nurse-night"),
        ("2025-11-22 12:00", "nurse-day"),
        ("2025-11-22T11:00:00+00:00", "nurse-day"),
    ],
)
def test_it_says_who_is_paged_at_a_time(capsys, at, first):
    assert check("--ward", "icu", "--at", at, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["policy"] == "high"
    assert [step["after_ms"] for step in report["steps"]] == [0, 120_000, 240_000, 540_000]
    assert [one["id"] for one in report["steps"][0]["recipients"]] == [first]
    assert [one["id"] for one in report["steps"][2]["recipients"]] == ["charge-nurse", "doctor"]


def test_it_says_so_in_words(capsys):
    assert check("--ward", "icu", "--at", "2025-11-22 03:00") == 0
    out = capsys.readouterr().out
    assert "raised Sat 2025-11-22 03:00 (Europe/Berlin), policy high:" in out
    assert "at once: Nurse on duty (night) (nurse-night by mqtt, without a receipt charge-nurse)" in out
    assert "after 9 min and so on: " in out


def test_an_alarm_nobody_is_paged_for_is_a_negative_answer(capsys):
    assert check("--ward", "icu", "--priority", "low") == 1
    assert "policy shown-only has no steps" in capsys.readouterr().out


def test_the_wards_of_the_hub_are_compared(tmp_path, capsys):
    (tmp_path / "hub.yaml").write_text('hub: hub-1\nwards: [{id: west, beds: [{id: "1"}]}]\n')
    assert check("--hub", str(tmp_path / "hub.yaml")) == 0
    assert "note: the hub has no ward icu, which a policy names" in capsys.readouterr().out


def test_problems_are_a_negative_answer(tmp_path, capsys):
    bad = tmp_path / "pagers.yaml"
    bad.write_text(EXAMPLE.read_text().replace("zone: Europe/Berlin", "zone: Nowhere"))
    assert main(["pagers", "check", str(bad)]) == 1
    assert "pagers.yaml:8: zone: there is no time zone 'Nowhere'" in capsys.readouterr().err
    assert main(["pagers", "check", str(bad), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["line"] == 8
    assert check("--at", "yesterday") == 2


@pytest.mark.parametrize("secret", ["", "well-kept"])
def test_the_check_of_the_hub_covers_the_pagers_and_their_secrets(tmp_path, capsys, secret):
    (tmp_path / "hub.yaml").write_text(
        'hub: hub-1\npagers: {file: pagers.yaml}\nwards: [{id: icu, beds: [{id: "1"}]}]\n'
    )
    (tmp_path / "pagers.yaml").write_text(
        "format: 1\nzone: UTC\nrecipients: [{id: nurse-1, webhook: {url: 'http://127.0.0.1/x', secret: file:s}}]\n"
        "policies: [{id: high, priorities: [high], wards: [icu], steps: [{after: 0s, page: [nurse-1]}]}]\n"
    )
    if secret:
        (tmp_path / "s").write_text(secret)
        (tmp_path / "s").chmod(0o600)
    assert main(["hub", "check", "--config", str(tmp_path / "hub.yaml")]) == (0 if secret else 2)
    told = capsys.readouterr()
    if secret:
        assert "note: pagers: nobody is paged for some high alarms of equipment of no ward" in told.out
    else:
        assert "cannot read the secret file" in told.err


@pytest.mark.broker
def test_a_terminal_prints_each_page_once_and_sends_a_receipt_for_each(broker, until):
    words = ["pagers", "listen", "nurse-1", "--port", str(broker.port), "--count", "2"]
    pager = subprocess.Popen(
        [sys.executable, "-m", "wardline", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    heard = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.append(json.loads(message.payload)["page"])
    client.on_connect = lambda client, *_: client.subscribe(topics.ALL_PAGES_RECEIVED, qos=1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert "pages of nurse-1 appear here" in pager.stdout.readline()
        times = {"onset": 0, "raised": 0, "changed": 0}
        alarm = Alarm(
            **times,
            id="1" * 16,
            rule="spo2-low",
            ward="icu",
            bed="7",
            kind="physiological",
            priority="high",
            state="active",
            rev=1,
            message="SpO2 low",
        )
        first = Page(
            id="a" * 16, recipient="nurse-1", time=1, title="*** icu, 7: SpO2 low", text="Look.", alarms=[alarm]
        )

        def page(id_, attempt=1):
            body = encode(first).replace(b"a" * 16, id_.encode() * 16)
            client.publish(topics.page("nurse-1"), body, qos=1)

        page("a")
        until(lambda: heard.count("a" * 16) >= 1)
        page("a")
        until(lambda: heard.count("a" * 16) == 2)
        page("b")
        out, _ = pager.communicate(timeout=10)
        until(lambda: "b" * 16 in heard)
        assert pager.returncode == 0
        assert out.count("*** icu, 7: SpO2 low") == 2
        assert f"  alarm {'1' * 16}" in out
    finally:
        pager.kill()
        pager.wait(timeout=30)
        client.disconnect()
        client.loop_stop()
