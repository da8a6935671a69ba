"""`/api/v1/pages`: whom the paging has called; `/p/KEY`: one page on a phone, answered without a login."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from hub.console import phone
from hub.console.answers import Answer, Refusal, says
from hub.console.console import Console, Here
from hub.console.orders import carry_out
from hub.console.page_views import PageView, page_view
from hub.console.rights import Me, needs, open_to_all
from hub.pagers.book import Opened, Wanted
from hub.pagers.wording import Wording
from vitals.commands import Command
from vitals.errors import StorageError

NOTHING_DONE = (503, 504)  # refusals after which the same link may be tried again
UNKNOWN = "Nobody was given this link. Acknowledge at the board, or wait for the next page."
# The one page of the console that has a form. Its own origin must be said, or the form could not be told from others'.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}

router = APIRouter(tags=["pages"])


@router.get(
    "/api/v1/pages",
    dependencies=[needs("view")],
    responses=says(list[PageView], "The newest pages with the state of each call", 422, 503),
)
async def pages(
    here: Here,
    me: Me,
    ward: str | None = None,
    recipient: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Who was paged about what, and how far it came, newest first."""
    return Answer(
        [page_view(paged) for paged in await here.pages.pages(ward, recipient, limit) if me.sees(paged.delivery.ward)]
    )


@router.get("/p/{key}", dependencies=[open_to_all()], include_in_schema=False)
async def show(here: Here, key: str) -> Response:
    """Look at a page. Looking does nothing: programs that fetch links ahead must not acknowledge an alarm."""
    opened = await here.pages.open(key)
    if opened is None:
        return _html(404, phone.frame("No such page", phone.sentence(UNKNOWN)))
    return _html(200, phone.page(opened, key, _wording(here), here.clock.wall_ms()))


@router.post("/p/{key}", dependencies=[open_to_all()], include_in_schema=False)
async def answer(here: Here, key: str) -> Response:
    """Acknowledge the alarms of a page in the name of its recipient, once."""
    now = here.clock.wall_ms()
    opened = await here.pages.open(key)
    if opened is None:
        return _html(404, phone.frame("No such page", phone.sentence(UNKNOWN)))
    wanted = [call for call in opened.page.calls if call.state in phone.OPEN]
    if not wanted or not await here.pages.claim(key, now):
        used = opened._replace(used=opened.used or now < opened.expires)
        return _html(409 if wanted else 200, phone.page(used, key, _wording(here), now))
    said = await asyncio.gather(*(_acknowledge(here, call, opened.page.name) for call in wanted))
    failed = [sentence for status, sentence in said if status in NOTHING_DONE]
    if failed:
        await here.pages.release(key)
        return _html(
            503, phone.page(opened, key, _wording(here), now, phone.sentence(f"Not acknowledged: {failed[0]}."))
        )
    words = [(_wording(here).line(call.alarm), sentence) for call, (_, sentence) in zip(wanted, said, strict=True)]
    return _html(200, _done(here, key, await _again(here, key, opened), words))


def _done(here: Console, key: str, opened: Opened, words: list[tuple[str, str]]) -> str:
    """The answers of the hub; the calls as the paging knows them follow within a fraction of a second."""
    answered = opened.page._replace(calls=[call for call in opened.page.calls if call.state not in phone.OPEN])
    shown = opened._replace(page=answered, used=True)
    return phone.page(shown, key, _wording(here), here.clock.wall_ms(), phone.answers(words))


async def _again(here: Console, key: str, before: Opened) -> Opened:
    try:
        return await here.pages.open(key) or before
    except StorageError:
        return before


async def _acknowledge(here: Console, call: Wanted, name: str) -> tuple[int, str]:
    """(status, what to say) of one alarm."""
    command = Command(request=uuid.uuid4().hex, alarm=call.alarm.id, by=name, reason="from a page")
    try:
        await carry_out(here.commands, "acknowledge", command, look_at="bed")
    except Refusal as refusal:
        return refusal.status, refusal.sentence
    return 200, f"acknowledged as {name}"


def _wording(here: Console) -> Wording:
    registry = here.wards.registry
    return Wording(registry.wards, registry.bed_titles)


def _html(status: int, text: str) -> Response:
    return HTMLResponse(text, status_code=status, headers=HEADERS)
