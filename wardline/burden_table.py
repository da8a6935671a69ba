"""A burden as rows of words, for terminals, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rules.burden import Burden

NOTHING = "–"


class Figure(NamedTuple):
    """One line of a report: its key for programs, its name and value for people, the bare number."""

    key: str
    name: str
    shown: str
    value: float | None


def figures(burden: Burden) -> list[Figure]:
    """The totals of a burden, in reading order."""
    reference = f"{burden.reference_per_bed_day:g}"
    counts = [
        ("alarms", "Alarms", burden.alarms),
        ("calls", "Calls (raised, raised again, escalated)", burden.calls),
        ("high", "of high priority", burden.high),
        ("medium", "of medium priority", burden.medium),
        ("low", "of low priority", burden.low),
        ("physiological", "Physiological", burden.physiological),
        ("technical", "Technical", burden.technical),
    ]
    others = [
        ("equipment", "Alarms of equipment without a bed (not counted above)", burden.equipment),
        ("late", "Found afterwards in late data (not counted above)", burden.late),
        ("tests", "Tests (not counted above)", burden.tests),
    ]
    return [
        Figure(
            "per_bed_day",
            f"Alarms per bed and day (published reference {reference})",
            number(burden.per_bed_day),
            burden.per_bed_day,
        ),
        *(Figure(key, name, str(count), count) for key, name, count in counts),
        Figure("short_share", "Over in less than 15 s", percent(burden.short_share), burden.short_share),
        Figure("median_duration_s", "Median duration", lasting(burden.median_duration_s), burden.median_duration_s),
        Figure("in_alarm_share", "Time in alarm", percent(burden.in_alarm_share), burden.in_alarm_share),
        Figure("acknowledged", "Acknowledged", str(burden.acknowledged), burden.acknowledged),
        Figure(
            "latency_median_s",
            "Time to acknowledgement, median",
            lasting(burden.latency_median_s),
            burden.latency_median_s,
        ),
        Figure("latency_p90_s", "Time to acknowledgement, 90 %", lasting(burden.latency_p90_s), burden.latency_p90_s),
        Figure(
            "busiest_tenth_share",
            "Share of the busiest tenth of the beds",
            percent(burden.busiest_tenth_share),
            burden.busiest_tenth_share,
        ),
        *(Figure(key, name, str(count), count) for key, name, count in others),
    ]


def number(value: float | None) -> str:
    """A rate, with as many digits as mean something."""
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def percent(share: float | None) -> str:
    """A share in percent."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


def lasting(seconds: float | None) -> str:
    """A length of time as people say it."""
    if seconds is None:
        return NOTHING
    for unit, size in (("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under a head row as aligned lines; every column but the first to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def markdown(rows: Sequence[Sequence[str]], align: str = "---:") -> list[str]:
    """Rows under a head row as a Markdown table; `align` is that of every column but the first."""
    head, *others = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [_piped(head), _piped(["---", *[align] * (len(head) - 1)]), *map(_piped, others)]


def comma_separated(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV; what is unknown is empty."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
