"""Every page for everybody: axe finds nothing serious, in each theme and from right to left; the keyboard is enough."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from hub.console.routes.board import _FILES, PAGES

THERE = [path for path, name in PAGES.items() if name in _FILES]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def visit(chromium, console, hub, rig):
    """Open a page of the console, with an alarm of each kind standing."""
    hub.raise_alarm(rig.alarm("1", priority="high"))
    hub.raise_alarm(rig.alarm("2", priority="medium", state="acknowledged", acknowledged_by="AB"))
    hub.raise_alarm(rig.alarm("2", "low", priority="low", parameter="hr"))
    hub.raise_alarm(rig.alarm("3", "gone", kind="technical", value=None))
    contexts = []

    def open_one(path, **chosen):
        context = chromium.new_context(
            viewport={"width": 1280, "height": 800}, timezone_id="UTC", reduced_motion="reduce", bypass_csp=True
        )
        contexts.append(context)
        for name, value in chosen.items():
            context.add_init_script(f"localStorage.setItem('wardline.{name}', '{value}')")
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(console.url + path.format(ward="icu", bed="1"))
        page.locator("main").first.wait_for()
        if path != "/login":
            page.wait_for_function("document.querySelector('ward-shell h1') !== null")
        page.wait_for_timeout(600)
        return page

    yield open_one
    for context in contexts:
        context.close()


def serious(page):
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("path", THERE)
def test_axe_finds_nothing_serious(visit, path):
    assert serious(visit(path)) == []


@pytest.mark.parametrize("theme", ["light", "contrast", "safe"])
def test_axe_finds_nothing_serious_in_other_themes(visit, theme):
    page = visit("/", theme=theme)
    page.locator("alarm-line").first.wait_for()
    assert serious(page) == []


def test_axe_finds_nothing_serious_from_right_to_left(visit):
    assert serious(visit("/", language="ar")) == []


def test_menus_open_and_close_with_the_keyboard_and_give_the_focus_back(visit):
    page = visit("/")
    page.locator("#choices > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#choices")).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "language"
    page.keyboard.press("Escape")
    expect(page.locator("#choices")).not_to_have_attribute("open", "")
    assert page.evaluate("document.activeElement.matches('#choices > summary')")


@pytest.mark.parametrize("path", ["/bed/{ward}/{bed}#limits", "/alarms#burden"])
def test_who_skips_to_the_content_stays_in_the_view_they_chose(visit, path):
    page = visit(path)
    name = path.partition("#")[2]
    expect(page.locator(f"#tab-{name}")).to_have_attribute("aria-selected", "true")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('main')")
    expect(page.locator(f"#tab-{name}")).to_have_attribute("aria-selected", "true")
    assert page.url.endswith(f"#{name}")


def test_the_keyboard_reaches_every_bed_and_shows_where_it_is(visit):
    page = visit("/")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
                const node = document.activeElement;
                const style = getComputedStyle(node);
                return [node.className, node.textContent.trim(), parseFloat(style.outlineWidth) || 0];
            }"""
        )
        reached.append(found)
    beds = [words for name, words, _ in reached if name == "title"]
    assert [bed for bed in ("Bed 1", "Bed 2", "Bed 3") if bed in beds] == ["Bed 1", "Bed 2", "Bed 3"]
    assert all(outline >= 2 for name, _, outline in reached if name in ("title", "do")), "focus cannot be seen"


def test_a_high_alarm_is_said_at_once_and_a_medium_one_politely(visit, hub, rig):
    page = visit("/")
    hub.raise_alarm(rig.alarm("1", "hr-high", message="Heart rate high", parameter="hr"))
    expect(page.locator("[aria-live=assertive]")).to_contain_text("Bed 1: high priority alarm: Heart rate high")
    hub.raise_alarm(rig.alarm("1", "rr-high", priority="medium", message="Respiration high", parameter="rr"))
    expect(page.locator("[aria-live=polite]")).to_contain_text("Bed 1: medium priority alarm: Respiration high")
