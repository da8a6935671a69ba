"""Languages, units and themes: whole catalogues, a page that turns round, and choices that stay on the screen."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

STATIC = Path(__file__).parents[2] / "hub" / "console" / "static"
CATALOGUES = sorted(path.stem for path in (STATIC / "messages").glob("*.js"))
LANGUAGES = ["en", "de", "fr", "es", "ar"]


@pytest.fixture(scope="module")
def texts(chromium):
    """Every catalogue as the browser reads it."""
    page = chromium.new_page()
    found = {}
    for name in CATALOGUES:
        source = (STATIC / "messages" / f"{name}.js").read_text()
        found[name] = page.evaluate(
            "async (source) => (await import(`data:text/javascript,${encodeURIComponent(source)}`)).default", source
        )
    page.close()
    return found


@pytest.mark.parametrize("name", CATALOGUES)
def test_every_language_says_everything_with_the_same_blanks(texts, name):
    catalogue = texts[name]
    assert list(catalogue) == LANGUAGES
    for language in LANGUAGES:
        assert catalogue[language].keys() == catalogue["en"].keys(), language
        for key, text in catalogue[language].items():
            assert text.strip(), f"{language} {key} is empty"
            assert blanks(text) == blanks(catalogue["en"][key]), f"{language} {key}"


def blanks(text):
    return sorted(re.findall(r"\{\w+\}", text))


def test_every_text_a_page_asks_for_is_in_its_catalogue(texts):
    for path in STATIC.glob("*.js"):
        source = path.read_text()
        for name, catalogue in re.findall(r'const (\w+) = await translator\("(\w+)"\)', source):
            for key in re.findall(rf'(?<![\w.]){name}\("(\w+)"', source):
                assert key in texts[catalogue]["en"], f"{path.name} says {key!r}, which {catalogue}.js does not have"


def test_a_page_in_arabic_reads_from_right_to_left(open_board, hub, rig):
    hub.raise_alarm(rig.alarm())
    page = open_board()
    page.evaluate("localStorage.setItem('wardline.language', 'ar')")
    page.reload()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("html")).to_have_attribute("lang", "ar")
    expect(page.locator(".notice")).to_contain_text("إشعار ثانوي")
    title, clock = page.locator("#ward").bounding_box(), page.locator("#clock").bounding_box()
    assert title["x"] > clock["x"]
    first, second = (page.locator(f"bed-tile[data-bed='{bed}']").bounding_box() for bed in "12")
    assert first["x"] > second["x"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    value = page.locator("bed-tile[data-bed='1'] vital-cell[data-parameter='hr'] .value")
    expect(value).to_have_text("72")  # the digits of the monitor at the bed


def test_a_language_is_chosen_from_the_menu_and_stays(open_board, hub):
    page = open_board()
    page.locator("#choices > summary").click()
    page.locator("select[name=language]").select_option("de")
    expect(page.locator(".notice")).to_contain_text("Kein primärer Alarm")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_units_are_this_screens_own(open_board, hub, rig):
    values = {"temp": rig.value(36.8), "hr": rig.value(72)}
    values |= {name: rig.value(number) for name, number in (("nibp_sys", 120), ("nibp_dia", 80), ("nibp_mean", 93))}
    hub.put(rig.bed("1", values=values))
    hub.raise_alarm(rig.alarm(parameter="nibp_sys", message="Systolic low", value=84.0, limit=90.0, unit="mm[Hg]"))
    page = open_board()
    page.evaluate("localStorage.setItem('wardline.pressure', 'kpa')")
    page.evaluate("localStorage.setItem('wardline.temperature', 'fahrenheit')")
    page.reload()
    tile = page.locator("bed-tile[data-bed='1']")
    expect(tile.locator("[data-parameter=nibp] .value")).to_have_text("16.0/10.7")
    expect(tile.locator("[data-parameter=nibp] .unit")).to_have_text("kPa")
    expect(tile.locator("[data-parameter=temp] .value")).to_have_text("98.2")
    expect(tile.locator("alarm-line .words")).to_have_text("Systolic low: 11.2 kPa, limit 12")


def test_a_theme_is_worn_at_once_and_before_the_next_page_is_drawn(open_board, hub):
    page = open_board()
    page.locator("#choices > summary").click()
    page.locator("select[name=theme]").select_option("light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(232, 237, 242)"
    page.reload(wait_until="commit")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
