"""Which listener serves a section of the settings, its reception, and its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chassis.clock import Clock
from chassis.secrets import resolve
from edge_agent.link import LinkState
from edge_agent.recorder import Recorder
from edge_agent.settings import LoadedSettings
from edge_agent.sources.listener_settings import (
    CareSettings,
    Hl7Settings,
    ListenerSettings,
    MqttSettings,
    TcpJsonSettings,
    WebhookSettings,
)
from edge_agent.sources.reception import Reception
from edge_agent.sources.tcp_json import TcpJsonListener

Secrets = Mapping[str, str]
"""The token of each listener that has one, by the listener's id."""


class Listener(Protocol):
    """A way in for many devices."""

    async def run(self) -> None:
        """Serve for ever. Raises LinkError when it cannot."""


def read_secrets(loaded: LoadedSettings) -> Secrets:
    """Every token and login, read from where the settings refer to. Raises UsageError."""
    found = {}
    for listener in loaded.settings.listeners:
        section = listener.section
        if isinstance(section, WebhookSettings | CareSettings):
            found[listener.id] = resolve(section.token, loaded.folder)
        elif isinstance(section, MqttSettings) and section.broker is not None:
            section.broker.login(loaded.folder)
            if section.broker.tls:
                section.broker.tls.context(loaded.folder)
    return found


def new_reception(
    listener: ListenerSettings, links: Mapping[str, LinkState], clock: Clock, recorder: Recorder
) -> Reception:
    """The books of a listener."""
    return Reception(
        listener.id,
        listener.kind,
        listener.known(),
        {device.id: links[device.id] for device in listener.devices},
        clock,
        recorder.observe,
        recorder.stored,
        max_rate=listener.max_rate,
        silence_ms=listener.silence,
    )


def build_listener(
    listener: ListenerSettings, loaded: LoadedSettings, secrets: Secrets, reception: Reception
) -> Listener:
    """The listener of a section. Web server and MQTT client are imported only where they are used."""
    section = listener.section
    if isinstance(section, CareSettings):
        from edge_agent.sources.care import CareListener

        return CareListener(section, secrets[listener.id], reception)
    if isinstance(section, Hl7Settings):
        from edge_agent.sources.hl7 import Hl7Listener

        return Hl7Listener(section, reception)
    assert listener.map is not None
    if isinstance(section, WebhookSettings):
        from edge_agent.sources.webhook import WebhookListener

        return WebhookListener(section, secrets[listener.id], listener.map, reception)
    if isinstance(section, MqttSettings):
        from edge_agent.sources.mqtt import MqttListener

        return MqttListener(section, listener.id, listener.map, reception, loaded)
    assert isinstance(section, TcpJsonSettings)
    return TcpJsonListener(section, listener.map, reception)
