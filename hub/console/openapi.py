"""The OpenAPI document: FastAPI's own, with the schemas of what our routes really answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from hub.console.answers import Answer, schemas
from hub.console.export import ReadingView
from hub.console.limit_views import LimitChangeView, LimitsView, LimitView
from hub.console.observation_views import NoteView, ObservationsView
from hub.console.page_views import PagedAlarmView, PageView
from hub.console.patient_views import (
    AdmissionEventView,
    AdmissionView,
    ImportLineView,
    ImportView,
    PatientView,
    PlacementView,
)
from hub.console.people.audit_views import AuditView
from hub.console.people.proof import Proof
from hub.console.people.roles import SCREEN_RIGHTS
from hub.console.people.views import (
    AccountView,
    EndedView,
    GivenLinkView,
    MeView,
    NewTokenView,
    PairingView,
    RoleView,
    ScreenView,
    TokenView,
    WhoseLinkView,
)
from hub.console.rights import open_to_all, policies
from hub.console.routes.pauses import PausedView
from hub.console.routes.whatif import WhatIfView
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
    AdmissionEventView,
    AdmissionView,
    ImportLineView,
    ImportView,
    PatientView,
    PlacementView,
    AccountView,
    AuditView,
    Burden,
    EndedView,
    GivenLinkView,
    WhoseLinkView,
    MeView,
    NewTokenView,
    PairingView,
    Proof,
    RoleView,
    ScreenView,
    TokenView,
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
    PausedView,
    QuarantineView,
    ReadingView,
    StretchView,
    TicketCommandView,
    TicketHistoryView,
    TicketView,
    TrendsView,
    WaveView,
    WhatIfView,
)
_NOTICE = (
    "Live values, history and alarms of the wards of one hub. Wardline is a secondary notification system: "
    "the bedside monitor is the primary alarm, never this."
)


_WAYS_IN = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token made on the people page, with rights of its own",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "wardline_session",
        "description": "Who signed in at /login; over https it is __Host-wardline_session. A change also needs the "
        "header X-CSRF-Token with the value of the cookie wardline_csrf",
    },
    "screen": {
        "type": "apiKey",
        "in": "cookie",
        "name": "wardline_screen",
        "description": "A screen on a wall that was bound; it may look",
    },
}
_SIGNED_IN: list[dict[str, list[str]]] = [{"token": []}, {"session": []}]


def describe(app: FastAPI) -> None:
    """Make `app` answer /openapi.json with the whole truth."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    async def openapi() -> Response:
        return Answer(document())

    app.openapi = document  # type: ignore[method-assign]
    app.add_api_route("/openapi.json", openapi, dependencies=[open_to_all()], include_in_schema=False)


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=_NOTICE, routes=app.routes)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    # Refusals are one sentence, whatever FastAPI would have said.
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    components.update(schemas(_VIEWS)[1])
    document["components"]["securitySchemes"] = _WAYS_IN
    needed = {
        (path, method.lower()): policy.right for method, path, policy in policies(app.routes) if policy is not None
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, operation, needed.get((path, method)))
    return document


def _complete(path: str, operation: dict[str, Any], right: str | None) -> None:
    """Add what every route may answer: that the request is wrong, that nobody is signed in, or who may not."""
    said = operation["responses"]
    if "{" in path:
        said.setdefault("404", _refusal("There is no such thing"))
    if "requestBody" in operation:
        said["413"] = _refusal("The body is longer than 16 KiB")
    if "422" in said:
        said["422"] = _refusal("What is wrong with the request, in one sentence")
    if right is None:
        operation["security"] = []
        return
    operation["security"] = [*_SIGNED_IN, {"screen": []}] if right in SCREEN_RIGHTS else _SIGNED_IN
    operation["x-right"] = right
    said["401"] = _refusal("Nobody is signed in")
    said["403"] = _refusal(f"Who is signed in has not the right `{right}`, or not in this ward")


def _refusal(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ErrorView"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
