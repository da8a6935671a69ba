"""The webhook channel: a page posted as a CloudEvent, signed the way of the Standard Webhooks specification."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from chassis.secrets import resolve
from rules.rotas import Webhook
from vitals.errors import LinkError, UsageError
from vitals.pages import Page

EVENT_TYPE = "wardline.page"
ANSWER_BYTES = 4_096


class WebhookChannel:
    """Posts pages to one address. An answer 2xx is the receipt; redirects are not followed."""

    name = "webhook"
    confirms = True

    def __init__(self, settings: Webhook, folder: Path, hub: str, now: Callable[[], int]) -> None:
        """Raises UsageError when the secret or the authority cannot be read."""
        self._hub = hub
        self._now = now
        self._key = signing_key(resolve(settings.secret, folder))
        url = urlsplit(settings.url)
        self._host, self._port = url.hostname or "", url.port
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._timeout = settings.timeout.seconds
        self._tls = _context(settings, folder) if url.scheme == "https" else None

    def deliver(self, page: Page) -> None:
        """Post the page. Raises LinkError."""
        body = cloud_event(page, self._hub, self._now())
        connection = self._connect()
        try:
            connection.request("POST", self._path, body, self._headers(page, body))
            answer = connection.getresponse()
            answer.read(ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise LinkError(f"{self._host} does not answer: {error or type(error).__name__}") from error
        finally:
            with contextlib.suppress(OSError):
                connection.close()
        if not 200 <= answer.status < 300:
            raise LinkError(f"{self._host} answered {answer.status}")

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _headers(self, page: Page, body: bytes) -> dict[str, str]:
        seconds = str(self._now() // 1_000)
        return {
            "Content-Type": "application/cloudevents+json",
            "User-Agent": "wardline",
            "webhook-id": page.id,
            "webhook-timestamp": seconds,
            "webhook-signature": sign(self._key, page.id, seconds, body),
        }


def cloud_event(page: Page, hub: str, now: int) -> bytes:
    """The page in a CloudEvents 1.0 envelope; sent again it has the same id."""
    envelope = {
        "specversion": "1.0",
        "type": EVENT_TYPE,
        "source": f"/wardline/hub/{hub}",
        "id": page.id,
        "subject": page.recipient,
        "time": datetime.fromtimestamp(now / 1_000, UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        "data": page,
    }
    return msgspec.json.encode(envelope)


def sign(key: bytes, id_: str, seconds: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA-256 over `id.seconds.body`."""
    digest = hmac.digest(key, f"{id_}.{seconds}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signing_key(secret: str) -> bytes:
    """The bytes behind a secret: base64 after `whsec_`, otherwise the text itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise UsageError("the secret of a webhook begins with whsec_ and is not base64 behind it") from error


def _context(settings: Webhook, folder: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(folder / settings.ca) if settings.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"cannot use the authority {settings.ca} of a webhook: {error}") from error
