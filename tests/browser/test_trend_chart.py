"""The trend chart in a real browser: what it draws, what it leaves out, and how the keyboard reads it."""

import json
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from hub.journal import Batch, EventRow, Journal, RecordRow, Write
from vitals.alarms import AlarmEvent
from vitals.codec import encode

MINUTE = 60_000
CHART = "trend-chart[data-ready]"
OVERRIDE = (
    'INSERT INTO limit_override (time, change, scope, rule, bound, profile, "by", reason, set_at, expires)'
    " VALUES (?, 'set', 'bed/icu/1', 'spo2-low', 93.0, 'adult-ward', 'doctor-1', 'why', ?, NULL)"
)
STAY = 'INSERT INTO admission (ward, bed, patient, start, "end", "by") VALUES (?, ?, ?, ?, ?, ?)'


@pytest.fixture(scope="module")
def end(shared, rig):
    """The journal of the last hour at bed 1, in minutes before `end`: nothing from 30 to 20, SpO2 off from 50 to 45."""
    end = rig.now_ms() // (15 * MINUTE) * (15 * MINUTE)
    journal = Journal(shared[0].folder / "journal.db")
    batch = Batch()

    def record(seq, at, values, flags=()):
        body = json.dumps({"values": values, "flags": dict(flags)}).encode()
        batch.records.append(RecordRow("gw-1", 1, seq, "mon-1", "icu", "1", at, at, 0, body))

    for seq, before in enumerate(range(3_600, 0, -2), start=1):
        at = end - before * 1_000
        if 1_200 < before <= 1_800:
            continue
        off = 2_700 < before <= 3_000
        low = 300 < before <= 600
        values = {"hr": 70 + seq % 3, **({} if off else {"spo2": 85 if low else 97})}
        if before % 600 == 0:
            values |= {"nibp_sys": 120, "nibp_dia": 80, "nibp_mean": 93}
        record(seq, at, values, {"spo2": "sensor_off"} if off else {})
    alarm = rig.alarm("1", onset=end - 9 * MINUTE, raised=end - 9 * MINUTE, changed=end - 9 * MINUTE)
    for change, at in (("raised", end - 9 * MINUTE), ("cleared", end - 5 * MINUTE)):
        event = AlarmEvent(change=change, time=at, alarm=alarm, by="")
        batch.events.append(EventRow(alarm.id, "icu", "1", alarm.rule, change, at, encode(event)))
    batch.writes += [
        Write(OVERRIDE, (end - 40 * MINUTE, end - 40 * MINUTE)),
        Write(STAY, ("icu", "1", "p-1", end - 90 * MINUTE, end - 26 * MINUTE, "n")),
        Write(STAY, ("icu", "1", "p-2", end - 24 * MINUTE, None, "n")),
    ]
    journal.commit(batch)
    yield end
    journal.close()


@pytest.fixture
def chart(open_board, end, rig):
    """Open bed 1 with the hour before `end` drawn; `of="bed"`: whoever lay there."""

    def open_one(of="bed", **options):
        until = rig_time(end)
        path = f"/bed/icu/1?hours=1&until={until}" + ("&of=bed" if of == "bed" else "")
        return open_board(path, wait=CHART, **options)

    return open_one


def rig_time(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


COPIED = """const copied = (canvas) => {
    const pen = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    return pen;
  };"""

INK = """([parameter, time, minutes]) => {
  COPIED
  const chart = document.querySelector("trend-chart");
  const lane = chart.lanes.find((one) => one.id === parameter);
  const ratio = devicePixelRatio;
  const colour = getComputedStyle(chart).getPropertyValue(`--${lane.colour}`).trim();
  const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const left = Math.round(chart.xOf(time) * ratio) + 2;
  const width = Math.round((chart.xOf(time + minutes * 60000) - chart.xOf(time)) * ratio) - 4;
  const pen = copied(chart.querySelector("canvas"));
  const top = Math.round((lane.top + 22) * ratio);
  const { data } = pen.getImageData(left, top, width, Math.round((lane.height - 34) * ratio));
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (wanted.every((part, index) => Math.abs(data[at + index] - part) < 40)) found += 1;
  }
  return found;
}""".replace("COPIED", COPIED)


def ink(page, lane, time, minutes=4):
    """How many pixels of a lane have the colour of its line, from `time` on."""
    return page.evaluate(INK, [lane, time, minutes])


def test_what_was_measured_is_drawn_and_a_gap_stays_empty(chart, end):
    page = chart()
    assert ink(page, "hr", end - 45 * MINUTE) > 100
    assert ink(page, "hr", end - 28 * MINUTE) == 0
    assert ink(page, "spo2", end - 49 * MINUTE, 3) == 0
    assert ink(page, "hr", end - 49 * MINUTE, 3) > 100


def test_the_cursor_says_why_there_is_no_value(chart, end):
    page = chart()
    page.locator("trend-chart").focus()
    slider = page.get_by_role("slider")
    page.evaluate("time => document.querySelector('trend-chart').moveTo(time)", end - 48 * MINUTE)
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"HR 7\d–7\d.*SpO₂ sensor off"))
    page.evaluate("time => document.querySelector('trend-chart').moveTo(time)", end - 25 * MINUTE)
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"HR no data, SpO₂ no data"))


def test_the_keyboard_moves_the_cursor_and_reads_the_values(chart):
    page = chart()
    slider = page.get_by_role("slider")
    slider.focus()
    last = int(slider.get_attribute("aria-valuemax"))
    expect(slider).to_have_attribute("aria-valuenow", str(last))
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", str(last - 1))
    page.keyboard.press("PageUp")
    expect(slider).to_have_attribute("aria-valuenow", str(last - 11))
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d, HR 7\d"))
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "0")


ABOVE = """([parameter, time]) => {
  const chart = document.querySelector("trend-chart");
  const line = chart.lanes.find((one) => one.id === parameter).lines[0];
  return line.limits.find((band) => band.start <= time && time < band.end).low;
}"""


def test_limits_are_drawn_as_they_were_at_the_time(chart, end):
    page = chart()
    assert page.evaluate(ABOVE, ["spo2", end - 50 * MINUTE]) == 90
    assert page.evaluate(ABOVE, ["spo2", end - 30 * MINUTE]) == 93


RED = """([time, minutes]) => {
  COPIED
  const chart = document.querySelector("trend-chart");
  const lane = chart.lanes.find((one) => one.id === "spo2");
  const ends = [chart.xOf(time), chart.xOf(time + minutes * 60000)];
  const [left, right] = ends.map((x) => Math.round(x * devicePixelRatio));
  const top = Math.round((lane.top + lane.height - 8) * devicePixelRatio);
  const { data } = copied(chart.querySelector("canvas")).getImageData(left, top, right - left, 2);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at] > 180 && data[at + 1] < 80) found += 1;
  return found / (data.length / 4);
}""".replace("COPIED", COPIED)


def test_an_alarm_is_marked_for_as_long_as_it_stood(chart, end):
    page = chart()
    assert page.evaluate(RED, [end - 8.5 * MINUTE, 3]) > 0.95
    assert page.evaluate(RED, [end - 20 * MINUTE, 9]) == 0
    assert page.evaluate(RED, [end - 4 * MINUTE, 3]) == 0


def test_it_begins_with_the_present_patient_and_shows_earlier_ones_on_demand(chart, end, rig):
    page = chart(of="patient")
    expect(page.locator("#trends .span")).to_contain_text("since patient p-2 came")
    assert page.evaluate("document.querySelector('trend-chart').timeAt(0)") >= end - 24 * MINUTE
    page.get_by_role("button", name="Earlier patients too").click()
    expect(page).to_have_url(re.compile(r"of=bed"))
    first = "document.querySelector('trend-chart').timeAt(0)"
    rig.until(lambda: page.evaluate(first) < end - 50 * MINUTE, what="earlier patients are not shown")


def test_the_range_is_in_the_address_and_the_address_brings_it_back(chart):
    page = chart()
    page.get_by_role("button", name="24 h").click()
    expect(page).to_have_url(re.compile(r"hours=24"))
    page.reload()
    page.locator(CHART).wait_for()
    expect(page.get_by_role("button", name="24 h")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Earlier", exact=True).click()
    expect(page).to_have_url(re.compile(r"until=20"))
    page.get_by_role("button", name="Now", exact=True).click()
    expect(page).not_to_have_url(re.compile(r"until="))


def test_the_table_says_the_same_and_an_empty_place_says_why(chart):
    page = chart()
    page.get_by_role("button", name="As a table").click()
    table = page.locator(".tabular table")
    expect(table.locator("thead th").nth(1)).to_have_text("HR /min")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(12)  # an hour of five minutes
    expect(rows.nth(5).locator("td").nth(0)).to_have_text("no data")
    expect(rows.nth(9).locator("td").nth(1)).to_contain_text("sensor off")
    expect(rows.nth(1).locator("td").nth(1)).to_contain_text("↓ 85 below the limit")
    expect(rows.nth(1).locator("td").last).to_have_text("SpO2 low")
    assert "0" not in [cell.inner_text() for cell in table.locator("td").all()]
    page.get_by_label("A row each").select_option("15")
    expect(rows).to_have_count(4)


def test_a_span_without_anything_says_so(open_board, end):
    page = open_board(
        "/bed/icu/1?hours=1&until=2025-01-01T00:00:00Z&of=bed#trends", wait="#trends .empty:not([hidden])"
    )
    expect(page.locator("#trends .empty")).to_have_text("Nothing was measured here in this span.")
    expect(page.locator("trend-chart")).to_be_hidden()


def test_csv_of_the_range_shown_is_one_click_away(chart, console):
    page = chart()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "icu-1.csv"
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 1 + 1_500


# What stands above it.


def test_the_first_touch_of_a_page_reaches_what_it_was_meant_for(chart):
    """It also lets the page sound, and the band that asked for it goes: not before the click has come."""
    page = chart(of="")
    page.get_by_role("button", name="Earlier patients too").hover()
    page.mouse.down()
    page.locator(".menu.sound[data-state=ready]").wait_for()
    expect(page.locator("#blocked")).to_be_visible()
    page.mouse.up()
    expect(page).to_have_url(re.compile("of=bed"))
    expect(page.locator("#blocked")).to_be_hidden()


def test_nothing_can_be_pressed_until_everything_above_it_has_its_place(open_board, end):
    """Numbers that come later than the chart would push it from under the finger."""
    page = open_board("/bed/icu/1", wait=".sign")
    held = []
    page.route("**/api/v1/me", lambda route: held.append(route))
    page.reload()
    expect(page.locator(".sign")).not_to_have_count(0)
    expect(page.get_by_role("link", name="CSV")).to_be_hidden()
    held.pop().continue_()
    expect(page.get_by_role("link", name="CSV")).to_be_visible()
    page.unroute("**/api/v1/me")
    page.route_web_socket("**/api/v1/stream", lambda socket: held.append(socket))
    page.reload()
    page.locator("#demo").wait_for(state="attached")
    expect(page.get_by_role("link", name="CSV")).to_be_hidden()
    expect(page.locator(".sign")).to_have_count(0)
    expect(page.locator("#silence")).to_be_visible()  # no picture comes: that is said, and the rest stands behind it
    page.wrong.clear()


def test_a_stale_number_gives_way_to_dashes_and_a_missing_one_to_its_reason(open_board, hub, rig, end):
    values = {
        "hr": rig.value(72, age_ms=21_000, fresh=False),
        "spo2": rig.value(None, "sensor_off"),
        "rr": rig.value(0.0),
    }
    hub.put(rig.bed("1", values=values))
    page = open_board("/bed/icu/1", wait=".sign")
    expect(page.locator(".sign[data-parameter=hr] .value")).to_have_text("--")
    expect(page.locator(".sign[data-parameter=hr] .foot")).to_contain_text("72, 2")
    expect(page.locator(".sign[data-parameter=spo2] .value")).to_have_text("?")
    expect(page.locator(".sign[data-parameter=spo2] .foot")).to_have_text("sensor off")
    expect(page.locator(".sign[data-parameter=rr] .value")).to_have_text("0")


def test_a_silent_bed_says_since_when_and_keeps_no_number(open_board, hub, rig, end):
    hub.put(rig.bed("1", silent=True, devices=[rig.device("mon-1", link="down", online=False, age_ms=60_000)]))
    page = open_board("/bed/icu/1#devices", wait=".sign")
    expect(page.locator(".silence-words")).to_have_text(re.compile(r"no data since \d\d:\d\d:\d\d"))
    expect(page.locator(".sign .value").first).to_have_text("--")
    expect(page.locator("#devices")).to_contain_text("gateway offline")
    expect(page.locator("#devices")).to_contain_text("not connected")


def test_no_data_covers_the_page_when_the_hub_is_silent(open_board, hub, end):
    page = open_board("/bed/icu/1", wait=".sign")
    hub.silence()
    expect(page.locator("#silence .shout")).to_contain_text("NO DATA", timeout=20_000)


def test_a_bed_that_does_not_exist_is_said_to_be_none(chromium, console, hub, end):
    page = chromium.new_context().new_page()  # the console says 404, as it should
    page.goto(f"{console.url}/bed/icu/77")
    expect(page.locator("#lost")).to_contain_text("There is no bed icu/77")
    expect(page.locator("#numbers")).to_be_hidden()
    page.context.close()


@pytest.mark.parametrize("view", ["trends", "events", "limits", "observations", "devices"])
def test_a_phone_shows_every_view_without_scrolling_sideways(open_board, hub, end, view):
    page = open_board(f"/bed/icu/1#{view}", width=390, height=844, wait=".sign")
    page.locator(f"#{view}").wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_arabic_reads_from_right_to_left_and_time_still_runs_to_the_right(open_board, hub, end, chromium, console):
    page = chromium.new_context(viewport={"width": 1280, "height": 900}, timezone_id="UTC").new_page()
    page.add_init_script("localStorage.setItem('wardline.language', 'ar')")
    page.goto(f"{console.url}/bed/icu/1?hours=1&until={rig_time(end)}&of=bed")
    page.locator(CHART).wait_for()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).direction") == "rtl"
    places = page.evaluate(
        "times => times.map((time) => document.querySelector('trend-chart').xOf(time))", [end, end - 1]
    )
    assert places[0] > places[1]
    assert ink(page, "hr", end - 45 * MINUTE) > 100
    page.context.close()
