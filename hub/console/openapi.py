"""The OpenAPI document: FastAPI's own, with the schemas of what our routes really answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from hub.console.answers import schemas
from hub.console.export import ReadingView
from hub.console.limit_views import LimitChangeView, LimitsView, LimitView
from hub.console.observation_views import NoteView, ObservationsView
from hub.console.page_views import PagedAlarmView, PageView
from hub.console.ticket_views import (
    EquipmentView,
    StretchView,
    TicketCommandView,
    TicketHistoryView,
    TicketView,
)
from hub.console.trend_views import TrendsView
from hub.console.views import (
    AlarmEventView,
    AlarmView,
    BedView,
    CommandView,
    ErrorView,
    GatewayView,
    HealthView,
    QuarantineView,
)
from hub.console.waves import WaveView
from rules.burden import Burden

_VIEWS = (
    Burden,
    AlarmEventView,
    AlarmView,
    BedView,
    CommandView,
    EquipmentView,
    ErrorView,
    GatewayView,
    HealthView,
    LimitChangeView,
    LimitView,
    LimitsView,
    NoteView,
    ObservationsView,
    PagedAlarmView,
    PageView,
    QuarantineView,
    ReadingView,
    StretchView,
    TicketCommandView,
    TicketHistoryView,
    TicketView,
    TrendsView,
    WaveView,
)
_NOTICE = (
    "Live values, history and alarms of the wards of one hub. Wardline is a secondary notification system: "
    "the bedside monitor is the primary alarm, never this."
)


def describe(app: FastAPI) -> None:
    """Make `app` answer /openapi.json with the whole truth."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=_NOTICE, routes=app.routes)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    # Refusals are one sentence, whatever FastAPI would have said.
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    components.update(schemas(_VIEWS)[1])
    for path in document["paths"].values():
        for operation in path.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = {
                    "description": "What is wrong with the request, in one sentence",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorView"}}},
                }
    return document
