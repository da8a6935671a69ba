"""Links that open one page on a phone without a login: long random keys, of which we keep the hash alone."""

from __future__ import annotations

import hashlib
import secrets

from hub.pagers.store import Link

KEY_BYTES = 18  # 144 bits
VALID_MS = 30 * 60_000


class Links:
    """Makes keys. One delivery keeps its key while this process lives, so that a page sent again says the same."""

    def __init__(self, base_url: str | None) -> None:
        self._base = base_url.rstrip("/") if base_url else ""
        self._keys: dict[str, tuple[str, int]] = {}  # delivery → (key, expires)

    def of(self, delivery: str, now: int) -> tuple[str, Link | None]:
        """(the address, what must be saved before it is sent); ("", None) when no address is known."""
        if not self._base:
            return "", None
        key, expires = self._keys.get(delivery, ("", 0))
        link = None
        if expires - now < VALID_MS // 2:
            key, expires = secrets.token_urlsafe(KEY_BYTES), now + VALID_MS
            link = Link(hash_of(key), delivery, expires)
            self._keys = {name: one for name, one in self._keys.items() if one[1] > now}
            self._keys[delivery] = (key, expires)
        return f"{self._base}/p/{key}", link


def hash_of(key: str) -> bytes:
    """What is stored of a key. It is random, so one round is enough."""
    return hashlib.sha256(key.encode()).digest()
