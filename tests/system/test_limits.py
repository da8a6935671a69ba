"""Limits from the command line to a real hub: asked, answered, judged by, explained, kept over kill -9."""

import json

import pytest

from tests.fixtures_hub import Client, Hub
from wardline.cli import main

pytestmark = [pytest.mark.system, pytest.mark.timeout(90)]

SETTINGS = """
hub: hub-test
broker: {{port: {port}}}
rules: [ours.yaml]
wards: [{{id: icu, beds: [{{id: "7"}}, {{id: "8", profile: neonatal}}]}}]
gateways: [{{id: gw-a, devices: [{{id: mon-a, bed: icu/7}}]}}]
"""
RULES = """
format: 1
id: ours
title: Ours
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 0ms, hysteresis: 1, priority: medium, message: SpO2 low}
  - {id: hr-high, parameter: hr, high: 120, for: 0ms, priority: medium, message: HR high}
"""


@pytest.fixture
def hub(broker, tmp_path):
    (tmp_path / "ours.yaml").write_text(RULES)
    client = Client(broker.port, "wardline/v1/ward/+/event", "wardline/v1/hub/+/event", "wardline/v1/hub/+/status")
    hub = Hub(tmp_path, SETTINGS.format(port=broker.port))
    hub.client = client
    hub.start()
    client.wait_for(lambda _, status: status.get("online"))
    yield hub
    hub.stop()
    client.close()


@pytest.fixture
def run(hub, capsys):
    """Run `wardline rules WORDS` with the hub's settings; the exit code and what was printed."""

    def run(action, *words):
        code = main(["rules", action, *words, "--config", str(hub.folder / "hub.yaml")])
        return code, capsys.readouterr().out.strip()

    return run


WHO = ("--by", "nurse-1", "--reason", "asked by the team")


def send(hub, seq, **values):
    record = {"seq": seq, "device": "mon-a", "time": 1_700_000_000_000 + seq * 1_000, "values": values}
    hub.client.publish("up/gw-a/vitals", {"epoch": 1, "records": [record]})


def event(hub, change, rule):
    return hub.client.wait_for(lambda _, payload: payload.get("change") == change and payload["alarm"]["rule"] == rule)[
        1
    ]["alarm"]


def test_a_limit_from_the_command_line_is_judged_at_once_explained_and_kept(hub, run):
    send(hub, 1, spo2=92.0, hr=80.0)
    code, said = run("set-limit", "--bed", "icu/7", "spo2-low", "94", *WHO)
    assert (code, said) == (0, "bed/icu/7: spo2-low is 94, until it is cleared")
    assert event(hub, "raised", "spo2-low")["limit"] == 94
    code, said = run("set-limit", "--bed", "icu/7", "hr-high", "400", *WHO)
    assert code == 1
    assert said.startswith("refused: at icu/7: hr-high (high 400 /min) is outside what a device can measure")

    code, said = run("explain", "--bed", "icu/7", "spo2", "--json")
    (limit,) = json.loads(said)["limits"]
    assert (code, limit["value"], [link["where"] for link in limit["links"]]) == (0, 94, ["profile ours", "bed/icu/7"])
    assert (limit["links"][1]["by"], limit["links"][1]["reason"]) == ("nurse-1", "asked by the team")

    hub.kill()
    hub.start()
    hub.client.wait_for(lambda _, status: status.get("online"))
    code, said = run("clear-limit", "--bed", "icu/7", "spo2-low", "--by", "nurse-2")
    assert (code, said) == (0, "bed/icu/7: spo2-low is as the chain above says")
    send(hub, 2, spo2=92.0, hr=80.0)
    assert event(hub, "cleared", "spo2-low")["rule"] == "spo2-low"
    changes = hub.rows('SELECT change, "by" FROM limit_override ORDER BY id')
    assert changes == [("set", "nurse-1"), ("cleared", "nurse-2")]


def test_a_profile_from_the_command_line_and_from_the_settings(hub, run):
    assert "profile neonatal" in run("explain", "--bed", "icu/8", "heart-rate-low")[1]
    assert run("set-profile", "--bed", "icu/7", "paediatric", *WHO) == (0, "bed/icu/7 is judged by paediatric")
    said = run("explain", "--bed", "icu/7", "hr")[1]
    assert said.startswith("icu/7, no patient admitted, profile paediatric\nheart-rate-low: low 75 /min")
    code, said = run("set-profile", "--ward", "icu", "paediatrics", *WHO)
    assert (code, said.partition(";")[0]) == (1, "refused: unknown profile 'paediatrics'")


def test_a_rule_file_is_read_while_the_hub_runs_and_a_bad_one_is_an_alarm_with_its_line(hub, run):
    path = hub.folder / "ours.yaml"
    path.write_text(RULES.replace("high: 120", "hihg: 120"))
    alarm = event(hub, "raised", "rules-rejected")
    assert "ours.yaml:8: limits.1.hihg: unknown key 'hihg'; did you mean 'high'?" in alarm["message"]
    assert alarm["subject"] == "hub/hub-test"
    assert "hr-high: high 120" in run("explain", "--bed", "icu/7", "hr")[1], "the last good one stays in force"
    assert run("check")[0] == 1
    path.write_text(RULES.replace("high: 120", "high: 70"))
    event(hub, "cleared", "rules-rejected")
    send(hub, 1, hr=80.0)
    assert event(hub, "raised", "hr-high")["limit"] == 70


def test_check_names_what_people_set_that_no_longer_fits(hub, run):
    run("set-limit", "--bed", "icu/7", "hr-high", "130", *WHO)
    assert run("check") == (0, f"{hub.folder / 'hub.yaml'}: ok, 20 limits, 10 conditions")
    hub.stop()
    (hub.folder / "ours.yaml").write_text(RULES.replace("hr-high", "rate-high"))
    code, said = run("check")
    assert (code, said) == (
        1,
        f"{hub.folder / 'hub.yaml'}:1: bed/icu/7: the limit hr-high is in no profile in force there",
    )


def test_who_explains_a_bed_or_a_limit_that_is_not_there_is_told_which_there_are(hub, run, capsys):
    config = ["--config", str(hub.folder / "hub.yaml")]
    assert main(["rules", "explain", *config, "--bed", "icu/9", "hr"]) == 2
    assert "has no bed icu/9; it has icu/7, icu/8" in capsys.readouterr().err
    assert main(["rules", "explain", *config, "--bed", "icu/7", "hr-hgih"]) == 2
    assert "did you mean 'hr-high'? at icu/7 (profile ours)" in capsys.readouterr().err
    assert main(["rules", "set-limit", *config, "--bed", "icu", "hr-high", "90", "--by", "n"]) == 2
    assert "expected ward/bed" in capsys.readouterr().err


def test_a_hub_that_is_not_there_is_said_so(hub, run, capsys, monkeypatch):
    hub.stop()
    monkeypatch.setattr("wardline.asking.ANSWER_S", 0.5)
    assert (
        main(
            ["rules", "clear-limit", "--config", str(hub.folder / "hub.yaml"), "--ward", "icu", "hr-high", "--by", "n"]
        )
        == 1
    )
    assert "the hub did not answer" in capsys.readouterr().err
