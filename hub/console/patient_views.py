"""What the API answers about stays, patients and where devices stand."""

from __future__ import annotations

import msgspec

from hub.adt.details import Details, Known, Sex
from hub.adt.imports import Line
from hub.adt.ledger import Placed, Recorded, Told
from hub.console.printable import printable
from hub.settings import NamesShown


class AdmissionView(msgspec.Struct, frozen=True, kw_only=True):
    """One stay of a patient in a bed; `end` null: still there. `initials` where the site shows them."""

    admission: int
    ward: str
    bed: str
    patient: str
    initials: str
    start: int
    end: int | None
    by: str
    ended_by: str


class AdmissionEventView(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an admission: admitted, discharged, transferred, corrected or cancelled, and how it stood then."""

    time: int
    kind: str
    admission: int
    ward: str
    bed: str
    patient: str
    start: int
    end: int | None
    by: str
    reason: str


class PatientView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a patient. `name` is null until it is revealed, and '' where nobody wrote one."""

    patient: str
    initials: str
    name: str | None
    named: bool
    birth_year: int | None
    sex: Sex
    notes: str
    written: int | None
    written_by: str
    profile: str
    stays: list[AdmissionView]


class PlacementView(msgspec.Struct, frozen=True, kw_only=True):
    """A device stood at a bed from `start` on (0: as far back as anybody knows); `end` null: it still does."""

    gateway: str
    device: str
    ward: str | None
    bed: str | None
    start: int
    end: int | None
    source: str
    by: str
    reason: str


class ImportLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an imported file. `outcome`: new, known or wrong; after the import also done or refused."""

    line: int
    bed: str
    patient: str
    outcome: str
    start: int | None
    end: int | None
    details: bool
    why: str


class ImportView(msgspec.Struct, frozen=True, kw_only=True):
    """An import, or what one would do."""

    imported: bool
    lines: list[ImportLineView]


def admission_view(one: Recorded, initials: str) -> AdmissionView:
    """One stay."""
    stay = one.stay
    return AdmissionView(
        admission=stay.id,
        ward=stay.bed.ward,
        bed=stay.bed.bed,
        patient=stay.patient,
        initials=initials,
        start=stay.start,
        end=stay.end,
        by=printable(one.by),
        ended_by=printable(one.ended_by),
    )


def shown_name(details: Details, names: NamesShown) -> str:
    """As much of the name of a patient as the site shows on boards and lists; '' where nobody wrote any."""
    if names == "hidden":
        return ""
    return printable((details.name if names == "whole" else "") or details.initials)


def event_view(told: Told) -> AdmissionEventView:
    """One change."""
    words = told._replace(by=printable(told.by), reason=printable(told.reason))
    return AdmissionEventView(**words._asdict())


def patient_view(
    patient: str, known: Known | None, *, revealed: bool, profile: str, stays: list[AdmissionView]
) -> PatientView:
    """One patient; without `revealed` the name stays where it is."""
    details = known.details if known is not None else None
    name = printable(details.name) if details is not None else ""
    return PatientView(
        patient=patient,
        initials=printable(details.initials) if details is not None else "",
        name=name if revealed else None,
        named=bool(name),
        birth_year=details.birth_year if details is not None else None,
        sex=details.sex if details is not None else "",
        notes=details.notes if details is not None else "",
        written=known.time if known is not None else None,
        written_by=printable(known.by) if known is not None else "",
        profile=profile,
        stays=stays,
    )


def placement_view(one: Placed) -> PlacementView:
    """One spell of a device at a bed."""
    return PlacementView(
        gateway=one.gateway,
        device=one.device,
        ward=one.ward or None,
        bed=one.bed or None,
        start=one.start,
        end=one.end,
        source=one.source,
        by=printable(one.by),
        reason=printable(one.reason),
    )


def line_view(line: Line, outcome: str = "", why: str = "") -> ImportLineView:
    """One line of a file."""
    usual = "wrong" if line.wrong else "new" if line.admit is not None else "known"
    return ImportLineView(
        line=line.number,
        bed=line.bed,
        patient=line.patient,
        outcome=outcome or usual,
        start=line.admit.time if line.admit is not None else None,
        end=line.admit.end if line.admit is not None else None,
        details=line.details is not None,
        why=why or line.wrong,
    )
