"""A bounded web server for senders: one token, small JSON bodies, and every refusal a sentence."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_agent.sources.messages import Refused, read_json
from edge_agent.sources.reception import Reception
from vitals.errors import LinkError

MAX_CONNECTIONS = 500
HEAD_TIMEOUT_S = 10.0  # a connection that has no request under way for so long is closed
BODY_TIMEOUT_S = 15.0
DISCARDED = 16  # times the largest body: so much is read and thrown away, so that the sender hears the refusal
TICK_S = 1.0
STATUS = {"oversized": 413, "too_fast": 429, "bad_token": 401, "not_json": 415, "too_slow": 408, "key_reused": 422}

Handler = Callable[[Request, bytes, object], Awaitable[Mapping[str, Any]]]
"""(request, body, its JSON) → the answer. Raises Refused, or Unavailable."""


class Unavailable(Exception):  # noqa: N818 - what we say, not what went wrong
    """The disk takes nothing now: the sender must keep its message and try again."""


class HttpListener:
    """Serves POST at some paths until cancelled."""

    def __init__(
        self,
        host: str,
        port: int,
        token: str,
        max_body: int,
        handlers: Mapping[str, Handler],
        reception: Reception,
        *,
        success: int = 202,
    ) -> None:
        self._host = host
        self._port = port
        self._token = token.encode()
        self._max_body = max_body
        self._reception = reception
        self._success = success
        self._app = Starlette(
            routes=[Route(path, self._endpoint(handler), methods=["POST"]) for path, handler in handlers.items()],
            exception_handlers={HTTPException: _refuse_http},
        )

    async def run(self) -> None:
        """Listen and serve. Raises LinkError when the address cannot be listened on."""
        door = self._listen()
        _quiet_uvicorn()
        server = _Server(
            uvicorn.Config(
                self._app,
                http=_Impatient,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=10,
                timeout_graceful_shutdown=1,
                limit_concurrency=MAX_CONNECTIONS,
            )
        )
        self._reception.opened(f"listening on {self._host} port {door.getsockname()[1]}")
        serving = asyncio.create_task(server.serve(sockets=[door]), name=f"web server {self._port}")
        try:
            while not serving.done():
                await asyncio.wait([serving], timeout=TICK_S)
                self._reception.connections = len(server.server_state.connections)
                self._reception.tick()
            serving.result()
        finally:
            server.should_exit = True
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(serving, 2.0)
            door.close()
            self._reception.stopped()

    def _listen(self) -> socket.socket:
        door = None
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
            door = socket.socket(family, kind, protocol)
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(address)
            door.listen(128)
            door.setblocking(False)
        except OSError as exc:
            if door is not None:
                door.close()
            why = f"cannot listen on {self._host} port {self._port}: {exc.strerror or exc}"
            self._reception.closed(why)
            raise LinkError(why) from exc
        return door

    def _endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                self._require_token(request)
                body = await self._body(request)
                return JSONResponse(dict(await handler(request, body, read_json(body))), self._success)
            except Refused as refused:
                self._reception.refuse(refused.reason)
                return _refusal(refused)
            except (Unavailable, asyncio.CancelledError):  # only the end of the server cancels a request
                return _error(
                    503, "the gateway cannot store the message now; keep it and try again", {"Retry-After": "5"}
                )
            except ClientDisconnect:
                self._reception.refuse("incomplete")
                return _error(400, "the request was cut off")

        return answer

    def _require_token(self, request: Request) -> None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            raise Refused("bad_token", "give the token of this listener as Authorization: Bearer TOKEN")

    async def _body(self, request: Request) -> bytes:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused("not_json", "the content type must be application/json")
        too_large = Refused("oversized", f"a request may have at most {self._max_body} bytes")
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length[:12]) > self._max_body * DISCARDED:
            raise too_large
        body, size = bytearray(), 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for piece in request.stream():
                    size += len(piece)
                    if size <= self._max_body:
                        body += piece
                    elif size > self._max_body * DISCARDED:
                        raise too_large
        except TimeoutError as exc:
            raise Refused("too_slow", "the request took too long to arrive") from exc
        if size > self._max_body:
            raise too_large
        return bytes(body)


def _refusal(refused: Refused) -> Response:
    status = STATUS.get(refused.reason, 400)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}.get(status, {})
    if status in (413, 408):
        headers = {"Connection": "close"}  # the rest of the body is not worth reading
    return _error(status, refused.detail, headers)


def _refuse_http(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    sentence = {404: "there is nothing at this path", 405: "only POST is taken here"}.get(exc.status_code, exc.detail)
    return _error(exc.status_code, sentence, dict(exc.headers or {}))


def _error(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": sentence}, status, dict(headers or {}))


def _quiet_uvicorn() -> None:
    """Unexpected failures are still told; that requests under way are ended at the end is no error."""
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.setLevel(logging.WARNING)
    if _is_news not in uvicorn_log.filters:
        uvicorn_log.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return "timeout graceful shutdown exceeded" not in str(record.msg)


class _Server(uvicorn.Server):
    """uvicorn without its hands on the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Impatient(H11Protocol):
    """uvicorn waits for ever for the head of a request; we do not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watched: object = None
        self._watch = self.loop.call_later(HEAD_TIMEOUT_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy and self.cycle is self._watched:
            self.transport.close()
            return
        self._watched = self.cycle
        self._watch = self.loop.call_later(HEAD_TIMEOUT_S, self._look)
