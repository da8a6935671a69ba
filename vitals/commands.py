"""Commands people and pagers send over MQTT, and the answers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from vitals.identity import BedKey, PatientId
from vitals.readings import Milliseconds

ShortText = Annotated[str, msgspec.Meta(max_length=200)]
RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Person = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
AlarmNumber = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
BedName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,30}$", description="ward/bed")
]
DeviceName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,30}/[a-z0-9][a-z0-9-]{0,30}$", description="gateway/device"),
]
Scope = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(ward/[a-z0-9][a-z0-9-]{0,30}|bed/[a-z0-9][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,30}"
        r"|patient/[A-Za-z0-9][A-Za-z0-9-]{0,30})$",
        description="Whom a limit is for: ward/WARD, bed/WARD/BED or patient/ID",
    ),
]

LimitName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9-]{0,47}(\.extreme)?$",
        description="The rule of a limit; its second tier as RULE.extreme",
    ),
]


class _Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every command says: `request` is echoed in the answer, `by` names the person."""

    request: RequestId
    by: Person
    reason: ShortText = ""


class Command(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`acknowledge`, `reset`: one alarm."""

    alarm: AlarmNumber


class BedCommand(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`pause-audio`, `pause-alarms`, `resume-alarms`: all alarms of a bed. `for_ms` is left out for the usual time."""

    bed: BedName
    for_ms: Annotated[int, msgspec.Meta(ge=1_000, le=86_400_000)] | None = None


class SetLimit(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`set-limit`: another bound for one rule of a ward, a bed or a patient, until `expires` if given."""

    scope: Scope
    rule: LimitName
    bound: float
    expires: Milliseconds | None = None


class ClearLimit(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`clear-limit`: the override of one rule goes; what stands above it in the chain is in force again."""

    scope: Scope
    rule: LimitName


class SetProfile(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`set-profile`: the rule set a ward, a bed or a patient is judged by; empty: back to what stands above it."""

    scope: Scope
    profile: str


class Admit(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`admit`: who lies in the bed from `time` (now, if left out) on; with `end`, who lay there until then."""

    bed: BedName
    patient: PatientId
    time: Milliseconds | None = None
    end: Milliseconds | None = None


class Discharge(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`discharge`: the bed is empty; the patient's limits and observations end."""

    bed: BedName
    time: Milliseconds | None = None


class Transfer(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`transfer`: the patient in `bed` lies in `to` from `time` (now, if left out) on.

    With `swap` the patient in `to` lies in `bed` from then on; without it `to` must be free.
    """

    bed: BedName
    to: BedName
    swap: bool = False
    time: Milliseconds | None = None


class Correct(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`correct`: what is wrong in the record of an admission. What is left out stays as it is.

    With `reopen` it has not ended; with `cancel` it never was. A `reason` is asked for.
    """

    admission: Annotated[int, msgspec.Meta(ge=1)]
    bed: BedName | None = None
    patient: PatientId | None = None
    start: Milliseconds | None = None
    end: Milliseconds | None = None
    reopen: bool = False
    cancel: bool = False


class Assign(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`assign-device`: the device stands at `bed` (empty: at none) from `time` (now, if left out) on."""

    device: DeviceName
    bed: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^([a-z0-9][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,30})?$",
            description="ward/bed; empty: the device stands at no bed",
        ),
    ]
    time: Milliseconds | None = None


class Observe(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`observe`: what staff saw or measured, by name (vitals.entries); null takes an entry back."""

    bed: BedName
    values: Annotated[dict[str, float | str | None], msgspec.Meta(min_length=1, max_length=20)]
    time: Milliseconds | None = None


class WriteNote(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`write-note`: what staff want others to know of a bed at `time` (now, if left out)."""

    bed: BedName
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    time: Milliseconds | None = None


class Drill(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`drill`: send a TEST alarm from the bed's gateway through the real path."""

    bed: BedName


class TicketCommand(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`assign-ticket`, `note-ticket`, `close-ticket`, `open-ticket`: work on a device.

    `open-ticket` names a `device` (gateway/device) instead of a ticket.
    """

    ticket: Annotated[int, msgspec.Meta(ge=1)] | None = None
    device: str = ""
    technician: Annotated[str, msgspec.Meta(max_length=80)] = ""
    note: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class Anchor(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """`anchor`: the newest row of the console's audit trail and its hash, so that the journal's deeds keep them."""

    row: Annotated[int, msgspec.Meta(ge=1)]
    hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


COMMANDS: dict[str, type[_Request]] = {
    "acknowledge": Command,
    "reset": Command,
    "pause-audio": BedCommand,
    "pause-alarms": BedCommand,
    "resume-alarms": BedCommand,
    "set-limit": SetLimit,
    "clear-limit": ClearLimit,
    "set-profile": SetProfile,
    "admit": Admit,
    "discharge": Discharge,
    "transfer": Transfer,
    "correct": Correct,
    "assign-device": Assign,
    "observe": Observe,
    "write-note": WriteNote,
    "drill": Drill,
    "open-ticket": TicketCommand,
    "assign-ticket": TicketCommand,
    "note-ticket": TicketCommand,
    "close-ticket": TicketCommand,
    "anchor": Anchor,
}
"""Every action of `command/<client>/<action>` and the payload it takes."""

Action = Literal[
    "acknowledge",
    "reset",
    "pause-audio",
    "pause-alarms",
    "resume-alarms",
    "set-limit",
    "clear-limit",
    "set-profile",
    "admit",
    "discharge",
    "transfer",
    "correct",
    "assign-device",
    "observe",
    "write-note",
    "drill",
    "open-ticket",
    "assign-ticket",
    "note-ticket",
    "close-ticket",
    "anchor",
]


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `result/<client>/<action>`: done, or the reason why not in one sentence.

    `alarm` and `state` after a command about one alarm; `alarms` names those a command about a bed touched;
    `ticket` after a command about a ticket; `gateway` after a drill: which one sends the TEST record; `admission`
    after a patient came, went or was moved: the number of the stay.
    """

    request: str
    done: bool
    reason: str = ""
    alarm: str = ""
    state: str = ""  # the alarm's state afterwards; "inactive" when it is gone
    alarms: list[str] = []
    ticket: int | None = None
    gateway: str = ""
    admission: int | None = None
    time: Milliseconds = 0


def bed_key(bed: str) -> BedKey:
    """The bed a decoded command names."""
    return BedKey.parse(bed)
