"""The catalogue of faults: alarms whose truth the engine is told, because no record of a bed can show it."""

from __future__ import annotations

from typing import NamedTuple

from vitals.alarms import Priority

BROKER_LOST = "broker-lost"  # while it stands no device can be heard
DRILL_MS = 60_000  # a drill ends by itself after so long: time enough for a page and its receipt


class Fault(NamedTuple):
    """What one fault is called, and how soon it becomes an alarm and stops being one (ms)."""

    priority: Priority
    message: str
    onset_delay: int = 0
    off_delay: int = 0


# High: alarms may reach nobody. Medium: something is not watched or not kept. Low: it works, but not as it should.
FAULTS: dict[str, Fault] = {
    "gateway-silent": Fault("medium", "Gateway silent: its beds are not watched"),
    # A broker that restarts is back in seconds, and its clients with it.
    BROKER_LOST: Fault("high", "Broker lost: no bed is watched and no alarm is sent", onset_delay=5_000),
    "journal-refuses": Fault("high", "The hub cannot store anything: see its log"),
    "pager-failed": Fault("high", "Pages may not arrive: a pager has failed"),
    "drill-missed": Fault("medium", "The daily test of the alarm path did not take place"),
    "rules-rejected": Fault("medium", "New rules were rejected, the former ones are in force"),
    "identity-conflict": Fault("medium", "Two gateways use the same name"),
    "bookkeeping-mismatch": Fault("medium", "Gateway and hub disagree about what was delivered"),
    "spool-damaged": Fault("medium", "The gateway's store is damaged, readings may be lost"),
    "spool-full": Fault("medium", "The gateway's store is full, readings are being lost"),
    "spool-degraded": Fault("low", "The gateway's store is kept in memory only", onset_delay=10_000),
    "projection-refused": Fault("low", "A store behind the hub refuses data", onset_delay=30_000),
    "flood": Fault("medium", "A gateway sends more than its quota, the rest is dropped"),
    # A clock is off until its first answer from a time server; that takes seconds after each start.
    "clock-offset": Fault("low", "The gateway's clock is wrong", onset_delay=60_000, off_delay=60_000),
}
"""Faults by rule id. A rule document may use none of these ids."""
