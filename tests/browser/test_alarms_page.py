"""The alarms page in a real browser, with the real hub behind it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.gateway import fed_console


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(console, gateway) with a real hub between them; bed 1 is short of oxygen, and stays so."""
    with fed_console(tmp_path_factory) as (console, gateway):
        gateway.values["spo2"] = 88.0
        yield console, gateway


@pytest.fixture
def hub(shared):
    return shared[1]


@pytest.fixture
def alarms(open_board):
    """Open the page at one of its views."""

    def open_view(view="active", asked="", **options):
        return open_board(f"/alarms{asked}#{view}", wait=".tabs [aria-selected=true]", **options)

    return open_view


def line(page):
    return page.locator(".standing-alarm").filter(has_text="SpO2").first


def test_an_alarm_stands_with_its_priority_and_is_acknowledged_in_the_readers_name(alarms, console):
    page = alarms()
    page.set_default_timeout(30_000)
    expect(line(page)).to_be_visible(timeout=30_000)
    expect(line(page).locator(".shape")).to_have_text(re.compile(r"[▲◆●] \*+"))
    expect(page.get_by_role("link", name="Bed 1")).to_have_attribute("href", "/bed/icu/1")
    line(page).get_by_role("button", name="Acknowledge").click()
    expect(line(page)).to_contain_text("acknowledged")
    expect(page.locator("#history")).to_be_hidden()
    page.get_by_role("tab", name="History").click()
    row = page.locator("#history tbody tr").filter(has_text="acknowledged")
    expect(row.first).to_contain_text("icu/1")
    by = console.json("/api/v1/alarms")[0]["acknowledged_by"]
    assert by
    expect(row.first).to_contain_text(by)


def test_the_history_is_narrowed_by_words_and_priority_and_the_address_keeps_the_bed(alarms, rig, console):
    rig.until(lambda: console.json("/api/v1/alarms?state=all"), within=40, what="no alarm in the journal")
    page = alarms("history", "?ward=icu&bed=1")
    expect(page.locator("#history tbody tr").first).to_be_visible()
    page.get_by_label("Rule or words").fill("no such words")
    expect(page.locator("#history .empty")).to_have_text("No alarm in this span.")
    page.get_by_label("Rule or words").fill("spo2")
    expect(page.locator("#history tbody tr").first).to_be_visible()
    page.get_by_label("Priority", exact=True).select_option("technical")
    expect(page.locator("#history tbody tr").first).not_to_be_visible()
    page.get_by_label("Bed", exact=True).select_option("2")
    assert page.evaluate("location.search") == "?ward=icu&bed=2"
    expect(page.locator("#history .empty")).to_be_visible()


def test_the_burden_counts_the_alarms_beside_the_reference(alarms, rig, console):
    rig.until(lambda: console.json("/api/v1/alarms?state=all"), within=40, what="no alarm in the journal")
    page = alarms("burden")
    figures = page.locator(".figures")
    expect(figures).to_contain_text("187")
    expect(figures).to_contain_text("reference per bed and day")
    expect(page.get_by_role("table", name="By rule")).to_contain_text("spo2")
    expect(page.get_by_role("table", name="By bed").locator("tbody tr").first).to_contain_text("icu/1")


def test_another_limit_is_tried_over_what_was_kept_and_nothing_changes(alarms, rig, console):
    rig.until(lambda: console.json("/api/v1/alarms?state=all"), within=40, what="no alarm in the journal")
    before = console.json("/api/v1/beds/icu/1/limits")
    page = alarms("whatif", "?ward=icu&bed=1")
    rule = page.get_by_label("Limit", exact=True)
    expect(rule).to_be_visible()
    rule.select_option("spo2-low")
    page.get_by_label("Try", exact=True).fill("86")
    page.get_by_role("button", name="Judge").click()
    said = page.locator("#whatif [role=status]")
    expect(said).to_contain_text("spo2-low", timeout=40_000)
    expect(said).to_contain_text("became 0")
    expect(page.locator(".trial svg .before").first).to_be_attached()
    expect(page.locator(".trial svg .after")).to_have_count(0)
    assert console.json("/api/v1/beds/icu/1/limits") == before


def test_a_limit_that_cannot_be_is_refused_with_a_sentence(alarms):
    page = alarms("whatif", "?ward=icu&bed=1")
    page.get_by_label("Limit", exact=True).select_option("spo2-low")
    page.get_by_label("Try", exact=True).fill("500")
    page.get_by_role("button", name="Judge").click()
    said = page.locator("#whatif [role=status]")
    expect(said).not_to_contain_text("Judging", timeout=40_000)
    expect(said).to_contain_text("spo2")
    page.wrong[:] = [one for one in page.wrong if "422" not in one]  # the browser notes the refusal


def test_a_phone_shows_every_view_without_scrolling_sideways(alarms):
    page = alarms(width=390, height=800)
    for view in ("Now", "History", "Burden", "What if"):
        page.get_by_role("tab", name=view).click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


def test_tabs_answer_to_the_arrow_keys(alarms):
    page = alarms()
    page.get_by_role("tab", name="Now").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="History")).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("#whatif")).to_be_visible()
