"""Pager documents: who is on at each hour, and every mistake with its line."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rules.rotas import read_pagers, warnings
from vitals.alarms import Alarm
from vitals.errors import DocumentError

GOOD = """\
format: 1
zone: Europe/Berlin
recipients:
  - {id: nurse-1, fallback: charge}
  - {id: night-1}
  - {id: charge}
rotas:
  - id: icu
    shifts:
      - {from: "07:00", to: "19:00", page: [nurse-1]}
      - {days: [mon, tue, wed, thu, sun], from: "19:00", to: "07:00", page: [night-1]}
      - {days: [fri, sat], from: "19:00", to: "07:30", page: [charge, night-1]}
policies:
  - id: any
    steps:
      - {after: 0s, page: [icu]}
      - {after: 2min, page: [charge]}
"""


def at(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1_000)


def problems(text):
    with pytest.raises(DocumentError) as caught:
        read_pagers(text, "pagers.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("moment", "on"),
    [
        ("2025-11-20 06:59", ["night-1"]),
        ("2025-11-20 07:00", ["nurse-1"]),
        ("2025-11-20 18:59", ["nurse-1"]),
        ("2025-11-20 19:00", ["night-1"]),
        ("2025-11-21 23:00", ["charge", "night-1"]),  # Friday
        ("2025-11-22 07:15", ["nurse-1", "charge", "night-1"]),  # the hand-over of Friday's night
        ("2025-11-22 07:30", ["nurse-1"]),
        ("2025-11-24 03:00", ["night-1"]),  # Monday, of Sunday's night: over the end of the week
        ("2025-10-26 02:30", ["charge", "night-1"]),  # the hour that comes twice
        ("2025-03-30 03:00", ["charge", "night-1"]),  # just behind the hour that never comes
    ],
)
def test_who_is_on_follows_the_local_clock(moment, on):
    assert read_pagers(GOOD, "pagers.yaml").on_duty(["icu"], at(moment)) == on


def test_a_recipient_named_twice_is_paged_once():
    plan = read_pagers(GOOD, "pagers.yaml")
    assert plan.on_duty(["charge", "icu", "charge"], at("2025-11-21 23:00")) == ["charge", "night-1"]


def test_an_hour_nobody_is_on_is_refused_with_its_times():
    text = GOOD.replace('      - {days: [fri, sat], from: "19:00", to: "07:30", page: [charge, night-1]}\n', "")
    assert problems(text) == [
        "pagers.yaml:9: rotas.0.shifts: nobody is on from fri 19:00 to sat 07:00, sat 19:00 to sun 07:00; "
        "add a shift, or name who is on with otherwise"
    ]
    plan = read_pagers(text.replace("  - id: icu\n", "  - id: icu\n    otherwise: [charge]\n"), "pagers.yaml")
    assert plan.on_duty(["icu"], at("2025-11-21 23:00")) == ["charge"]


def test_all_mistakes_are_told_with_their_lines():
    text = """\
format: 1
zone: Europe/Berln
recipients:
  - {id: nurse-1, fallback: charg}
  - {id: nurse-1}
  - {id: a-1, fallback: b-1}
  - {id: b-1, fallback: a-1}
  - {id: silent, mqtt: false}
  - {id: charge}
rotas:
  - id: charge
    shifts: [{from: "08:00", to: "08:00", page: [nurse-2]}]
policies:
  - {id: none, steps: []}
  - id: any
    repeat: 5s
    steps:
      - {after: 2min, page: [charge]}
      - {after: 2min, page: [icu]}
      - {after: 2h, page: [charge]}
"""
    assert problems(text) == [
        "pagers.yaml:2: zone: there is no time zone 'Europe/Berln'; write one such as Europe/Berlin or UTC",
        "pagers.yaml:4: recipients.0.fallback: there is no recipient 'charg'; did you mean 'charge'?",
        "pagers.yaml:5: recipients.1.id: nurse-1 is the name of another entry already",
        "pagers.yaml:6: recipients.2.fallback: leads back to a-1: a-1 → b-1 → a-1",
        "pagers.yaml:7: recipients.3.fallback: leads back to b-1: b-1 → a-1 → b-1",
        "pagers.yaml:8: recipients.4: silent cannot be reached; give it mqtt: true, a webhook or notify",
        "pagers.yaml:11: rotas.0.id: charge is the name of another entry already",
        "pagers.yaml:12: rotas.0.shifts.0.page.0: there is no recipient 'nurse-2'; did you mean 'nurse-1'?",
        "pagers.yaml:14: policies.0.steps: high alarms would page nobody; give steps, or name other priorities",
        "pagers.yaml:16: policies.1.repeat: must be at least 1min",
        "pagers.yaml:19: policies.1.steps.1.after: must be later than the step before",
        "pagers.yaml:19: policies.1.steps.1.page.0: there is no recipient or rota 'icu'",
        "pagers.yaml:20: policies.1.steps.2.after: must not be later than 1h",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("07:00", "7:00", "expected"),
        ('"07:00"', "07:00", "base-60"),
        ("days: [fri", "days: [friday", "friday"),
        ("mqtt", "mqtt", ""),
        ("fallback", "falback", "did you mean 'fallback'"),
        ('from: "07:00"', 'from: "24:00"', "cannot begin at 24:00"),
    ],
)
def test_a_typing_error_is_told(old, new, expected):
    if not expected:
        read_pagers(GOOD, "pagers.yaml")
        return
    text = "\n".join(problems(GOOD.replace(old, new, 1)))
    assert "pagers.yaml:" in text
    assert expected.lower() in text.lower()


def test_the_first_policy_that_takes_an_alarm_counts():
    plan = read_pagers(
        GOOD.replace(
            "policies:\n",
            "policies:\n  - {id: box, kinds: [technical], wards: [icu], rules: [device-silent], "
            "steps: [{after: 0s, page: [charge]}]}\n",
        ),
        "pagers.yaml",
    )

    def policy(**fields):
        fields = {"ward": "icu", "rule": "device-silent", "kind": "technical", "priority": "low"} | fields
        times = {"onset": 0, "raised": 0, "changed": 0}
        return plan.policy(Alarm(id="0" * 16, bed="7", state="active", rev=1, message="x", **times, **fields)).id

    assert policy() == "box"
    assert [policy(ward="west"), policy(rule="flag"), policy(kind="physiological")] == ["any"] * 3


def test_what_may_surprise_is_a_warning():
    text = GOOD.replace("  - {id: charge}\n", "  - {id: charge}\n  - {id: mail, mqtt: false, notify: env:MAIL}\n")
    plan = read_pagers(text.replace("  - id: any\n", "  - id: any\n    wards: [icu]\n"), "pagers.yaml")
    assert warnings(plan, ["icu", "west"]) == [
        "nobody is paged for some high alarms of ward west: no policy takes all of them",
        "nobody is paged for some high alarms of equipment of no ward, and of any ward not named: "
        "no policy takes all of them",
        "no policy ever pages mail",
        "mail is reached by notify alone: nobody can know whether a page arrives there",
    ]
    assert "the hub has no ward icu, which a policy names" in warnings(plan, ["west"])
    low = read_pagers(GOOD.replace("  - id: any\n", "  - id: any\n    priorities: [low]\n"), "pagers.yaml")
    assert "nobody is paged for some high alarms of ward icu: no policy takes all of them" in warnings(low, ["icu"])
    assert warnings(read_pagers(GOOD, "pagers.yaml"), ["icu"]) == []


def test_the_example_is_good_and_shows_every_key():
    text = (Path(__file__).parents[2] / "config/pagers.example.yaml").read_text()
    plan = read_pagers(text, "pagers.example.yaml")
    assert warnings(plan, ["icu"]) == []
    for struct in (plan.document, plan.document.policies[0], plan.document.rotas[0], plan.document.recipients[0]):
        for key in struct.__struct_encode_fields__:
            assert f"{key}:" in text, key
