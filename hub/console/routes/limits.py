"""`/api/v1/beds/{ward}/{bed}/limits`: what a bed is judged by, who set it and why, and how it is changed."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import known_bed
from hub.console.console import Console, Here
from hub.console.limit_views import LimitChangeView, LimitsView, LimitView, limit_view
from hub.console.orders import NAMED, carry_out, signed
from hub.console.printable import printable
from hub.console.rights import Me, needs
from hub.console.times import LATEST
from hub.history import History
from rules.profiles import bed_scope, patient_scope, ward_scope
from vitals.commands import ClearLimit, SetLimit, SetProfile
from vitals.identity import BedKey

_HISTORY = (
    'SELECT time, change, scope, rule, bound, profile, "by", reason, expires FROM limit_override'
    " WHERE scope IN (?1, ?2, ?3)"
    " UNION ALL SELECT time, 'profile', scope, '', NULL, profile, \"by\", reason, NULL FROM profile"
    " WHERE scope IN (?1, ?2, ?3) ORDER BY time DESC LIMIT ?4"
)
_RULE = r"^[a-z][a-z0-9-]{0,47}(\.extreme)?$"

router = APIRouter(tags=["limits"])


class _Change(BaseModel):
    """Who changes a limit, for whom, and why."""

    model_config = ConfigDict(extra="forbid")

    scope: Literal["ward", "bed", "patient"] = Field(description="whom it is for; `patient`: who lies there now")
    by: str | None = NAMED


class NewLimit(_Change):
    """Another bound."""

    bound: float = Field(allow_inf_nan=False)
    reason: str = Field(min_length=1, max_length=200)
    expires: int | None = Field(None, ge=0, le=LATEST, description="UTC ms; none: until somebody takes it back")


class NoLimit(_Change):
    """A bound goes; what stands above it is in force again."""

    reason: str = Field("", max_length=200)


class NewProfile(BaseModel):
    """Another rule set; empty: back to what stands above."""

    model_config = ConfigDict(extra="forbid")

    scope: Literal["ward", "bed", "patient"]
    profile: str = Field(max_length=64)
    reason: str = Field(min_length=1, max_length=200)
    by: str | None = NAMED


@router.get(
    "/api/v1/beds/{ward}/{bed}/limits",
    dependencies=[needs("view")],
    responses=says(LimitsView, "Every bound in force, with its chain", 404, 503),
)
async def limits(here: Here, ward: str, bed: str) -> Response:
    """What a bed is judged by now, and why."""
    return Answer(await _limits(here, known_bed(here, ward, bed)))


@router.get(
    "/api/v1/beds/{ward}/{bed}/limits/history",
    dependencies=[needs("view")],
    responses=says(list[LimitChangeView], "Changes for the ward, the bed and who lies there, newest first", 404, 503),
)
async def history(here: Here, ward: str, bed: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Response:
    """Who changed which limit when, and why. Nothing in it is ever overwritten."""
    key = known_bed(here, ward, bed)

    def read(journal: History) -> list[tuple[Any, ...]]:
        return journal.select(_HISTORY, ward_scope(key), bed_scope(key), _patient_of(here, journal, key), limit)

    rows = await here.archive.query(read)
    return Answer([_change_view(*row) for row in rows])


_DONE = says(LimitView, "The bound in force afterwards, with its chain", 404, 409, 422, 503, 504)


@router.post("/api/v1/beds/{ward}/{bed}/limits/{rule}", dependencies=[needs("limits")], responses=_DONE)
async def set_limit(here: Here, me: Me, ward: str, bed: str, rule: str, new: NewLimit) -> Response:
    """Give the ward, the bed or its patient another bound. The hub refuses what cannot be right, and says why."""
    key = known_bed(here, ward, bed)
    command = SetLimit(
        request=uuid.uuid4().hex,
        by=signed(me, new.by),
        reason=printable(new.reason),
        scope=await _scope(here, key, new.scope),
        rule=_known_rule(rule),
        bound=new.bound,
        expires=new.expires,
    )
    await carry_out(here.commands, "set-limit", command, look_at="limits")
    return Answer(await _limit(here, key, rule))


@router.post("/api/v1/beds/{ward}/{bed}/limits/{rule}/clear", dependencies=[needs("limits")], responses=_DONE)
async def clear_limit(here: Here, me: Me, ward: str, bed: str, rule: str, gone: NoLimit) -> Response:
    """Take a bound back; what stands above it in the chain is in force again."""
    key = known_bed(here, ward, bed)
    command = ClearLimit(
        request=uuid.uuid4().hex,
        by=signed(me, gone.by),
        reason=printable(gone.reason),
        scope=await _scope(here, key, gone.scope),
        rule=_known_rule(rule),
    )
    await carry_out(here.commands, "clear-limit", command, look_at="limits")
    return Answer(await _limit(here, key, rule))


@router.post(
    "/api/v1/beds/{ward}/{bed}/profile",
    dependencies=[needs("limits")],
    responses=says(LimitsView, "The limits in force afterwards", 404, 409, 422, 503, 504),
)
async def set_profile(here: Here, me: Me, ward: str, bed: str, new: NewProfile) -> Response:
    """Judge the bed, its whole ward or its patient by another rule set."""
    key = known_bed(here, ward, bed)
    command = SetProfile(
        request=uuid.uuid4().hex,
        by=signed(me, new.by),
        reason=printable(new.reason),
        scope=await _scope(here, key, new.scope),
        profile=new.profile,
    )
    await carry_out(here.commands, "set-profile", command, look_at="limits")
    return Answer(await _limits(here, key))


async def _limits(here: Console, key: BedKey) -> LimitsView:
    chain, patients = await here.archive.query(here.chains.in_force)
    patient = patients.get(key, "")
    return LimitsView(
        ward=key.ward,
        bed=key.bed,
        patient=printable(patient),
        profile=chain.profile(key, patient),
        profiles=chain.names,
        limits=[limit_view(one) for one in chain.explain_all(key, patient, here.clock.wall_ms())],
    )


async def _limit(here: Console, key: BedKey, rule: str) -> LimitView:
    found = [one for one in (await _limits(here, key)).limits if one.rule == rule]
    if not found:
        raise Refusal(503, "the hub has done it, but the rules read here lack this limit; look at the limits again")
    return found[0]


async def _scope(here: Console, key: BedKey, scope: str) -> str:
    if scope == "ward":
        return ward_scope(key)
    if scope == "bed":
        return bed_scope(key)
    patients = (await here.archive.query(here.chains.in_force)).patients
    if key not in patients:
        raise Refusal(409, "nobody is admitted to this bed; set the limit for the bed, or admit the patient first")
    return patient_scope(patients[key])


def _patient_of(here: Console, journal: History, key: BedKey) -> str:
    patient = here.chains.in_force(journal).patients.get(key)
    return patient_scope(patient) if patient else bed_scope(key)


def _known_rule(rule: str) -> str:
    if not re.fullmatch(_RULE, rule):
        raise Refusal(404, f"there is no limit {rule[:40]!r}; GET limits of this bed lists them")
    return rule


def _change_view(
    time: int,
    change: str,
    scope: str,
    rule: str,
    bound: float | None,
    profile: str,
    by: str,
    reason: str,
    expires: int | None,
) -> LimitChangeView:
    return LimitChangeView(
        time=time,
        change=change,
        scope=printable(scope),
        rule=rule,
        bound=bound,
        profile=profile,
        by=printable(by),
        reason=printable(reason),
        expires=expires,
    )
