"""A real headless Chromium looking at the board of a real console process, fed by a hub that a test directs."""

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import Broker, _mosquitto, free_port
from tests.hub.console import rig as _rig

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()

expect.set_options(timeout=20_000)  # on a machine that does much else, too


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.broker)


@pytest.fixture(scope="session")
def rig():
    """The builders: bed(), value(), device(), alarm(), until()."""
    return _rig


@pytest.fixture(scope="module")  # no longer: while it lives, its event loop runs in this thread
def chromium():
    """A browser with a profile of its own."""
    binary = shutil.which("chromium") or "/usr/bin/chromium"
    if not os.access(binary, os.X_OK):
        reason = "chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(console, hub) that the tests of a module share: three beds."""
    broker = Broker(_mosquitto(), tmp_path_factory.mktemp("broker"))
    broker.start()
    beds = {"1": "Bed 1", "2": "Bed 2", "3": "Bed 3"}
    console = _rig.ConsoleProcess(tmp_path_factory.mktemp("console"), free_port(), broker.port, beds=beds)
    hub = _rig.FakeHub(broker.port, beds=[_rig.bed(name) for name in beds])
    console.start()
    _rig.until(lambda: console.get("/healthz")[0] == 200, what="the console never got well")
    yield console, hub
    console.stop()
    hub.close()
    broker.kill()


@pytest.fixture
def console(shared):
    return shared[0]


@pytest.fixture
def hub(shared):
    """The fake hub; each test begins with its three beds as they were and no alarm."""
    console, hub = shared
    hub.refuse, hub.mute = None, False
    for alarm in list(hub.alarms.values()):
        hub.end_alarm(alarm)
    hub.beds = {name: _rig.bed(name) for name in ("1", "2", "3")}
    hub.speak()
    _rig.until(lambda: not console.json("/api/v1/alarms"), what="old alarms stay")
    return hub


@pytest.fixture
def open_board(chromium, console, hub):
    """Open the board: `open_board(width=, height=, **context)`. A page that does what it should not fails the test."""
    contexts, wrong = [], []

    def listen(page):
        page.on("console", lambda message: _note(message, wrong))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: _same_origin(request.url, console.url, wrong))

    def open_one(path="/", width=1280, height=800, wait="bed-tile vital-cell", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, timezone_id="UTC", locale="en-GB", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        listen(page)
        page.wrong = wrong
        page.goto(console.url + path)
        page.locator(wait).first.wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def unanswered(chromium):
    """(a page whose first two questions who reads it get no answer, those it has asked)."""
    context, asked = chromium.new_context(), []
    page = context.new_page()
    page.route("**/api/v1/me", lambda route: [asked.append(1), route.abort() if len(asked) < 3 else route.continue_()])
    yield page, asked
    context.close()


def _note(message, wrong):
    """A page that is left while it connects is no fault: the browser says so all the same."""
    if message.type in ("error", "warning") and "closed before the connection is established" not in message.text:
        wrong.append(message.text)


def _same_origin(url, home, wrong):
    if not url.startswith((home + "/", home.replace("http", "ws", 1) + "/")):
        wrong.append(f"request to {url}")
