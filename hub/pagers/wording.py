"""The words of a page: which alarms, where, how urgent. No value of a patient is among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rules.paging import Send
from vitals.alarms import PRIORITY_MARK, PRIORITY_RANK, Alarm
from vitals.identity import BedKey
from vitals.pages import Page

NOTICE = "Secondary notification: look at the patient and the monitor."


class Wording:
    """Knows what people call the wards and beds."""

    def __init__(self, wards: Mapping[str, str], beds: Mapping[BedKey, str]) -> None:
        self._wards = wards
        self._beds = beds

    def page(self, send: Send, link: str) -> Page:
        """The page of a message that is due."""
        title = self.title(send.alarms, test=send.test)
        lines = [self.line(alarm) for alarm in send.alarms] if len(send.alarms) > 1 else []
        if send.step > 1:
            lines.append(f"Step {send.step}: nobody has answered yet.")
        if send.test:
            lines.append("This is a drill. No patient is concerned.")
        return Page(
            id=send.delivery,
            recipient=send.recipient,
            time=send.time,
            attempt=send.attempt,
            step=send.step,
            ward=send.ward,
            test=send.test,
            title=title,
            text="\n".join([*lines, NOTICE]),
            alarms=send.alarms,
            link=link,
        )

    def title(self, alarms: Sequence[Alarm], *, test: bool) -> str:
        """One line for all: `*** Intensive care, Bed 7: SpO2 low`."""
        first = max(alarms, key=lambda alarm: PRIORITY_RANK[alarm.priority])
        if len(alarms) == 1:
            text = self.line(first)
        else:
            places = {(alarm.ward, alarm.bed or alarm.subject) for alarm in alarms}
            spread = f"at {len(places)} beds" if len(places) > 1 else f"at {self.place(first)}"
            ward = f"{self._wards.get(first.ward, first.ward)}: " if first.ward and len(places) > 1 else ""
            text = f"{PRIORITY_MARK[first.priority]} {ward}{len(alarms)} alarms {spread}"
        return f"TEST {text}" if test else text

    def line(self, alarm: Alarm) -> str:
        """One alarm in one line."""
        seen = " (over, not seen yet)" if alarm.state == "latched" else ""
        return f"{PRIORITY_MARK[alarm.priority]} {self.place(alarm)}: {alarm.message}{seen}"

    def place(self, alarm: Alarm) -> str:
        """Where an alarm is, as people call it."""
        ward = self._wards.get(alarm.ward, alarm.ward)
        at = self._beds.get(BedKey(alarm.ward, alarm.bed), alarm.bed) if alarm.bed else alarm.subject
        return ", ".join(part for part in (ward, at) if part)
