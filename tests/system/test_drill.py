"""A TEST alarm takes the whole way from a bed to a pager, and where the way is cut the command says so."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PAGERS = """
format: 1
zone: Europe/Berlin
recipients: [{id: pager-1, name: Ward phone}]
policies: [{id: all, steps: [{after: 0s, page: [pager-1]}]}]
"""


def drill(bed, *words):
    """`wardline drill` for bed 7; its exit code and its answer."""
    command = ["drill", "--bed", "icu/7", "--config", str(bed.folder / "hub.yaml"), "--json", *words]
    done = subprocess.run([sys.executable, "-m", "wardline", *command], capture_output=True, text=True, timeout=90)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def names(answer):
    return [hop["hop"] for hop in answer["hops"]]


def test_a_drill_takes_the_whole_way_and_is_marked_as_a_test_everywhere(bed):
    bed.start()
    ward = bed.ear("ward/icu/#")
    code, answer = drill(bed)
    assert (code, answer["passed"]) == (0, True), answer
    assert names(answer) == [
        "hub takes the command",
        "gateway spools the TEST record",
        "hub announces the TEST alarm",
        "gateway has the hub's receipt",
    ]
    assert all(0 <= hop["ms"] < 5_000 for hop in answer["hops"])
    (event,) = [e for e in ward.of("icu/event") if e["alarm"]["rule"] == "drill"]
    assert (event["change"], event["alarm"]["test"], event["alarm"]["bed"]) == ("raised", True, "7")
    stored = bed.rows("SELECT body FROM record WHERE CAST(body AS TEXT) LIKE '%drill%'")
    assert [json.loads(body)["states"] for (body,) in stored] == [["drill"]]
    # The monitor goes on, and nothing it says is taken for a test.
    before = bed.records()
    bed.until(lambda: bed.records() > before + 2)
    assert {e["alarm"]["rule"] for e in ward.of("icu/event")} == {"drill"}


def start_paging(bed):
    (bed.folder / "pagers.yaml").write_text(PAGERS)
    bed.settings("pagers: {file: pagers.yaml, path: hub/pages.db}")
    bed.start()
    bed.run("pagers", "hub", "run", "--part", "pagers", "--config", str(bed.folder / "hub.yaml"))
    status = bed.ear("hub/hub-1/pagers")
    bed.until(lambda: any(said and said["online"] for said in status.of("pagers")))


def test_a_drill_ends_on_the_device_of_a_person_where_there_is_paging(bed):
    start_paging(bed)
    phone = bed.ear("page/pager-1")
    bed.run("phone", "pagers", "listen", "pager-1", "--port", str(bed.broker.port))
    bed.until(lambda: "connected" in (bed.folder / "phone.log").read_text())
    code, answer = drill(bed)
    assert code == 0, answer
    assert names(answer)[-1] == "a pager receives the page"
    assert answer["hops"][-1]["detail"] == "Ward phone"
    pages = [page for page in phone.of("page/pager-1") if page.get("test")]
    assert len({page["id"] for page in pages}) == 1
    assert "TEST" in pages[0]["title"]


def test_a_drill_stops_at_a_pager_that_does_not_answer(bed):
    start_paging(bed)
    code, answer = drill(bed, "--wait", "2")
    assert code == 1
    assert names(answer)[-1] == "a pager receives the page"
    assert "Ward phone was sent the page and has not confirmed it" in answer["hops"][-1]["advice"]


def test_a_drill_of_a_bed_without_a_device_is_refused_with_the_reason(bed):
    bed.start()
    code, answer = drill(bed, "--bed", "icu/8")
    assert code == 1
    assert "no device stands at bed icu/8" in answer["hops"][-1]["advice"]


def test_a_drill_stops_at_a_gateway_that_is_gone(bed):
    bed.start()
    bed.kill("edge")
    code, answer = drill(bed, "--wait", "3")
    assert (code, answer["passed"]) == (1, False)
    assert names(answer) == ["hub takes the command", "gateway spools the TEST record"]
    assert "gateway gw-1 says nothing" in answer["hops"][-1]["advice"]


def test_a_drill_stops_at_a_device_the_gateway_does_not_have(bed):
    bed.start()
    edge = bed.folder / "edge.yaml"
    edge.write_text(edge.read_text().replace("id: mon-a,", "id: mon-z,"))
    bed.kill("edge")
    bed.start_edge()
    bed.until(lambda: any(device["id"] == "mon-z" for device in bed.status().get("devices", [])))
    code, answer = drill(bed)
    assert code == 1
    assert "no device mon-a" in answer["hops"][-1]["advice"]


def test_a_drill_without_a_hub_says_so_in_one_sentence(bed):
    code, said = drill(bed)
    assert code == 1
    assert "the hub did not answer" in said


def test_a_ward_without_its_drill_is_a_fault_until_somebody_drills(bed):
    bed.settings("drill: {every: 1min}")
    bed.start()
    # As a hub that has run for longer and had no drill.
    bed.stop("hub")
    with closing(sqlite3.connect(bed.folder / "hub/journal.db")) as db, db:
        past = int(time.time() * 1_000) - 3_600_000
        db.execute(
            "INSERT INTO alarm_event (alarm, ward, bed, rule, change, time, body) VALUES ('0', 'icu', '7', 'drill',"
            " 'raised', ?, ?)",
            (past, json.dumps({"change": "raised", "time": past, "alarm": {}}).encode()),
        )
    ear = bed.ear("hub/hub-1/alarm/#", "ward/icu/event")
    bed.start_hub()
    missed = bed.until(lambda: [payload for payload in ear.of("drill-missed") if payload])
    assert (missed[0]["kind"], missed[0]["ward"], missed[0]["subject"]) == ("technical", "", "hub/hub-1")
    assert "wardline drill" in missed[0]["message"]
    assert drill(bed)[0] == 0
    bed.until(lambda: ear.of("drill-missed")[-1] is None)
