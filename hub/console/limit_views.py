"""What the console says of limits: each bound in force at a bed, every link of its chain, and who changed it when."""

from __future__ import annotations

import msgspec

from hub.console.printable import printable
from rules.chain import Explained, Link
from vitals.alarms import Priority
from vitals.parameters import PARAMETERS


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class ChainLinkView(_View, frozen=True, kw_only=True):
    """One link of a chain. `where` is `profile ID`, `ward/ID`, `bed/WARD/BED` or `patient/ID`; the nearest is last."""

    where: str
    value: float
    in_force: bool
    by: str
    reason: str
    set_at: int | None
    expires: int | None
    note: str


class LimitView(_View, frozen=True, kw_only=True):
    """One bound at one bed. `hours`: when it takes the place of the limit's own; such a one cannot be set."""

    rule: str
    parameter: str
    side: str
    value: float
    unit: str
    priority: Priority
    message: str
    hours: str
    settable: bool
    least: float
    most: float
    decimals: int
    links: list[ChainLinkView]


class LimitsView(_View, frozen=True, kw_only=True):
    """Every bound in force at a bed, and the profiles that may be chosen for it."""

    ward: str
    bed: str
    patient: str
    profile: str
    profiles: list[str]
    limits: list[LimitView]


class LimitChangeView(_View, frozen=True, kw_only=True):
    """One change: `change` is set, cleared, expired, discharged or profile. `rule` is empty for a profile."""

    time: int
    change: str
    scope: str
    rule: str
    bound: float | None
    profile: str
    by: str
    reason: str
    expires: int | None


def limit_view(one: Explained) -> LimitView:
    """One bound with its chain."""
    parameter = PARAMETERS[one.parameter]
    return LimitView(
        rule=one.rule,
        parameter=one.parameter,
        side=one.side,
        value=one.value,
        unit=one.unit,
        priority=one.priority,  # type: ignore[arg-type]
        message=printable(one.message),
        hours=one.hours,
        settable=not one.hours,
        least=parameter.low,
        most=parameter.high,
        decimals=parameter.decimals,
        links=[_chain_link_view(link) for link in one.links],
    )


def _chain_link_view(link: Link) -> ChainLinkView:
    fields = link._asdict()
    for name in ("where", "by", "reason", "note"):
        fields[name] = printable(fields[name])
    return ChainLinkView(**fields)
