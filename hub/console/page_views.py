"""Pages as the API shows them."""

from __future__ import annotations

import msgspec

from hub.console.printable import printable
from hub.pagers.book import Paged
from rules.paging import CallState
from vitals.alarms import Priority


class PagedAlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm of a page, and how far this recipient has come with it."""

    alarm: str
    rule: str
    ward: str
    bed: str
    subject: str
    priority: Priority
    message: str
    step: int
    state: CallState
    by: str
    stands_in_for: str


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """One page to one recipient."""

    page: str
    recipient: str
    name: str
    ward: str
    test: bool
    time: int
    attempts: int
    sent: int | None
    received: int | None
    failed: int | None
    trouble: str
    alarms: list[PagedAlarmView]


def page_view(paged: Paged) -> PageView:
    """A page with its words made safe to show."""
    delivery = paged.delivery
    return PageView(
        page=delivery.id,
        recipient=delivery.recipient,
        name=printable(paged.name),
        ward=delivery.ward,
        test=delivery.test,
        time=delivery.time,
        attempts=delivery.tries,
        sent=delivery.sent,
        received=delivery.received,
        failed=delivery.failed,
        trouble=printable(delivery.trouble),
        alarms=[
            PagedAlarmView(
                alarm=call.alarm.id,
                rule=call.alarm.rule,
                ward=call.alarm.ward,
                bed=call.alarm.bed,
                subject=call.alarm.subject,
                priority=call.alarm.priority,
                message=printable(call.alarm.message),
                step=call.step,
                state=call.state,
                by=printable(call.by),
                stands_in_for=call.stands_in_for,
            )
            for call in paged.calls
        ],
    )
