"""Take the pictures of the documentation: start the demo on free ports, wait for alarms, look at the board."""

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

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
).split()
ALARMS_WITHIN_S = 120.0
MOST_BYTES = 400_000


def main() -> int:
    """Write docs/images/board.png and board-phone.png."""
    board, broker = free_port(), free_port()
    with tempfile.TemporaryDirectory() as state:
        words = ["demo", "--state", state, "--port", str(board), "--broker-port", str(broker)]
        demo = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "wardline", *words], stdout=subprocess.DEVNULL
        )
        try:
            take_pictures(f"http://127.0.0.1:{board}", demo)
        finally:
            demo.terminate()
            demo.wait(timeout=15)
    return 0


def take_pictures(url: str, demo: subprocess.Popen[bytes]) -> None:
    """Wait until a patient and a sensor have raised an alarm; then look."""
    wait_until(lambda: kinds(url) >= {"physiological", "technical"}, demo)
    alarm = next(one for one in alarms(url) if one["priority"] == "medium")
    acknowledge(url, str(alarm["id"]))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        # Reduced motion: alarms stand still, so that the picture does not depend on the moment.
        for name, width, height in (("board", 1920, 1080), ("board-phone", 390, 844)):
            page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
            page.goto(url)
            page.locator("alarm-line[data-state=acknowledged]").first.wait_for()
            path = IMAGES / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            page.screenshot(path=path)
            if path.stat().st_size > MOST_BYTES:
                raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MOST_BYTES}")
            print(f"wrote {path}")
        browser.close()


def alarms(url: str) -> list[dict[str, object]]:
    """The alarms announced now; none while the board does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/alarms", timeout=5) as answer:  # noqa: S310 - our own loopback
            found: list[dict[str, object]] = json.load(answer)
    except OSError:
        return []
    return found


def kinds(url: str) -> set[str]:
    """Which kinds of alarm there are, once one of medium priority is among them."""
    found = alarms(url)
    return {str(one["kind"]) for one in found} if any(one["priority"] == "medium" for one in found) else set()


def acknowledge(url: str, alarm: str) -> None:
    """Be somebody who has seen it."""
    request = urllib.request.Request(  # noqa: S310
        f"{url}/api/v1/alarms/{alarm}/acknowledge",
        data=b'{"by": "AB"}',
        headers={"Content-Type": "application/json"},
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
