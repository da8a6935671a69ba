"""The API of a running console: what it answers, and how it refuses."""

import csv
import io
import json
import time

import pytest

from vitals.live import LiveEntry, LivePause, LiveScore

pytestmark = pytest.mark.broker

T0 = 1_763_682_504_000  # 2025-11-20T23:48:24Z
ISO = "2025-11-20T23:48:24"


def error_of(answer):
    """The one sentence of a refusal."""
    status, headers, body = answer
    assert headers["content-type"] == "application/json", "a refusal is JSON"
    said = json.loads(body)
    assert list(said) == ["error"]
    assert said["error"]
    assert "\n" not in said["error"]
    return status, said["error"]


def bed_of(console, name):
    return next(bed for bed in console.json("/api/v1/beds") if bed["bed"] == name)


# Beds.


def test_a_bed_shows_each_value_with_its_age_and_unit(console, hub, rig):
    hub.put(rig.bed("1", values={"hr": rig.value(72, age_ms=400)}))
    bed = rig.until(lambda: (b := bed_of(console, "1"))["values"].keys() == {"hr"} and b)
    assert (bed["ward"], bed["title"], bed["silent"]) == ("icu", "Bed 1", False)
    heart = bed["values"]["hr"]
    assert (heart["value"], heart["unit"], heart["fresh"], heart["reason"]) == (72, "/min", True, "")
    assert 400 <= heart["age_ms"] < 3_000
    assert bed["stream_age_ms"] < 2_000


def test_a_missing_value_is_null_with_a_reason_and_never_zero(console, hub, rig):
    hub.put(rig.bed("1", values={"spo2": rig.value(None, "sensor_off")}))
    bed = rig.until(lambda: (b := bed_of(console, "1"))["flags"] and b)
    assert bed["values"]["spo2"]["value"] is None
    assert bed["flags"] == {"spo2": "sensor_off"}


def test_a_value_older_than_its_limit_is_not_fresh(console, hub, rig):
    hub.put(rig.bed("1", values={"hr": rig.value(72, age_ms=16_000)}))  # the hub forgot to say so
    rig.until(lambda: bed_of(console, "1")["values"]["hr"]["fresh"] is False)


def test_a_bed_the_hub_never_spoke_of_is_there_and_silent(console, hub):
    bed = bed_of(console, "3")
    assert (bed["title"], bed["silent"], bed["values"], bed["stream_age_ms"]) == ("Bed 3", True, {}, None)


def test_names_that_would_mislead_the_eye_are_cleaned(console, hub, rig):
    hub.put(rig.bed("1", devices=[rig.device("mon-1", detail="ok\u202eevil\x07")]))
    rig.until(lambda: bed_of(console, "1")["devices"][0]["detail"] == "okevil")


# Readings.


@pytest.fixture(scope="module")
def stored(journal):
    journal.records(
        (T0, b'{"values":{"hr":72.0,"spo2":97.0}}'),
        (T0 + 1_000, b'{"values":{"hr":73.5},"flags":{"spo2":"sensor_off"},"states":["low_battery"]}'),
        (T0 + 2_000, b'{"late":1,"clock":"holdover","values":{"temp":36.8}}'),
    )
    return journal


def readings(console, query):
    return console.get(f"/api/v1/beds/icu/1/readings?{query}")


def test_readings_come_as_json_in_the_order_of_time(console, stored):
    status, headers, body = readings(console, f"from={T0}&to={T0 + 3_000}")
    said = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (said["ward"], said["bed"], said["from"], said["to"]) == ("icu", "1", T0, T0 + 3_000)
    assert [reading["values"] for reading in said["readings"]] == [{"hr": 72, "spo2": 97}, {"hr": 73.5}, {"temp": 36.8}]
    assert said["readings"][1]["flags"] == {"spo2": "sensor_off"}
    assert (said["readings"][2]["late"], said["readings"][2]["clock"]) == (True, "holdover")


def test_readings_come_as_csv_with_empty_cells_for_what_is_missing(console, stored):
    for answer in (
        readings(console, f"from={T0}&to={T0 + 3_000}&format=csv"),
        console.get(f"/api/v1/beds/icu/1/readings?from={T0}&to={T0 + 3_000}", Accept="text/csv"),
    ):
        assert answer[1]["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer[2].decode())))
        assert rows[0]["time"] == "2025-11-20T23:48:24.000Z"
        assert [row["hr"] for row in rows] == ["72", "73.5", ""]
        assert [row["spo2"] for row in rows] == ["97", "", ""]
        assert [row["flags"] for row in rows] == ["", "spo2=sensor_off low_battery", ""]
        assert [row["late"] for row in rows] == ["0", "0", "1"]
        assert rows[0]["device"] == "mon-1"


def test_one_parameter_leaves_out_records_that_say_nothing_of_it(console, stored):
    status, _, body = readings(console, f"from={T0}&to={T0 + 3_000}&parameter=spo2&format=csv")
    assert status == 200
    head, *lines = body.decode().split("\r\n")
    assert head == "time,device,spo2,flags,late"
    assert lines == [
        "2025-11-20T23:48:24.000Z,mon-1,97,,0",
        "2025-11-20T23:48:25.000Z,mon-1,,spo2=sensor_off low_battery,0",
        "",
    ]


@pytest.mark.parametrize(
    "start", [str(T0), f"{ISO}Z", ISO, f"{ISO}%2B00:00", "2025-11-21T00:48:24+01:00", "2025-11-21T00:48:24%2B0100"]
)
def test_a_time_may_be_written_in_many_ways(console, stored, start):
    said = json.loads(readings(console, f"from={start}&to={T0 + 1_000}")[2])
    assert said["from"] == T0
    assert len(said["readings"]) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "`from` must be a time"),
        ("to=2025-13-01", "`to` must be a time"),
        ("from=-5", "`from` must be a time"),
        ("from=99999999999999999", "between 1970 and 9999"),
        (f"from={T0}&to={T0}", "`from` must be before `to`"),
        (f"from={T0}&to={T0 - 1}", "`from` must be before `to`"),
        ("parameter=pulse", "there is no parameter 'pulse'"),
        ("parameter=", "there is no parameter ''"),
        ("format=xml", "`format` is not right"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_one_sentence(console, stored, query, words):
    status, sentence = error_of(readings(console, query))
    assert status == 422
    assert words in sentence


@pytest.mark.parametrize("path", ["icu/99", "nowhere/1", "%2e%2e/1", "icu/1%00"])
def test_a_bed_that_does_not_exist_is_not_found(console, path):
    assert error_of(console.get(f"/api/v1/beds/{path}/readings"))[0] == 404


def test_pages_join_without_a_seam_even_inside_one_millisecond(console, stored, rig):
    start = T0 + 10_000_000
    stored.records(*((start + number // 700, b'{"values":{"hr":%d.0}}' % (number % 300)) for number in range(5_001)))
    said = json.loads(readings(console, f"from={start}&to={start + 10_000}")[2])
    assert [reading["values"]["hr"] for reading in said["readings"]] == [number % 300 for number in range(5_001)]


def test_the_last_hour_is_the_default(console, stored, rig):
    now = rig.now_ms()
    stored.records((now - 4_000_000, b'{"values":{"hr":1.0}}'), (now - 60_000, b'{"values":{"hr":2.0}}'))
    said = json.loads(readings(console, "")[2])
    assert [reading["values"] for reading in said["readings"]] == [{"hr": 2}]


# Alarms.


def test_active_alarms_are_listed_most_urgent_first(console, hub, rig):
    hub.raise_alarm(rig.alarm("2", "hr-low", priority="low"))
    hub.raise_alarm(rig.alarm("1", "gone", kind="technical", priority="high"))
    hub.raise_alarm(rig.alarm("1", "spo2-low", priority="high"))
    found = rig.until(lambda: len(a := console.json("/api/v1/alarms")) == 3 and a)
    assert [alarm["rule"] for alarm in found] == ["spo2-low", "hr-low", "gone"]
    assert [alarm["rule"] for alarm in console.json("/api/v1/alarms?bed=2")] == ["hr-low"]
    assert console.json("/api/v1/alarms?ward=elsewhere") == []


def gateway_down(rig, **changes):
    fields = {"kind": "technical", "priority": "medium", "message": "Gateway silent", "subject": "gateway/gw-1"}
    fields |= {"bed": "", "parameter": None, "value": None, "limit": None, "unit": ""} | changes
    return rig.alarm(rule="gateway-silent", **fields)


def test_an_alarm_of_a_gateway_is_listed_with_those_of_its_ward(console, hub, rig):
    hub.raise_alarm(gateway_down(rig))
    hub.raise_alarm(rig.alarm("1", "spo2-low"))
    rig.until(lambda: len(console.json("/api/v1/alarms?ward=icu")) == 2, what="both are listed")
    bed, gateway = console.json("/api/v1/alarms?ward=icu")
    assert (bed["bed"], bed["subject"]) == ("1", "")
    assert (gateway["bed"], gateway["subject"], gateway["rule"]) == ("", "gateway/gw-1", "gateway-silent")
    hub.end_alarm(gateway_down(rig))
    rig.until(lambda: len(console.json("/api/v1/alarms")) == 1, what="the gateway's is gone")


def test_a_bed_says_its_score_its_pause_and_what_staff_entered(console, hub, rig):
    score = LiveScore(partial=5, complete=False, points={"pulse": 3, "oxygen": 2}, missing=("acvpu",))
    pause = LivePause(until=rig.now_ms() + 60_000, by="nurse-1", reason="suction")
    entry = LiveEntry(value=1.0, time=rig.now_ms())
    hub.put(rig.bed("1", scores={"news2": score}, pause=pause, entries={"oxygen": entry}, patient="p-17"))
    rig.until(lambda: bed_of(console, "1")["pause"], what="the pause is shown")
    bed = bed_of(console, "1")
    assert (bed["scores"]["news2"]["total"], bed["scores"]["news2"]["partial"]) == (None, 5)
    assert (bed["pause"]["by"], bed["pause"]["reason"]) == ("nurse-1", "suction")
    assert (bed["entries"]["oxygen"]["value"], bed["entries"]["oxygen"]["until"]) == (1.0, None)
    assert bed["patient"] == "p-17"


def test_an_alarm_that_ended_is_gone_at_once(console, hub, rig):
    alarm = rig.alarm()
    hub.raise_alarm(alarm)
    rig.until(lambda: console.json("/api/v1/alarms"))
    hub.end_alarm(alarm)
    rig.until(lambda: not console.json("/api/v1/alarms"))


def test_history_lists_each_transition_newest_first(console, journal, rig):
    alarm = rig.alarm(onset=T0)
    journal.events(
        journal.event(alarm, "raised", T0),
        journal.event(alarm, "acknowledged", T0 + 5_000, by="AB"),
        journal.event(rig.alarm("2", onset=T0), "raised", T0 + 6_000),
    )
    found = console.json(f"/api/v1/alarms?state=all&bed=1&from={T0}&to={T0 + 10_000}")
    assert [(event["change"], event["by"]) for event in found] == [("acknowledged", "AB"), ("raised", "")]
    assert found[0]["alarm"]["id"] == alarm.id
    assert len(console.json("/api/v1/alarms?state=all&limit=1")) == 1


@pytest.mark.parametrize("query", ["state=some", "limit=0", "limit=many", "from=x", f"from={T0}&to={T0}"])
def test_alarm_questions_are_checked_too(console, query):
    assert error_of(console.get(f"/api/v1/alarms?{query}"))[0] == 422


# Commands.


def test_acknowledging_goes_to_the_hub_and_comes_back_done(console, hub, rig):
    alarm = rig.alarm()
    hub.raise_alarm(alarm)
    rig.until(lambda: console.json("/api/v1/alarms"))
    status, _, body = console.post(f"/api/v1/alarms/{alarm.id}/acknowledge", {"by": " A\u202eB ", "reason": "seen"})
    assert (status, json.loads(body)["state"]) == (200, "acknowledged")
    client, action, command = hub.commands[-1]
    assert (client, action, command.alarm, command.by, command.reason) == (
        "hub-1-console", "acknowledge", alarm.id, "AB", "seen",
    )  # fmt: skip
    shown = rig.until(lambda: (a := console.json("/api/v1/alarms"))[0]["state"] == "acknowledged" and a[0])
    assert shown["acknowledged_by"] == "AB"


def test_resetting_takes_a_latched_alarm_away(console, hub, rig):
    alarm = rig.alarm(state="latched", condition=False)
    hub.raise_alarm(alarm)
    rig.until(lambda: console.json("/api/v1/alarms"))
    status, _, body = console.post(f"/api/v1/alarms/{alarm.id}/reset", {"by": "AB"})
    assert (status, json.loads(body)["state"]) == (200, "inactive")
    rig.until(lambda: not console.json("/api/v1/alarms"))


def test_what_the_hub_refuses_is_a_conflict_with_its_reason(console, hub, rig):
    alarm = rig.alarm()
    hub.raise_alarm(alarm)
    rig.until(lambda: console.json("/api/v1/alarms"))
    hub.refuse = "only a latched alarm can be reset"
    answer = console.post(f"/api/v1/alarms/{alarm.id}/reset", {"by": "AB"})
    assert error_of(answer) == (409, "only a latched alarm can be reset")


def test_a_hub_that_does_not_answer_is_a_timeout(console, hub, rig):
    alarm = rig.alarm()
    hub.raise_alarm(alarm)
    rig.until(lambda: console.json("/api/v1/alarms"))
    hub.mute = True
    started = time.monotonic()
    status, sentence = error_of(console.post(f"/api/v1/alarms/{alarm.id}/acknowledge", {"by": "AB"}))
    assert status == 504
    assert "did not answer" in sentence
    assert 2.5 < time.monotonic() - started < 12


@pytest.mark.parametrize("number", ["0123456789abcdef", "nonsense", "%00", "a" * 500])
def test_an_unknown_alarm_is_not_found(console, hub, number):
    before = len(hub.commands)
    assert error_of(console.post(f"/api/v1/alarms/{number}/acknowledge", {"by": "AB"}))[0] == 404
    assert len(hub.commands) == before


@pytest.mark.parametrize(
    "body",
    [
        {"by": ""},
        {"by": "   "},
        {"by": "\u200b"},
        {"by": 5},
        {"by": "x" * 81},
        {"by": "AB", "reason": "x" * 201},
        {"by": "AB", "colour": "red"},
        b"{bad",
        b"[]",
        b"\xff\xfe",
        b"[" * 10_000,
    ],
)
def test_nobody_acknowledges_namelessly_or_in_riddles(console, hub, rig, body):
    alarm = rig.alarm()
    hub.raise_alarm(alarm)
    rig.until(lambda: console.json("/api/v1/alarms"))
    before = len(hub.commands)
    assert error_of(console.post(f"/api/v1/alarms/{alarm.id}/acknowledge", body))[0] in (400, 422)
    assert len(hub.commands) == before


# Machines.


def test_gateways_list_registered_devices_with_what_is_heard_of_them(console, hub, rig):
    hub.put(rig.bed("1", devices=[rig.device("mon-1", link="silent", states=("low_battery",))]))
    rig.until(lambda: console.json("/api/v1/gateways")[0]["devices"][0]["link"] == "silent")
    (gateway,) = console.json("/api/v1/gateways")
    assert (gateway["gateway"], gateway["online"]) == ("gw-1", True)
    assert [(one["device"], one["bed"], one["link"]) for one in gateway["devices"]] == [
        ("mon-1", "1", "silent"),
        ("spare", None, ""),
    ]


def test_quarantine_tells_why_a_message_was_refused(console, journal):
    journal.refused("implausible: hr=900")
    (refused,) = console.json("/api/v1/quarantine?limit=1")
    assert (refused["reason"], refused["gateway"], refused["records"]) == ("implausible: hr=900", "x", 3)
    assert error_of(console.get("/api/v1/quarantine?limit=0"))[0] == 422


def test_health_names_hub_broker_journal_and_version(console, hub, journal, rig):
    status, _, body = console.get("/healthz")
    said = json.loads(body)
    assert (status, said["status"], said["reason"]) == (200, "ok", "")
    assert said["broker"] == {"connected": True}
    assert said["journal"] == {"readable": True}
    assert said["hub"]["connected"] is True
    assert said["hub"]["silent_ms"] < 3_000
    assert said["version"]


@pytest.mark.parametrize("path", ["/nothing", "/static/../app.py", "/static/app.py", "/docs", "/redoc", "/api/v1"])
def test_what_is_not_there_is_not_found_in_one_sentence(console, path):
    assert error_of(console.get(path))[0] == 404


def test_a_wrong_method_is_refused_in_one_sentence(console):
    assert error_of(console.get("/api/v1/alarms/0123456789abcdef/acknowledge"))[0] == 405


# The guard.


def test_only_known_host_names_are_answered(console):
    for name in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.0.2.7", "", "[bad"):
        assert error_of(console.get("/api/v1/beds", Host=name))[0] == 421
    for name in ("localhost", "127.0.0.1:9", "[::1]:8080", "LOCALHOST"):
        assert console.get("/api/v1/beds", Host=name)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_pages_of_others_may_not_command(console, hub, rig, origin):
    alarm = rig.alarm()
    hub.raise_alarm(alarm)
    rig.until(lambda: console.json("/api/v1/alarms"))
    path = f"/api/v1/alarms/{alarm.id}/acknowledge"
    assert error_of(console.post(path, {"by": "AB"}, Origin=origin))[0] == 403
    assert error_of(console.post(path, {"by": "AB"}, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert console.post(path, {"by": "AB"}, Origin=console.url)[0] == 200


def test_a_body_is_at_most_what_a_name_needs(console):
    path = "/api/v1/alarms/0123456789abcdef/acknowledge"
    assert error_of(console.post(path, b"x" * 20_000))[0] == 413


@pytest.mark.parametrize("path", ["/", "/static/board.js"])
def test_pages_are_asked_about_each_time_so_that_a_renewed_console_is_seen_at_once(console, path):
    headers = console.get(path)[1]
    assert headers["cache-control"] == "no-cache"
    assert console.get(path, **{"If-None-Match": headers["etag"]})[0] == 304


@pytest.mark.parametrize("path", ["/", "/static/board.js", "/api/v1/beds", "/nothing", "/openapi.json"])
def test_every_answer_says_what_a_browser_may_do_with_it(console, path):
    headers = console.get(path)[1]
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == ("no-cache" if "etag" in headers else "no-store")
    assert "server" not in headers
