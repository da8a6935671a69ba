"""`/api/v1/login`, `/api/v1/me`: signing in and out, one's own password, and the links that let one choose it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, refuses, says
from hub.console.console import Here
from hub.console.people import cookies
from hub.console.people.people import SESSION, cookie
from hub.console.people.roles import Person
from hub.console.people.secrets import LONGEST, kept, objection
from hub.console.people.views import EndedView, MeView, WhoseLinkView, me_view
from hub.console.rights import Me, needs, open_to_all

router = APIRouter(tags=["people"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignIn(_Body):
    """Who signs in."""

    name: str = Field(max_length=40)
    password: str = Field(max_length=LONGEST)


class Key(_Body):
    """The key of a link: what stands after the # of it."""

    key: str = Field(min_length=20, max_length=100)


class Choice(Key):
    """A password chosen by a link, and for the first administrator a name."""

    name: str = Field("", max_length=31)
    password: str = Field(max_length=4 * LONGEST)


class NewPassword(_Body):
    """Another password for who is signed in."""

    present: str = Field(max_length=LONGEST)
    password: str = Field(max_length=4 * LONGEST)


@router.post(
    "/api/v1/login",
    dependencies=[open_to_all()],
    responses=says(MeView, "Signed in; two cookies say so", 401, 422, 429, 503),
)
async def login(here: Here, request: Request, who: SignIn) -> Response:
    """Sign in with a name and a password."""
    people = here.people
    doer = people.visitor(request)
    name = who.name.strip().lower()
    account, secret = await people.run(lambda: people.sessions.sign_in(name, who.password, doer))
    return _signed_in(here, request, account.person(doer.address), secret)


@router.post(
    "/api/v1/link/look",
    dependencies=[open_to_all()],
    responses=says(WhoseLinkView, "What the link is for", 404, 422, 503),
)
async def look(here: Here, link: Key) -> Response:
    """Whose link this is, before it is used."""
    account = here.people.accounts.behind(link.key, here.people.now())
    if account is None:
        raise Refusal(404, "this link has been used or is too old; ask for a new one")
    return Answer(WhoseLinkView(account=account))


@router.post(
    "/api/v1/link",
    dependencies=[open_to_all()],
    responses=says(MeView, "The password is chosen, and who chose it is signed in", 404, 409, 422, 503),
)
async def choose(here: Here, request: Request, choice: Choice) -> Response:
    """Use a link, once: choose a password, and a name if it is the one of the first administrator."""
    people = here.people
    doer, name = people.visitor(request), choice.name.strip().lower()
    whose = people.accounts.behind(choice.key, doer.time)
    if whose is None:
        raise Refusal(404, "this link has been used or is too old; ask for a new one")
    _check(here, choice.password, whose or name)
    account = await people.run(lambda: people.accounts.choose(choice.key, name, choice.password, doer))
    secret = await people.run(lambda: people.sessions.begin(account, doer, "signed in"))
    return _signed_in(here, request, account.person(doer.address), secret)


@router.get("/api/v1/me", dependencies=[needs("own")], responses=says(MeView, "Who is signed in", 401))
async def who_am_i(here: Here, request: Request, me: Me) -> Response:
    """Who is signed in, with which rights, in which wards, and until when."""
    session = cookie(request, SESSION)
    return Answer(me_view(me, here.people.sessions.ends(session) if me.kind == "person" else None))


@router.post("/api/v1/active", status_code=204, dependencies=[needs("own")], response_class=Response)
async def active() -> Response:
    """Say that a person is there: pages do when somebody touches them, so that the sign-in does not end."""
    return Response(status_code=204)


@router.post(
    "/api/v1/logout",
    status_code=204,
    dependencies=[needs("own")],
    response_class=Response,
    responses=refuses(503),
)
async def logout(here: Here, request: Request, me: Me) -> Response:
    """Sign out here."""
    session, doer = cookie(request, SESSION), here.people.doer(me)
    if me.kind == "person":
        await here.people.run(lambda: here.people.sessions.end(session, doer))
    response = Response(status_code=204)
    cookies.sign_out(response)
    return response


async def _only_people(me: Me) -> Person:
    if me.kind != "person":
        raise Refusal(409, f"{me.name} has no account of its own")
    return me


Myself = Annotated[Person, Depends(_only_people)]


@router.post(
    "/api/v1/logout-everywhere",
    dependencies=[needs("own")],
    responses=says(EndedView, "Signed out everywhere, here too", 401, 403, 409, 503),
)
async def logout_everywhere(here: Here, me: Myself) -> Response:
    """End each of one's own sign-ins, on every machine."""
    people, doer = here.people, here.people.doer(me)
    account = people.accounts.find(me.name)
    assert account is not None
    response = Answer(EndedView(ended=await people.run(lambda: people.sessions.end_all(account, doer))))
    cookies.sign_out(response)
    return response


@router.post(
    "/api/v1/me/password",
    status_code=204,
    dependencies=[needs("own")],
    response_class=Response,
    responses=refuses(409, 503),
)
async def change_password(here: Here, request: Request, me: Myself, new: NewPassword) -> Response:
    """Choose another password; one's sign-ins on other machines end."""
    _check(here, new.password, me.name)
    people, doer, session = here.people, here.people.doer(me), kept(cookie(request, SESSION))
    await people.run(lambda: people.accounts.change_password(me, new.present, new.password, session, doer))
    return Response(status_code=204)


def _check(here: Here, password: str, name: str) -> None:
    said = objection(password, {name, *here.people.words})
    if said:
        raise Refusal(422, said)


def _signed_in(here: Here, request: Request, me: Person, secret: str) -> Response:
    response = Answer(me_view(me, here.people.sessions.ends(secret)))
    cookies.sign_in(response, request, secret)
    return response
