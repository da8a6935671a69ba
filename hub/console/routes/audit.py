"""`/api/v1/audit`: who did what, and whether the record of it still is what was written."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from hub.console.answers import Answer, says
from hub.console.asked import open_span
from hub.console.console import Here
from hub.console.people.audit_views import AuditView, Wanted, deed_view, deeds_wanted, newest, trail_view, trail_wanted
from hub.console.people.proof import Proof, prove
from hub.console.rights import needs

router = APIRouter(tags=["people"])


@router.get(
    "/api/v1/audit",
    dependencies=[needs("audit")],
    responses=says(list[AuditView], "What was done, the newest first", 401, 403, 422, 503),
)
async def audit(
    here: Here,
    start: Annotated[str | None, Query(alias="from", description="ISO 8601 or epoch ms")] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive")] = None,
    by: Annotated[str | None, Query(max_length=80, description="only of this person, token or screen")] = None,
    action: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """Commands to the hub, and sign-ins, accounts, tokens and screens."""
    wanted = Wanted(*open_span(start, end), by, action, limit)
    query, values = deeds_wanted(wanted)
    deeds = await here.archive.query(lambda history: history.select(query, *values))
    trail_query, trail_values = trail_wanted(wanted)
    trail = await here.people.run(lambda: here.people.store.rows(trail_query, *trail_values))
    return Answer(newest(map(deed_view, deeds), map(trail_view, trail), limit))


@router.get(
    "/api/v1/audit/proof",
    dependencies=[needs("audit")],
    responses=says(
        list[Proof], "For each chain whether it holds, and if not, its first row that does not", 401, 403, 503
    ),
)
async def proof(here: Here) -> Response:
    """Check every hash of both chains, as `wardline audit verify` does. Takes a second per 50,000 rows."""
    journal, people = here.archive.path, here.people.store.path
    return Answer(await asyncio.to_thread(prove, journal, people))
