"""What the console says of staff entries and care notes: what may be entered, what counts now, what was entered."""

from __future__ import annotations

import msgspec

from hub.console.printable import printable
from hub.console.views import parameter_views
from vitals.entries import CHOICES, MEASURED, valid_until
from vitals.parameters import PARAMETERS


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class ChoiceView(_View, frozen=True, kw_only=True):
    """One coded observation. `valid_ms` null: it holds until it is entered anew."""

    name: str
    label: str
    codes: list[str]
    valid_ms: int | None


class MeasuredView(_View, frozen=True, kw_only=True):
    """One number that may be measured without a device, in `unit`."""

    name: str
    label: str
    unit: str
    decimals: int
    low: float
    high: float
    valid_ms: int


class EnteredRowView(_View, frozen=True, kw_only=True):
    """One entry. `value` is the number rules see, null: taken back; `code` what staff chose, empty for a number."""

    name: str
    value: float | None
    code: str
    time: int
    received: int
    until: int | None
    by: str
    reason: str


class ObservationsView(_View, frozen=True, kw_only=True):
    """What may be entered at a bed, what of it counts now, and what was entered, newest first."""

    ward: str
    bed: str
    choices: list[ChoiceView]
    measured: list[MeasuredView]
    current: list[EnteredRowView]
    history: list[EnteredRowView]


class NoteView(_View, frozen=True, kw_only=True):
    """One care note. `time` is of what it tells, `patient` who lay there then; empty: nobody was admitted."""

    time: int
    received: int
    by: str
    text: str
    patient: str


def choice_views() -> list[ChoiceView]:
    """The coded observations."""
    return [
        ChoiceView(name=one.name, label=one.label, codes=list(one.codes), valid_ms=one.valid_ms)
        for one in CHOICES.values()
    ]


def measured_views() -> list[MeasuredView]:
    """The numbers, in the order of the catalogue."""
    shown = parameter_views()
    return [
        MeasuredView(
            name=name,
            label=shown[name].label,
            unit=shown[name].unit,
            decimals=parameter.decimals,
            low=parameter.low,
            high=parameter.high,
            valid_ms=valid_until(name, 0) or 0,
        )
        for name, parameter in PARAMETERS.items()
        if name in MEASURED
    ]


def entered_view(
    name: str, value: float | None, time: int, received: int, until: int | None, by: str, reason: str
) -> EnteredRowView:
    """One row of the journal."""
    return EnteredRowView(
        name=name,
        value=value,
        code=_code(name, value),
        time=time,
        received=received,
        until=until,
        by=printable(by),
        reason=printable(reason),
    )


def _code(name: str, value: float | None) -> str:
    choice = CHOICES.get(name)
    if choice is None or value is None:
        return ""
    return next((code for code, number in choice.codes.items() if number == value), "")
