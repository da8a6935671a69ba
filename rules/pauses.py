"""Pauses: for how long the sound of an alarm, or all alarms of a bed, may be held back, and by whom."""

from __future__ import annotations

import msgspec

from rules.machine import Refused
from vitals.readings import Milliseconds

PAUSE_ROW = "alarms-paused"  # the name under which the pause of a bed is kept among its alarms

# Two minutes is the usual pause of bedside monitors (60 to 120 s); long enough to draw blood.
AUDIO_PAUSE_MS = 120_000
LONGEST_AUDIO_PAUSE_MS = 600_000
ALARMS_PAUSE_MS = 120_000
# A transport or an examination. Who needs longer discharges the patient or asks again.
LONGEST_ALARMS_PAUSE_MS = 7_200_000


class Pause(msgspec.Struct, frozen=True):
    """All alarms of a bed are shown and call nobody, until `until` (UTC ms)."""

    until: Milliseconds
    by: str
    reason: str


_decoder = msgspec.json.Decoder(Pause)


def save(pause: Pause) -> bytes:
    """The pause as it is kept over a restart."""
    return msgspec.json.encode(pause)


def load(body: bytes) -> Pause:
    """Read what `save` wrote. Raises msgspec.DecodeError."""
    return _decoder.decode(body)


def audio_end(until: int | None, now: int) -> int:
    """When the sound comes back. Raises Refused with a sentence if that is never or too late."""
    return _end(until, now, AUDIO_PAUSE_MS, LONGEST_AUDIO_PAUSE_MS, "the sound of an alarm")


def alarms_end(until: int | None, reason: str, now: int) -> int:
    """When the alarms of a bed call again. Raises Refused with a sentence if it may not be."""
    if not reason.strip():
        raise Refused("say why: the alarms of a bed are paused with a reason only")
    return _end(until, now, ALARMS_PAUSE_MS, LONGEST_ALARMS_PAUSE_MS, "the alarms of a bed")


def _end(until: int | None, now: int, usual: int, longest: int, what: str) -> int:
    if until is None:
        return now + usual
    if until <= now:
        raise Refused("the pause would be over already; give a later end")
    if until - now > longest:
        raise Refused(f"{what} can be paused for {longest // 60_000} min at most")
    return until
