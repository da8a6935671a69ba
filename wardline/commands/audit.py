"""`wardline audit`: who did what, and whether the record of it still is what was written."""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from chassis.database import open_read_only
from chassis.settings import read_settings
from hub.audit import Head
from hub.console.export import iso
from hub.console.people.anchors import parse_head
from hub.console.people.audit_views import AuditView, Wanted, newest, read_deeds, read_trail
from hub.console.people.proof import Proof, Source, prove
from hub.console.times import parse_time
from hub.settings import HubSettings
from vitals.errors import StorageError, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline audit`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="check each hash of both chains; 1 if one does not hold")
    verify.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="'CHAIN ROW HASH'",
        help="a line of the console's log, such as 'journal 812 ab12…': this row must still be there; may be repeated",
    )
    verify.set_defaults(act=_verify)
    listing = actions.add_parser("list", help="what was done, the newest first")
    listing.add_argument("--from", dest="start", metavar="TIME", help="from here on, ISO 8601 or epoch ms")
    listing.add_argument("--to", dest="end", metavar="TIME", help="before")
    listing.add_argument("--by", metavar="NAME", help="only of this person, token or screen")
    listing.add_argument("--action", metavar="ACTION", help="only this, such as acknowledge")
    listing.add_argument("--limit", type=int, default=1_000, metavar="N", help="at most so many (default: 1000)")
    listing.set_defaults(act=_list)
    for sub in actions.choices.values():
        sub.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")
        sub.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Read both files beside their writers."""
    settings = read_settings(arguments.config, HubSettings)
    folder = arguments.config.resolve().parent
    return int(arguments.act(arguments, folder / settings.journal.path, folder / settings.console.people))


def _verify(arguments: argparse.Namespace, journal: Path, people: Path) -> int:
    proofs = prove(journal, people, [_head(text) for text in arguments.head])
    if arguments.json:
        print(msgspec.json.encode(proofs).decode())
    else:
        for proof in proofs:
            print(_words(proof))
    return int(any(proof.broken_row is not None for proof in proofs))


def _words(proof: Proof) -> str:
    name = f"{proof.source} audit"
    if proof.broken_row is None:
        return f"{name}: {proof.rows} rows hold; {proof.noted} of their hashes were noted elsewhere"
    when = f" of {iso(proof.broken_time)}" if proof.broken_time else ""
    return f"{name}: BROKEN at row {proof.broken_row}{when}: {proof.why}"


def _list(arguments: argparse.Namespace, journal: Path, people: Path) -> int:
    try:
        start = parse_time("--from", arguments.start) if arguments.start is not None else 0
        end = parse_time("--to", arguments.end) if arguments.end is not None else 2**62
    except ValueError as error:
        raise UsageError(str(error)) from error
    if arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit}: expected 1 or more")
    wanted = Wanted(start, end, arguments.by, arguments.action, arguments.limit)
    found = _read(journal, people, wanted)
    if arguments.json:
        print(msgspec.json.encode(found).decode())
        return 0
    for one in found:
        refused = "" if one.done else "REFUSED " if one.source == "journal" else "FAILED "
        words = ", ".join(part for part in (one.subject, one.reason, one.detail) if part)
        print(f"{iso(one.time)}  {one.by or '-':<20}  {one.action:<20}  {refused}{words}".rstrip())
    return 0


def _read(journal: Path, people: Path, wanted: Wanted) -> list[AuditView]:
    with closing(open_read_only(journal)) as deeds, closing(open_read_only(people)) as trail:
        try:
            return newest(read_deeds(deeds, wanted), read_trail(trail, wanted), wanted.limit)
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the audit: {error}; start hub and console once") from error


def _head(text: str) -> tuple[Source, Head]:
    chain, _, rest = text.strip().partition(" ")
    head = parse_head(rest)
    if head is None or chain not in ("journal", "people"):
        raise UsageError(f"--head {text!r}: expected CHAIN ROW HASH, such as 'people 44 0f3a…'")
    return ("journal" if chain == "journal" else "people"), head
