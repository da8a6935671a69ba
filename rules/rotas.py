"""Pager documents: strict YAML becomes recipients, rotas and escalation policies, or every problem with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from vitals.alarms import Alarm, Kind, Priority
from vitals.document import convert
from vitals.durations import Duration
from vitals.errors import DocumentError, Problem
from vitals.identity import ClientId, RuleId, WardId
from vitals.yamldoc import Path, YamlDocument, load

LONGEST_WAIT = Duration.parse("1h")  # a step later than this helps nobody; a typing error does
SHORTEST_REPEAT = Duration.parse("1min")

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 1_440

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
TimeOfDay = Annotated[
    str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", description='Local time, in quotes: "07:30"')
]


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HTTP address each page is posted to; an answer 2xx counts as the receipt."""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+", description="Where to post, http:// or https://")]
    secret: Annotated[str, Meta(description="file:PATH or env:NAME; signs each post")]
    ca: Annotated[PurePath | None, Meta(description="Authority of an https address that is not a public one")] = None
    timeout: Annotated[Duration, Meta(description="How long one post may take, 1s to 10s")] = msgspec.field(
        default_factory=lambda: Duration(4_000)
    )

    def __post_init__(self) -> None:
        if not 1_000 <= self.timeout <= 10_000:
            raise ValueError("timeout must be between 1s and 10s")


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whoever is paged: a person, a role or a shared device."""

    id: Annotated[ClientId, Meta(description="Topic page/<id>, and the MQTT user name of the device")]
    name: Annotated[str, Meta(max_length=80, description="Who acknowledges; default: the id")] = ""
    mqtt: Annotated[bool, Meta(description="Page over MQTT; the device sends a receipt")] = True
    webhook: Webhook | None = None
    notify: Annotated[str | None, Meta(description="file:PATH or env:NAME of an Apprise URL; knows no receipt")] = None
    fallback: Annotated[ClientId | None, Meta(description="Paged instead when no receipt comes within 60 s")] = None

    @property
    def title(self) -> str:
        """What people call the recipient."""
        return self.name or self.id

    @property
    def confirms(self) -> bool:
        """Whether any channel can say that a page has arrived."""
        return self.mqtt or self.webhook is not None


class Shift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some hours of some days; past midnight when `to` is not after `from`, and then of the day it begins on."""

    days: Annotated[list[Day], Meta(min_length=1)] = msgspec.field(default_factory=lambda: list(DAYS))
    from_: TimeOfDay = msgspec.field(name="from")
    to: TimeOfDay
    page: Annotated[list[ClientId], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if self.from_ == "24:00":
            raise ValueError('a shift cannot begin at 24:00; write from: "00:00" of the next day')

    def spans(self) -> Iterator[tuple[int, int]]:
        """Minutes of the week it covers, as [start, end) with Monday 00:00 as 0; may pass the end of the week."""
        start, end = _minutes(self.from_), _minutes(self.to)
        for day in self.days:
            first = DAYS.index(day) * DAY_MINUTES
            yield first + start, first + (end if end > start else end + DAY_MINUTES)


class Rota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is on at each hour of the week."""

    id: Name
    shifts: Annotated[list[Shift], Meta(min_length=1)]
    otherwise: Annotated[list[ClientId], Meta(description="Who is on in every hour without a shift")] = []


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of an escalation."""

    after: Annotated[Duration, Meta(description="Since the alarm was raised")]
    page: Annotated[list[Name], Meta(min_length=1, description="Recipients and rotas")]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alarms go to whom, and to whom next. A list left out means any."""

    id: Name
    wards: list[WardId] = []
    priorities: list[Priority] = []
    kinds: list[Kind] = []
    rules: list[RuleId] = []
    steps: Annotated[list[Step], Meta(description="An empty list: nobody is paged for these")]
    repeat: Annotated[Duration | None, Meta(description="The last step again and again, while nobody answers")] = None

    def takes(self, alarm: Alarm) -> bool:
        """Whether the alarm falls under this policy."""
        return (
            (not self.wards or alarm.ward in self.wards)
            and (not self.priorities or alarm.priority in self.priorities)
            and (not self.kinds or alarm.kind in self.kinds)
            and (not self.rules or alarm.rule in self.rules)
        )


class PagerDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole pager document. The first policy that takes an alarm is the one that counts."""

    format: Annotated[Literal[1], Meta(description="Version of this document's format")]
    zone: Annotated[str, Meta(description="Time zone of the shifts, such as Europe/Berlin")]
    recipients: Annotated[list[Recipient], Meta(min_length=1)]
    rotas: list[Rota] = []
    policies: Annotated[list[Policy], Meta(min_length=1)]


class Due(NamedTuple):
    """A step of a policy as it is carried out: how long after the raise, and whom."""

    after: int
    page: Sequence[str]


class Plan:
    """A checked document, ready to answer who is paged when."""

    def __init__(self, document: PagerDocument) -> None:
        self.document = document
        self.zone = ZoneInfo(document.zone)
        self.recipients = {recipient.id: recipient for recipient in document.recipients}
        self._rotas = {rota.id: rota for rota in document.rotas}

    def policy(self, alarm: Alarm) -> Policy | None:
        """The policy of an alarm, None when nobody is to be paged."""
        return next((policy for policy in self.document.policies if policy.takes(alarm)), None)

    def step(self, policy: Policy, number: int) -> Due | None:
        """Step `number`, counted from 0; behind the last one its repetitions; None when there is no further one."""
        if number < len(policy.steps):
            return Due(policy.steps[number].after, policy.steps[number].page)
        if not policy.steps or policy.repeat is None:
            return None
        last = policy.steps[-1]
        return Due(last.after + (number - len(policy.steps) + 1) * policy.repeat, last.page)

    def on_duty(self, names: Sequence[str], now: int) -> list[str]:
        """The recipients behind recipients and rotas at `now` (UTC ms), each once, in the order of the document."""
        found: list[str] = []
        for name in names:
            rota = self._rotas.get(name)
            found += [name] if rota is None else self._on(rota, now)
        return list(dict.fromkeys(found))

    def _on(self, rota: Rota, now: int) -> list[str]:
        local = datetime.fromtimestamp(now / 1_000, self.zone)
        minute = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
        on = [name for shift in rota.shifts if _covers(shift, minute) for name in shift.page]
        return on or rota.otherwise


def read_pagers(text: str, file: str) -> Plan:
    """Read a pager document. Raises DocumentError carrying every problem found."""
    document = load(text, file)
    problems: set[Problem] = set()
    whole: PagerDocument | None = None
    try:
        whole = convert(document, PagerDocument)
    except DocumentError as error:
        problems.update(error.problems)
    for path, sentence in _check(document, whole):
        problems.add(Problem(file, document.line(path), f"{'.'.join(str(part) for part in path)}: {sentence}"))
    if problems:
        raise DocumentError(problems)
    assert whole is not None
    return Plan(whole)


def warnings(plan: Plan, wards: Iterable[str] | None = None) -> list[str]:
    """What is allowed and may still surprise: one sentence each. `wards` are those of the hub, if they are known."""
    found: list[str] = []
    document = plan.document
    named = {ward for policy in document.policies for ward in policy.wards}
    known = set(named if wards is None else wards)
    for ward in sorted(named - known):
        found.append(f"the hub has no ward {ward}, which a policy names")
    for ward in (*sorted(known), ""):
        if not any(_takes_high(policy, ward) for policy in document.policies):
            where = f"ward {ward}" if ward else "equipment of no ward, and of any ward not named"
            found.append(f"nobody is paged for some high alarms of {where}: no policy takes all of them")
    paged = {name for policy in document.policies for step in policy.steps for name in step.page}
    paged |= {name for rota in document.rotas if rota.id in paged for name in (*rota.otherwise, *_staff(rota))}
    paged |= {recipient.fallback for recipient in document.recipients if recipient.fallback}
    for recipient in document.recipients:
        if recipient.id not in paged:
            found.append(f"no policy ever pages {recipient.id}")
        if not recipient.confirms:
            found.append(f"{recipient.id} is reached by notify alone: nobody can know whether a page arrives there")
    found += [f"no policy uses the rota {rota.id}" for rota in document.rotas if rota.id not in _used(document)]
    return found


def gaps(rota: Rota) -> list[tuple[int, int]]:
    """Minutes of the week, as [start, end), in which nobody of the rota is on."""
    if rota.otherwise:
        return []
    covered = bytearray(7 * DAY_MINUTES)
    for shift in rota.shifts:
        for start, end in shift.spans():
            for minute in range(start, end):
                covered[minute % len(covered)] = 1
    found: list[tuple[int, int]] = []
    for minute, on in enumerate(covered):
        if not on:
            if found and found[-1][1] == minute:
                found[-1] = (found[-1][0], minute + 1)
            else:
                found.append((minute, minute + 1))
    return found


_Where = tuple[Path, str]


def _check(document: YamlDocument, whole: PagerDocument | None) -> Iterator[_Where]:
    """Everything the types cannot say: (path, problem) for each; what cannot be read is left out."""
    zone = document.data.get("zone") if isinstance(document.data, dict) else None
    if isinstance(zone, str) and (wrong := _zone_problem(zone)):
        yield ("zone",), wrong
    if whole is None:
        return
    recipients, rotas = [one.id for one in whole.recipients], [one.id for one in whole.rotas]
    yield from _repeats("recipients", recipients, ())
    yield from _repeats("rotas", rotas, recipients)
    yield from _repeats("policies", [policy.id for policy in whole.policies], ())
    for index, recipient in enumerate(whole.recipients):
        yield from _check_recipient(("recipients", index), recipient, {one.id: one for one in whole.recipients})
    for index, rota in enumerate(whole.rotas):
        yield from _check_rota(("rotas", index), rota, recipients)
    for index, policy in enumerate(whole.policies):
        yield from _check_policy(("policies", index), policy, [*recipients, *rotas])


def _zone_problem(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return f"there is no time zone {zone!r}; write one such as Europe/Berlin or UTC"
    return ""


def _repeats(key: str, ids: list[str], others: Sequence[str]) -> Iterator[_Where]:
    for index, name in enumerate(ids):
        if name in ids[:index] or name in others:
            yield (key, index, "id"), f"{name} is the name of another entry already"


def _check_recipient(path: Path, recipient: Recipient, known: dict[str, Recipient]) -> Iterator[_Where]:
    if not recipient.confirms and recipient.notify is None:
        yield path, f"{recipient.id} cannot be reached; give it mqtt: true, a webhook or notify"
    if recipient.fallback is None:
        return
    if recipient.fallback not in known:
        yield (*path, "fallback"), _unknown("recipient", recipient.fallback, known)
        return
    seen, at = [recipient.id], recipient.fallback
    while at in known and at not in seen:
        seen.append(at)
        at = known[at].fallback or ""
    if at == recipient.id:
        yield (*path, "fallback"), f"leads back to {recipient.id}: {' → '.join((*seen, at))}"


def _check_rota(path: Path, rota: Rota, recipients: Sequence[str]) -> Iterator[_Where]:
    for index, shift in enumerate(rota.shifts):
        for number, name in enumerate(shift.page):
            if name not in recipients:
                yield (*path, "shifts", index, "page", number), _unknown("recipient", name, recipients)
    for number, name in enumerate(rota.otherwise):
        if name not in recipients:
            yield (*path, "otherwise", number), _unknown("recipient", name, recipients)
    holes = gaps(rota)
    if holes:
        times = ", ".join(f"{_moment(start)} to {_moment(end)}" for start, end in holes[:3])
        more = f" and {len(holes) - 3} more times" if len(holes) > 3 else ""
        yield (*path, "shifts"), f"nobody is on from {times}{more}; add a shift, or name who is on with otherwise"


def _check_policy(path: Path, policy: Policy, names: Sequence[str]) -> Iterator[_Where]:
    if not policy.steps and (not policy.priorities or "high" in policy.priorities):
        yield (*path, "steps"), "high alarms would page nobody; give steps, or name other priorities"
    before = -1
    for index, step in enumerate(policy.steps):
        if step.after <= before:
            yield (*path, "steps", index, "after"), "must be later than the step before"
        if step.after > LONGEST_WAIT:
            yield (*path, "steps", index, "after"), f"must not be later than {LONGEST_WAIT // 3_600_000}h"
        before = max(before, step.after)
        for number, name in enumerate(step.page):
            if name not in names:
                yield (*path, "steps", index, "page", number), _unknown("recipient or rota", name, names)
    if policy.repeat is not None and policy.repeat < SHORTEST_REPEAT:
        yield (*path, "repeat"), f"must be at least {SHORTEST_REPEAT // 60_000}min"


def _unknown(noun: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"there is no {noun} {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")


def _takes_high(policy: Policy, ward: str) -> bool:
    """Whether every high alarm of the ward that comes this far ends here, with somebody paged."""
    wards = not policy.wards or ward in policy.wards
    return wards and "high" in (policy.priorities or ["high"]) and not (policy.kinds or policy.rules)


def _used(document: PagerDocument) -> set[str]:
    return {name for policy in document.policies for step in policy.steps for name in step.page}


def _staff(rota: Rota) -> list[str]:
    return [name for shift in rota.shifts for name in shift.page]


def _covers(shift: Shift, minute: int) -> bool:
    week = 7 * DAY_MINUTES
    return any(start <= minute < end or start <= minute + week < end for start, end in shift.spans())


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _moment(minute: int) -> str:
    day, rest = divmod(minute % (7 * DAY_MINUTES), DAY_MINUTES)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"
