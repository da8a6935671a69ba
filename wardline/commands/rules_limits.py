"""`wardline rules explain|set-limit|clear-limit|set-profile`: what a bed is judged by, why, and how that is changed."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from chassis.database import open_read_only
from chassis.settings import read_settings
from hub import limits
from hub.rulebook import profiles_in_force, read_profiles
from hub.settings import HubSettings
from rules.chain import Chain, Explained, Link
from vitals.commands import Action, ClearLimit, SetLimit, SetProfile
from vitals.durations import Duration
from vitals.errors import UsageError
from vitals.identity import BedKey
from wardline.asking import ask, new_request
from wardline.login import add_login_options, read_login

_PATIENTS = 'SELECT ward, bed, patient FROM admission WHERE "end" IS NULL'


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """The actions on limits."""
    explain = actions.add_parser("explain", help="every limit of a parameter at a bed, and who or what set it")
    explain.add_argument("name", metavar="NAME", help="a parameter or a rule, such as spo2")
    explain.add_argument("--config", type=Path, metavar="FILE", required=True, help="the settings of the hub")
    explain.add_argument("--bed", required=True, help="the bed, as ward/bed")
    explain.set_defaults(act=_explain)

    set_limit = actions.add_parser("set-limit", help="give a ward, a bed or a patient another limit")
    set_limit.add_argument("rule", metavar="RULE", help="the limit, such as spo2-low; its second tier: RULE.extreme")
    set_limit.add_argument("bound", metavar="BOUND", type=float, help="the number it compares with")
    set_limit.add_argument("--for", dest="for_", metavar="8h", help="how long it stands (default: until it is cleared)")
    set_limit.set_defaults(act=_set_limit)
    clear_limit = actions.add_parser("clear-limit", help="take such a limit back")
    clear_limit.add_argument("rule", metavar="RULE", help="the limit")
    clear_limit.set_defaults(act=_clear_limit)
    set_profile = actions.add_parser("set-profile", help="judge a ward or a bed by another rule set")
    set_profile.add_argument(
        "profile", metavar="PROFILE", nargs="?", default="", help="the set; none: as the settings say"
    )
    set_profile.set_defaults(act=_set_profile)
    for action in (set_limit, clear_limit, set_profile):
        whom = action.add_mutually_exclusive_group(required=True)
        whom.add_argument("--ward", help="for every bed of this ward")
        whom.add_argument("--bed", help="for this bed, as ward/bed")
        whom.add_argument("--patient", help="for this patient, wherever they lie")
        action.add_argument("--by", required=True, help="who decides so")
        action.add_argument("--reason", default="", help="why; needed to set, not to clear")
        add_login_options(action)
    for action in (explain, set_limit, clear_limit, set_profile):
        action.add_argument("--json", action="store_true", help="print one JSON document")


def check_hub(config: Path) -> tuple[int, int, list[str]]:
    """Limits and conditions of a hub's rule files as they are on the disk, and what is wrong with its chain."""
    settings, folder = read_settings(config, HubSettings), config.resolve().parent
    profiles = read_profiles(settings, folder)
    chain = Chain(profiles)
    patients = _load(chain, folder / settings.journal.path)
    names = {chain.profile(bed, patients.get(bed, "")) for bed in chain.beds}
    sets = [*(profiles.sets[name] for name in sorted(names)), *profiles.everywhere]
    counts = [sum(len(part.limits) for part in sets), sum(len(part.conditions) for part in sets)]
    return counts[0], counts[1], chain.problems(patients, _now())


def chain_in_force(config: Path) -> tuple[Chain, dict[BedKey, str]]:
    """The chain of a hub as it judges now, and who lies where."""
    settings, folder = read_settings(config, HubSettings), config.resolve().parent
    chain = Chain(profiles_in_force(settings, folder))
    return chain, _load(chain, folder / settings.journal.path)


def _explain(arguments: argparse.Namespace) -> int:
    bed = _bed(arguments.bed)
    chain, patients = chain_in_force(arguments.config)
    if bed not in chain.beds:
        raise UsageError(f"{arguments.config} has no bed {bed}; it has {', '.join(map(str, chain.beds))}")
    patient = patients.get(bed, "")
    now = _now()
    try:
        found = chain.explain(bed, patient, arguments.name, now)
    except ValueError as error:
        raise UsageError(str(error)) from error
    profile = chain.profile(bed, patient)
    if arguments.json:
        answer = {"bed": str(bed), "patient": patient, "profile": profile, "limits": [*map(_dict, found)]}
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print(f"{bed}, {f'patient {patient}' if patient else 'no patient admitted'}, profile {profile}")
        print("\n".join(line for one in found for line in _lines(one)))
    return 0


def _load(chain: Chain, journal: Path) -> dict[BedKey, str]:
    """Put in force what the journal says people have set; who lies where. Before the hub's first start: nothing."""
    if not journal.exists():
        return {}
    with closing(open_read_only(journal)) as database:
        limits.load(chain, lambda query: database.execute(query))
        return {BedKey(ward, bed): patient for ward, bed, patient in database.execute(_PATIENTS)}


def _set_limit(arguments: argparse.Namespace) -> int:
    expires = None
    if arguments.for_ is not None:
        try:
            expires = _now() + Duration.parse(arguments.for_)
        except ValueError as error:
            raise UsageError(f"--for: {error}") from error
    command = SetLimit(
        request=new_request(),
        by=arguments.by,
        reason=arguments.reason,
        scope=_scope(arguments),
        rule=arguments.rule,
        bound=arguments.bound,
        expires=expires,
    )
    until = "until it is cleared" if expires is None else f"until {_when(expires)}"
    return _send(arguments, "set-limit", command, f"{command.scope}: {command.rule} is {command.bound:g}, {until}")


def _clear_limit(arguments: argparse.Namespace) -> int:
    command = ClearLimit(
        request=new_request(), by=arguments.by, reason=arguments.reason, scope=_scope(arguments), rule=arguments.rule
    )
    return _send(arguments, "clear-limit", command, f"{command.scope}: {command.rule} is as the chain above says")


def _set_profile(arguments: argparse.Namespace) -> int:
    command = SetProfile(
        request=new_request(),
        by=arguments.by,
        reason=arguments.reason,
        scope=_scope(arguments),
        profile=arguments.profile,
    )
    said = f"is judged by {command.profile}" if command.profile else "has no profile of its own any more"
    return _send(arguments, "set-profile", command, f"{command.scope} {said}")


def _send(arguments: argparse.Namespace, action: Action, command: msgspec.Struct, done: str) -> int:
    broker, folder = read_login(arguments)
    answer = ask(broker, folder, action, command)
    if arguments.json:
        print(msgspec.json.encode(answer).decode())
    else:
        print(done if answer.done else f"refused: {answer.reason}")
    return 0 if answer.done else 1


def _now() -> int:
    return time.time_ns() // 1_000_000


def _bed(text: str) -> BedKey:
    try:
        return BedKey.parse(text)
    except ValueError as error:
        raise UsageError(f"--bed: {error}") from error


def _scope(arguments: argparse.Namespace) -> str:
    if arguments.bed is not None:
        return f"bed/{_bed(arguments.bed)}"
    return f"ward/{arguments.ward}" if arguments.ward is not None else f"patient/{arguments.patient}"


def _dict(one: Explained) -> dict[str, Any]:
    return one._asdict() | {"links": [link._asdict() for link in one.links]}


def _lines(one: Explained) -> list[str]:
    width = max(len(link.where) for link in one.links)
    hours = f" from {one.hours}" if one.hours else ""
    lines = [f"{one.rule}: {one.side} {one.value:g} {one.unit}{hours}, {one.priority} priority, {one.message}"]
    for link in one.links:
        mark = ">" if link.in_force else " "
        lines.append(f"  {mark} {link.where:<{width}}  {link.value:g}  {_why(link)}".rstrip())
    return lines


def _why(link: Link) -> str:
    if link.set_at is None:
        return link.reason
    until = "" if link.expires is None else f", until {_when(link.expires)}"
    note = f" ({link.note})" if link.note else ""
    return f"{link.by}, {_when(link.set_at)}{until}: {link.reason}{note}"


def _when(time_: int) -> str:
    return datetime.fromtimestamp(time_ / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
