"""`wardline grafana build|check|push`: the dashboards made from the rules, checked, and put into a Grafana."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from chassis.secrets import resolve
from chassis.settings import read_text
from grafana.agreement import disagreements
from grafana.boards import SHIPPED, dashboards, text_of
from grafana.check import LONG, problems, read_folder
from grafana.sources import Json
from rules.documents import RuleSet, read_rules
from rules.library import read_set
from vitals.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline grafana`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    build = actions.add_parser("build", help="make the dashboards from the parameters and the limits of a rule set")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not what it would be")
    build.set_defaults(act=_build)
    check = actions.add_parser("check", help="report what is wrong in dashboard files")
    check.add_argument("--model", action="store_true", help="also against grafana-foundation-sdk, if it is installed")
    check.add_argument("--types", action="store_true", help="also against @grafana/schema; fetches it with npm")
    check.set_defaults(act=_check)
    push = actions.add_parser("push", help="create or update data sources and dashboards in a running Grafana")
    push.add_argument("--url", required=True, help="address of Grafana, such as http://127.0.0.1:3000")
    login = push.add_mutually_exclusive_group(required=True)
    login.add_argument("--token", metavar="REF", help="file:PATH or env:NAME of a service account's token")
    login.add_argument("--user", metavar="NAME", help="log in by name instead; needs --password")
    push.add_argument("--password", metavar="REF", help="file:PATH or env:NAME of the password of --user")
    push.add_argument("--folder", default="Wardline", metavar="TITLE", help="folder to put them into (Wardline)")
    push.add_argument("--new-secrets", action="store_true", help="send the tokens of data sources again")
    push.add_argument("--dry-run", action="store_true", help="show what would be changed, change nothing")
    push.set_defaults(act=_push)
    for action in (build, check):
        action.add_argument("--rules", default="adult-ward", metavar="SET", help="a shipped set or a file (adult-ward)")
    for action in (check, push):
        action.add_argument("--json", action="store_true", help="print one JSON document")
        action.add_argument("--influxdb", metavar="URL", help="address of InfluxDB: check asks it, push makes a source")
        action.add_argument("--database", default="wardline", metavar="NAME", help="bucket or database (wardline)")
        action.add_argument("--influxdb-token", metavar="REF", help="file:PATH or env:NAME of a token that may read it")
        action.add_argument("--prometheus", metavar="URL", help="address of Prometheus: the same")
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
    found = problems(boards) + disagreements(boards, _rules(arguments.rules))
    if arguments.model:
        from grafana.model import lost_keys  # slow to import, and needed only here

        found += lost_keys(boards)
    if arguments.types:
        from grafana.typescript import type_errors

        found += type_errors(boards)
    asked, quiet, failed = _asked(boards, arguments)
    found += failed
    if arguments.json:
        report = {"dashboards": sorted(boards), "problems": found, "asked": asked, "without_data": quiet}
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return 1 if found else 0
    for said in quiet:
        print(f"note: {said}")
    if asked:
        print(f"{asked} queries asked, {len(quiet)} without data")
    print("\n".join(found) if found else f"{', '.join(boards)}: ok")
    return 1 if found else 0


def _asked(boards: dict[str, Json], arguments: argparse.Namespace) -> tuple[int, list[str], list[str]]:
    """How many queries were asked, which found nothing, and which the server refused or answered without a column."""
    from grafana.asking import Influx, Prometheus, answers

    influx = prometheus = None
    if arguments.influxdb:
        influx = Influx(arguments.influxdb, arguments.database, _influxdb_token(arguments))
    if arguments.prometheus:
        prometheus = Prometheus(arguments.prometheus)
    count, quiet, failed = 0, [], []
    for answer in answers(boards, time.time_ns() // 1_000_000, influx, prometheus):
        count += 1
        if answer.error and LONG in answer.place:
            quiet.append(f"{answer.place}: {answer.error}")  # InfluxDB 3 Core does not answer it, and it says so
        elif answer.error:
            failed.append(f"{answer.place}: {answer.error}")
        elif answer.missing:
            failed.append(f"{answer.place}: the answer has no column {', '.join(answer.missing)}")
        elif not answer.rows:
            quiet.append(f"{answer.place}: no data")
        elif answer.empty:
            quiet.append(f"{answer.place}: no data for {', '.join(answer.empty)}")
    return count, quiet, failed


def _push(arguments: argparse.Namespace) -> int:
    from grafana.push import Grafana  # its HTTP library is slow to import, and needed only here

    boards = read_folder(arguments.where)
    if found := problems(boards):
        raise UsageError(f"these dashboards are not fit to push: {found[0]}; run: wardline grafana check")
    outcomes: list[dict[str, Any]] = []
    grafana = Grafana(arguments.url, _login(arguments))
    for outcome in grafana.push(
        list(boards.values()),
        arguments.folder,
        sources=_sources(arguments),
        new_secrets=arguments.new_secrets,
        dry_run=arguments.dry_run,
    ):
        outcomes.append(outcome._asdict())
        if not arguments.json:
            print(f"{outcome.what}: {outcome.change}\n{outcome.diff}", end="", flush=True)
    if arguments.json:
        print(json.dumps(outcomes, indent=2, ensure_ascii=False))
    return 0


def _sources(arguments: argparse.Namespace) -> list[Json]:
    from grafana.provision import influxdb, prometheus

    made = []
    if arguments.influxdb:
        made.append(influxdb(arguments.influxdb, arguments.database, _influxdb_token(arguments)))
    if arguments.prometheus:
        made.append(prometheus(arguments.prometheus))
    return made


def _influxdb_token(arguments: argparse.Namespace) -> str:
    if arguments.influxdb_token is None:
        raise UsageError("--influxdb needs --influxdb-token; for InfluxDB 1.x it holds user:password")
    return resolve(arguments.influxdb_token, Path.cwd())


def _login(arguments: argparse.Namespace) -> str | tuple[str, str]:
    if arguments.token is not None:
        return resolve(arguments.token, Path.cwd())
    if arguments.password is None:
        raise UsageError("--user needs --password; better, make a service account and use --token")
    return arguments.user, resolve(arguments.password, Path.cwd())
