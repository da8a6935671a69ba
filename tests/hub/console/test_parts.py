"""The pure parts of the console: what the wards know at a moment, what a slow screen is sent, what the doc says."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from hub.console.app import make_app
from hub.console.printable import printable
from hub.console.streams import QUEUED, Beat, Screen, Streams
from hub.console.times import parse_time
from hub.console.wards import Wards
from hub.registry import Registry
from hub.settings import HubSettings
from vitals.document import read_document
from vitals.live import WardSnapshot

SETTINGS = """
hub: hub-1
wards:
  - {id: icu, title: Intensive care, beds: [{id: "1", title: Bed 1}, {id: "2"}]}
  - {id: west, beds: [{id: "1"}]}
gateways:
  - {id: gw-1, devices: [{id: mon-1, bed: icu/1}, {id: spare}]}
"""


@pytest.fixture
def settings():
    return read_document(SETTINGS, "hub.yaml", HubSettings)


@pytest.fixture
def wards(settings):
    return Wards(Registry(settings), "hub-1")


def snapshot(*beds, ward="icu", number=1):
    return WardSnapshot(ward=ward, title="x", hub="hub-1", time=1_000, number=number, beds=list(beds))


def test_ages_grow_with_the_time_since_the_snapshot(wards, rig):
    wards.take_snapshot(snapshot(rig.bed("1", values={"hr": rig.value(72, age_ms=400)})), now=10_000)
    bed = wards.view("icu", 12_500).beds[0]
    assert (bed.values["hr"].age_ms, bed.stream_age_ms, bed.values["hr"].fresh) == (2_900, 2_500, True)


def test_nothing_is_fresh_once_the_hub_is_silent(wards, rig):
    wards.take_snapshot(snapshot(rig.bed("1", values={"temp": rig.value(36.8, age_ms=0)})), now=0)
    assert wards.view("icu", 5_000).beds[0].values["temp"].fresh
    late = wards.view("icu", 5_001).beds[0]
    assert (late.values["temp"].fresh, late.silent) == (False, True)


def test_a_bed_outside_the_settings_is_shown_all_the_same(wards, rig):
    wards.take_snapshot(snapshot(rig.bed("77")), now=0)
    assert [bed.bed for bed in wards.view("icu", 0).beds] == ["1", "2", "77"]


def test_a_ward_of_somebody_else_is_left(wards, rig):
    assert not wards.take_snapshot(snapshot(rig.bed("1"), ward="elsewhere"), now=0)


def test_silence_is_that_of_the_ward_that_waits_longest(wards, rig):
    assert wards.silent_ms(0) is None
    wards.take_snapshot(snapshot(rig.bed("1")), now=1_000)
    assert wards.silent_ms(1_000) is None
    wards.take_snapshot(snapshot(rig.bed("1"), ward="west"), now=3_000)
    assert wards.silent_ms(4_000) == 3_000


def test_an_older_revision_of_an_alarm_changes_nothing(wards, rig):
    new, old = rig.alarm(onset=1, rev=3, state="acknowledged"), rig.alarm(onset=1, rev=2)
    assert wards.take_alarm("icu", "1", "spo2-low", new)
    assert not wards.take_alarm("icu", "1", "spo2-low", old)
    assert wards.alarm(new.id).state == "acknowledged"


def test_an_alarm_on_the_topic_of_another_bed_is_no_alarm(wards, rig):
    assert not wards.take_alarm("icu", "2", "spo2-low", rig.alarm("1"))
    assert wards.alarms() == []


def test_a_snapshot_ends_alarms_it_does_not_name(wards, rig):
    wards.take_alarm("icu", "1", "spo2-low", rig.alarm())
    wards.take_snapshot(snapshot(rig.bed("1")), now=0)
    assert wards.alarms() == []


def test_a_technical_alarm_never_stands_before_a_patient(wards, rig):
    wards.take_alarm("icu", "1", "gone", rig.alarm("1", "gone", kind="technical", priority="high"))
    wards.take_alarm("icu", "1", "hr-low", rig.alarm("1", "hr-low", priority="low"))
    assert [alarm.rule for alarm in wards.alarms("icu", "1")] == ["hr-low", "gone"]


@pytest.fixture
def drain():
    """What a screen would be sent now."""

    async def everything(screen):
        found = []
        while True:
            try:
                async with asyncio.timeout(0.01):
                    found.append(await screen.get())
            except TimeoutError:
                return found

    with asyncio.Runner() as runner:
        yield lambda screen: runner.run(everything(screen))


def test_a_screen_that_keeps_up_gets_each_message_once(drain):
    screen = Screen(lambda: "whole")
    assert drain(screen) == ["whole"]
    for number in range(QUEUED):
        screen.put(str(number))
    assert drain(screen) == [str(number) for number in range(QUEUED)]


def test_a_screen_that_falls_behind_gets_the_whole_and_its_memory_stays_flat(drain):
    screen = Screen(lambda: "whole")
    assert drain(screen) == ["whole"]
    for number in range(100_000):
        screen.put(str(number))
    assert len(screen._waiting) == 0
    assert drain(screen) == ["whole"]
    screen.put("next")
    assert drain(screen) == ["next"]


def test_the_number_of_the_whole_is_the_one_the_next_message_follows(wards, drain):
    def beat(number):
        return Beat(number=number, time=0, hub_silent_ms=None, hub=wards.hub(0), broker=True)

    streams = Streams(beat)  # any message will do as the whole
    streams.send(beat)
    screen = streams.open()
    streams.send(beat)
    first = drain(screen)
    streams.send(beat)
    assert [json.loads(text)["number"] for text in first + drain(screen)] == [2, 3]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bed\t1\r\n", "Bed 1"),
        ("a\u202eb\u2066c\ufeffd\x00e\x1b", "abcde"),
        ("e\u0301", "\u00e9"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("病室 7 · Zimmer Süd", "病室 7 · Zimmer Süd"),
        ("\u200b", ""),
    ],
)
def test_text_is_shown_as_it_reads(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["", "0x10", "1e5", "٣", "2025-02-30", "10000-01-01", "1969-12-31T23:59:59Z", "nan", "-1"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="`from` must"):
        parse_time("from", text)


# The documents.


@pytest.fixture
def app(settings):
    class Console:
        version = "1.2.3"

    return make_app(Console(), settings.console)


def test_the_reference_describes_each_route_and_no_other(app):
    text = (Path(__file__).parents[3] / "docs/reference/api.md").read_text()
    described = set(re.findall(r"^### `(GET|POST|PUT|PATCH|DELETE|WS) (/[^`]*)`", text, re.MULTILINE))
    paths = app.openapi()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == routes | {
        ("WS", "/api/v1/stream"), ("WS", "/api/v1/beds/{ward}/{bed}/waves"), ("WS", "/api/v1/wards/{ward}/waves"),
        ("GET", "/"), ("GET", "/bed/{ward}/{bed}"), ("GET", "/openapi.json"),
    }  # fmt: skip


def test_the_openapi_document_names_every_schema_it_uses(app):
    document = app.openapi()
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert used <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(document)
    assert set(document["components"]["schemas"]["BedView"]["properties"]) >= {"values", "alarms", "flags", "silent"}


def test_the_reference_describes_each_field_of_a_bed_and_an_alarm(app):
    text = (Path(__file__).parents[3] / "docs/reference/api.md").read_text()
    schemas = app.openapi()["components"]["schemas"]
    for view in (
        "BedView",
        "ValueView",
        "DeviceView",
        "AlarmView",
        "GatewayView",
        "QuarantineView",
        "ReadingView",
        "WaveView",
    ):
        for field in schemas[view]["properties"]:
            assert f"`{field}`" in text, f"{field} of {view} is not described"


def test_trusted_networks_are_answered_by_address_and_by_their_names_only():
    from hub.console.guard import Guard, names_of

    guard = Guard(None, names_of("0.0.0.0", ["board.ward.example"]), any_address=True)
    assert all(guard._known(host) for host in ("192.0.2.7:8080", "[2001:db8::1]", "board.ward.example", "localhost"))
    assert not any(guard._known(host) for host in ("evil.example", "192.0.2.7.evil.example", "", "a b"))
