"""Limits over HTTP, with the real hub behind the console: what is in force, who set it, and what is refused."""

import json

import pytest

pytestmark = [pytest.mark.broker, pytest.mark.system]

BED = "/api/v1/beds/icu/1"


def put(console, path, **body):
    """(status, answer) of a POST."""
    status, _, text = console.post(f"{BED}/{path}", body)
    return status, json.loads(text)


def limit(console, rule):
    return next(one for one in console.json(f"{BED}/limits")["limits"] if one["rule"] == rule)


def test_every_bound_says_where_it_comes_from(ward):
    found = ward.json(f"{BED}/limits")
    assert (found["profile"], found["patient"]) == ("adult-ward", "")
    assert "paediatric" in found["profiles"]
    low = limit(ward, "spo2-low")
    assert (low["side"], low["value"], low["unit"], low["settable"]) == ("low", 90.0, "%", True)
    (link,) = low["links"]
    assert (link["where"], link["in_force"]) == ("profile adult-ward", True)
    assert link["reason"]


def test_a_limit_that_is_set_is_in_force_and_its_chain_tells_who_and_why(ward, rig):
    until = rig.now_ms() + 3_600_000
    status, answer = put(
        ward, "limits/spo2-low", scope="bed", bound=88, reason="COPD, target 88-92 %", expires=until, by="doctor-1"
    )
    assert status == 200, answer
    assert (answer["value"], answer["links"][-1]["by"]) == (88.0, "doctor-1")
    link = limit(ward, "spo2-low")["links"][-1]
    assert (link["where"], link["in_force"], link["expires"]) == ("bed/icu/1", True, until)
    status, answer = put(ward, "limits/spo2-low/clear", scope="bed", reason="over", by="doctor-1")
    assert (status, answer["value"]) == (200, 90.0)
    newest, set_before = ward.json(f"{BED}/limits/history")[:2]
    assert (newest["change"], set_before["change"], set_before["reason"]) == ("cleared", "set", "COPD, target 88-92 %")


@pytest.mark.parametrize(
    ("rule", "body", "status", "word"),
    [
        ("spo2-low", {"scope": "bed", "bound": 120, "reason": "slip"}, 409, "outside what a device can measure"),
        ("spo2-low", {"scope": "bed", "bound": 84, "reason": "slip"}, 409, "must lie beyond"),
        ("heart-rate-low", {"scope": "ward", "bound": 135, "reason": "slip"}, 409, "is not below"),
        ("spo2-low", {"scope": "bed", "bound": 88}, 422, "reason"),
        ("spo2-low", {"scope": "bed", "bound": 88, "reason": " "}, 409, "say why"),
        ("spo2-low", {"scope": "patient", "bound": 88, "reason": "COPD"}, 409, "nobody is admitted"),
        ("spo2-lo", {"scope": "bed", "bound": 88, "reason": "slip"}, 409, "spo2-low"),
        ("SpO2!", {"scope": "bed", "bound": 88, "reason": "slip"}, 404, "there is no limit"),
        ("spo2-low", {"scope": "bed", "bound": 88, "reason": "late", "expires": 1}, 409, "has passed already"),
    ],
)
def test_what_cannot_be_right_is_refused_with_the_sentence_of_the_hub(ward, rule, body, status, word):
    before = ward.json(f"{BED}/limits")
    found, answer = put(ward, f"limits/{rule}", **body)
    assert (found, word in answer["error"]) == (status, True), answer
    assert ward.json(f"{BED}/limits") == before


def test_another_profile_is_chosen_with_a_reason_and_taken_back(ward):
    status, answer = put(ward, "profile", scope="bed", profile="paediatric", reason="child admitted")
    assert (status, answer["profile"]) == (200, "paediatric")
    status, answer = put(ward, "profile", scope="bed", profile="", reason="adult bed again")
    assert (status, answer["profile"]) == (200, "adult-ward")
    status, answer = put(ward, "profile", scope="bed", profile="giants", reason="slip")
    assert (status, "giants" in answer["error"]) == (409, True)


def test_alarms_are_paused_and_let_sound_again(ward, rig):
    status, answer = put(ward, "pause-alarms", for_ms=60_000, reason="turning the patient", by="nurse-1")
    assert status == 200, answer

    def paused():
        (bed, *_) = ward.json("/api/v1/beds")
        return bed["pause"]

    pause = rig.until(paused, what="the pause is not shown")
    assert (pause["by"], pause["reason"]) == ("nurse-1", "turning the patient")
    assert put(ward, "resume-alarms", by="nurse-1")[0] == 200
    rig.until(lambda: paused() is None, what="the pause stays")
    assert put(ward, "pause-audio", for_ms=5)[0] == 422
