"""Pages: what one recipient is sent about alarms, the device's receipt, and how the paging itself is doing."""

from __future__ import annotations

from typing import Annotated

import msgspec

from vitals.alarms import Alarm
from vitals.identity import ClientId, GatewayId, SomeWardId
from vitals.readings import Milliseconds

MAX_ALARMS = 64  # in one page: a whole ward, and far below the packet limit of the broker

PageId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `page/<recipient>`, and the data of a webhook: one message about one or more alarms.

    A page that was not received is sent again under the same `id` with `attempt` one higher: show it once.
    `link` opens it on a phone without a login; whoever holds it can acknowledge, once, until it expires.
    """

    id: PageId
    recipient: ClientId
    time: Milliseconds  # when the page was made
    attempt: Annotated[int, msgspec.Meta(ge=1)] = 1
    step: Annotated[int, msgspec.Meta(ge=1)] = 1  # the highest step of the escalation any of its alarms has reached
    ward: SomeWardId = ""
    test: bool = False  # a drill
    title: str
    text: str
    alarms: list[Alarm]
    link: str = ""


class PageReceipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `page/<recipient>/received`: the device has the page. It says nothing of a person."""

    page: PageId
    device: Annotated[str, msgspec.Meta(max_length=80)] = ""


class PagerFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recipient whom pages do not reach, or the paging itself (`recipient` empty)."""

    recipient: str = ""
    reason: str
    since: Milliseconds


class PagersStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `hub/<hub>/pagers`, retained and repeated: how the paging is doing. The last will says it is gone."""

    hub: GatewayId
    online: bool
    time: Milliseconds = 0
    recipients: list[ClientId] = []
    faults: list[PagerFault] = []
