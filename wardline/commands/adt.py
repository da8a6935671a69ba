"""`wardline adt`: who lies in which bed, and what stands there, read from the journal and changed by the hub."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chassis.settings import read_settings
from hub.adt.details import Known, PatientFile
from hub.adt.imports import Line, read_import
from hub.adt.ledger import AdtLedger, Asked, Recorded
from hub.console.export import iso
from hub.console.patient_views import admission_view, event_view, line_view, placement_view
from hub.console.printable import printable
from hub.console.times import parse_time
from hub.settings import HubSettings
from rules.machine import Refused
from vitals.commands import Action, Result
from vitals.errors import UsageError
from vitals.identity import BedKey
from wardline.asking import carry_out
from wardline.columns import columns
from wardline.journal_questions import ask_journal

_T = TypeVar("_T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline adt`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="who lies in which bed")
    listing.add_argument("--state", choices=("present", "past", "all"), default="present", help="default: present")
    listing.add_argument("--ward", help="only of this ward")
    listing.add_argument("--patient", metavar="ID", help="only of this patient")
    listing.set_defaults(act=_list)
    history = actions.add_parser("history", help="every change of one admission")
    history.set_defaults(act=_history)
    admit = actions.add_parser("admit", help="a patient comes")
    discharge = actions.add_parser("discharge", help="a patient goes")
    transfer = actions.add_parser("transfer", help="a patient moves to another bed")
    for sub in (admit, discharge, transfer):
        sub.add_argument("bed", metavar="WARD/BED")
    admit.add_argument("patient", metavar="ID", help="an opaque id, never a name")
    transfer.add_argument("to", metavar="WARD/BED")
    transfer.add_argument("--swap", action="store_true", help="the patient there comes here")
    correct = actions.add_parser("correct", help="what was recorded of an admission was wrong")
    for sub in (history, correct):
        sub.add_argument("admission", type=int, metavar="NUMBER")
    correct.add_argument("--bed", metavar="WARD/BED", help="it was this bed")
    correct.add_argument("--patient", metavar="ID", help="it was this patient")
    correct.add_argument("--start", metavar="TIME", help="it began then, ISO 8601 or epoch ms")
    correct.add_argument("--end", metavar="TIME", help="it ended then")
    correct.add_argument("--reopen", action="store_true", help="it has not ended")
    correct.add_argument("--cancel", action="store_true", help="it never was")
    devices = actions.add_parser("devices", help="which device stands at which bed, and where it stood")
    devices.set_defaults(act=_devices)
    assign = actions.add_parser("assign", help="a device stands at another bed")
    assign.add_argument("device", metavar="GATEWAY/DEVICE")
    assign.add_argument("bed", metavar="WARD/BED", help="'' for none")
    import_ = actions.add_parser("import", help="stays from a CSV file; nothing while a line is wrong")
    import_.add_argument("file", type=Path, metavar="FILE.csv")
    import_.add_argument("--dry-run", action="store_true", help="only say what would be done")
    import_.set_defaults(act=_import)
    changes = {"admit": admit, "discharge": discharge, "transfer": transfer, "correct": correct, "assign": assign}
    for name, sub in changes.items():
        sub.set_defaults(act=_change, action="assign-device" if name == "assign" else name)
        sub.add_argument("--reason", default="", metavar="TEXT", help="why", required=name == "correct")
        if name != "correct":
            sub.add_argument("--time", metavar="TIME", help="when, ISO 8601 or epoch ms; default: now")
    for sub in (*changes.values(), import_):
        sub.add_argument("--by", required=True, metavar="NAME", help="who you are: a name or initials")
    for sub in (listing, history, devices, import_):
        sub.add_argument("--json", action="store_true", help="print one JSON document")
    for sub in actions.choices.values():
        sub.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")


def run(arguments: argparse.Namespace) -> int:
    """Read or change; 0 if that could be done."""
    settings = read_settings(arguments.config, HubSettings)
    return int(arguments.act(arguments, settings, arguments.config.resolve().parent))


def _list(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    present = {"present": True, "past": False, "all": None}[arguments.state]
    asked = Asked(ward=arguments.ward, patient=arguments.patient, present=present, limit=100_000)
    found = _read(settings, folder, lambda ledger: ledger.stays(asked))
    if arguments.json:
        print(msgspec.json.encode([admission_view(one, "") for one in found]).decode())
    elif not found:
        print("nobody is admitted" if arguments.state == "present" else "no stays")
    else:
        print(_table(("NUMBER", "BED", "PATIENT", "FROM", "TO", "BY", "ENDED BY"), [_cells(one) for one in found]))
    return 0


def _history(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    number: int = arguments.admission
    told = _read(settings, folder, lambda ledger: ledger.told(number))
    if not told:
        raise Refused(f"there is no admission {number}; `wardline adt list --state all` shows them")
    if arguments.json:
        print(msgspec.json.encode([event_view(one) for one in told]).decode())
        return 0
    rows = [
        (
            iso(one.time),
            one.kind,
            f"{one.ward}/{one.bed}",
            one.patient,
            iso(one.start),
            _end(one.end),
            one.by,
            one.reason,
        )
        for one in told
    ]
    print(_table(("TIME", "CHANGE", "BED", "PATIENT", "FROM", "TO", "BY", "REASON"), rows))
    return 0


def _devices(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    found = _read(settings, folder, lambda ledger: ledger.placements())
    if arguments.json:
        print(msgspec.json.encode([placement_view(one) for one in found]).decode())
        return 0
    rows = [
        (
            f"{one.gateway}/{one.device}",
            f"{one.ward}/{one.bed}".strip("/"),
            iso(one.start) if one.start else "",
            _end(one.end),
            one.by or one.source,
            one.reason,
        )
        for one in found
    ]
    print(_table(("DEVICE", "BED", "FROM", "TO", "BY", "REASON"), rows))
    return 0


def _change(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    words = {name: word for name, word in vars(arguments).items() if name in _FIELDS and word not in (None, False)}
    for name in ("time", "start", "end"):
        if name in words:
            words[name] = _time(f"--{name}", words[name])
    result = _ask(settings, folder, arguments.action, {**words, "by": printable(arguments.by)})
    print("done" if result.admission is None else f"admission {result.admission}: done")
    return 0


_FIELDS = frozenset(
    ("bed", "patient", "to", "swap", "admission", "start", "end", "reopen", "cancel", "device", "reason", "time")
)


def _import(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    try:
        text = arguments.file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {arguments.file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{arguments.file} is not UTF-8; save it as CSV UTF-8") from error
    beds = {BedKey(ward.id, bed.id) for ward in settings.wards for bed in ward.beds}
    stays = [one.stay for one in _read(settings, folder, lambda ledger: ledger.stays(Asked(limit=10_000_000)))]
    by = printable(arguments.by)
    try:
        lines = read_import(text, beds, stays, by, _now())
    except ValueError as error:
        raise UsageError(f"{arguments.file}: {error}") from error
    wrong = [line for line in lines if line.wrong]
    if wrong or arguments.dry_run:
        views = [line_view(line) for line in lines]
    else:
        patients = PatientFile(folder / settings.console.patients)
        try:
            views = [line_view(line, *_take(settings, folder, patients, line, by)) for line in lines]
        finally:
            patients.close()
    if arguments.json:
        print(msgspec.json.encode(views).decode())
    else:
        for view in views:
            print(f"{arguments.file}:{view.line}: {view.bed} {view.patient}: {view.why or view.outcome}")
        if wrong:
            print(f"nothing was imported: {len(wrong)} of {len(lines)} lines are wrong")
    return 1 if wrong or any(view.outcome == "refused" for view in views) else 0


def _take(settings: HubSettings, folder: Path, patients: PatientFile, line: Line, by: str) -> tuple[str, str]:
    outcome = "known"
    if line.admit is not None:
        try:
            _ask(settings, folder, "admit", msgspec.to_builtins(line.admit))
            outcome = "done"
        except Refused as refused:
            return "refused", str(refused)
    if line.details is not None:
        patients.put(Known(patient=line.patient, details=line.details, time=_now(), by=by))
    return outcome, ""


def _ask(settings: HubSettings, folder: Path, action: Action, said: dict[str, Any]) -> Result:
    if "reason" in said:
        said["reason"] = printable(said["reason"])
    return carry_out(settings, folder, action, said)


def _read(settings: HubSettings, folder: Path, question: Callable[[AdtLedger], _T]) -> _T:
    return ask_journal(settings, folder, "stays", lambda history: question(AdtLedger(history.select)))


def _time(name: str, text: str) -> int:
    try:
        return parse_time(name, text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _now() -> int:
    return time.time_ns() // 1_000_000


def _cells(one: Recorded) -> tuple[str, ...]:
    stay = one.stay
    people = (printable(one.by), printable(one.ended_by))
    return (str(stay.id), str(stay.bed), stay.patient, iso(stay.start), _end(stay.end), *people)


def _end(end: int | None) -> str:
    return "" if end is None else iso(end)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(columns([head, *rows]))
