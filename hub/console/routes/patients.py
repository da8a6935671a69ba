"""`/api/v1/patients`: what is known of a patient, where they lay, and what was measured of them wherever they lay."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi import Path as FromPath
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from hub.adt.details import Details, Known
from hub.adt.ledger import AdtLedger, Asked
from hub.adt.stays import Stay
from hub.console.answers import Answer, Refusal, says
from hub.console.asked import HOUR_MS, From, To, span
from hub.console.console import Console, Here
from hub.console.export import Pages, ReadingView, as_csv, as_json
from hub.console.orders import NAMED, carry_out, signed
from hub.console.patient_views import PatientView, patient_view
from hub.console.printable import printable
from hub.console.rights import Me, Person, needs
from hub.console.routes.admissions import PATIENT, shown
from rules.profiles import patient_scope
from vitals.commands import SetProfile
from vitals.parameters import PARAMETERS

MOST_HOURS = 31 * 24
_CHOSEN = "SELECT profile FROM profile WHERE scope = ? ORDER BY id DESC LIMIT 1"

router = APIRouter(tags=["patients"])

Patient = Annotated[str, FromPath(pattern=PATIENT, description="opaque id")]


class Description(BaseModel):
    """What is known of a patient; it takes the place of what was known before."""

    model_config = ConfigDict(extra="forbid")

    initials: str = Field("", max_length=8)
    name: str | None = Field("", max_length=120, description="null: as it is")
    birth_year: int | None = Field(None, ge=1880, le=2200)
    sex: Literal["", "female", "male", "other"] = ""
    notes: str = Field("", max_length=2_000, description="what whoever cares for them should know")


class ChosenProfile(BaseModel):
    """The rule set a patient is judged by wherever they lie; empty: that of the bed."""

    model_config = ConfigDict(extra="forbid")

    profile: str = Field(max_length=64)
    reason: str = Field(min_length=1, max_length=200)
    by: str | None = NAMED


@router.get(
    "/api/v1/patients/{patient}",
    dependencies=[needs("view")],
    responses=says(PatientView, "What is known, without the name", 404, 422, 503),
)
async def patient(here: Here, me: Me, patient: Patient) -> Response:
    """What is known of a patient. The name is told by `/name` alone."""
    return Answer(await _patient(here, me, patient, revealed=False))


@router.get(
    "/api/v1/patients/{patient}/name",
    dependencies=[needs("adt")],
    responses=says(PatientView, "What is known, with the name", 404, 422, 503),
)
async def patient_name(here: Here, me: Me, patient: Patient) -> Response:
    """The same with the name. That it was shown, and to whom, goes into the audit trail."""
    view = await _patient(here, me, patient, revealed=True)
    doer = here.people.doer(me)
    await here.people.run(lambda: here.people.note(doer, "name shown", patient))
    return Answer(view)


@router.put(
    "/api/v1/patients/{patient}",
    dependencies=[needs("adt")],
    responses=says(PatientView, "What is known now", 404, 422, 503),
)
async def describe_patient(here: Here, me: Me, patient: Patient, said: Description) -> Response:
    """Write down what is known of a patient. It stays at this console: no topic, log or copy of the journal has it."""
    await _stays(here, me, patient)
    before = here.patients[patient]
    details = Details(
        initials=printable(said.initials),
        name=before.name if said.name is None else printable(said.name),
        birth_year=said.birth_year,
        sex=said.sex,
        notes=said.notes.strip(),
    )
    changed = [name for name in Details.__struct_fields__ if getattr(details, name) != getattr(before, name)]
    known, doer = Known(patient=patient, details=details, time=here.clock.wall_ms(), by=me.name), here.people.doer(me)
    await here.people.run(lambda: here.patients.put(known))
    await here.people.run(lambda: here.people.note(doer, "patient described", patient, " ".join(changed)))
    return Answer(await _patient(here, me, patient, revealed=False))


@router.delete(
    "/api/v1/patients/{patient}",
    dependencies=[needs("adt")],
    responses=says(PatientView, "What is known still", 404, 409, 422, 503),
)
async def forget_patient(here: Here, me: Me, patient: Patient) -> Response:
    """Erase what is known of a patient who has left. Stays and readings stay, under the opaque id."""
    if any(stay.end is None for stay in await _stays(here, me, patient)):
        raise Refusal(409, f"patient {patient} lies in a bed; discharge first")
    doer = here.people.doer(me)
    if await here.people.run(lambda: here.patients.forget(patient)):
        await here.people.run(lambda: here.people.note(doer, "patient forgotten", patient))
    return Answer(await _patient(here, me, patient, revealed=False))


@router.post(
    "/api/v1/patients/{patient}/profile",
    dependencies=[needs("limits")],
    responses=says(PatientView, "What is known now", 404, 409, 422, 503, 504),
)
async def patient_profile(here: Here, me: Me, patient: Patient, chosen: ChosenProfile) -> Response:
    """Judge a patient by another rule set, wherever they lie until they leave."""
    for stay in await _stays(here, me, patient):
        if stay.end is None:
            me.require("limits", stay.bed.ward)
    command = SetProfile(
        request=uuid.uuid4().hex,
        by=signed(me, chosen.by),
        reason=printable(chosen.reason),
        scope=patient_scope(patient),
        profile=chosen.profile,
    )
    await carry_out(here.commands, "set-profile", command, look_at="patient")
    return Answer(await _patient(here, me, patient, revealed=False))


_READINGS: dict[int | str, dict[str, Any]] = says(list[ReadingView], "An object with `readings`, or CSV", 404, 422, 503)
_READINGS[200]["content"] = {
    "application/json": {
        "schema": {
            "type": "object",
            "properties": {
                "patient": {"type": "string"},
                "from": {"type": "integer"},
                "to": {"type": "integer"},
                "readings": {"type": "array", "items": {"$ref": "#/components/schemas/ReadingView"}},
            },
            "required": ["patient", "from", "to", "readings"],
        }
    },
    "text/csv": {"schema": {"type": "string"}},
}


@router.get("/api/v1/patients/{patient}/readings", dependencies=[needs("export")], responses=_READINGS)
async def patient_readings(
    here: Here,
    me: Me,
    patient: Patient,
    start: From = None,
    end: To = None,
    parameter: Annotated[list[str] | None, Query(description="only these; repeat, or separate by commas")] = None,
    format: Annotated[Literal["json", "csv"] | None, Query(description="default: by the Accept header")] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """What was measured while the patient lay in a bed, by each reading's own time, oldest first."""
    low, high = span(here, start, end, 24 * HOUR_MS, MOST_HOURS * HOUR_MS)
    names = [name for words in parameter or () for name in words.split(",") if name]
    unknown = [name for name in names if name not in PARAMETERS]
    if unknown:
        raise Refusal(422, f"there is no parameter {unknown[0][:40]!r}; known: {', '.join(PARAMETERS)}")
    stays = sorted(await _stays(here, me, patient), key=lambda stay: stay.start)
    pages = _pages(here, stays, low, high)
    if format == "csv" or (format is None and "text/csv" in accept):
        columns = names or list(PARAMETERS)
        return StreamingResponse(as_csv(pages, columns, picked=bool(names)), media_type="text/csv; charset=utf-8")
    head: dict[str, object] = {"patient": patient, "from": low, "to": high}
    return StreamingResponse(as_json(head, pages, names or None), media_type="application/json")


async def _pages(here: Console, stays: list[Stay], low: int, high: int) -> Pages:
    for stay in stays:
        first, last = max(low, stay.start), min(high, stay.end if stay.end is not None else high)
        if first < last:
            pages: AsyncIterator[Any] = here.archive.readings(stay.bed.ward, stay.bed.bed, first, last)
            async for page in pages:
                yield page


async def _stays(here: Console, me: Person, patient: str) -> list[Stay]:
    """The stays of a patient in wards of theirs. Raises Refusal where there are none."""
    asked = Asked(patient=patient, limit=10_000)
    found = await here.archive.query(lambda journal: AdtLedger(journal.select).stays(asked))
    seen = [one.stay for one in found if me.sees(one.stay.bed.ward)]
    if not seen:
        raise Refusal(404, f"no patient {patient} was admitted here; GET /api/v1/admissions lists who was")
    return seen


async def _patient(here: Console, me: Person, patient: str, *, revealed: bool) -> PatientView:
    asked = Asked(patient=patient, limit=100)

    def read(journal: Any) -> tuple[list[Any], list[tuple[str]]]:
        return AdtLedger(journal.select).stays(asked), journal.select(_CHOSEN, patient_scope(patient))

    found, chosen = await here.archive.query(read)
    seen = [shown(here, one) for one in found if me.sees(one.stay.bed.ward)]
    if not seen:
        raise Refusal(404, f"no patient {patient} was admitted here; GET /api/v1/admissions lists who was")
    profile = chosen[0][0] if chosen else ""
    return patient_view(patient, here.patients.known(patient), revealed=revealed, profile=profile, stays=seen)
