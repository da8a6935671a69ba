"""`POST /api/v1/whatif`: what another limit would have alarmed, judged over the readings the journal has kept."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import HOUR_MS, known_bed, span
from hub.console.console import Console, Here
from hub.console.rights import Me, needs
from hub.console.whatif import Trial, Tried, try_limit
from rules.episodes import Episode
from vitals.identity import BedKey

USUAL_MS = 24 * HOUR_MS
MOST_MS = 72 * HOUR_MS
PATIENCE_S = 60.0
_RULE = r"^[a-z][a-z0-9-]{0,47}(\.extreme)?$"

router = APIRouter(tags=["limits"])
_busy = asyncio.Lock()  # one at a time: it costs a processor


class WhatIf(BaseModel):
    """A bound to try, where, and over which time."""

    model_config = ConfigDict(extra="forbid")

    ward: str = Field(max_length=64)
    bed: str | None = Field(None, max_length=64, description="none: every bed of the ward")
    rule: str = Field(max_length=64, description="a limit as GET limits of a bed lists it")
    bound: float = Field(allow_inf_nan=False)
    start: str | None = Field(None, alias="from", max_length=40, description="default: a day before `to`")
    end: str | None = Field(None, alias="to", max_length=40, description="default: now")


class AlarmStretchView(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm; `end` null: it still stood."""

    start: int
    end: int | None
    priority: str


class BedTrialView(msgspec.Struct, frozen=True, kw_only=True):
    """One bed: alarms of the limit as it is and as tried; those that only one side has had."""

    ward: str
    bed: str
    records: int
    was: float
    before: list[AlarmStretchView]
    after: list[AlarmStretchView]
    only_before: int
    only_after: int


class WhatIfView(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried, and what it would have alarmed."""

    rule: str
    bound: float
    start: int
    end: int
    before: int
    after: int
    beds: list[BedTrialView]


@router.post(
    "/api/v1/whatif",
    dependencies=[needs("limits")],
    responses=says(WhatIfView, "The alarms before and after, bed by bed; nothing was changed", 404, 409, 422, 503, 504),
)
async def what_if(here: Here, me: Me, asked: WhatIf) -> Response:
    """Try another bound over kept readings. Nothing changes; only readings that were judged as live count."""
    beds = _beds(here, asked)
    me.require("limits", asked.ward)
    if not re.fullmatch(_RULE, asked.rule):
        raise Refusal(422, f"there is no limit {asked.rule[:40]!r}; GET limits of a bed lists them")
    start, end = span(here, asked.start, asked.end, USUAL_MS, MOST_MS)
    settings, folder = here.chains.source
    trial = Trial(settings=settings, folder=folder, beds=beds, rule=asked.rule, bound=asked.bound, span=(start, end))
    if _busy.locked():
        raise Refusal(409, "another limit is being tried now; try again in a minute")
    async with _busy:
        found = await _run(trial)
    if isinstance(found, str):
        raise Refusal(422, found)
    return Answer(
        WhatIfView(
            rule=asked.rule,
            bound=asked.bound,
            start=start,
            end=end,
            before=sum(len(one.before) for one in found),
            after=sum(len(one.after) for one in found),
            beds=[_view(one) for one in found],
        )
    )


def _beds(here: Console, asked: WhatIf) -> list[BedKey]:
    if asked.bed is not None:
        return [known_bed(here, asked.ward, asked.bed)]
    beds = [bed for bed in here.wards.registry.bed_titles if bed.ward == asked.ward]
    if not beds:
        raise Refusal(404, f"there is no ward {asked.ward[:40]!r}; GET /api/v1/beds lists them")
    return beds


async def _run(trial: Trial) -> list[Tried] | str:
    """In a process of its own, so that no screen waits; it ends with the answer, or with our patience."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.get_running_loop().run_in_executor(pool, try_limit, trial)
    except TimeoutError as error:
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise Refusal(504, "it took more than a minute; ask for a shorter time or one bed") from error
    except BrokenProcessPool as error:
        raise Refusal(503, "the trial was stopped from outside; nothing was changed, try again") from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _view(tried: Tried) -> BedTrialView:
    return BedTrialView(
        ward=tried.bed.ward,
        bed=tried.bed.bed,
        records=tried.records,
        was=tried.was,
        before=[_stretch(episode) for episode in tried.before],
        after=[_stretch(episode) for episode in tried.after],
        only_before=tried.only_before,
        only_after=tried.only_after,
    )


def _stretch(episode: Episode) -> AlarmStretchView:
    return AlarmStretchView(start=episode.onset, end=episode.ended, priority=episode.priority)
