"""`/api/v1/tokens`, `/api/v1/screens`: how programs and the screens on the walls are let in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, refuses, says
from hub.console.console import Here
from hub.console.people import cookies
from hub.console.people.accounts import wards_of
from hub.console.people.people import PAIRING, SCREEN, cookie
from hub.console.people.roles import TOKEN_RIGHTS
from hub.console.people.screens import CODE_MS
from hub.console.people.views import (
    NewTokenView,
    PairingView,
    ScreenView,
    TokenView,
    screen_view,
    sorted_wards,
    token_view,
)
from hub.console.printable import printable
from hub.console.rights import Me, Right, needs, open_to_all
from hub.console.routes.people import Wards, check_wards
from hub.console.times import DAY_MS

router = APIRouter(tags=["people"])


class NewToken(BaseModel):
    """A token for a program."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=60, description="which program, and what for")
    rights: Annotated[list[Right], Field(min_length=1, max_length=20)]
    wards: Wards = Field(None, description="null: every ward")
    days: int = Field(90, ge=1, le=730, description="how long it is let in")


class NewScreen(BaseModel):
    """A screen somebody stands before."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=8, max_length=12, description="what the screen shows")
    name: str = Field(min_length=1, max_length=60, description="where it hangs")
    wards: Wards = Field(None, description="which it shows; null: every ward")


@router.get(
    "/api/v1/tokens", dependencies=[needs("admin")], responses=says(list[TokenView], "Every token", 401, 403, 503)
)
async def tokens(here: Here) -> Response:
    """Every token, the newest first; also those that are revoked or over."""
    return Answer([token_view(token) for token in here.people.tokens.all()])


@router.post(
    "/api/v1/tokens",
    dependencies=[needs("admin")],
    responses=says(NewTokenView, "The token and its secret, which is shown this once", 401, 403, 409, 422, 503),
)
async def add_token(here: Here, me: Me, new: NewToken) -> Response:
    """Let a program in, with some rights in some wards, for some days."""
    for right in new.rights:
        if right not in TOKEN_RIGHTS:
            raise Refusal(422, f"a token cannot have the right `{right}`; it may have: {', '.join(TOKEN_RIGHTS)}")
    if "audit" in new.rights and new.wards is not None:
        raise Refusal(422, "the audit is of every ward; leave `wards` out")
    check_wards(here, me, new.wards)
    name, doer = _named(new.name), here.people.doer(me)
    expires = doer.time + new.days * DAY_MS
    token, secret = await here.people.run(lambda: here.people.tokens.add(name, new.rights, new.wards, expires, doer))
    return Answer(NewTokenView(token=token_view(token), secret=secret))


@router.delete(
    "/api/v1/tokens/{number}",
    status_code=204,
    dependencies=[needs("admin")],
    response_class=Response,
    responses=refuses(404, 503),
)
async def revoke_token(here: Here, me: Me, number: int) -> Response:
    """Let a program in no more."""
    doer = here.people.doer(me)
    await here.people.run(lambda: here.people.tokens.revoke(_row(number), doer))
    return Response(status_code=204)


@router.get(
    "/api/v1/screens", dependencies=[needs("devices")], responses=says(list[ScreenView], "Every screen", 401, 403, 503)
)
async def screens(here: Here, me: Me) -> Response:
    """Every screen that was bound, the newest first."""
    return Answer([screen_view(one) for one in here.people.screens.all() if _within(me, one.wards)])


@router.post(
    "/api/v1/screens",
    dependencies=[needs("devices")],
    responses=says(ScreenView, "The screen is bound; it shows its wards within seconds", 401, 403, 404, 422, 503),
)
async def bind(here: Here, me: Me, new: NewScreen) -> Response:
    """Bind the screen that shows a code: it may look at some wards, until that is revoked."""
    check_wards(here, me, new.wards)
    name, doer = _named(new.name), here.people.doer(me)
    screen = await here.people.run(lambda: here.people.screens.agree(new.code, name, new.wards, doer))
    return Answer(screen_view(screen))


@router.delete(
    "/api/v1/screens/{number}",
    status_code=204,
    dependencies=[needs("devices")],
    response_class=Response,
    responses=refuses(404, 503),
)
async def revoke_screen(here: Here, me: Me, number: int) -> Response:
    """Let a screen show nothing any more."""
    doer, screens = here.people.doer(me), here.people.screens
    if not any(one.id == number and _within(me, one.wards) for one in screens.all()):
        raise Refusal(404, f"there is no screen {number}; GET /api/v1/screens lists them")
    await here.people.run(lambda: screens.revoke(number, doer))
    return Response(status_code=204)


@router.post(
    "/api/v1/screens/pair",
    dependencies=[open_to_all()],
    responses=says(PairingView, "The code to show, or that the screen is bound; ask again each few seconds", 503),
)
async def pair(here: Here, request: Request) -> Response:
    """Ask from a screen on a wall: which code to show, and later whether somebody agreed."""
    screens, now = here.people.screens, here.people.now()
    held = cookie(request, SCREEN)
    bound = screens.find(held) if held else None
    asked = cookie(request, PAIRING)
    waiting = screens.waiting(asked, now) if asked and bound is None else None
    if waiting is not None and waiting.granted:
        held, bound = waiting.granted, screens.find(waiting.granted)
    if bound is not None:
        wards = sorted_wards(wards_of(bound.wards))
        response = Answer(PairingView(state="bound", code="", expires=None, name=bound.name, wards=wards))
        cookies.give(response, request, SCREEN, held, seconds=cookies.SCREEN_S)
        cookies.take(response, PAIRING)
        return response
    if waiting is None or waiting.granted:
        waiting, asked = screens.ask(now)
    response = Answer(PairingView(state="waiting", code=waiting.code, expires=waiting.expires, name="", wards=[]))
    cookies.give(response, request, PAIRING, asked, seconds=CODE_MS // 1_000)
    return response


def _within(me: Me, wards: str | None) -> bool:
    shown = wards_of(wards)
    return me.wards is None or (shown is not None and shown <= me.wards)


def _named(text: str) -> str:
    name = printable(text)
    if not name:
        raise Refusal(422, "`name` must say something")
    return name


def _row(number: int) -> int:
    if not 0 < number < 2**62:
        raise Refusal(404, f"there is no token {number}; GET /api/v1/tokens lists them")
    return number
