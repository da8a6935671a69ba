"""Silence on the board: whatever falls silent, it says so over everything, and comes back without a touch."""

import re
import signal

import pytest
from playwright.sync_api import expect

SINCE = re.compile(r"^NO DATA since \d\d:\d\d:\d\d$")


@pytest.fixture
def page(open_board):
    return open_board()


def test_a_silent_hub_covers_the_board_and_the_board_comes_back(page, hub):
    hub.silence()
    expect(page.locator("#silence .shout")).to_have_text(SINCE, timeout=20_000)
    expect(page.locator("#silence")).to_be_visible()
    expect(page.locator("#silence .cause")).to_have_text("The hub is silent.")
    box = page.locator("#silence").bounding_box()
    assert (box["width"], box["height"]) == (1280, 800)
    assert set(page.locator("main .value").all_inner_texts()) == {"--"}, "behind the banner nothing looks alive either"
    hub.speak()
    expect(page.locator("#silence")).to_be_hidden()
    expect(page.locator("main .value").first).to_have_text("72")


def test_a_killed_console_covers_the_board_and_the_board_comes_back(page, console, hub):
    console.kill()
    try:
        expect(page.locator("#silence .shout")).to_have_text(SINCE, timeout=20_000)
        expect(page.locator("#silence .cause")).to_have_text("This screen has lost the console. Reconnecting.")
    finally:
        console.start()
    expect(page.locator("#silence")).to_be_hidden(timeout=20_000)
    expect(page.locator("main .value").first).to_have_text("72")
    page.wrong.clear()  # the browser notes each connection that was refused


def test_a_frozen_console_is_silence_too(page, console, hub):
    console.process.send_signal(signal.SIGSTOP)  # the connection stays open and says nothing
    try:
        expect(page.locator("#silence .shout")).to_have_text(SINCE, timeout=20_000)
    finally:
        console.process.send_signal(signal.SIGCONT)
    expect(page.locator("#silence")).to_be_hidden(timeout=20_000)
    page.wrong.clear()


def test_an_open_dialog_does_not_hide_the_silence(page, hub, rig):
    for number in range(4):
        hub.raise_alarm(rig.alarm("1", f"rule-{number}"))
    page.locator("main bed-tile[data-bed='1'] .more").click()
    expect(page.locator("#bed")).to_be_visible()
    hub.silence()
    expect(page.locator("#silence")).to_be_visible(timeout=20_000)
    expect(page.locator("#bed")).to_be_hidden()


def test_a_board_opened_beside_a_dead_hub_says_so(chromium, console, hub):
    hub.silence()
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        page.goto(console.url)
        expect(page.locator("#silence .shout")).to_have_text(SINCE, timeout=20_000)
    finally:
        context.close()


def test_a_machine_that_slept_trusts_nothing_it_remembers(page, console, hub):
    console.process.send_signal(signal.SIGSTOP)
    try:
        page.evaluate("() => { const real = Date.now; Date.now = () => real() + 60_000; }")
        expect(page.locator("#silence")).to_be_visible(timeout=2_000)  # long before 5 s of silence
        assert set(page.locator("main .value").all_inner_texts()) == {"--"}
    finally:
        console.process.send_signal(signal.SIGCONT)
    expect(page.locator("#silence")).to_be_hidden(timeout=20_000)
    page.wrong.clear()


def test_a_gap_in_the_numbers_brings_the_whole_again(page, hub, rig):
    page.evaluate(COUNT_CONNECTIONS)
    page.evaluate(LOSE_ONE_WARD)
    rig.until(lambda: page.evaluate("window.connections") == 1, what="the gap was not noticed")
    hub.put(rig.bed("1", values={"hr": rig.value(61), "spo2": rig.value(97)}))
    expect(page.locator("main bed-tile[data-bed='1'] vital-cell[data-parameter='hr'] .value")).to_have_text("61")
    assert page.evaluate("window.connections") == 1


COUNT_CONNECTIONS = """() => {
  const real = window.WebSocket;
  window.connections = 0;
  window.WebSocket = class extends real {
    constructor(...words) { super(...words); window.connections += 1; }
  };
}"""

# TCP loses nothing, so a message is hidden from the page's own hands: its number is never seen.
LOSE_ONE_WARD = """() => {
  const real = JSON.parse;
  let lost = false;
  JSON.parse = (text) => {
    const found = real(text);
    if (lost || found.type !== "ward") return found;
    lost = true;
    return { ...found, number: found.number + 1 };
  };
}"""
