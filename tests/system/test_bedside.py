"""The hub, the broker or the network is gone: the gateway alarms by itself, and afterwards there is exactly one alarm.

Everything is real: a simulated monitor on a line, an edge agent, mosquitto, a hub. What is killed is killed.
"""

import json
import time

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

START_MS = 1_000  # how well the start of an alarm must be known


def alarm_at_the_bed(bed, seconds=20):
    """The first alarm of SpO2 on the local display."""
    return bed.until(lambda: next((a for a in bed.picture()["alarms"] if a["rule"] == "spo2-low"), None), seconds)


def first_low(bed):
    """When the monitor's low value was measured first, by what the hub has stored in the end."""
    rows = bed.rows("SELECT time, body FROM record WHERE device = 'mon-a' ORDER BY time")
    return next((time for time, body in rows if 0 < json.loads(body).get("values", {}).get("spo2", 99) < 90), None)


def all_delivered(bed):
    """Whether the hub has every reading up to some moment after the alarm at the bed."""
    raised = max(event["alarm"]["raised"] for event in bed.events())
    status = bed.status()
    return status.get("spooled", 0) <= 2 and status.get("time", 0) > raised and status.get("hub_silent_since") is None


def silent(bed, seconds=20):
    return bed.until(lambda: bed.picture()["silent_since"], seconds)


def one_alarm_with_its_true_start(bed, at_bed, seconds=20):
    """The hub has raised it once, under the bed's id, and knows when it began."""
    bed.until(lambda: any(event["change"] == "raised" for event in bed.events()), seconds)
    # Live readings come before the older ones: only who has had them all knows when it began.
    bed.until(lambda: all_delivered(bed) and first_low(bed), seconds)
    raised = [event for event in bed.events() if event["change"] in ("raised", "reraised")]
    assert [event["alarm"]["id"] for event in raised] == [at_bed["id"]], raised
    alarm = raised[0]["alarm"]
    assert alarm["bedside"] is True
    assert (alarm["onset"], alarm["raised"]) == (at_bed["onset"], at_bed["raised"])
    assert abs(alarm["onset"] - first_low(bed)) <= START_MS
    return alarm


def test_a_killed_hub_is_replaced_at_the_bed_and_takes_the_alarm_over_when_it_is_back(bed):
    bed.start()
    pager = bed.ear("ward/icu/#")
    display = bed.ear("up/gw-1/bedside")
    bed.kill("hub")
    silent(bed)
    assert "hub silent since" in bed.until(lambda: bed.status().get("reason"))
    bed.patient(spo2=82)
    at_bed = alarm_at_the_bed(bed)
    assert (at_bed["ward"], at_bed["bed"], at_bed["state"], at_bed["bedside"]) == ("icu", "7", "active", True)
    rung = bed.until(bed.buzzed)
    assert [(event["change"], event["alarm"]["id"]) for event in rung] == [("raised", at_bed["id"])]
    bed.until(lambda: any(report["standing"] for report in display.of("bedside") if "standing" in report))
    bed.start_hub()
    alarm = one_alarm_with_its_true_start(bed, at_bed)
    bed.until(lambda: pager.of("alarm/spo2-low"))
    assert {payload["id"] for payload in pager.of("alarm/spo2-low") if payload} == {alarm["id"]}
    assert [e["change"] for e in pager.of("icu/event") if e["alarm"]["rule"] == "spo2-low"] == ["raised"]
    # From here on it is the hub's: acknowledged there, cleared there, and silent at the bed.
    bed.until(lambda: bed.picture()["silent_since"] is None)
    pager.publish("command/pager-1/acknowledge", {"request": "r1", "alarm": alarm["id"], "by": "nurse-1"})
    bed.patient(spo2=98)
    bed.until(lambda: bed.events()[-1]["change"] == "cleared")
    changes = [(event["change"], event["alarm"]["id"]) for event in bed.events()]
    assert changes == [(change, alarm["id"]) for change in ("raised", "acknowledged", "cleared")]
    assert len(bed.buzzed()) == 1


def test_without_a_broker_the_bed_alarms_within_two_seconds_and_the_hub_is_told_before_the_readings(bed):
    bed.start()
    bed.broker.kill()
    silent(bed)
    bed.patient(spo2=82)
    at_bed = alarm_at_the_bed(bed)
    (rung,) = bed.until(bed.buzzed)
    rung_at = (bed.folder / "buzzer.log").stat().st_mtime * 1_000
    assert rung_at - at_bed["onset"] <= 2_000 + 2_000  # the delay of the rule, and ours
    assert rung["alarm"]["id"] == at_bed["id"]
    bed.broker.start()
    one_alarm_with_its_true_start(bed, at_bed, 30)
    bed.until(lambda: bed.picture()["silent_since"] is None)


def test_a_frozen_hub_is_noticed_within_15_seconds_and_nothing_doubles_when_it_thaws(bed):
    bed.start()
    frozen = time.time()
    bed.freeze("hub")
    silent(bed, 20)
    assert time.time() - frozen <= 15 + 2
    bed.patient(spo2=82)
    at_bed = alarm_at_the_bed(bed)
    bed.thaw("hub")
    bed.until(lambda: any(event["change"] == "raised" for event in bed.events()), 30)
    bed.until(lambda: bed.picture()["silent_since"] is None, 30)
    time_of_last = bed.records()
    bed.until(lambda: bed.records() > time_of_last + 2)
    raised = [event["alarm"] for event in bed.events() if event["change"] in ("raised", "reraised")]
    assert [(alarm["id"], alarm["onset"]) for alarm in raised] == [(at_bed["id"], at_bed["onset"])]


def test_what_came_and_went_is_written_down_as_late_and_what_nobody_saw_still_stands(bed):
    bed.start()
    pager = bed.ear("ward/icu/#")
    bed.kill("hub")
    silent(bed)
    bed.patient(spo2=82, hr=150)
    at_bed = alarm_at_the_bed(bed)
    bed.until(lambda: any(event["alarm"]["rule"] == "hr-high" for event in bed.buzzed()))
    bed.patient()
    bed.until(lambda: {"latched", "cleared"} <= {event["change"] for event in bed.buzzed()})
    bed.start_hub()
    # High, and nobody has seen it: it is raised at the hub, as the alarm it was at the bed.
    one_alarm_with_its_true_start(bed, at_bed)
    # Medium, and over: it is written down, and nobody is called.
    medium = bed.until(lambda: (events := bed.events("hr-high")) and len(events) > 1 and events)
    assert [(e["change"], e["alarm"]["late"], e["alarm"]["bedside"]) for e in medium] == [
        ("raised", True, True),
        ("cleared", True, True),
    ]
    called = [event["alarm"]["rule"] for event in pager.of("icu/event") if event["change"] in ("raised", "reraised")]
    assert called == ["spo2-low"]


def test_a_gateway_that_is_killed_in_the_silence_goes_on_with_the_same_alarm(bed):
    bed.start()
    bed.kill("hub")
    silent(bed)
    bed.patient(spo2=82)
    at_bed = alarm_at_the_bed(bed)
    state = bed.folder / "bedside/state.json"
    bed.until(lambda: state.exists() and at_bed["id"] in state.read_text())
    bed.kill("edge")
    (bed.folder / "bedside.json").unlink()
    bed.start_edge()
    again = alarm_at_the_bed(bed)
    assert (again["id"], again["onset"], again["raised"]) == (at_bed["id"], at_bed["onset"], at_bed["raised"])
    assert bed.picture()["silent_since"]
    bed.start_hub()
    one_alarm_with_its_true_start(bed, at_bed, 30)


def test_another_limit_is_in_force_at_the_bed_within_two_seconds_and_outlives_the_hub(bed):
    bed.start()
    before = bed.status()["rules"]
    nurse = bed.ear("result/nurse-1/#", "down/gw-1/settings")
    (old,) = bed.until(lambda: nurse.of("settings"))
    asked = time.time()
    nurse.publish(
        "command/nurse-1/set-limit",
        {"request": "r1", "by": "nurse-1", "reason": "known low", "scope": "bed/icu/7", "rule": "spo2-low",
         "bound": 80.0},
    )  # fmt: skip
    bed.until(lambda: bed.status()["rules"] != before)
    assert time.time() - asked <= 2.0
    assert nurse.of("set-limit")[0]["done"]
    bed.kill("hub")
    silent(bed)
    heard = len(bed.buzzed())
    bed.patient(spo2=82)
    spooled = bed.status().get("spooled", 0)
    bed.until(lambda: bed.status().get("spooled", 0) > spooled + 8, 30)  # longer than the delay of the rule
    assert bed.buzzed()[heard:] == []
    bed.patient(spo2=75)
    assert alarm_at_the_bed(bed)["limit"] == 80.0
    # Who sends the old bundle again brings no old limit back.
    nurse.publish("down/gw-1/settings", old)
    bed.until(lambda: "is older" in bed.status().get("reason", ""))


def test_a_forged_bundle_changes_nothing_and_is_told_to_people(bed):
    bed.start()
    ear = bed.ear("down/gw-1/settings")
    (bundle,) = bed.until(lambda: ear.of("settings"))
    before = bed.status()["rules"]
    looser = bundle["bundle"].replace('\\"low\\":90', '\\"low\\":40')
    assert looser != bundle["bundle"]
    forged = {
        "does not trust": bundle | {"key": "A" * 43 + "="},
        "signature of the bundle is wrong": bundle | {"bundle": looser},
        "cannot be read": {key: bundle[key] for key in ("bundle", "key")},
    }
    for why, payload in forged.items():
        ear.publish("down/gw-1/settings", payload)
        bed.until(lambda why=why: why in bed.status().get("reason", ""))
        assert "rules_rejected" in bed.status()["reason"]
        assert bed.status()["rules"] == before
    # The hub makes an alarm of it, so that somebody looks.
    bed.until(lambda: any(event["alarm"]["subject"] == "gateway/gw-1" for event in bed.events("rules-rejected")))
    ear.publish("down/gw-1/settings", bundle)
    bed.until(lambda: "rules_rejected" not in bed.status().get("reason", ""))
