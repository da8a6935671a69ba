"""The wall display: bound once by a code, without controls, and back by itself whatever goes down."""

import json
import re

import pytest
from playwright.sync_api import expect

CODE = re.compile(r"^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$")


@pytest.fixture
def open_tv(open_board):
    return lambda path="/tv": open_board(path, width=1920, height=1080)


def test_a_wall_display_has_nothing_to_press(open_tv, hub, rig):
    hub.raise_alarm(rig.alarm())
    page = open_tv()
    line = page.locator("alarm-line[data-rule='spo2-low']")
    expect(line.locator(".words")).to_contain_text("SpO2 low")
    assert page.locator("button:visible, summary:visible, select:visible").count() == 0
    expect(page.locator(".notice")).to_be_visible()
    expect(page.locator("#clock")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))


def test_a_wall_display_is_back_five_seconds_after_the_console(open_tv, console, hub, rig):
    page = open_tv()
    console.kill()
    expect(page.locator("#silence")).to_be_visible(timeout=20_000)
    hub.put(rig.bed("1", values={"hr": rig.value(63), "spo2": rig.value(97)}))
    console.start()
    expect(page.locator("#silence")).to_be_hidden(timeout=20_000)
    expect(page.locator("bed-tile[data-bed='1'] vital-cell[data-parameter='hr'] .value")).to_have_text("63")
    page.wrong.clear()  # the browser notes each connection that was refused


def test_a_display_whose_first_question_is_not_answered_asks_again(unanswered, console, hub):
    page, asked = unanswered
    page.goto(console.url + "/tv")
    expect(page.locator("bed-tile")).to_have_count(3, timeout=20_000)
    assert len(asked) >= 3


def test_a_display_nobody_has_bound_shows_a_code_and_then_its_ward(chromium, console, hub):
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    try:
        page = context.new_page()
        # Not the demo person of this machine, but a display elsewhere.
        page.route("**/api/v1/me", lambda route: route.fulfill(status=401, body=json.dumps({"error": "sign in"})))
        page.goto(console.url + "/tv")
        expect(page.locator("#code")).to_have_text(CODE, timeout=20_000)
        code = page.locator("#code").inner_text()
        body = {"code": code, "name": "Nurse station", "wards": None}
        status, _, answer = console.post("/api/v1/screens", body)
        assert status == 200, answer
        expect(page.locator("bed-tile")).to_have_count(3, timeout=20_000)
        assert any(cookie["name"] == "wardline_screen" and cookie["httpOnly"] for cookie in context.cookies())
    finally:
        context.close()
