"""Crash points of gateway, hub and paging: each is killed at each of its points while the others go on.

All points in one ward, one after the other; at the end the books of both gateways, the alarms, the commands and the
pages must agree. WARDLINE_CHAOS_REPEATS says how many times each point kills.
"""

import ast
import os
from pathlib import Path

import pytest

from tests.chaos.oracle import balance, raised_twice
from tests.chaos.script import EPOCH, now_ms
from tests.chaos.test_crash_points import PROJECTION, SALVAGE, SPOOL
from tests.chaos.ward import Ward
from tests.hub.projections.lake_writer import LAKE

REPEATS = int(os.environ.get("WARDLINE_CHAOS_REPEATS", "1"))
ROOT = Path(__file__).resolve().parents[2]
ENDED = {"cleared", "reset"}

pytestmark = [pytest.mark.system, pytest.mark.timeout(120 + 120 * REPEATS)]

HUB = {
    "reading": [
        "admit.before",
        "admit.after",
        "journal.commit.before",
        "journal.commit.after",
        "committed.told.before",
        "committed.told.after",
        "receipt.publish.before",
        "receipt.publish.after",
    ],
    "alarm": [
        "announce.before",
        "announce.between",
        "announce.after",
        "outbox.confirm.before",
        "outbox.confirm.after",
    ],
    "command": ["command.before", "command.after", "answer.before", "answer.after"],
    "wave": ["admit.waves.after"],
    "gap": ["gap.declared"],
    "report": ["adopt.before", "adopt.after"],
    "late": ["late.found.before", "late.found.after", "late.judged.before"],
}
EDGE = [
    "hello.after",
    "recorder.append.before",
    "spool.append.before_commit",
    "spool.append.after_commit",
    "recorder.append.after",
    "publish.before",
    "publish.after",
    "receipt.taken.before",
    "receipt.taken.after",
    "forget.before",
    "spool.settle.before_commit",
    "spool.settle.after_commit",
    "forget.after",
]
PAGERS = [
    "pages.save.before_commit",
    "pages.save.after_commit",
    "page.send.before",
    "page.send.after",
    "page.receipt.taken",
]


@pytest.fixture
def ward(forks, broker, quick_folder):
    ward = Ward(forks, broker.port, quick_folder)
    for name in ("hub", "edge", "pagers"):
        ward.start(name)
    ward.until(lambda: ward.rows("SELECT 1 FROM record WHERE gateway = 'gw-e' LIMIT 1"))
    yield ward
    ward.close()


def trap(point: str, repeat: int) -> str:
    return f"{point}:{1 + repeat % 4}"


def test_hub_gateway_and_paging_are_killed_at_every_point_and_everything_agrees_in_the_end(ward):
    for repeat in range(REPEATS):
        for kind, points in HUB.items():
            for point in points:
                kill_hub(ward, kind, point if kind in ("report", "late") else trap(point, repeat))
        for point in EDGE:
            ward.start("edge", point if point == "hello.after" else trap(point, repeat))  # said once in a life
            assert ward.dies("edge", lambda: None), f"{point} was not passed\n{ward.words()}"
        ward.start("edge")
        for point in PAGERS:
            kill_pagers(ward, "s-3", point)
    ward.feeder.quiet()
    ward.until(lambda: ward.script.settled and not ward.waiting())
    check_gateways(ward)
    check_alarms(ward)
    check_commands(ward)


def kill_hub(ward: Ward, kind: str, trap: str) -> None:
    """Set the trap, stimulate until it snaps, start again, and see everything answered."""
    script = ward.script
    turn = [0]

    def stimulate() -> None:
        turn[0] += 1
        match kind:
            case "reading":
                script.reading("s-1")
            case "alarm":
                script.reading("s-2", 80.0 if turn[0] % 2 else 97.0)
            case "command":
                script.command()
            case "wave":
                script.wave("s-1")
                script.wave("s-1", unit="")
            case "gap":
                script.gap()
            case "report" if turn[0] == 1:
                script.report("icu", "s-4")
            case "late" if (
                turn[0] < 4
            ):  # the end of an outage; a minute each time, so that each has an alarm of its own
                script.reading(
                    "s-5", 97.0 if turn[0] == 3 else 80.0, age_ms=(1_000 - ward.kills) * 60_000 - turn[0] * 1_000
                )

    ward.start("hub", trap)
    assert ward.dies("hub", stimulate), f"{trap} was not passed\n{ward.words()}"
    began = now_ms()
    ward.start("hub")
    ward.until(lambda: script.hub_started >= began and script.settled)
    script.reported.clear()
    for bed in {"alarm": ["s-2"], "report": ["s-4"]}.get(kind, []):  # the patient is well again
        script.reading(bed)
    ward.until(lambda: script.settled)


def kill_pagers(ward: Ward, bed: str, trap: str) -> None:
    """An alarm; the paging dies of it and starts again; the page arrives, under one number."""
    script, before = ward.script, ward.script.raised()
    ward.start("pagers", trap)
    script.reading(bed, 80.0)
    died = ward.dies("pagers", lambda: None)
    assert died, f"{trap} was not passed\n{ward.words()}"
    ward.start("pagers")
    (alarm,) = ward.until(lambda: script.raised() - before)
    ward.until(lambda: ward.pager.numbers(alarm))
    script.reading(bed)
    ward.until(lambda: script.settled)
    assert len(ward.pager.numbers(alarm)) == 1


def check_gateways(ward: Ward) -> None:
    """Every number of both gateways is in the journal once, or declared."""
    found = balance("gw-e", ward.folder / "spool.db", ward.journal)
    assert found.accepted > 0
    assert found.is_even, f"{found}\n{ward.words()}"
    script = ward.script
    stored = [seq for (seq,) in ward.rows("SELECT seq FROM record WHERE gateway = 'gw-s'")]
    stored += [seq for (seq,) in ward.rows("SELECT seq FROM wave WHERE gateway = 'gw-s'")]
    assert len(stored) == len(set(stored))
    assert set(stored) == script.sent
    refused = [seq for (seq,) in ward.rows("SELECT seq FROM rejected WHERE gateway = 'gw-s'")]
    assert sorted(refused) == sorted(script.refused)
    missing = ward.rows(f"SELECT low, high FROM missing WHERE gateway = 'gw-s' AND epoch = {EPOCH}")
    assert {seq for low, high in missing for seq in range(low, high + 1)} == script.gaps


def check_alarms(ward: Ward) -> None:
    """Each alarm was raised once, was announced, and stands retained as long as it stands."""
    events = ward.events()
    assert raised_twice(ward.journal) == []
    live = [event for event in events if not event["alarm"].get("late")]
    raised = {event["alarm"]["id"] for event in live if event["change"] == "raised"}
    assert raised
    assert raised <= ward.script.raised(), "raised in the journal, and never told"
    assert ward.script.raised() <= raised, "told, and not in the journal"
    last = {event["alarm"]["id"]: event["change"] for event in live}
    standing = {alarm for alarm, change in last.items() if change not in ENDED}
    assert ward.until(lambda: ward.retained() == standing), "what is retained is not what stands"
    late = [(event["alarm"]["id"], event["change"]) for event in events if event["alarm"].get("late")]
    assert late
    assert len(late) == len(set(late))


def check_commands(ward: Ward) -> None:
    """Each command was carried out once, and answered."""
    deeds = [request for (request,) in ward.rows("SELECT request FROM deed")]
    assert sorted(deeds) == sorted(ward.script.requests)
    assert {answer["request"] for answer in ward.script.answers} == ward.script.requests


def test_every_fail_point_of_the_code_is_killed_in_a_test():
    """And nobody has taken one out without saying so here."""
    stories = {point for points in HUB.values() for point in points} | {*EDGE, *PAGERS, *PROJECTION, *LAKE, *SALVAGE}
    stories |= {point.partition(":")[0] for _, _, points in SPOOL for point in points}
    found = fail_points()
    assert stories == set(found)
    assert len(found) >= 30
    assert len(found) == len(set(found)), "a name stands for one place"


def fail_points() -> list[str]:
    """The name in each call of failpoint() in the packages."""
    names = []
    for package in ("chassis", "edge_agent", "hub", "wardline"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "failpoint(" in (text := path.read_text()):
                names += [
                    ast.literal_eval(node.args[0])
                    for node in ast.walk(ast.parse(text))
                    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failpoint"
                ]
    return names
