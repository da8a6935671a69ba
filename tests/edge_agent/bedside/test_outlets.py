"""Telling people at the bed: a real program gets each transition; one that hangs is ended and holds up nobody."""

import asyncio
import json
import logging
import sys
import time

import pytest

from edge_agent.bedside.outlets import WAITING, BedsidePicture, LocalCommand, PictureFile
from vitals.alarms import Alarm, AlarmEvent

NOW = 1_763_682_504_000
ALARM = Alarm(
    id="620d160c1d88794e", rule="spo2-low", ward="icu", bed="7", kind="physiological", priority="high", state="active",
    rev=1, message="SpO2 low", onset=NOW, raised=NOW, changed=NOW, bedside=True,
)  # fmt: skip


def event(change="raised"):
    return AlarmEvent(change=change, time=NOW, alarm=ALARM)


async def run_until(command, done, seconds=30):
    task = asyncio.create_task(command.run())
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_program_gets_each_transition_as_json_in_order(tmp_path):
    heard = tmp_path / "heard"

    async def story():
        command = LocalCommand(["tee", "-a", str(heard)], 5)
        command.tell(event("raised"))
        command.tell(event("cleared"))
        await run_until(command, lambda: heard.exists() and heard.read_text().count("\n") == 2)

    asyncio.run(story())
    said = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [(one["change"], one["alarm"]["bed"], one["alarm"]["bedside"]) for one in said] == [
        ("raised", "7", True),
        ("cleared", "7", True),
    ]


def test_the_words_are_not_read_by_a_shell(tmp_path):
    target = tmp_path / "made by a shell"

    async def story():
        command = LocalCommand([sys.executable, "-c", "import sys; open(sys.argv[1], 'w')", f"{target}; $(reboot)"], 5)
        command.tell(event())
        await run_until(command, lambda: list(tmp_path.iterdir()))

    asyncio.run(story())
    assert [path.name for path in tmp_path.iterdir()] == ["made by a shell; $(reboot)"]


def test_a_program_that_hangs_is_ended_and_the_next_transition_gets_its_turn(tmp_path, caplog):
    heard = tmp_path / "heard"
    script = tmp_path / "buzzer"
    script.write_text(f"#!/bin/sh\nif [ -e {heard} ]; then echo second >> {heard}; else touch {heard}; sleep 600; fi\n")
    script.chmod(0o700)

    async def story():
        command = LocalCommand([str(script)], 0.3)
        command.tell(event())
        command.tell(event())
        ticks = 0

        async def sampling():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        other = asyncio.create_task(sampling())
        await run_until(command, lambda: heard.exists() and heard.read_text() == "second\n")
        other.cancel()
        assert ticks > 10  # the loop went on while the program hung

    started = time.monotonic()
    with caplog.at_level(logging.CRITICAL, "edge_agent.bedside.outlets"):
        asyncio.run(story())
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(("words", "why"), [(["/nowhere/buzzer"], "cannot be run"), (["false"], "exit code 1")])
def test_a_program_that_fails_is_said_once_with_the_reason(words, why, caplog):
    async def story():
        command = LocalCommand(words, 5)
        for _ in range(3):
            command.tell(event())
        await run_until(command, lambda: not command._waiting and why in command._complained)

    with caplog.at_level(logging.ERROR, "edge_agent.bedside.outlets"):
        asyncio.run(story())
    said = [record.getMessage() for record in caplog.records if why in record.getMessage()]
    assert len(said) == 1
    assert words[0] in said[0]
    caplog.clear()


def test_a_storm_never_grows_without_bound_and_what_was_dropped_is_counted():
    async def story():
        command = LocalCommand(["true"], 5)
        for _ in range(WAITING + 10):
            command.tell(event())
        return command.dropped

    assert asyncio.run(story()) == 10


def test_a_display_never_sees_half_a_picture(tmp_path):
    path = tmp_path / "bedside.json"
    file = PictureFile(path)
    for number in range(50):
        file.write(BedsidePicture(gateway="gw-1", time=NOW + number, silent_since=NOW, alarms=[ALARM] * (number % 5)))
        assert json.loads(path.read_text())["time"] == NOW + number
    assert [entry.name for entry in tmp_path.iterdir()] == ["bedside.json"]


def test_a_picture_that_cannot_be_written_is_said_once(tmp_path, caplog):
    file = PictureFile(tmp_path / "nowhere" / "bedside.json")
    picture = BedsidePicture(gateway="gw-1", time=NOW, silent_since=None, alarms=[])
    with caplog.at_level(logging.ERROR):
        file.write(picture)
        file.write(picture)
    assert caplog.text.count("for local displays") == 1
    caplog.clear()
