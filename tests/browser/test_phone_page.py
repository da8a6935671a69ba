"""A page's link in a real browser of a phone's size: what is wrong, one button, and what came of it."""

import pytest
from playwright.sync_api import expect

from hub.pagers.events import BEGINNING
from hub.pagers.links import Links
from hub.pagers.store import PageStore
from rules.paging import Paging
from rules.rotas import read_pagers
from vitals.alarms import AlarmEvent

PLAN = """
format: 1
zone: UTC
recipients: [{id: nurse-1, name: Nurse 1}]
policies: [{id: any, steps: [{after: 0s, page: [nurse-1]}]}]
"""


@pytest.fixture
def send_page(console, rig):
    """Page nurse-1 about some alarms as the paging does; the link."""

    def send(*alarms):
        now = rig.now_ms()
        plan = read_pagers(PLAN, "pagers.yaml")
        paging, links, store = Paging(plan), Links(console.url), PageStore(console.folder / "pages.db")
        for alarm in alarms:
            paging.take(AlarmEvent(change="raised", time=now, alarm=alarm), now)
        (message,) = paging.advance(now)
        paging.received(message.delivery, "nurse-1", now)
        address, link = links.of(message.delivery, now)
        store.name((one.id, one.title) for one in plan.recipients.values())
        store.save(BEGINNING, paging.unsaved(), [], [link], now)
        store.close()
        return address

    return send


@pytest.fixture
def phone(chromium, console):
    """Open a link on a phone; anything the browser complains of fails the test."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong, asked = [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("request", lambda request: asked.append(request.url))
    page.wrong = wrong
    yield page
    context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith(console.url)] == []


def test_one_tap_acknowledges_and_a_second_is_not_offered(phone, hub, send_page, rig):
    alarm = rig.alarm("1", message='SpO2 <low> "now"')
    hub.raise_alarm(alarm)
    link = send_page(alarm)
    phone.goto(link)
    expect(phone.locator(".message")).to_contain_text('SpO2 <low> "now"')
    expect(phone.locator(".place")).to_have_text("Intensive care, Bed 1")
    expect(phone.locator(".state")).to_contain_text("nobody has answered yet")
    button = phone.get_by_role("button", name="Acknowledge this alarm as Nurse 1")
    assert button.bounding_box()["height"] >= 48
    assert phone.locator("body").bounding_box()["width"] <= 390
    assert hub.commands == [] or hub.commands[-1][2].alarm != alarm.id
    button.tap()
    expect(phone.get_by_role("status")).to_contain_text("acknowledged as Nurse 1")
    expect(phone.get_by_role("button")).to_have_count(0)
    _, action, command = hub.commands[-1]
    assert (action, command.alarm, command.by) == ("acknowledge", alarm.id, "Nurse 1")
    phone.goto(link)
    expect(phone.locator(".said")).to_contain_text("This link has been used")


def test_a_hub_that_does_not_answer_is_said_and_the_link_stays_good(phone, hub, send_page, rig):
    one, two = rig.alarm("1"), rig.alarm("2", "hr-high", message="x" * 120, test=False)
    hub.raise_alarm(one)
    hub.raise_alarm(two)
    phone.goto(send_page(one, two))
    assert phone.locator("body").evaluate("body => body.scrollWidth") <= 390
    hub.mute = True
    phone.get_by_role("button").tap()
    expect(phone.get_by_role("alert")).to_contain_text("the hub did not answer within 3 s")
    phone.wrong.clear()  # the browser notes the status 503
    hub.mute = False
    phone.get_by_role("button", name="Acknowledge these 2 alarms as Nurse 1").tap()
    expect(phone.get_by_role("status").locator("li")).to_have_count(2)


def test_a_drill_says_test(phone, hub, send_page, rig):
    phone.goto(send_page(rig.alarm("1", test=True)))
    expect(phone.locator(".test")).to_have_text("TEST: this is a drill. No patient is concerned.")
