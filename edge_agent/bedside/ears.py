"""One connection, two who listen: the publisher, and what watches over the bed."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.paho_session import Connection, SessionListener


class Ears:
    """Passes on everything, in the order given: who is first says hello first."""

    def __init__(self, listeners: Sequence[SessionListener]) -> None:
        self._listeners = listeners

    def connected(self, connection: Connection) -> None:
        for listener in self._listeners:
            listener.connected(connection)

    def disconnected(self, reason: str) -> None:
        for listener in self._listeners:
            listener.disconnected(reason)

    def refused(self, reason: str) -> None:
        for listener in self._listeners:
            listener.refused(reason)

    def acknowledged(self, token: int, failure: str) -> None:
        for listener in self._listeners:
            listener.acknowledged(token, failure)

    def received(self, topic: str, payload: bytes) -> None:
        for listener in self._listeners:
            listener.received(topic, payload)
