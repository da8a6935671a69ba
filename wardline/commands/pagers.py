"""`wardline pagers`: who is paged, asked of the document before a night depends on it; and a pager in a terminal."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import paho.mqtt.client as mqtt

from chassis.clock import SystemClock
from chassis.settings import read_settings, read_text
from hub.console.printable import printable
from hub.settings import HubSettings
from rules.rotas import Plan, Recipient, read_pagers, warnings
from vitals import topics
from vitals.alarms import Alarm, Kind, Priority
from vitals.codec import decode, encode
from vitals.errors import DocumentError, LinkError, UsageError, WireError
from vitals.identity import is_name
from vitals.pages import Page, PageReceipt
from wardline.login import add_login_options, new_client, read_login

REPEATS_SHOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check` and `listen`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="report every problem of a pagers document, and who would be paged")
    check.add_argument("file", type=Path, metavar="FILE", help="the pagers document")
    check.add_argument("--hub", type=Path, metavar="FILE", help="the hub's settings, to compare the wards")
    check.add_argument("--ward", metavar="WARD", help="who is paged for an alarm of this ward")
    check.add_argument(
        "--priority", choices=get_args(Priority), default="high", help="of this priority (default: high)"
    )
    check.add_argument("--kind", choices=get_args(Kind), default="physiological", help="default: physiological")
    check.add_argument("--rule", default="any-rule", metavar="RULE", help="of this rule")
    check.add_argument(
        "--at", metavar="TIME", help="raised then, ISO 8601, by default in the document's zone (default: now)"
    )
    check.add_argument("--json", action="store_true", help="print one JSON document")
    check.set_defaults(act=_check)
    listen = actions.add_parser("listen", help="be the pager of a recipient: print its pages and send receipts")
    listen.add_argument("recipient", metavar="RECIPIENT", help="id of the recipient, usually the user name")
    listen.add_argument("--count", type=int, metavar="N", help="stop after so many pages")
    add_login_options(listen)
    listen.set_defaults(act=_listen)


def run(arguments: argparse.Namespace) -> int:
    """Carry out the action."""
    return int(arguments.act(arguments))


def _check(arguments: argparse.Namespace) -> int:
    try:
        plan = read_pagers(read_text(arguments.file), str(arguments.file))
    except DocumentError as error:
        if not arguments.json:
            raise
        problems = [{"file": one.file, "line": one.line, "text": one.text} for one in error.problems]
        print(json.dumps({"file": str(arguments.file), "problems": problems}, indent=2, ensure_ascii=False))
        return 1
    wards = _wards(arguments.hub)
    notes = warnings(plan, wards)
    report: dict[str, Any] = {"file": str(arguments.file), "problems": [], "notes": notes}
    if arguments.ward is not None or arguments.at is not None:
        report |= _who(plan, arguments)
    if arguments.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(plan, report)))
    return 1 if report.get("steps") == [] else 0


def _wards(hub: Path | None) -> list[str] | None:
    return None if hub is None else [ward.id for ward in read_settings(hub, HubSettings).wards]


def _who(plan: Plan, arguments: argparse.Namespace) -> dict[str, Any]:
    """What would happen to one alarm."""
    ward = arguments.ward or ""
    if ward and not is_name(ward):
        raise UsageError(f"{ward!r} cannot be a ward; give its id, such as icu")
    at = _moment(arguments.at, plan)
    now = round(at.timestamp() * 1_000)
    alarm = Alarm(
        id="0" * 16,
        rule=arguments.rule,
        ward=ward,
        bed="",
        kind=arguments.kind,
        priority=arguments.priority,
        state="active",
        rev=1,
        message="",
        onset=now,
        raised=now,
        changed=now,
    )
    policy = plan.policy(alarm)
    steps: list[dict[str, Any]] = []
    while policy is not None and (step := plan.step(policy, len(steps))) is not None:
        recipients = [plan.recipients[name] for name in plan.on_duty(step.page, now + step.after)]
        steps.append({"after_ms": int(step.after), "recipients": [_recipient(one) for one in recipients]})
        if len(steps) == len(policy.steps) + REPEATS_SHOWN:
            break
    return {
        "at": at.isoformat(),
        "ward": ward,
        "priority": alarm.priority,
        "kind": alarm.kind,
        "policy": policy.id if policy is not None else None,
        "repeats": policy is not None and policy.repeat is not None,
        "steps": steps,
    }


def _recipient(recipient: Recipient) -> dict[str, Any]:
    channels = [
        name
        for name, there in (("mqtt", recipient.mqtt), ("webhook", recipient.webhook), ("notify", recipient.notify))
        if there
    ]
    return {"id": recipient.id, "name": recipient.title, "channels": channels, "fallback": recipient.fallback}


def _moment(text: str | None, plan: Plan) -> datetime:
    if text is None:
        return datetime.fromtimestamp(SystemClock().wall_ms() / 1_000, plan.zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at must be a time such as 2025-11-22T03:00, not {text!r}") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=plan.zone)


def _lines(plan: Plan, report: dict[str, Any]) -> list[str]:
    document = plan.document
    counts = f"{len(document.recipients)} recipients, {len(document.rotas)} rotas, {len(document.policies)} policies"
    lines = [f"{report['file']}: ok, {counts}", *(f"note: {sentence}" for sentence in report["notes"])]
    if "steps" not in report:
        return lines
    where = f"ward {report['ward']}" if report["ward"] else "no ward"
    when = datetime.fromisoformat(report["at"]).strftime("%a %Y-%m-%d %H:%M")
    what = f"a {report['priority']} {report['kind']} alarm of {where} raised {when} ({document.zone})"
    if not report["steps"]:
        why = f"policy {report['policy']} has no steps" if report["policy"] else "no policy takes it"
        return [*lines, f"nobody is paged for {what}: {why}"]
    lines.append(f"{what}, policy {report['policy']}:")
    for number, step in enumerate(report["steps"], start=1):
        again = report["repeats"] and number == len(report["steps"])
        people = ", ".join(_person(one) for one in step["recipients"])
        lines.append(f"  {_after(step['after_ms'])}{' and so on' if again else ''}: {people}")
    return lines


def _person(one: dict[str, Any]) -> str:
    fallback = f", without a receipt {one['fallback']}" if one["fallback"] else ""
    return f"{one['name']} ({one['id']} by {' and '.join(one['channels'])}{fallback})"


def _after(milliseconds: int) -> str:
    if milliseconds == 0:
        return "at once"
    minutes, seconds = divmod(milliseconds // 1_000, 60)
    return "after " + " ".join(
        part for part in (f"{minutes} min" if minutes else "", f"{seconds} s" if seconds else "") if part
    )


def _listen(arguments: argparse.Namespace) -> int:
    if not is_name(arguments.recipient):
        raise UsageError(f"{arguments.recipient!r} cannot be a recipient; give its id from the pagers document")
    broker, folder = read_login(arguments)
    client = new_client(broker, folder, f"pager-{arguments.recipient[:20]}")
    pager = _Pager(client, arguments.recipient, arguments.count)
    try:
        client.connect(broker.host, broker.port)
    except OSError as error:
        raise LinkError(f"cannot reach the broker {broker.host}:{broker.port}: {error}") from error
    client.loop_forever()
    if pager.error:
        raise LinkError(pager.error)
    return 0


class _Pager:
    """Prints pages, each once, and sends a receipt for every one."""

    def __init__(self, client: mqtt.Client, recipient: str, count: int | None) -> None:
        self._recipient = recipient
        self._left = count
        self._shown: set[str] = set()
        self.error = ""
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._lost
        client.on_message = self._page

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self.error = f"the broker refused the login: {code}"
            client.disconnect()
            return
        client.subscribe(topics.page(self._recipient), 1)

    def _subscribed(self, client: mqtt.Client, _data: Any, _number: int, codes: list[Any], _properties: Any) -> None:
        if codes[0].is_failure:
            self.error = f"this user may not hear the pages of {self._recipient}; log in as that pager"
            client.disconnect()
            return
        print(f"connected; pages of {self._recipient} appear here", flush=True)

    def _lost(self, _client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:  # silence must not look like peace
            print("THE BROKER IS LOST: no page can arrive", flush=True)

    def _page(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            page = decode(bytes(message.payload), Page)
        except WireError as error:
            print(f"a page that cannot be read: {error.reason}", flush=True)
            return
        receipt = client.publish(
            topics.page_received(self._recipient), encode(PageReceipt(page=page.id, device="terminal")), qos=1
        )
        if page.id in self._shown:
            return
        self._shown.add(page.id)
        print(
            "\n".join(printable(line) for line in (page.title, *page.text.splitlines(), page.link) if line), flush=True
        )
        for alarm in page.alarms:
            print(f"  alarm {alarm.id}", flush=True)
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                client.on_publish = lambda client, _data, number, *_: (
                    client.disconnect() if number == receipt.mid else None
                )
