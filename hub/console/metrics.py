"""What the console counts, for its metrics page: who looks, and whether there is something to look at."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric

from chassis.metrics import CONNECTED, Family
from hub.console.console import Console

SCREENS = Family(name="wardline_console_screens", kind="gauge", help="Screens that are open")
HUB_SILENT = Family(
    name="wardline_console_hub_silence_seconds",
    kind="gauge",
    help="Since the console heard the hub; absent if it never did",
)

FAMILIES = (SCREENS, CONNECTED, HUB_SILENT)
"""Every metric of the console, as the reference lists them."""


class ConsoleMetrics:
    """Tells what one console counts."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def collect(self) -> Iterable[Metric]:
        """In the event loop."""
        console = self._console
        yield SCREENS.one(console.streams.screens)
        yield CONNECTED.by({"session": console.connected()})
        silent = console.wards.silent_ms(console.now())
        if silent is not None:
            yield HUB_SILENT.one(silent / 1_000)

    def read(self) -> Iterable[Metric]:
        """Nothing of it is on a disk."""
        return ()
