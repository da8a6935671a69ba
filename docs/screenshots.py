"""Take the pictures of the documentation: start the demo on free ports, wait for alarms, look at every page."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
).split()
ALARMS_WITHIN_S = 120.0
LOOK_MS = 9_000  # until the waves have gone once round
MOST_BYTES = 400_000


class Picture(NamedTuple):
    """One picture: a page in a size, a theme and a language."""

    name: str
    path: str
    width: int = 1440
    height: int = 900
    theme: str = ""
    language: str = ""


PICTURES = (
    Picture("board", "/", 1920, 1080),
    Picture("board-light", "/", 1920, 1080, theme="light"),
    Picture("board-contrast", "/", theme="contrast"),
    Picture("board-arabic", "/", language="ar"),
    Picture("board-phone", "/", 390, 844),
    Picture("tv", "/tv", 1920, 1080),
    Picture("bed", "/bed/icu/3", 1440, 1080),
    Picture("bed-phone", "/bed/icu/3", 390, 844),
    Picture("alarms", "/alarms"),
    Picture("devices", "/devices"),
    Picture("tickets", "/tickets"),
    Picture("patients", "/patients"),
    Picture("people", "/people"),
    Picture("login", "/login", 1024, 700),
)


def main() -> int:
    """Write docs/images/*.png: all, or those named."""
    wanted = [one for one in PICTURES if not sys.argv[1:] or one.name in sys.argv[1:]]
    board, broker = free_port(), free_port()
    with tempfile.TemporaryDirectory() as state:
        words = ["demo", "--state", state, "--port", str(board), "--broker-port", str(broker)]
        demo = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "wardline", *words], stdout=subprocess.DEVNULL
        )
        try:
            take_pictures(f"http://127.0.0.1:{board}", demo, wanted)
        finally:
            demo.terminate()
            demo.wait(timeout=15)
    return 0


def take_pictures(url: str, demo: subprocess.Popen[bytes], wanted: list[Picture]) -> None:
    """Wait until a patient and a sensor have raised an alarm; then look."""
    wait_until(lambda: kinds(url) >= {"physiological", "technical"}, demo)
    patients = [one for one in alarms(url) if one["kind"] == "physiological"]
    acknowledge(url, str(patients[-1]["id"]))
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for picture in wanted:
            if there(url + picture.path):
                take(browser, url, picture)
        browser.close()


def take(browser: Browser, url: str, picture: Picture) -> None:
    """One picture, once its waves and tables are there."""
    # Reduced motion: alarms stand still, so that the picture does not depend on the moment.
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height}, reduced_motion="reduce", timezone_id="UTC"
    )
    for name, value in (("theme", picture.theme), ("language", picture.language), ("sound", "off")):
        if value:
            context.add_init_script(f"localStorage.setItem('wardline.{name}', '{value}')")
    page = context.new_page()
    page.goto(url + picture.path)
    page.wait_for_timeout(LOOK_MS)
    path = IMAGES / f"{picture.name}.png"
    page.screenshot(path=path)
    context.close()
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MOST_BYTES}")
    print(f"wrote {path}")


def there(url: str) -> bool:
    """Whether the console has this page."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own loopback
            return True
    except OSError:
        return False


def alarms(url: str) -> list[dict[str, object]]:
    """The alarms announced now; none while the board does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/alarms", timeout=5) as answer:  # noqa: S310 - our own loopback
            found: list[dict[str, object]] = json.load(answer)
    except OSError:
        return []
    return found


def kinds(url: str) -> set[str]:
    """Which kinds of alarm there are."""
    return {str(one["kind"]) for one in alarms(url)}


def acknowledge(url: str, alarm: str) -> None:
    """Be somebody who has seen it."""
    request = urllib.request.Request(  # noqa: S310
        f"{url}/api/v1/alarms/{alarm}/acknowledge", data=b"{}", headers={"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def wait_until(done: Callable[[], bool], demo: subprocess.Popen[bytes]) -> None:
    """Poll with a deadline."""
    deadline = time.monotonic() + ALARMS_WITHIN_S
    while not done():
        if demo.poll() is not None:
            raise SystemExit(f"the demo ended with {demo.returncode}; run it by hand to see why")
        if time.monotonic() > deadline:
            raise SystemExit(f"no alarms within {ALARMS_WITHIN_S:.0f} s")
        time.sleep(0.5)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main())
