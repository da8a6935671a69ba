"""`wardline grafana build|check|push`: the dashboards made from the rules, checked, and put into a Grafana."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from chassis.secrets import resolve
from chassis.settings import read_text
from grafana.boards import SHIPPED, dashboards, text_of
from grafana.check import problems, read_folder
from rules.documents import RuleSet, read_rules
from rules.library import read_set
from vitals.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline grafana`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    build = actions.add_parser("build", help="make the dashboards from the parameters and the limits of a rule set")
    build.add_argument("--rules", default="adult-ward", metavar="SET", help="a shipped set or a file (adult-ward)")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not what it would be")
    build.set_defaults(act=_build)
    check = actions.add_parser("check", help="report what is wrong in dashboard files, without a server")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    check.set_defaults(act=_check)
    push = actions.add_parser("push", help="create or update the dashboards in a running Grafana")
    push.add_argument("--url", required=True, help="address of Grafana, such as http://127.0.0.1:3000")
    login = push.add_mutually_exclusive_group(required=True)
    login.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token of a service account (Editor)")
    login.add_argument("--user", metavar="NAME", help="log in by name instead; needs --password-file")
    push.add_argument("--password-file", type=Path, metavar="FILE", help="holds the password of --user")
    push.add_argument("--folder", default="Wardline", metavar="TITLE", help="folder to put them into (Wardline)")
    push.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    push.add_argument("--json", action="store_true", help="print one JSON document")
    push.set_defaults(act=_push)
    for action in (build, check, push):
        action.add_argument(
            "--into" if action is build else "--from",
            dest="where",
            type=Path,
            default=SHIPPED,
            metavar="DIR",
            help="folder of the dashboards (the shipped ones)",
        )


def run(arguments: argparse.Namespace) -> int:
    """Build, check or push; 0 if all is well, 1 if not."""
    return int(arguments.act(arguments))


def _build(arguments: argparse.Namespace) -> int:
    stale = False
    for name, board in dashboards(_rules(arguments.rules)).items():
        path, text = arguments.where / name, text_of(board)
        same = path.exists() and read_text(path) == text
        stale = stale or not same
        if same:
            print(f"{path}: up to date")
        elif arguments.check:
            print(f"{path}: differs from what the rules say; run: wardline grafana build")
        else:
            _write(path, text)
            print(f"{path}: written")
    return 1 if stale and arguments.check else 0


def _rules(name: str) -> RuleSet:
    path = Path(name)
    return read_rules(read_text(path), name) if path.suffix in (".yaml", ".yml") else read_set(name)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; name another folder with --into") from error


def _check(arguments: argparse.Namespace) -> int:
    boards = read_folder(arguments.where)
    found = problems(boards)
    if arguments.json:
        print(json.dumps({"dashboards": sorted(boards), "problems": found}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(found) if found else f"{', '.join(boards)}: ok")
    return 1 if found else 0


def _push(arguments: argparse.Namespace) -> int:
    from grafana.push import Grafana  # its HTTP library is slow to import, and needed only here

    boards = read_folder(arguments.where)
    if found := problems(boards):
        raise UsageError(f"these dashboards are not fit to push: {found[0]}; run: wardline grafana check")
    outcomes: list[dict[str, Any]] = []
    grafana = Grafana(arguments.url, _login(arguments))
    for outcome in grafana.push(list(boards.values()), arguments.folder, dry_run=arguments.dry_run):
        outcomes.append(outcome._asdict())
        if not arguments.json:
            print(f"{outcome.what}: {outcome.change}", flush=True)
    if arguments.json:
        print(json.dumps(outcomes, indent=2, ensure_ascii=False))
    return 0


def _login(arguments: argparse.Namespace) -> str | tuple[str, str]:
    if arguments.token_file is not None:
        return _secret(arguments.token_file)
    if arguments.password_file is None:
        raise UsageError("--user needs --password-file; better, make a service account and use --token-file")
    return arguments.user, _secret(arguments.password_file)


def _secret(path: Path) -> str:
    return resolve(f"file:{path}", Path.cwd())
