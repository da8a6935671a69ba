"""CARE TeleICU in: POST /update_observations, an array of arrays of items, becomes observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from edge_agent.sources.care_items import Said, connection, said, texts
from edge_agent.sources.fieldmap import age_of, parse_iso
from edge_agent.sources.http_server import HttpListener, Unavailable
from edge_agent.sources.idempotency import Repeats
from edge_agent.sources.intermittent import INTERMITTENT, longest_age
from edge_agent.sources.listener_settings import CareSettings
from edge_agent.sources.messages import Refused
from edge_agent.sources.reception import Reception
from vitals.readings import Observation

MAX_ITEMS = 5_000

Moment = tuple[str, str, bool]  # device, time as written, whether these are single measurements


class CareListener:
    """A device is known by its address, a patient not at all. 200 says that all is on the gateway's disk."""

    def __init__(self, settings: CareSettings, token: str, reception: Reception) -> None:
        self._settings = settings
        self._reception = reception
        self._repeats = Repeats()
        handlers = {"/update_observations": self._update}
        self._server = HttpListener(
            settings.host, settings.port, token, settings.max_message, handlers, reception, success=200
        )

    async def run(self) -> None:
        """Serve until cancelled. Raises LinkError."""
        await self._server.run()

    async def _update(self, _: Request, __: bytes, message: object) -> Mapping[str, Any]:
        items = _items(message)
        moments: dict[Moment, list[Said]] = {}
        connections: dict[str, bool] = {}
        unknown: Refused | None = None
        for item in items:
            kind, address, time = texts(item)
            try:
                device = self._reception.device(address)
            except Refused as refused:  # its neighbours in the same request are none the worse for it
                self._reception.refuse(refused.reason)
                unknown = refused
                continue
            if kind == "device-connection" and (connected := connection(item)) is not None:
                connections[device] = connected
            for one in said(kind, item):
                moments.setdefault((device, time, one.parameter in INTERMITTENT), []).append(one)
        if unknown is not None and not (moments or connections):
            raise Refused("unknown_device", unknown.detail)
        found = [(moment, self._observation(moment, numbers)) for moment, numbers in moments.items()]
        news = [(moment, seen) for moment, seen in found if self._is_news(moment, seen)]
        self._reception.take([(moment[0], seen) for moment, seen in news])
        for moment, seen in news:
            if moment[2]:
                self._repeats.note(moment[0], _measurement(moment, seen))
        for device, connected in connections.items():
            self._reception.check_in(device, "online" if connected else "offline", "")
        if not await self._reception.settle():
            raise Unavailable
        return {"taken": len(news)}

    def _is_news(self, moment: Moment, seen: Observation) -> bool:
        return not moment[2] or self._repeats.is_news(moment[0], _measurement(moment, seen))

    def _observation(self, moment: Moment, numbers: list[Said]) -> Observation:
        _, time, _ = moment
        values = {one.parameter: one.value for one in numbers if one.value is not None}
        missing = {one.parameter: one.reason for one in numbers if one.value is None}
        measured = parse_iso(time, self._settings.zone) if time else None
        age = None
        if measured is not None:
            oldest = longest_age({**values, **missing}, self._settings.max_age)
            age = age_of(measured, self._reception.wall_ms(), oldest, self._settings.max_ahead)
        return Observation(
            values=values,
            missing={name: reason for name, reason in missing.items() if name not in values},
            aperiodic=age is not None,
            age_ms=age or 0,
            device_time=time or None,
            untimed=age is None,
        )


def _measurement(moment: Moment, seen: Observation) -> object:
    return moment[1], seen.values, seen.missing


def _items(message: object) -> list[dict[str, Any]]:
    if not isinstance(message, list) or not all(isinstance(part, list) for part in message):
        raise Refused("bad_shape", "the body must be an array of arrays of observations")
    items = [item for part in message for item in part]
    if not items:
        raise Refused("nothing_mapped", "the request holds no observation")
    if len(items) > MAX_ITEMS:
        raise Refused("too_many_items", f"a request may hold {MAX_ITEMS} observations")
    return items
