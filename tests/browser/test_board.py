"""What a nurse sees on the board, in a real browser."""

import json
import re
import time

import pytest
from playwright.sync_api import expect

from vitals.live import LivePause, LiveScore


def tile(page, bed="1"):
    return page.locator(f"main bed-tile[data-bed='{bed}']")


def cell(page, parameter, bed="1"):
    return tile(page, bed).locator(f"vital-cell[data-parameter='{parameter}']")


def line(page, rule="spo2-low", bed="1"):
    return tile(page, bed).locator(f"alarm-line[data-rule='{rule}']")


def background(locator):
    return locator.evaluate("node => getComputedStyle(node).backgroundColor")


RED, RED_OFF, YELLOW, CYAN = "rgb(215, 38, 61)", "rgb(79, 13, 24)", "rgb(246, 201, 5)", "rgb(117, 248, 252)"


# Numbers.


def test_a_tile_shows_each_number_with_its_unit_and_age(open_board, hub, rig):
    values = {"hr": rig.value(72), "spo2": rig.value(97), "rr": rig.value(16), "temp": rig.value(36.84, age_ms=200_000)}
    pressure = {"nibp_sys": 121, "nibp_dia": 79, "nibp_mean": 93}
    values |= {name: rig.value(number, age_ms=720_000) for name, number in pressure.items()}
    hub.put(rig.bed("1", values=values))
    page = open_board()
    expect(cell(page, "nibp").locator(".value")).to_have_text("121/79")
    expect(cell(page, "nibp").locator(".mean")).to_have_text("(93)")
    expect(cell(page, "nibp").locator(".age")).to_have_text("12 min ago")
    expect(cell(page, "nibp").locator(".unit")).to_have_text("mmHg")
    expect(cell(page, "hr").locator(".value")).to_have_text("72")
    expect(cell(page, "hr").locator(".age")).to_have_text(re.compile(r"^[012] s ago$"))
    expect(cell(page, "spo2").locator(".label")).to_have_text("SpO₂")
    expect(cell(page, "temp").locator(".value")).to_have_text("36.8")
    expect(cell(page, "temp").locator(".unit")).to_have_text("°C")
    expect(tile(page).locator("h2")).to_have_text("Bed 1")


def test_a_missing_value_is_a_question_mark_with_its_reason_and_never_zero(open_board, hub, rig):
    hub.put(rig.bed("1", values={"hr": rig.value(72), "spo2": rig.value(None, "sensor_off")}))
    page = open_board()
    expect(cell(page, "spo2").locator(".value")).to_have_text("?")
    expect(cell(page, "spo2").locator(".age")).to_have_text("sensor off")
    assert "0" not in cell(page, "spo2").inner_text()


def test_a_true_zero_is_shown_as_zero(open_board, hub, rig):
    hub.put(rig.bed("1", values={"hr": rig.value(0.0), "spo2": rig.value(97)}))
    page = open_board()
    expect(cell(page, "hr").locator(".value")).to_have_text("0")


def test_a_stale_value_gives_way_to_dashes_and_keeps_the_last_one_small(open_board, hub, rig):
    hub.put(rig.bed("1", values={"hr": rig.value(72, age_ms=21_000, fresh=False), "spo2": rig.value(97)}))
    page = open_board()
    expect(cell(page, "hr").locator(".value")).to_have_text("--")
    expect(cell(page, "hr").locator(".age")).to_have_text(re.compile(r"^72, 2\d s ago$"))


def test_a_value_grows_stale_on_screen_between_two_snapshots(open_board, hub, rig):
    hub.put(rig.bed("1", values={"hr": rig.value(72, age_ms=12_500), "spo2": rig.value(97)}))
    page = open_board()
    expect(cell(page, "hr").locator(".value")).to_have_text("72")
    hub.silence()  # 15 s is the limit; the hub's silence itself shows only after 5 s
    expect(cell(page, "hr").locator(".value")).to_have_text("--", timeout=4_500)
    expect(page.locator("#silence")).to_be_hidden()


def test_an_old_cuff_pressure_keeps_its_number_with_its_age(open_board, hub, rig):
    old = {name: rig.value(90, age_ms=2_400_000, fresh=False) for name in ("nibp_sys", "nibp_dia")}
    hub.put(rig.bed("1", values=old | {"hr": rig.value(72)}))
    page = open_board()
    expect(cell(page, "nibp").locator(".value")).to_have_text("90/90")
    expect(cell(page, "nibp").locator(".age")).to_have_text("40 min ago")
    expect(cell(page, "nibp")).to_have_attribute("data-state", "old")


def test_a_silent_device_turns_the_tile_grey_and_says_since_when(open_board, hub, rig):
    hub.put(rig.bed("1", silent=True, devices=[rig.device("mon-1", link="down", age_ms=95_000)]))
    page = open_board()
    expect(tile(page).locator(".silence-of-bed")).to_have_text(re.compile(r"^no data since \d\d:\d\d:\d\d$"))
    expect(cell(page, "hr").locator(".value")).to_have_text("--")
    expect(tile(page).locator(".states")).to_have_text("mon-1 not connected")
    assert "72" not in tile(page).inner_text()
    assert background(tile(page).locator("article")) == "rgb(43, 48, 54)"


def test_a_bed_without_devices_says_so(open_board, hub, rig):
    hub.put(rig.bed("2", values={}, devices=[], silent=True))
    page = open_board()
    expect(tile(page, "2").locator(".silence-of-bed")).to_have_text("no device at this bed")


# Alarms.


@pytest.mark.parametrize(
    ("priority", "shape", "colours"),
    [("high", "▲ ***", {RED, RED_OFF}), ("medium", "◆ **", {YELLOW, "rgb(70, 58, 2)"}), ("low", "● *", {CYAN})],
)
def test_an_alarm_appears_within_a_second_as_background_shape_stars_and_words(
    open_board, hub, rig, priority, shape, colours
):
    page = open_board()
    started = time.monotonic()
    hub.raise_alarm(rig.alarm(priority=priority))
    line(page).wait_for()
    assert time.monotonic() - started < 4.0  # one, and a busy machine
    expect(line(page).locator(".shape")).to_have_text(shape)
    expect(line(page).locator(".words")).to_have_text("SpO2 low: 84 %, limit 90")
    assert background(line(page)) in colours
    expect(page.locator(f"#counts [data-priority='{priority}'] b")).to_have_text("1")
    region = page.locator("#loud" if priority == "high" else "#quiet")
    expect(region).to_have_text(f"Bed 1: {priority} priority alarm: SpO2 low: 84 %, limit 90.")


@pytest.mark.parametrize(("priority", "milliseconds"), [("high", 500), ("medium", 2_000)])
def test_unseen_alarms_flash_at_the_rate_of_their_priority(open_board, hub, rig, priority, milliseconds):
    hub.raise_alarm(rig.alarm(priority=priority))
    page = open_board()
    line(page).wait_for()
    (found,) = line(page).evaluate("node => node.getAnimations().map(one => one.effect.getTiming().duration)")
    assert found == milliseconds


def test_a_low_alarm_and_a_seen_one_do_not_flash(open_board, hub, rig):
    hub.raise_alarm(rig.alarm("1", priority="low"))
    hub.raise_alarm(rig.alarm("2", state="acknowledged", acknowledged_by="AB", acknowledged_at=1_763_682_504_000))
    page = open_board()
    line(page, bed="2").wait_for()
    assert line(page).evaluate("node => node.getAnimations().length") == 0
    assert line(page, bed="2").evaluate("node => node.getAnimations().length") == 0
    expect(line(page, bed="2").locator(".note")).to_have_text("√ AB 23:48")
    assert background(line(page, bed="2")) == RED


def test_with_reduced_motion_nothing_flashes_and_the_colour_stays(open_board, hub, rig):
    hub.raise_alarm(rig.alarm())
    page = open_board(reduced_motion="reduce")
    line(page).wait_for()
    assert page.evaluate("document.getAnimations().length") == 0
    assert background(line(page)) == RED


def test_a_technical_alarm_has_its_own_line_and_icon_and_no_colour_of_a_patient(open_board, hub, rig):
    hub.raise_alarm(rig.alarm("1", "gone", kind="technical", priority="high", message="No value", value=None))
    page = open_board()
    expect(tile(page).locator(".faults alarm-line .words")).to_have_text("No value")
    expect(tile(page).locator(".alarms alarm-line")).to_have_count(0)
    expect(line(page, "gone").locator(".icon.technical")).to_be_visible()
    assert background(line(page, "gone")) not in {RED, RED_OFF, YELLOW, CYAN}
    expect(line(page, "gone").locator(".shape")).to_have_text("")
    expect(page.locator("#counts [data-priority='technical'] b")).to_have_text("1")
    expect(page.locator("#counts [data-priority='high'] b")).to_have_text("0")


def test_the_number_that_alarms_is_marked_too(open_board, hub, rig):
    hub.raise_alarm(rig.alarm(state="acknowledged", acknowledged_by="AB"))
    page = open_board()
    line(page).wait_for()
    assert background(cell(page, "spo2")) == RED
    assert background(cell(page, "hr")) != RED


def test_a_drill_is_called_a_test(open_board, hub, rig):
    hub.raise_alarm(rig.alarm(test=True))
    page = open_board()
    expect(line(page).locator(".words")).to_have_text("TEST SpO2 low: 84 %, limit 90")


def test_more_alarms_than_fit_are_counted_and_opened(open_board, hub, rig):
    for number in range(5):
        hub.raise_alarm(rig.alarm("1", f"rule-{number}", message=f"Alarm {number}"))
    page = open_board()
    more = tile(page).locator(".more")
    expect(more).to_have_text(re.compile(r"^\+[234]$"))
    more.click()
    expect(page.locator("#bed alarm-line")).to_have_count(5)
    page.keyboard.press("Escape")
    expect(page.locator("#bed")).to_be_hidden()


# Acknowledging.


def test_acknowledging_is_seen_by_every_screen_with_who_and_when(open_board, hub, rig):
    hub.raise_alarm(rig.alarm("1"))
    page, other = open_board(), open_board()
    line(page).get_by_role("button").click()
    for screen in (page, other):
        expect(line(screen).locator(".note")).to_have_text(re.compile(r"^√ Demo \d\d:\d\d$"))
        expect(line(screen).locator(".do")).to_be_hidden()
    assert hub.commands[-1][2].by == "Demo"


def test_a_page_that_could_not_learn_who_reads_it_begins_anew_and_names_them(unanswered, console, hub, rig):
    hub.raise_alarm(rig.alarm())
    page, asked = unanswered
    page.goto(console.url)
    expect(line(page)).to_be_visible()  # what is known is shown meanwhile
    expect(page.locator("#person")).to_be_hidden()
    expect(page.locator("#person")).to_be_visible()
    assert len(asked) >= 3


def test_acknowledging_works_with_the_keyboard_alone(open_board, hub, rig):
    hub.raise_alarm(rig.alarm())
    page = open_board()
    line(page).wait_for()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.do')"):
            break
    page.keyboard.press("Enter")
    expect(line(page)).to_have_attribute("data-state", "acknowledged")


def test_a_refusal_is_shown_with_its_reason_and_the_button_stays(open_board, hub, rig):
    hub.raise_alarm(rig.alarm())
    hub.refuse = "it has ended meanwhile"
    page = open_board()
    line(page).get_by_role("button").click()
    expect(page.locator("#problem")).to_have_text("Not acknowledged: it has ended meanwhile.")
    expect(line(page).get_by_role("button")).to_be_enabled()
    page.wrong.clear()  # the browser itself notes a 409 in its console


def test_a_latched_alarm_stands_still_says_when_it_was_and_can_be_reset(open_board, hub, rig):
    hub.raise_alarm(rig.alarm(state="latched", condition=False, raised=1_763_682_504_000))
    page = open_board()
    expect(line(page).locator(".note")).to_have_text("was active 23:48")
    assert line(page).evaluate("node => node.getAnimations().length") == 0
    line(page).get_by_role("button", name="Reset").click()
    expect(line(page)).to_have_count(0)


def test_a_button_keeps_its_place_and_focus_while_numbers_change(open_board, hub, rig):
    hub.raise_alarm(rig.alarm())
    page = open_board()
    line(page).get_by_role("button").focus()
    for number in range(80, 90):
        hub.put(rig.bed("1", values={"hr": rig.value(number), "spo2": rig.value(97)}))
    expect(cell(page, "hr").locator(".value")).to_have_text("89")
    assert page.evaluate("document.activeElement.matches('.do')")


# Safety of the page itself.

CORPUS = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "</title><script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>x</a>",
    "<style>*{display:none}</style>",
]


@pytest.mark.parametrize("text", CORPUS)
def test_words_from_the_wire_are_never_more_than_words(open_board, hub, rig, text):
    hub.raise_alarm(rig.alarm(message=text, state="acknowledged", acknowledged_by=text))
    device = rig.device(text, gateway=text, link=text, online=False, states=(text,), detail=text)
    missing = {"hr": rig.value(None, text), text: rig.value(1.0)}
    hub.put(rig.bed("1", devices=[device], values=missing), rig.bed("9", title=text))
    page = open_board()
    expect(line(page).locator(".words")).to_have_text(f"{text}: 84 %, limit 90")
    expect(tile(page, "9").locator("h2")).to_have_text(text)
    assert page.title() == "Intensive care · Wardline"
    made = "main script, main iframe, main svg, main a:not(.title), main style, main img"
    assert page.locator(made).count() == 0


def test_the_page_has_nothing_inline_and_its_policy_forbids_it(open_board, console):
    page = open_board()
    policy = console.get("/")[1]["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert page.locator("script:not([src]), style, [onclick], [onload], [onerror]").count() == 0
    html = console.get("/")[2].decode()
    assert "style=" not in html


def test_the_notice_is_always_there(open_board, hub, rig):
    page = open_board(width=390, height=700)
    expect(page.locator(".notice")).to_have_text("Secondary notification. Not a primary alarm: the bedside monitor is.")
    page.mouse.wheel(0, 2_000)
    expect(page.locator(".notice")).to_be_in_viewport()


# Sizes.


def test_a_phone_acknowledges_in_two_touches_without_scrolling_sideways(open_board, hub, rig):
    hub.raise_alarm(rig.alarm(message="SpO2 low for longer than anybody would like to read on a phone in a hurry"))
    page = open_board(width=390, height=844, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    button = line(page).get_by_role("button")
    box = button.bounding_box()
    assert box["height"] >= 44
    assert box["x"] + box["width"] <= 390
    button.tap()
    expect(line(page)).to_have_attribute("data-state", "acknowledged")


def test_a_count_leads_to_its_first_alarm_so_that_two_taps_acknowledge_it(open_board, hub, rig):
    beds = [rig.bed(str(number)) for number in range(1, 17)]
    hub.put(*beds)
    hub.raise_alarm(rig.alarm("15"))
    page = open_board(width=390, height=844, has_touch=True, is_mobile=True)
    expect(line(page, bed="15")).not_to_be_in_viewport()
    page.locator("#counts [data-priority='high'] button").tap()
    expect(line(page, bed="15")).to_be_in_viewport()
    line(page, bed="15").get_by_role("button").tap()
    expect(line(page, bed="15")).to_have_attribute("data-state", "acknowledged")


def test_the_page_can_be_installed_on_a_phone(open_board, console):
    page = open_board()
    address = page.locator("link[rel=manifest]").get_attribute("href")
    status, headers, body = console.get(address)
    assert (status, headers["content-type"]) == (200, "application/manifest+json")
    manifest = json.loads(body)
    assert (manifest["start_url"], manifest["display"]) == ("/", "standalone")
    for icon in manifest["icons"]:
        assert console.get(icon["src"])[0] == 200


def test_blocked_sound_is_said_until_a_touch_and_can_be_turned_off(open_board, hub, rig):
    hub.raise_alarm(rig.alarm())
    page = open_board()
    expect(page.locator("#blocked")).to_be_visible()
    page.locator(".sound > summary").click()  # any touch allows it
    expect(page.locator("#blocked")).to_be_hidden()
    page.get_by_role("button", name="High", exact=True).click()
    page.get_by_role("button", name="Turn the sound off").click()
    page.reload()
    page.locator("bed-tile").first.wait_for()
    expect(page.locator("#blocked")).to_be_hidden()
    expect(page.locator(".sound > summary")).to_have_attribute("title", "Alarm sound is off on this screen")


@pytest.mark.parametrize(("beds", "least"), [(8, 48), (32, 24)])
def test_numbers_can_be_read_from_four_metres(open_board, hub, rig, beds, least):
    values = {"hr": rig.value(100), "spo2": rig.value(100), "rr": rig.value(20), "temp": rig.value(36.8)}
    values |= {name: rig.value(120) for name in ("nibp_sys", "nibp_dia", "nibp_mean")}
    hub.put(*(rig.bed(str(number), values=values) for number in range(1, beds + 1)))
    page = open_board(width=1920, height=1080)
    expect(page.locator("main bed-tile")).to_have_count(beds)
    expect(page.locator("main .value")).to_have_count(beds * 5)
    found = page.locator("main vital-cell .value").evaluate_all(
        """nodes => nodes.map(node => ({
            size: parseFloat(getComputedStyle(node).fontSize),
            wide: node.getBoundingClientRect().width <= node.parentElement.getBoundingClientRect().width + 1,
            name: node.closest("vital-cell").dataset.parameter,
        }))"""
    )
    assert all(one["wide"] for one in found), "a number is cut off"
    assert min(one["size"] for one in found) >= least, min(found, key=lambda one: one["size"])
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    hub.beds = {}


def test_every_text_has_contrast(open_board, hub, rig):
    hub.raise_alarm(rig.alarm("1", priority="medium", state="acknowledged", acknowledged_by="AB"))
    hub.raise_alarm(rig.alarm("1", "high", state="acknowledged", acknowledged_by="AB", parameter="hr"))
    hub.raise_alarm(rig.alarm("2", "latched", state="latched", parameter=None))
    hub.raise_alarm(rig.alarm("2", "low", priority="low", parameter="rr"))
    hub.raise_alarm(rig.alarm("2", "gone", kind="technical"))
    old = rig.value(36.8, age_ms=2_000_000, fresh=False)
    stale = rig.value(16, age_ms=30_000, fresh=False)
    hub.put(
        rig.bed("2", values={"hr": rig.value(None, "lead_off"), "rr": stale, "temp": old, "abp_sys": rig.value(120)}),
        rig.bed("3", silent=True, devices=[rig.device("mon-3", link="down", age_ms=60_000, states=("low_battery",))]),
    )
    page = open_board(width=1920, height=1080)
    line(page, "gone", "2").wait_for()
    poor = page.evaluate(CONTRAST)
    assert poor == []


CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (front, back) => [0, 1, 2].map((i) => front[i] * front[3] + back[i] * (1 - front[3]));
  const ground = (node) => {
    if (!node) return [0, 0, 0];
    const own = parse(getComputedStyle(node).backgroundColor);
    const alpha = own[3] ?? 1;
    return alpha === 1 ? own : over([...own.slice(0, 3), alpha], ground(node.parentElement));
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join("");
    if (!text || !node.checkVisibility() || node.matches(".unseen, .unseen *, noscript")) continue;
    const style = getComputedStyle(node);
    const colour = parse(style.color);
    const back = ground(node);
    const front = over([...colour.slice(0, 3), (colour[3] ?? 1) * Number(style.opacity)], back);
    const [a, b] = [luminance(front), luminance(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.className}: ${text} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


# What stands at no bed, and what a person has silenced.


def test_a_silent_gateway_stands_above_the_beds_and_is_acknowledged_there(open_board, hub, rig):
    fault = rig.alarm(
        bed="",
        rule="gateway-silent",
        kind="technical",
        priority="medium",
        message="Gateway silent",
        subject="gateway/gw-1",
        parameter=None,
        value=None,
        limit=None,
        unit="",
    )
    page = open_board()
    expect(page.locator("#equipment")).to_be_hidden()
    hub.raise_alarm(fault)
    told = page.locator("#equipment alarm-line")
    expect(told.locator(".words")).to_have_text("gateway gw-1: Gateway silent")
    expect(page.locator("#counts li[data-priority='technical'] b")).to_have_text("1")
    hub.end_alarm(fault)
    expect(page.locator("#equipment")).to_be_hidden()


@pytest.mark.parametrize(("state", "words"), [("audio_paused", "sound off until"), ("alarms_paused", "paused until")])
def test_a_silenced_alarm_keeps_its_colour_and_says_who_silenced_it_until_when(open_board, hub, rig, state, words):
    hub.raise_alarm(rig.alarm(state=state, until=rig.now_ms() + 120_000, paused_by="nurse-1"))
    page = open_board()
    expect(line(page).locator(".note")).to_have_text(re.compile(rf"^{words} \d\d:\d\d · nurse-1$"))
    assert background(line(page)) == RED
    assert line(page).evaluate("node => node.getAnimations().length") == 0


def test_a_bed_whose_alarms_are_paused_says_so_with_the_reason(open_board, hub, rig):
    hub.put(rig.bed("1", pause=LivePause(until=rig.now_ms() + 60_000, by="nurse-1", reason="suction")))
    page = open_board()
    expect(tile(page).locator(".pause")).to_have_text(re.compile(r"^ALARMS PAUSED until \d\d:\d\d · nurse-1: suction$"))


def test_an_incomplete_score_is_never_shown_as_a_total(open_board, hub, rig):
    hub.put(
        rig.bed("1", scores={"news2": LiveScore(partial=5, complete=False, missing=("acvpu",))}),
        rig.bed("2", scores={"news2": LiveScore(total=7, partial=7, complete=True, risk="high")}),
    )
    page = open_board()
    expect(tile(page).locator(".score")).to_have_text("NEWS2 5+ incomplete")
    expect(tile(page, "2").locator(".score")).to_have_text("NEWS2 7")
    expect(tile(page, "3").locator(".score")).to_be_hidden()
