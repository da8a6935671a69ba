"""The patients page in a real browser beside a real hub: by keyboard, in five languages, on a phone, names hidden."""

import pytest

from tests.hub.console import rig as _rig
from tests.hub.console.whole_ward import Ward

NAME = "Example Person"


@pytest.fixture(scope="module")
def whole_ward(tmp_path_factory):
    ward = Ward(tmp_path_factory.mktemp)
    yield ward
    ward.close()


@pytest.fixture
def ward(whole_ward):
    """Patient p-1 in bed 1, nobody elsewhere."""
    whole_ward.free()
    whole_ward.done("POST", "/api/v1/beds/icu/1/admit", {"patient": "p-1", "time": _rig.now_ms() - 7_200_000})
    said = {"initials": "E. P.", "name": NAME, "birth_year": 1948, "notes": "Allergic to latex."}
    whole_ward.done("PUT", "/api/v1/patients/p-1", said)
    return whole_ward


@pytest.fixture
def open_page(chromium, ward):
    contexts, wrong = [], []

    def open_one(path="/patients", width=1280, height=800, language="", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, timezone_id="UTC", locale="en-GB", **options
        )
        contexts.append(context)
        if language:
            context.add_init_script(f"localStorage.setItem('wardline.language', '{language}')")
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(ward.console.url + path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []


def row(page, bed):
    return page.locator("#beds tbody tr").filter(has=page.get_by_role("rowheader", name=bed, exact=True))


def serious(page, axe):
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]


def test_a_patient_is_admitted_transferred_and_discharged_by_keyboard_alone(open_page, ward):
    page = open_page()
    page.get_by_role("button", name="Admit: Bed 2").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("p-2")
    page.keyboard.press("Enter")
    row(page, "Bed 2").get_by_text("p-2").wait_for()
    page.get_by_role("button", name="Transfer: Bed 2").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("combobox").wait_for()
    page.keyboard.press("Enter")  # the first free bed is chosen already
    page.get_by_role("dialog").get_by_role("button", name="Transfer").press("Enter")
    row(page, "Bed 3").get_by_text("p-2").wait_for()
    assert row(page, "Bed 2").get_by_text("free").is_visible()
    page.get_by_role("button", name="Discharge: Bed 3").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Discharge").press("Enter")
    row(page, "Bed 3").get_by_text("free").wait_for()
    assert [stay["bed"] for stay in ward.done("GET", "/api/v1/admissions?patient=p-2&state=all")] == ["3", "2"]


def test_a_name_is_hidden_until_it_is_asked_for(open_page, ward):
    page = open_page()
    page.get_by_role("button", name="Details: Bed 1").click()
    page.get_by_text("Allergic to latex.").wait_for()
    assert NAME not in page.content()
    page.get_by_role("button", name="Show name").click()
    page.get_by_text(NAME).wait_for()
    page.get_by_role("button", name="Hide").click()
    assert NAME not in page.content()
    assert "name shown" in {one["action"] for one in ward.done("GET", "/api/v1/audit")}


def test_a_stay_is_put_right_and_its_history_says_so(open_page, ward):
    page = open_page()
    page.get_by_role("button", name="Details: Bed 1").click()
    page.get_by_role("button", name="Correct admission").click()
    page.get_by_label("What was wrong?").select_option("patient")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("dialog").get_by_label("Patient id").fill("p-7")
    page.get_by_label("Reason").fill("wrong wristband")
    page.get_by_role("dialog").get_by_role("button", name="Correct").click()
    row(page, "Bed 1").get_by_text("p-7").wait_for()
    (stay,) = ward.done("GET", "/api/v1/admissions")
    told = ward.done("GET", f"/api/v1/admissions/{stay['admission']}")
    assert [(one["kind"], one["reason"]) for one in told] == [("admitted", ""), ("corrected", "wrong wristband")]


def test_a_device_is_moved_and_where_it_stood_is_told(open_page, ward):
    page = open_page("/patients#devices")
    page.get_by_role("button", name="Move: gw-1/mon-1").click()
    page.get_by_label("To bed").select_option("icu/3")
    page.get_by_label("Reason").fill("repair")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    page.get_by_role("row").filter(has_text="gw-1/mon-1").filter(has_text="Bed 3").wait_for()
    page.get_by_role("button", name="History: gw-1/mon-1").click()
    page.get_by_text("repair").wait_for()
    ward.done("POST", "/api/v1/devices/gw-1/mon-1/assign", {"bed": "icu/1"})


def test_a_file_is_shown_with_what_is_wrong_before_anything_is_taken(open_page, ward, tmp_path):
    page = open_page()
    file = tmp_path / "stays.csv"
    file.write_text("bed,patient\nicu/2,p-8\nicu/9,p-9\n")
    page.get_by_role("button", name="Import…").click()
    page.set_input_files("#import-file", str(file))
    page.get_by_text("there is no bed icu/9").wait_for()
    assert page.get_by_role("button", name="Import", exact=True).is_disabled()
    file = tmp_path / "better.csv"
    file.write_text("bed,patient\nicu/2,p-8\n")
    page.set_input_files("#import-file", str(file))
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("1 stays were imported, 0 refused.").wait_for()
    page.get_by_role("button", name="Close").last.click()
    row(page, "Bed 2").get_by_text("p-8").wait_for()


@pytest.mark.parametrize(("theme", "width"), [("dark", 1280), ("light", 1280), ("contrast", 390)])
def test_nothing_serious_stands_between_the_page_and_a_reader_who_does_not_see_it(open_page, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(width=width)
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    page.get_by_role("button", name="Details: Bed 1").click()
    page.get_by_text("Allergic to latex.").wait_for()
    axe = Axe()
    assert serious(page, axe) == []
    page.get_by_role("tab", name="Devices").click()
    page.get_by_text("gw-1/mon-1").wait_for()
    assert serious(page, axe) == []
    page.get_by_role("button", name="Import…").click()
    assert serious(page, axe) == []


@pytest.mark.parametrize(
    ("language", "heading"),
    [
        ("de", "Patienten und Betten"),
        ("fr", "Patients et lits"),
        ("es", "Pacientes y camas"),
        ("ar", "المرضى والأسرّة"),
    ],
)
def test_the_page_speaks_the_language_of_its_reader(open_page, language, heading):
    page = open_page(language=language, width=390, height=844)
    page.get_by_role("heading", name=heading).wait_for()
    row(page, "Bed 1").get_by_text("E. P.").wait_for()
    assert page.evaluate("document.documentElement.dir || 'ltr'") == ("rtl" if language == "ar" else "ltr")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it does not fit a phone"
