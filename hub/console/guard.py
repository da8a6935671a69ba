"""The guard at the door: which host names, origins and sizes are let in, and which headers go out."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 16_384

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware, before anybody asks who it is: the browser's own word on where a request comes from."""

    def __init__(self, app: ASGIApp, names: Iterable[str], *, any_address: bool) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        found = self._objection(scope)
        if found is None:
            await self._app(scope, receive, send if scope["type"] == "websocket" else _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": found[1]})
        else:
            await _refuse(_with_headers(send), *found)

    def _objection(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._known(host):
            return 421, "this console does not answer to that host name; add it to console.names in the settings"
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "only pages of this console itself may do that"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return 403, "only pages of this console itself may do that"
        return _size_objection(headers) if scope["type"] == "http" else None

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._names or (self._any_address and _is_address(name))


def names_of(host: str, further: Iterable[str]) -> set[str]:
    """The host names a console listening on `host` answers to."""
    return {*_LOOPBACK, host, socket.gethostname(), *further}


def _is_address(name: str) -> bool:
    """A page elsewhere can point a name of its own at this machine, but not a number."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _size_objection(headers: Headers) -> tuple[int, str] | None:
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return None  # without either there is no body, as with a DELETE
    if length is None or not length.isdecimal():
        return 411, "the request must say its content-length"
    if int(length) > MAX_BODY_BYTES:
        return 413, f"the request may have at most {MAX_BODY_BYTES} bytes"
    return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)  # the one page with a form says its own
        await send(message)

    return sending


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
