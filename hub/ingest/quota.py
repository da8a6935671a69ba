"""Quotas: how much of the hub one gateway may have, so that a flood from one bed is not everybody's.

A token bucket for messages and one for bytes per gateway; all names nobody registered share one pair. What is over
the quota is dropped unread and gets no receipt, so a gateway that did no wrong sends it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

BURST_S = 2.0  # a gateway may be so much ahead of its rate: a reconnect brings a backlog
TOLD_MS = 10_000  # a flood is over when nothing had to be dropped for so long
STRANGERS = ""  # whose name all unregistered gateways share


class _Bucket:
    """What is left of one gateway's quota."""

    __slots__ = ("bytes", "flooded", "messages", "since")

    def __init__(self, messages: float, size: float, now: int) -> None:
        self.messages = messages
        self.bytes = size
        self.since = now
        self.flooded: int | None = None  # when something had to be dropped last


class Quotas:
    """All gateways of a hub. `now` is milliseconds on a clock that never steps."""

    def __init__(self, gateways: Collection[str], messages_per_s: float, bytes_per_s: float) -> None:
        self._gateways = gateways
        self._messages_per_ms = messages_per_s / 1_000
        self._bytes_per_ms = bytes_per_s / 1_000
        self._most_messages = max(1.0, messages_per_s * BURST_S)
        self._most_bytes = bytes_per_s * BURST_S
        self._buckets: dict[str, _Bucket] = {}
        self._flooding: dict[str, None] = {}  # those `news` has told of
        self.dropped: Counter[str] = Counter()  # messages, by gateway

    def take(self, gateway: str, size: int, now: int) -> bool:
        """Whether a message of `size` bytes is within the quota; what is not is counted."""
        bucket = self._buckets.get(gateway)
        if bucket is None:
            bucket = self._bucket(gateway, now)
        passed = now - bucket.since
        if passed > 0:
            bucket.since = now
            bucket.messages = min(self._most_messages, bucket.messages + passed * self._messages_per_ms)
            bucket.bytes = min(self._most_bytes, bucket.bytes + passed * self._bytes_per_ms)
        if bucket.messages < 1 or bucket.bytes <= 0:
            bucket.flooded = now
            self.dropped[gateway if gateway in self._gateways else STRANGERS] += 1
            return False
        bucket.messages -= 1
        bucket.bytes -= size  # one message may overdraw it; the next ones wait
        return True

    def news(self, now: int) -> list[tuple[str, str]]:
        """(gateway, what is wrong) of registered gateways whose flood began or, with no words, ended."""
        told: list[tuple[str, str]] = []
        for gateway, bucket in self._buckets.items():
            floods = bucket.flooded is not None and now - bucket.flooded < TOLD_MS
            if gateway == STRANGERS or floods is (gateway in self._flooding):
                continue
            if floods:
                self._flooding[gateway] = None
                told.append((gateway, f"Gateway {gateway} sends more than its quota; the rest is dropped"))
            else:
                del self._flooding[gateway]
                told.append((gateway, ""))
        return told

    def _bucket(self, gateway: str, now: int) -> _Bucket:
        name = gateway if gateway in self._gateways else STRANGERS
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(self._most_messages, self._most_bytes, now)
        return bucket
