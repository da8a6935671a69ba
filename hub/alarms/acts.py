"""What people may do to alarms: each action a call of the engine."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from hub.deeds import DONE, Act, Done
from rules.engine import Engine
from vitals.alarms import AlarmEvent
from vitals.commands import Command
from vitals.identity import BedKey


def alarm_acts(engine: Engine) -> dict[str, Act]:
    """The table of actions on alarms."""

    def acknowledge(command: Command, now: int) -> Done:
        return _of_alarm(command, engine.acknowledge(command.alarm, command.by, command.reason, now))

    def reset(command: Command, now: int) -> Done:
        return _of_alarm(command, engine.reset(command.alarm, command.by, command.reason, now))

    return {
        "acknowledge": acknowledge,
        "reset": reset,
    }


def known_bed(beds: Container[BedKey], name: str) -> BedKey:
    """The bed a command names. Raises ValueError where no ward has it."""
    bed = BedKey.parse(name)
    if bed not in beds:
        raise ValueError(f"there is no bed {name}; the settings of the hub list its wards and their beds")
    return bed


def _of_alarm(command: Command, events: list[AlarmEvent]) -> Done:
    last = events[-1] if events else None
    state = "" if last is None else "inactive" if last.change in ("cleared", "reset") else last.alarm.state
    return Done(events, result=msgspec.structs.replace(DONE, alarm=command.alarm, state=state))
