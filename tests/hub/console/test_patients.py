"""Patients over HTTP, beside the real hub: they come, move and go, and what is known of them goes nowhere else."""

import json
import subprocess
import sys

import pytest

from tests.hub.console import rig as _rig
from tests.hub.console.whole_ward import Ward

pytestmark = [pytest.mark.broker, pytest.mark.system]

CANARY = "Quicksilver-Canary"


@pytest.fixture(scope="module")
def whole_ward(tmp_path_factory):
    ward = Ward(tmp_path_factory.mktemp)
    yield ward
    ward.close()


@pytest.fixture
def ward(whole_ward):
    whole_ward.free()
    return whole_ward


def test_a_patient_comes_moves_and_goes_and_every_change_is_told(ward):
    stay = ward.done("POST", "/api/v1/beds/icu/1/admit", {"patient": "p-10", "reason": "from theatre"})
    assert (stay["bed"], stay["patient"], stay["end"]) == ("1", "p-10", None)
    moved = ward.done("POST", "/api/v1/beds/icu/1/transfer", {"to": "icu/2"})
    assert (moved["bed"], moved["end"]) == ("2", None)
    ward.done("POST", "/api/v1/beds/icu/2/discharge")
    stays = ward.done("GET", "/api/v1/admissions?patient=p-10&state=all")
    assert [one["bed"] for one in stays] == ["2", "1"]
    told = ward.done("GET", f"/api/v1/admissions/{stay['admission']}")
    assert [(one["kind"], one["reason"]) for one in told] == [("admitted", "from theatre"), ("transferred", "")]


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/api/v1/beds/icu/9/admit", {"patient": "p-1"}, 404, "no bed icu/9"),
        ("/api/v1/beds/icu/1/admit", {"patient": "First Last"}, 422, "patient"),
        ("/api/v1/beds/icu/1/discharge", {}, 409, "nobody is admitted"),
        ("/api/v1/beds/icu/1/transfer", {"to": "icu/2"}, 409, "nobody is admitted"),
        ("/api/v1/admissions/99999/correct", {"cancel": True, "reason": "x"}, 404, "no admission 99999"),
        ("/api/v1/devices/gw-1/mon-9/assign", {"bed": "icu/2"}, 404, "no device gw-1/mon-9"),
        ("/api/v1/devices/gw-1/mon-1/assign", {"bed": "icu/1"}, 409, "stands at icu/1 already"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(ward, path, body, status, sentence):
    found, answer = ward.ask("POST", path, body)
    assert (found, sentence in answer["error"]) == (status, True), answer


def test_readings_follow_a_corrected_stay_by_their_own_time(ward):
    now = _rig.now_ms()
    ward.done("POST", "/api/v1/beds/icu/1/admit", {"patient": "p-20", "time": now - 60_000})
    for age in (90_000, 50_000, 20_000):
        ward.say("mon-1", now - age, hr=60.0 + age / 1_000)

    def rates():
        found = ward.done("GET", "/api/v1/patients/p-20/readings?parameter=hr")
        return [reading["values"]["hr"] for reading in found["readings"]]

    assert rates() == [110.0, 80.0]
    number = ward.done("GET", "/api/v1/admissions")[0]["admission"]
    ward.done("POST", f"/api/v1/admissions/{number}/correct", {"start": now - 100_000, "reason": "came earlier"})
    assert rates() == [150.0, 110.0, 80.0]
    ward.done("POST", f"/api/v1/admissions/{number}/correct", {"patient": "p-21", "reason": "wrong wristband"})
    assert ward.ask("GET", "/api/v1/patients/p-20/readings")[0] == 404


def test_a_name_is_shown_to_who_asks_for_it_and_is_on_no_topic_and_in_no_log_or_journal(ward):
    ward.done("POST", "/api/v1/beds/icu/3/admit", {"patient": "p-30"})
    said = {"initials": "QC", "name": CANARY, "birth_year": 1948, "sex": "female", "notes": f"{CANARY} is allergic"}
    view = ward.done("PUT", "/api/v1/patients/p-30", said)
    assert (view["initials"], view["name"], view["named"], view["birth_year"]) == ("QC", None, True, 1948)
    assert ward.done("GET", "/api/v1/patients/p-30/name")["name"] == CANARY
    _rig.until(lambda: any(bed["patient_initials"] == "QC" for bed in ward.console.json("/api/v1/beds")))
    ward.done("POST", "/api/v1/patients/p-30/profile", {"profile": "paediatric", "reason": "a child"})
    assert ward.done("GET", "/api/v1/patients/p-30")["profile"] == "paediatric"
    trail = ward.done("GET", "/api/v1/audit")
    assert {"name shown", "patient described"} <= {row["action"] for row in trail}
    assert CANARY not in json.dumps(trail)
    ward.done("POST", "/api/v1/beds/icu/3/discharge")
    ward.done("DELETE", "/api/v1/patients/p-30")
    assert ward.done("GET", "/api/v1/patients/p-30/name")["name"] == ""
    assert len(ward.heard) > 5
    assert not [topic for topic, payload in ward.heard if CANARY.encode() in payload or b'"QC"' in payload]
    for file in ward.folder.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file.name


def test_a_file_is_looked_at_first_and_imported_whole_or_not_at_all(ward):
    now = _rig.now_ms()
    text = f"bed;patient;start;end;initials\nicu/1;p-40;{now - 9_000_000};{now - 8_000_000};AB\nicu/2;p-41;;;\n"
    bad = text + "icu/9;p-42;;;\nicu/3;First Last;;;\nicu/2;p-43;;;\n"
    view = ward.done("POST", "/api/v1/admissions/import?dry_run=false", bad)
    assert not view["imported"]
    assert [(line["line"], line["outcome"]) for line in view["lines"]] == [
        (2, "new"), (3, "new"), (4, "wrong"), (5, "wrong"), (6, "wrong")
    ]  # fmt: skip
    whys = [line["why"] for line in view["lines"][2:]]
    assert ["no bed icu/9" in whys[0], "never a name" in whys[1], "p-41 lay in bed icu/2" in whys[2]] == [True] * 3
    assert ward.done("GET", "/api/v1/admissions") == []
    assert not ward.done("POST", "/api/v1/admissions/import", text)["imported"]
    view = ward.done("POST", "/api/v1/admissions/import?dry_run=false", text)
    assert [line["outcome"] for line in view["lines"]] == ["done", "done"]
    assert [stay["patient"] for stay in ward.done("GET", "/api/v1/admissions")] == ["p-41"]
    assert ward.done("GET", "/api/v1/patients/p-40")["initials"] == "AB"
    again = ward.done("POST", "/api/v1/admissions/import?dry_run=false", text)
    assert [line["outcome"] for line in again["lines"]] == ["known", "known"]
    assert ward.ask("POST", "/api/v1/admissions/import", "ward,name\nicu,x\n")[0] == 422


def test_a_device_that_was_moved_is_shown_where_it_stands_with_its_history(ward):
    moved = ward.done("POST", "/api/v1/devices/gw-1/mon-1/assign", {"bed": "icu/3", "reason": "repair"})
    assert [(one["bed"], one["source"]) for one in moved] == [("1", "settings"), ("3", "command")]
    gateways = lambda: ward.console.json("/api/v1/gateways")  # noqa: E731
    _rig.until(
        lambda: {"mon-1": "3"}.items() <= {one["device"]: one["bed"] for one in gateways()[0]["devices"]}.items()
    )
    places = {one["device"]: one["bed"] for one in ward.done("GET", "/api/v1/placements")}
    assert places["mon-1"] == "3"
    ward.done("POST", "/api/v1/devices/gw-1/mon-1/assign", {"bed": "icu/1"})


def test_the_command_does_the_same_and_says_what_is_wrong_with_a_file_line_by_line(ward, tmp_path):
    def adt(*words):
        command = [sys.executable, "-m", "wardline", "adt", *words, "--config", str(ward.console.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = adt("admit", "icu/1", "p-50", "--by", "AB")
    number = out.split()[1].rstrip(":")
    assert (code, out) == (0, f"admission {number}: done\n")
    assert adt("admit", "icu/1", "p-51", "--by", "AB")[::2] == (
        1,
        "wardline: bed icu/1 is taken by patient p-50; discharge that one first\n",
    )
    assert adt("transfer", "icu/1", "icu/2", "--by", "AB")[0] == 0
    assert adt("correct", number, "--patient", "p-52", "--by", "AB", "--reason", "wrong wristband")[0] == 0
    code, out, _ = adt("list", "--state", "all", "--json")
    assert [(one["bed"], one["patient"]) for one in json.loads(out)] == [("2", "p-50"), ("1", "p-52")]
    assert "wrong wristband" in adt("history", number)[1]
    assert "gw-1/mon-1" in adt("devices")[1]
    file = tmp_path / "stays.csv"
    file.write_text("bed,patient,start,name\nicu/3,p-53,,Example Person\nicu/2,p-54,,\n")
    code, out, _ = adt("import", str(file), "--by", "AB")
    assert code == 1
    assert f"{file}:3: icu/2 p-54: patient p-50 lay in bed icu/2 then" in out
    assert out.endswith("nothing was imported: 1 of 2 lines are wrong\n")
    file.write_text("bed,patient,start,name\nicu/3,p-53,,Example Person\n")
    assert adt("import", str(file), "--by", "AB", "--dry-run")[1] == f"{file}:2: icu/3 p-53: new\n"
    assert adt("import", str(file), "--by", "AB")[1] == f"{file}:2: icu/3 p-53: done\n"
    _rig.until(lambda: ward.done("GET", "/api/v1/patients/p-53/name")["name"] == "Example Person")
