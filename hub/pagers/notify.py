"""The notify channel: title and text of a page to whatever an Apprise URL stands for. It knows no receipt."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from chassis.secrets import resolve
from vitals.errors import LinkError, UsageError
from vitals.pages import Page


class NotifyChannel:
    """One Apprise address. The URL holds passwords, so it is a secret and never repeated in a message."""

    name = "notify"
    confirms = False

    def __init__(self, reference: str, folder: Path) -> None:
        """Raises UsageError when Apprise is missing, or the URL is none."""
        try:
            apprise: Any = importlib.import_module("apprise")  # optional, and slow to import
        except ImportError as error:
            raise UsageError(
                "a recipient has notify, and Apprise is not installed; install wardline[notify], or take notify out"
            ) from error
        self._ways = apprise.Apprise()
        if not self._ways.add(resolve(reference, folder)):
            raise UsageError(f"Apprise does not understand the URL in {reference}; see its list of services")

    def deliver(self, page: Page) -> None:
        """Send title, text and link. Raises LinkError."""
        body = f"{page.text}\n{page.link}" if page.link else page.text
        if not self._ways.notify(title=page.title, body=body):
            raise LinkError("the service did not take the page")
