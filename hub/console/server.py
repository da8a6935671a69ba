"""The HTTP server inside our own loop: no signal handlers of its own, an orderly end within a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from vitals.errors import UsageError


class _Server(uvicorn.Server):
    """uvicorn without its hands on the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError that says which address and what to change."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"the console cannot listen on {host}: {error.strerror}; change console.host") from error
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(128)
        door.setblocking(False)
    except OSError as error:
        door.close()
        raise UsageError(
            f"the console cannot listen on {host} port {port}: {error.strerror}; free it or change console.port"
        ) from error
    return door


class WebServer:
    """Serves one app on one socket."""

    def __init__(self, app: ASGIApp, door: socket.socket) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._door = door
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                ws="websockets-sansio",
                ws_per_message_deflate=False,  # fifty screens would compress the same words fifty times a second
                ws_max_size=1_024,  # screens listen, they have nothing to say
                ws_ping_interval=10.0,
                ws_ping_timeout=10.0,
                timeout_keep_alive=10,
                timeout_graceful_shutdown=1,
                limit_concurrency=1_000,
            )
        )

    async def run(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._door])

    def stop(self) -> None:
        """Take no more requests and end those under way."""
        self._server.should_exit = True

    async def ready(self) -> None:
        """Wait until requests are answered."""
        while not self._server.started:
            await asyncio.sleep(0.01)
