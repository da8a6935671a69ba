"""Commands people and pagers send over MQTT, and the answers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from vitals.readings import Milliseconds

Action = Literal["acknowledge", "reset"]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]
RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `command/<client>/<action>`. `request` is echoed in the answer; `by` names the person."""

    request: RequestId
    alarm: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    reason: ShortText = ""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `result/<client>/<action>`: done, or the reason why not in one sentence."""

    request: str
    done: bool
    reason: str = ""
    alarm: str = ""
    state: str = ""  # the alarm's state afterwards; "inactive" when it is gone
    time: Milliseconds = 0
