"""The door and the page of people in a browser: the first administrator, a nurse by a link, a token, signing out."""

import pytest
from playwright.sync_api import expect

from hub.journal import Journal
from tests.conftest import free_port
from tests.hub.console import rig as _rig

PASSWORD = "correct horse battery staple"


@pytest.fixture
def guarded(tmp_path, shared):
    """A console beside the shared one that asks who is there: (console, the address of its first link)."""
    port = _broker_of(shared[0])
    console = _rig.ConsoleProcess(tmp_path, free_port(), port, beds={"1": "Bed 1", "2": "Bed 2", "3": "Bed 3"})
    console.config.write_text(console.config.read_text().replace("demo_person: true", "demo_person: false"))
    console.start()
    _rig.until(lambda: console.get("/healthz")[0] == 200, what="the console never got well")
    link = next(word for word in console.log.read_text().split() if "/login#" in word)
    yield console, link.strip('"')
    console.stop()


def _broker_of(console):
    (line,) = [line for line in console.config.read_text().splitlines() if line.startswith("  port:")][:1]
    return int(line.split()[1])


@pytest.fixture
def new_page(chromium):
    contexts = []

    def open_one(address):
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC", locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()


def sign_in(page, name, password=PASSWORD):
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def choose(page):
    """Choose the password of an account by its link, once the form is the one of a link."""
    done = page.get_by_role("button", name="Choose and sign in")
    expect(done).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    done.click()


def new_account(page, console):
    """The dialog in which an administrator makes an account."""
    page.goto(console.url + "/people")
    page.get_by_role("button", name="Add an account").click()
    return page.get_by_role("dialog")


def test_from_the_first_link_to_a_nurse_who_signs_in_and_out(guarded, hub, new_page):
    console, link = guarded
    page = new_page(console.url + "/")
    page.wait_for_url("**/login?next=%2F")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    chief = new_page(link)
    expect(chief.get_by_role("heading", name="The first administrator")).to_be_visible()
    assert "#" not in chief.url, "the key does not stay in the address"
    chief.get_by_label("Name").fill("chief")
    chief.get_by_label("Password", exact=True).fill("too short")
    chief.get_by_role("button", name="Choose and sign in").click()
    expect(chief.locator("#wrong")).to_contain_text("at least 12 characters")
    choose(chief)
    chief.locator("bed-tile").first.wait_for()

    form = new_account(chief, console)
    form.get_by_label("Name").fill("ida")
    form.get_by_label("Called").fill("Ida, night")
    form.get_by_label("Wards").fill("icu")
    form.get_by_role("button", name="Save").click()
    key = chief.locator(".secret").inner_text()
    chief.get_by_role("button", name="I have it").click()
    expect(chief.locator("#accounts-list tbody tr")).to_have_count(2)

    nurse = new_page(key)
    choose(nurse)
    nurse.locator("bed-tile").first.wait_for()
    expect(nurse.locator("#person summary")).to_contain_text("Ida, night")
    nurse.goto(console.url + "/people")
    expect(nurse.locator("#own")).to_be_visible()
    expect(nurse.locator("#accounts")).to_be_hidden()
    nurse.locator("#person summary").click()
    nurse.get_by_role("button", name="Sign out").first.click()
    nurse.wait_for_url("**/login**")

    sign_in(page, "ida", "a wrong password")
    expect(page.locator("#wrong")).to_contain_text("the name or the password is not right")
    sign_in(page, "ida")
    page.locator("bed-tile").first.wait_for()
    assert page.url == console.url + "/"


def test_an_auditor_sees_the_record_and_nothing_about_patients_or_their_silence(guarded, hub, new_page):
    console, link = guarded
    chief = new_page(link)
    expect(chief.get_by_role("heading", name="The first administrator")).to_be_visible()
    chief.get_by_label("Name").fill("chief")
    choose(chief)
    chief.locator("bed-tile").first.wait_for()
    form = new_account(chief, console)
    form.get_by_label("Name").fill("anna")
    form.get_by_label("Role").select_option("auditor")
    form.get_by_role("button", name="Save").click()

    auditor = new_page(chief.locator(".secret").inner_text())
    choose(auditor)
    auditor.wait_for_url("**/people")
    expect(auditor.locator("#own")).to_be_visible()
    expect(auditor.get_by_role("button", name="Check the record")).to_be_visible()
    auditor.wait_for_timeout(6_000)  # 5 s of silence are said
    expect(auditor.locator("#silence")).to_be_hidden()
    expect(auditor.locator("#counts")).to_be_hidden()
    expect(auditor.locator(".pages a[data-page=board]")).to_be_hidden()


@pytest.fixture
def journal(console):
    """What the record of deeds is read from."""
    journal = Journal(console.folder / "journal.db")
    yield journal
    journal.close()


def test_a_token_is_shown_once_and_the_record_is_checked(open_board, hub, journal):
    page = open_board("/people", wait="#tokens-deeds button")
    page.get_by_role("button", name="Add a token").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Program").fill("register")
    form.get_by_role("button", name="Save").click()
    assert page.locator(".secret").inner_text().startswith("wl_")
    page.get_by_role("button", name="I have it").click()
    expect(page.locator("#tokens-list tbody tr")).to_contain_text(["register"])
    page.get_by_role("button", name="Revoke").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(page.locator("#tokens-list tbody tr").first).to_contain_text("revoked")
    page.get_by_role("button", name="Check the record").click()
    expect(page.locator("#proof")).to_contain_text("The record holds")


def test_the_demo_says_on_each_page_that_nobody_is_signed_in(open_board, hub):
    for path in ("/", "/people", "/devices"):
        page = open_board(path, wait="#demo")
        expect(page.locator("#demo")).to_have_text("Demo: nobody is signed in")
