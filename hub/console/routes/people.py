"""`/api/v1/people`, `/api/v1/roles`: accounts, and what each role may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, says
from hub.console.console import Console, Here
from hub.console.people.views import AccountView, EndedView, GivenLinkView, RoleView, account_view
from hub.console.printable import printable
from hub.console.rights import RIGHTS_OF, ROLES, Me, Role, needs

WHOLE_HOUSE: frozenset[Role] = frozenset({"administrator", "auditor"})  # roles that cannot be kept to some wards

router = APIRouter(tags=["people"])

Wards = Annotated[list[Annotated[str, Field(max_length=40)]] | None, Field(max_length=200)]


class AccountBody(BaseModel):
    """What may be changed of an account."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field("", max_length=80, description="how the person is called")
    role: Role
    wards: Wards = Field(None, description="null: every ward")


class NewAccount(AccountBody):
    """A new account."""

    name: str = Field(max_length=31, description="small letters, digits, . - _: what is typed to sign in")


class ChangedAccount(AccountBody):
    """An account as it should be."""

    disabled: bool = False


@router.get("/api/v1/roles", dependencies=[needs("own")], responses=says(list[RoleView], "Every role", 401))
async def roles() -> Response:
    """What each role may do."""
    return Answer([RoleView(role=role, rights=sorted(RIGHTS_OF[role])) for role in ROLES])


@router.get(
    "/api/v1/people", dependencies=[needs("admin")], responses=says(list[AccountView], "Every account", 401, 403, 503)
)
async def people(here: Here) -> Response:
    """Every account, by name."""
    return Answer([account_view(account) for account in here.people.accounts.all()])


@router.post(
    "/api/v1/people",
    dependencies=[needs("admin")],
    responses=says(
        GivenLinkView, "The account, and the link its person chooses a password by", 401, 403, 409, 422, 503
    ),
)
async def add(here: Here, me: Me, new: NewAccount) -> Response:
    """Make an account. Its link is for one person: hand it over, do not send it to a list."""
    _check(here, new)
    accounts, doer, name = here.people.accounts, here.people.doer(me), new.name.strip().lower()
    key = await here.people.run(lambda: accounts.add(name, printable(new.title), new.role, new.wards, doer))
    return _given(here, name, key)


@router.put(
    "/api/v1/people/{name}",
    dependencies=[needs("admin")],
    responses=says(AccountView, "The account as it is now", 401, 403, 404, 409, 422, 503),
)
async def change(here: Here, me: Me, name: str, account: ChangedAccount) -> Response:
    """Give an account another title, role or wards, or disable it: then it is signed out at once."""
    _check(here, account)
    accounts, doer, title = here.people.accounts, here.people.doer(me), printable(account.title)
    changed = await here.people.run(
        lambda: accounts.alter(name, title, account.role, account.wards, account.disabled, doer)
    )
    return Answer(account_view(changed))


@router.post(
    "/api/v1/people/{name}/link",
    dependencies=[needs("admin")],
    responses=says(GivenLinkView, "A new link; older ones no longer work", 401, 403, 404, 409, 503),
)
async def link(here: Here, me: Me, name: str) -> Response:
    """Let somebody choose a password anew."""
    doer = here.people.doer(me)
    return _given(here, name, await here.people.run(lambda: here.people.accounts.link(name, doer)))


@router.post(
    "/api/v1/people/{name}/logout",
    dependencies=[needs("admin")],
    responses=says(EndedView, "Signed out everywhere", 401, 403, 404, 503),
)
async def sign_out(here: Here, me: Me, name: str) -> Response:
    """End every sign-in of an account."""
    doer, account = here.people.doer(me), here.people.accounts.find(name)
    if account is None:
        raise Refusal(404, f"there is no account {name[:40]!r}")
    return Answer(EndedView(ended=await here.people.run(lambda: here.people.sessions.end_all(account, doer))))


def check_wards(here: Console, me: Me, wards: list[str] | None) -> None:
    """Wards that somebody wants to let others into. Raises Refusal."""
    if wards is None:
        if me.wards is not None:
            raise Refusal(403, f"{me.name} may not let anybody into every ward")
        return
    for ward in wards:
        if ward not in here.wards.registry.wards:
            raise Refusal(422, f"there is no ward {ward[:40]!r}; known: {', '.join(here.wards.registry.wards)}")
        if not me.sees(ward):
            raise Refusal(403, f"{me.name} has no rights in ward {ward}")


def _check(here: Console, body: AccountBody) -> None:
    if body.role in WHOLE_HOUSE and body.wards is not None:
        raise Refusal(422, f"an account with the role {body.role} is one of every ward; leave `wards` out")
    for ward in body.wards or []:
        if ward not in here.wards.registry.wards:
            raise Refusal(422, f"there is no ward {ward[:40]!r}; known: {', '.join(here.wards.registry.wards)}")


def _given(here: Console, name: str, key: str) -> Response:
    account = here.people.accounts.find(name)
    assert account is not None
    return Answer(GivenLinkView(account=account_view(account), link=f"/login#{key}"))
