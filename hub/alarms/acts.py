"""What people may do to alarms: each action a call of the engine."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from hub.deeds import DONE, Act, Done
from rules.engine import Engine
from vitals.alarms import AlarmEvent
from vitals.commands import BedCommand, Command
from vitals.identity import BedKey


def alarm_acts(engine: Engine, beds: Container[BedKey]) -> dict[str, Act]:
    """The table of actions on alarms."""

    def acknowledge(command: Command, now: int) -> Done:
        return _of_alarm(command, engine.acknowledge(command.alarm, command.by, command.reason, now))

    def reset(command: Command, now: int) -> Done:
        return _of_alarm(command, engine.reset(command.alarm, command.by, command.reason, now))

    def pause_audio(command: BedCommand, now: int) -> Done:
        bed = known_bed(beds, command.bed)
        return _of_bed(engine.pause_audio(bed, command.by, command.reason, _until(command, now), now))

    def pause_alarms(command: BedCommand, now: int) -> Done:
        bed = known_bed(beds, command.bed)
        return _of_bed(engine.pause_alarms(bed, command.by, command.reason, _until(command, now), now))

    def resume_alarms(command: BedCommand, now: int) -> Done:
        return _of_bed(engine.resume_alarms(known_bed(beds, command.bed), command.by, command.reason, now))

    return {
        "acknowledge": acknowledge,
        "reset": reset,
        "pause-audio": pause_audio,
        "pause-alarms": pause_alarms,
        "resume-alarms": resume_alarms,
    }


def known_bed(beds: Container[BedKey], name: str) -> BedKey:
    """The bed a command names. Raises ValueError where no ward has it."""
    bed = BedKey.parse(name)
    if bed not in beds:
        raise ValueError(f"there is no bed {name}; the settings of the hub list its wards and their beds")
    return bed


def _until(command: BedCommand, now: int) -> int | None:
    return None if command.for_ms is None else now + command.for_ms


def _of_alarm(command: Command, events: list[AlarmEvent]) -> Done:
    last = events[-1] if events else None
    state = "" if last is None else "inactive" if last.change in ("cleared", "reset") else last.alarm.state
    return Done(events, result=msgspec.structs.replace(DONE, alarm=command.alarm, state=state))


def _of_bed(events: list[AlarmEvent]) -> Done:
    numbers = list(dict.fromkeys(event.alarm.id for event in events))
    return Done(events, result=msgspec.structs.replace(DONE, alarms=numbers))
