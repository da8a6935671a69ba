"""`/api/v1/admissions`: who lay in which bed and when; patients come, go, move, and what was recorded wrongly."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as FromPath
from pydantic import BaseModel, ConfigDict, Field

from hub.adt.details import Known
from hub.adt.imports import Line, read_import
from hub.adt.ledger import AdtLedger, Asked, Recorded
from hub.console.answers import Answer, Refusal, says
from hub.console.asked import known_bed
from hub.console.console import Console, Here
from hub.console.orders import NAMED, carry_out, signed
from hub.console.patient_views import (
    AdmissionEventView,
    AdmissionView,
    ImportLineView,
    ImportView,
    admission_view,
    event_view,
    line_view,
    shown_name,
)
from hub.console.printable import printable
from hub.console.rights import Me, Person, needs
from hub.console.times import LATEST, parse_time
from vitals.commands import Action, Admit, Correct, Discharge, Transfer
from vitals.identity import BedKey

LARGEST_FILE = 2_000_000
Number = Annotated[int, FromPath(ge=1, le=2**53, description="number of the admission")]
PATIENT = r"^[A-Za-z0-9][A-Za-z0-9-]{0,30}$"

router = APIRouter(tags=["patients"])

_TIME: Any = Field(None, ge=0, le=LATEST, description="UTC ms; none: now")
_BED: Any = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,30}$", description="ward/bed")
_CHANGED = (404, 409, 422, 503, 504)


class _Deed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=200)
    by: str | None = NAMED


class Coming(_Deed):
    """Who comes. `patient` is an opaque id, never a name or record number."""

    patient: str = Field(pattern=PATIENT)
    time: int | None = _TIME


class Leaving(_Deed):
    """The patient goes."""

    time: int | None = _TIME


class Moving(_Deed):
    """The patient moves to another bed, free or, with `swap`, that of a patient who comes here."""

    to: str = _BED
    swap: bool = False
    time: int | None = _TIME


class Correction(_Deed):
    """What was recorded wrongly; what is left out stays. A reason is asked for."""

    reason: str = Field(min_length=1, max_length=200)
    bed: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,30}$")
    patient: str | None = Field(None, pattern=PATIENT)
    start: int | None = _TIME
    end: int | None = _TIME
    reopen: bool = False
    cancel: bool = False


@router.get(
    "/api/v1/admissions",
    dependencies=[needs("view")],
    responses=says(list[AdmissionView], "Stays, newest first", 422, 503),
)
async def admissions(
    here: Here,
    me: Me,
    ward: Annotated[str | None, Query(description="only of this ward")] = None,
    bed: Annotated[str | None, Query(description="only of this bed of the ward")] = None,
    patient: Annotated[str | None, Query(description="only of this patient")] = None,
    state: Annotated[Literal["present", "past", "all"], Query()] = "present",
    start: Annotated[str | None, Query(alias="from", description="ISO 8601 or epoch ms; still there then")] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms; there before")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """Who lies, or lay, in which bed."""
    try:
        asked = Asked(
            ward=ward,
            bed=bed,
            patient=patient,
            present={"present": True, "past": False, "all": None}[state],
            start=parse_time("from", start) if start is not None else 0,
            end=parse_time("to", end) if end is not None else 2**62,
            limit=limit,
        )
    except ValueError as error:
        raise Refusal(422, str(error)) from error
    found = await here.archive.query(lambda journal: AdtLedger(journal.select).stays(asked))
    return Answer([shown(here, one) for one in found if me.sees(one.stay.bed.ward)])


@router.get(
    "/api/v1/admissions/{admission}",
    dependencies=[needs("view")],
    responses=says(list[AdmissionEventView], "Its changes, oldest first", 403, 404, 422, 503),
)
async def admission_history(here: Here, me: Me, admission: Number) -> Response:
    """What became of one admission."""
    found = await here.archive.query(lambda journal: AdtLedger(journal.select).told(admission))
    if not found:
        raise Refusal(404, f"there is no admission {admission}; GET /api/v1/admissions lists them")
    for told in found:
        me.require("view", told.ward)
    return Answer([event_view(told) for told in found])


@router.post(
    "/api/v1/beds/{ward}/{bed}/admit",
    dependencies=[needs("adt")],
    responses=says(AdmissionView, "The stay", *_CHANGED),
)
async def admit(here: Here, me: Me, ward: str, bed: str, coming: Coming) -> Response:
    """A patient comes."""
    key = known_bed(here, ward, bed)
    command = Admit(**_said(me, coming), bed=str(key), patient=coming.patient, time=coming.time)
    return await _changed(here, "admit", command)


@router.post(
    "/api/v1/beds/{ward}/{bed}/discharge",
    dependencies=[needs("adt")],
    responses=says(AdmissionView, "The stay", *_CHANGED),
)
async def discharge(here: Here, me: Me, ward: str, bed: str, leaving: Leaving) -> Response:
    """The patient goes: their own limits and entries end, and so do their alarms."""
    key = known_bed(here, ward, bed)
    return await _changed(here, "discharge", Discharge(**_said(me, leaving), bed=str(key), time=leaving.time))


@router.post(
    "/api/v1/beds/{ward}/{bed}/transfer",
    dependencies=[needs("adt")],
    responses=says(AdmissionView, "The new stay", *_CHANGED),
)
async def transfer(here: Here, me: Me, ward: str, bed: str, moving: Moving) -> Response:
    """The patient moves: limits, entries and open alarms go along."""
    key, to = known_bed(here, ward, bed), BedKey.parse(moving.to)
    me.require("adt", known_bed(here, to.ward, to.bed).ward)
    command = Transfer(**_said(me, moving), bed=str(key), to=str(to), swap=moving.swap, time=moving.time)
    return await _changed(here, "transfer", command)


@router.post(
    "/api/v1/admissions/{admission}/correct",
    dependencies=[needs("adt")],
    responses=says(list[AdmissionEventView], "Its changes, oldest first", 403, *_CHANGED),
)
async def correct(here: Here, me: Me, admission: Number, correction: Correction) -> Response:
    """Set a stay right. Readings belong to whom the stays say, so they follow at once."""
    was = await here.archive.query(lambda journal: AdtLedger(journal.select).stay(admission))
    if was is None:
        raise Refusal(404, f"there is no admission {admission}; GET /api/v1/admissions lists them")
    me.require("adt", was.stay.bed.ward)
    if correction.bed is not None:
        to = BedKey.parse(correction.bed)
        me.require("adt", known_bed(here, to.ward, to.bed).ward)
    fields = correction.model_dump(exclude={"reason", "by"})
    command = Correct(**_said(me, correction), admission=admission, **fields)
    await carry_out(here.commands, "correct", command, look_at="admissions")
    if correction.patient is not None and not correction.cancel:
        former, patient = was.stay.patient, correction.patient
        await here.people.run(lambda: here.patients.renamed(former, patient))
    told = await here.archive.query(lambda journal: AdtLedger(journal.select).told(admission))
    return Answer([event_view(one) for one in told])


@router.post(
    "/api/v1/admissions/import",
    dependencies=[needs("adt")],
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
    responses=says(ImportView, "Each line, and what became or would become of it", 413, 422, 503),
)
async def import_file(
    here: Here,
    me: Me,
    request: Request,
    dry_run: Annotated[bool, Query(description="only say what would be done")] = True,
) -> Response:
    """Stays from a CSV file with the columns bed, patient and, if known, start, end, initials, name and so on."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FILE:
            raise Refusal(413, f"the file is larger than {LARGEST_FILE // 1_000_000} MB; split it")
    by = signed(me, me.name)
    beds = {key for key in here.wards.registry.bed_titles if me.sees(key.ward)}
    try:
        text = body.decode()
        every = Asked(limit=1_000_000)
        found = await here.archive.query(lambda journal: AdtLedger(journal.select).stays(every))
        lines = read_import(text, beds, [one.stay for one in found], by, here.clock.wall_ms())
    except UnicodeDecodeError as error:
        raise Refusal(422, "the file is not UTF-8; save it as CSV UTF-8") from error
    except ValueError as error:
        raise Refusal(422, str(error)) from error
    if dry_run or any(line.wrong for line in lines):
        return Answer(ImportView(imported=False, lines=[line_view(line) for line in lines]))
    return Answer(ImportView(imported=True, lines=[await _take(here, me, line) for line in lines]))


async def _take(here: Console, me: Person, line: Line) -> ImportLineView:
    outcome, why = "known", ""
    if line.admit is not None:
        try:
            command = msgspec.structs.replace(line.admit, request=uuid.uuid4().hex)
            await carry_out(here.commands, "admit", command, look_at="admissions")
            outcome = "done"
        except Refusal as refused:
            outcome, why = "refused", refused.sentence
    if line.details is not None and outcome != "refused":
        known = Known(patient=line.patient, details=line.details, time=here.clock.wall_ms(), by=me.name)
        doer = here.people.doer(me)
        await here.people.run(lambda: here.patients.put(known))
        await here.people.run(lambda: here.people.note(doer, "patient described", line.patient, "import"))
    return line_view(line, outcome, why)


def shown(here: Console, one: Recorded) -> AdmissionView:
    """A stay, with as much of the name as the site shows on a list."""
    return admission_view(one, shown_name(here.patients[one.stay.patient], here.names))


def _said(me: Person, deed: _Deed) -> dict[str, Any]:
    return {"request": uuid.uuid4().hex, "by": signed(me, deed.by), "reason": printable(deed.reason)}


async def _changed(here: Console, action: Action, command: Admit | Discharge | Transfer) -> Response:
    result = await carry_out(here.commands, action, command, look_at="bed")
    number = result.admission or 0
    found = await here.archive.query(lambda journal: AdtLedger(journal.select).stay(number))
    if found is None:
        raise Refusal(503, "it was done, but the journal cannot be read now")
    return Answer(shown(here, found))
