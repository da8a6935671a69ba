"""HTTP in: POST /readings becomes observations, POST /status the state of a device's link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from starlette.requests import Request

from edge_agent.sources.fieldmap import FieldMap
from edge_agent.sources.http_server import HttpListener, Unavailable
from edge_agent.sources.idempotency import Taken
from edge_agent.sources.listener_settings import WebhookSettings
from edge_agent.sources.messages import Refused
from edge_agent.sources.paths import ABSENT, follow, parse_path
from edge_agent.sources.reception import CheckIn, Reception

MAX_KEY = 200
STATES = get_args(CheckIn)


class WebhookListener:
    """202 says that the observations are on the gateway's disk."""

    def __init__(self, settings: WebhookSettings, token: str, fields: FieldMap, reception: Reception) -> None:
        self._fields = fields
        self._check_in = settings.check_in
        self._reception = reception
        self._taken = Taken()
        handlers = {"/readings": self._readings, "/status": self._status}
        self._server = HttpListener(settings.host, settings.port, token, settings.max_message, handlers, reception)

    async def run(self) -> None:
        """Serve until cancelled. Raises LinkError."""
        await self._server.run()

    async def _readings(self, request: Request, body: bytes, message: object) -> Mapping[str, Any]:
        key = request.headers.get("idempotency-key", "")
        if len(key) > MAX_KEY:
            raise Refused("bad_key", f"an Idempotency-Key may have at most {MAX_KEY} characters")
        before = self._taken.find(key, body) if key else None
        if before is not None and not before[0]:
            raise Refused("key_reused", "this Idempotency-Key came with another message before; give each its own")
        count = before[1] if before else self._reception.take_message(message, self._fields)
        if key and before is None:
            self._taken.add(key, body, count)
        if not await self._reception.settle():
            raise Unavailable
        return {"taken": count}

    async def _status(self, _: Request, __: bytes, message: object) -> Mapping[str, Any]:
        paths = self._check_in
        name, state, text = (follow(message, parse_path(path)) for path in (paths.device, paths.state, paths.message))
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise Refused("no_device_id", f"there is no device id at {paths.device}")
        word = state.strip().lower() if isinstance(state, str) else ""
        if word not in STATES:
            raise Refused("bad_state", f"{paths.state} must be one of {', '.join(STATES)}")
        said = text if isinstance(text, str) and text is not ABSENT else ""
        self._reception.check_in(self._reception.device(str(name)), cast(CheckIn, word), said)
        return {"state": word}
