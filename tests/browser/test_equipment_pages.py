"""The pages of devices and tickets in a real browser, with the real hub behind them."""

import pytest
from playwright.sync_api import expect

from tests.browser.gateway import fed_console
from vitals import topics
from vitals.codec import encode
from vitals.sessions import DeviceStatus, GatewayStatus


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(console, gateway) with a real hub between them; the gateway has said how it is."""
    with fed_console(tmp_path_factory) as (console, gateway):
        status = GatewayStatus(
            gateway="gw-1",
            online=True,
            time=1_795_000_000_000,
            spooled=7,
            accepted=1_200,
            version="9.9.9",
            devices=[DeviceStatus(id="mon-1", driver="nonin", link="up", since=1_795_000_000_000)],
        )
        gateway.say(topics.up("gw-1", "status"), encode(status), retain=True)
        yield console, gateway


@pytest.fixture
def hub(shared):
    return shared[1]


def test_the_fleet_is_counted_and_a_gateway_shows_what_it_says_of_itself(open_board):
    page = open_board("/devices", wait=".gateway tbody tr")
    expect(page.locator("#fleet")).to_contain_text("✓")
    facts = page.locator(".gateway .facts")
    expect(facts).to_contain_text("7 of 1200 records")
    expect(facts).to_contain_text("9.9.9")
    device = page.locator(".gateway tbody tr").filter(has_text="mon-1")
    expect(device).to_contain_text("online")
    expect(device).to_contain_text("icu/1")


def test_what_a_device_went_through_is_a_strip_and_a_table_and_has_an_address(open_board):
    page = open_board("/devices", wait=".gateway tbody tr")
    page.get_by_role("link", name="mon-1").click()
    assert page.evaluate("location.hash") == "#gw-1/mon-1"
    expect(page.locator("#one .strip rect[data-state=online]").first).to_be_attached()
    expect(page.get_by_role("table", name="What it went through").locator("tbody tr").first).to_contain_text("online")
    page.get_by_label("Show").select_option("offline")
    expect(page.locator("#list")).to_contain_text("None is in this state.")


def test_a_ticket_is_opened_assigned_noted_and_closed_with_a_reason(open_board, console):
    page = open_board("/tickets", wait="#list .empty")
    page.get_by_role("button", name="Open a ticket").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Device").select_option("gw-1/mon-1")
    dialog.get_by_label("Note").fill("Cable is worn")
    dialog.get_by_role("button", name="Open a ticket").click()
    opened = page.locator("#ticket")
    expect(opened).to_contain_text("Ticket 1")
    expect(opened).to_contain_text("Cable is worn")
    assert page.evaluate("location.hash").removeprefix("#") == "1"

    opened.get_by_role("button", name="Assign").click()
    dialog.get_by_label("Technician").fill("Biomed 2")
    dialog.get_by_role("button", name="Assign").click()
    expect(page.locator("#list tbody tr")).to_contain_text("Biomed 2")

    opened.get_by_role("button", name="Close").click()
    dialog.get_by_label("Reason").fill("Cable replaced")
    dialog.get_by_role("button", name="Close").click()
    expect(opened).to_contain_text("Cable replaced")
    page.get_by_label("State").select_option("closed")
    expect(page.locator("#list tbody tr")).to_contain_text("closed")
    assert console.json("/api/v1/tickets/1")["ticket"]["state"] == "closed"


@pytest.mark.parametrize("path", ["/devices#gw-1/mon-1", "/tickets"])
def test_a_phone_shows_them_without_scrolling_sideways(open_board, path):
    page = open_board(path, width=390, height=800, wait="main h2")
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
