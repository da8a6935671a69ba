"""The bed view in a real browser, with the real hub behind it: what is changed there counts, and is seen to count."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.gateway import fed_console

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(console, gateway) with a real hub between them, for the whole module."""
    with fed_console(tmp_path_factory) as parts:
        yield parts


@pytest.fixture
def hub(shared):
    """The gateway, with the numbers it had at first."""
    shared[1].values["spo2"] = 97.0
    return shared[1]


@pytest.fixture
def bed(open_board):
    """Open the page of bed 1 at one of its views."""

    def open_one(view="trends", **options):
        page = open_board(f"/bed/icu/1#{view}", wait=".sign .value", **options)
        page.locator("#waves canvas").wait_for()  # they move what is below them: a click in that moment misses
        return page

    return open_one


def post(console, path, **body):
    status, _, text = console.post(path, body)
    assert status == 200, text


def bound(page, rule):
    return page.locator(f".bound[data-rule='{rule}']")


def test_waves_sweep_and_numbers_stand_beside_their_limits(bed):
    page = bed()
    expect(page.locator(".sign[data-parameter=hr] .value")).to_have_text("72")
    expect(page.locator(".sign[data-parameter=hr] .edges")).to_have_text("↑ 130\n↓ 50")
    expect(page.locator(".sign[data-parameter=nibp] .value")).to_have_text("125/80")
    expect(page.locator("#waves canvas")).to_have_attribute("aria-label", "Live waves: ECG II, Pleth")
    expect(page.locator(".wave-label")).to_have_text(["ECG II", "Pleth"])


def test_a_limit_is_changed_with_reason_and_end_and_counts_afterwards(bed):
    page = bed("limits")
    row = bound(page, "spo2-low")
    expect(row.locator(".edge")).to_have_text("↓ 90 %")
    row.locator("summary").click()
    row.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Low limit (%)").fill("88")
    dialog.get_by_label("For whom").select_option("bed")
    dialog.get_by_label("How long").select_option("8")
    dialog.get_by_role("button", name="Set the limit").click()
    expect(dialog).to_be_visible()  # without a reason nothing is sent
    dialog.get_by_label("Reason").fill("COPD, target 88-92 %")
    dialog.get_by_role("button", name="Set the limit").click()
    expect(row.locator(".edge")).to_have_text("↓ 88 %")
    expect(row.locator(".by")).to_contain_text(re.compile(r"bed · .+ · until \d"))
    links = row.locator(".chain .link")
    expect(links).to_have_count(2)
    expect(links.nth(0)).to_contain_text("profile: 90")
    expect(links.nth(1)).to_contain_text("in force")
    expect(links.nth(1)).to_contain_text("COPD, target 88-92 %")
    expect(page.locator(".sign[data-parameter=spo2] .edges")).to_contain_text("↓ 88")
    row.get_by_role("button", name="Take back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take back").click()
    expect(row.locator(".edge")).to_have_text("↓ 90 %")
    page.get_by_role("tab", name="Events").click()
    expect(page.locator(".events tbody tr").first).to_contain_text("spo2-low: taken back (bed)")


def test_a_refused_limit_shows_the_sentence_of_the_hub_and_keeps_what_was_typed(bed):
    page = bed("limits")
    row = bound(page, "heart-rate-low")
    row.locator("summary").click()
    row.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Low limit (/min)").fill("135")
    dialog.get_by_label("Reason").fill("slip of the finger")
    page.wrong.clear()
    dialog.get_by_role("button", name="Set the limit").click()
    expect(dialog).to_contain_text("Refused: at icu/1: heart-rate-low (low 135 /min) is not below")
    expect(dialog.get_by_label("Reason")).to_have_value("slip of the finger")
    page.wrong[:] = [line for line in page.wrong if "409" not in line]  # the browser's own note of the refusal
    dialog.get_by_role("button", name="Cancel").click()
    expect(row.locator(".edge")).to_have_text("↓ 50 /min")


def test_observations_make_a_news2_that_the_board_shows_too(bed, open_board):
    page = bed("observations")
    expect(page.locator(".current li").first).to_be_visible()  # and with it the form, in its place
    page.get_by_label("A alert").check()
    page.get_by_label("supplemental oxygen").check()
    page.get_by_label("Glu (mmol/L)").fill("5.4")
    expect(page.locator("#glucose-mg")).to_have_text("= 97 mg/dL")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator(".current [data-name=acvpu], .current li").first).to_be_visible()
    expect(page.locator(".current")).to_contain_text("Glu: 5.4 mmol/L (97 mg/dL)")
    expect(page.locator(".score")).to_contain_text("NEWS2 2 · low risk")
    board = open_board("/")
    expect(board.locator("bed-tile[data-bed='1'] .score")).to_have_text("NEWS2 2")
    page.get_by_label("scale 2 (88–92 %)").check()
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("#observations .wrong")).to_contain_text("say why")
    page.get_by_label("Reason (needed").fill("hypercapnic failure")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator(".score")).to_contain_text("NEWS2 5")  # 97 % on oxygen is too much for them
    page.get_by_role("button", name="Take back: Consciousness").click()
    expect(page.locator(".score")).to_contain_text("incomplete")
    page.locator(".score").click()
    expect(page.locator(".point[data-points=missing]")).to_have_text("Consciousnessmissing")


def test_a_note_is_written_and_stands_with_its_author(bed):
    page = bed("observations")
    page.get_by_label("New note").fill("Repositioned.\n<b>Comfortable</b>")
    page.get_by_role("button", name="Write").click()
    expect(page.locator(".written .text").first).to_have_text("Repositioned.\n<b>Comfortable</b>")
    expect(page.locator(".written").first).to_contain_text("Demo")


def test_an_alarm_stands_is_acknowledged_and_its_history_says_by_whom(bed, hub):
    page = bed("events")
    hub.values["spo2"] = 82.0
    line = page.locator(".standing-alarm").first
    expect(line).to_contain_text("82", timeout=25_000)
    expect(page.locator(".sign[data-parameter=spo2]")).to_have_attribute("data-alarm-state", "active")
    line.get_by_role("button", name=re.compile("^Acknowledge")).click()
    expect(line).to_contain_text("acknowledged · √ ")
    expect(page.locator(".events tbody tr").first).to_contain_text("acknowledged")
    hub.values["spo2"] = 97.0


def test_alarms_are_paused_with_a_reason_and_the_page_says_until_when(bed):
    page = bed()
    page.get_by_role("button", name="Pause alarms").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("turning the patient")
    page.get_by_role("dialog").get_by_role("button", name="Pause alarms").click()
    expect(page.locator(".paused")).to_contain_text(re.compile(r"ALARMS PAUSED until \d\d:\d\d .* turning the patient"))
    page.get_by_role("button", name="Resume alarms").click()
    expect(page.locator(".paused")).to_be_hidden()


def test_a_patient_who_comes_and_moves_is_seen_where_they_lie(bed, console, open_board):
    page = bed()
    expect(page.locator(".patient")).to_have_text("nobody admitted")
    post(console, "/api/v1/beds/icu/1/admit", patient="p-0042")
    expect(page.locator(".patient")).to_contain_text("p-0042, since")
    expect(page.locator("#trends .span")).to_contain_text("since patient p-0042 came")
    post(console, "/api/v1/beds/icu/1/limits/spo2-low", scope="patient", bound=88, reason="COPD")
    post(console, "/api/v1/beds/icu/1/transfer", to="icu/2", reason="needs a window")
    expect(page.locator(".patient")).to_have_text("nobody admitted")
    other = open_board("/bed/icu/2#limits", wait=".bound")
    expect(other.locator(".patient")).to_contain_text("p-0042")
    expect(bound(other, "spo2-low").locator(".edge")).to_have_text("↓ 88 %")
    post(console, "/api/v1/beds/icu/2/discharge")


def test_the_keyboard_alone_reaches_a_limit_and_changes_it(bed):
    page = bed()
    page.get_by_role("tab", name="Trends").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Limits")).to_be_focused()
    expect(page).to_have_url(re.compile("#limits$"))
    bound(page, "respiration-high").locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("High limit")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("32")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(bound(page, "respiration-high").locator(".edge")).to_have_text("↑ 32 /min")


@pytest.mark.parametrize("view", ["trends", "events", "limits", "observations", "devices"])
def test_axe_finds_nothing_serious_in_any_view(chromium, console, hub, view):
    theme = "light" if view in ("trends", "limits") else "dark"
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", bypass_csp=True)
    context.add_init_script(f"localStorage.setItem('wardline.theme', '{theme}')")
    page = context.new_page()
    page.goto(f"{console.url}/bed/icu/1#{view}")
    page.locator(".sign .value").first.wait_for()
    page.locator(f"#{view} > *").first.wait_for()
    if view == "trends":
        page.get_by_role("button", name="As a table").click()
        page.locator(".tabular tbody td").first.wait_for()
    if view == "limits":
        bound(page, "spo2-low").locator("summary").click()
    page.wait_for_timeout(500)
    violations = Axe().run(page, options=RULES).response["violations"]
    context.close()
    assert [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
    ] == []
