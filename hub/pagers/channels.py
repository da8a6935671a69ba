"""The channels of a recipient that are not MQTT, ready to be made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub.pagers.courier import Channel
from hub.pagers.notify import NotifyChannel
from hub.pagers.webhook import WebhookChannel
from rules.rotas import Recipient


def channels_of(recipient: Recipient, folder: Path, hub: str, now: Callable[[], int]) -> list[Callable[[], Channel]]:
    """A maker for each; making one raises UsageError when its secret or its settings cannot be used."""
    makers: list[Callable[[], Channel]] = []
    webhook, notify = recipient.webhook, recipient.notify
    if webhook is not None:
        makers.append(lambda: WebhookChannel(webhook, folder, hub, now))
    if notify is not None:
        makers.append(lambda: NotifyChannel(notify, folder))
    return makers
