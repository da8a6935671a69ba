"""How many alarms careless and careful rules make of real recordings; writes alarm_burden.md and alarm_burden.svg.

python benchmarks/alarm_burden.py --data DIR

DIR holds `mimic3wdb_s00001_1min.csv` and `mimic3demo_vitals.csv` (see the report for what they are and their licence).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from rules.burden import Burden, burden
from rules.library import profiles
from rules.recording import COLUMNS
from vitals.parameters import PARAMETERS
from wardline.backtest import FileJob, Sets, Trial, run_jobs
from wardline.burden_table import lasting, markdown, number, percent

HERE = Path(__file__).parent
BEGIN = 1_767_225_600_000  # 2026-01-01T00:00Z
MONITOR = "mimic3wdb_s00001_1min.csv"
CHARTED = "mimic3demo_vitals.csv"

NAIVE = """
format: 1
id: naive
title: Naive thresholds
provenance: What a beginner writes - one number per parameter, no delay, no hysteresis
limits:
  - {id: hr-low, parameter: hr, low: 50, for: 0s, priority: medium, message: HR low}
  - {id: spo2-low, parameter: spo2, low: 90, for: 0s, priority: medium, message: SpO2 low}
  - {id: rr-low, parameter: rr, low: 8, for: 0s, priority: medium, message: RR low}
"""
FULL = """
  - {id: hr-high, parameter: hr, high: 120, for: 0s, priority: medium, message: HR high}
  - {id: rr-high, parameter: rr, high: 30, for: 0s, priority: medium, message: RR high}
  - {id: nibp-sys-low, parameter: nibp_sys, low: 90, for: 0s, priority: medium, message: Cuff pressure low}
  - {id: nibp-sys-high, parameter: nibp_sys, high: 160, for: 0s, priority: medium, message: Cuff pressure high}
  - {id: abp-sys-low, parameter: abp_sys, low: 90, for: 0s, priority: medium, message: Arterial pressure low}
  - {id: abp-sys-high, parameter: abp_sys, high: 160, for: 0s, priority: medium, message: Arterial pressure high}
  - {id: abp-mean-low, parameter: abp_mean, low: 60, for: 0s, priority: medium, message: Mean pressure low}
"""
TWO_MINUTES = NAIVE.replace("for: 0s", "for: 61s").replace("id: naive", "id: two-minutes")

PAGE = """# The burden of alarms on real recordings

`python benchmarks/alarm_burden.py --data DIR` writes this page: recordings judged again as `wardline rules backtest`
does, physiological alarms only. The figures say what rules make of these readings. They cannot say which alarms were
useful, and two data sets of one hospital are no trial.

## One monitor, 32 hours

Numerics of one intensive-care monitor, a row a minute, each row repeated every second until the next. The monitor
exported 0 where it measured nothing: an arterial line that was not connected for 32 hours is one alarm that never ends.
*Three limits* are HR < 50, SpO2 < 90, RR < 8 without delay; *held for a minute* wants the next row to agree; *ten
limits* add high limits and pressures. Published reference: 187 audible alarms per bed and day (Drew et al. 2014).

![Alarms per bed and day](alarm_burden.svg)

{monitor}

{monitor_rules}

What it shows: taking 0 for what it is removes four alarms in ten and an alarm without end. Asking the next row to agree
removes most of the rest. This patient breathes slowly, in one row of twenty less than 9 times a minute: a limit of 9
(the ward profile, after NEWS2) alarms three times as often as one of 8 (the intensive-care profile), and more often
than the careless rules above. At such a bed the limit belongs to the patient.

What it cannot show: with one row a minute, delays of 5 to 15 s and hysteresis have nothing to do, and nothing
lasts less than a row. Published: 15 s at SpO2 90 % took away 60 % of the alarms of a recovery room (BI&T 45 s1:46).

## What nurses charted

{stays} adult stays of the MIMIC-III demo, charted about hourly; each row is one measurement. Alarms of charted values
are rarer than those of a monitor that looks each second: compare the rows with each other, not with 187. Entry errors
are in it as they were charted.

{charted}

{charted_rules}

Alarms of hourly values last until a later value clears them, which is why their durations are long. The last column is
what the busiest tenth of the stays has of all alarms: few patients make many of them (Lansdowne et al. 2016), and
limits of their own help there more than wider limits for everybody.

## Data

| file | what it is | original | licence |
|---|---|---|---|
| `{monitor_file}` | numerics of one bedside monitor, a row a minute | MIMIC-III Waveform Database Matched Subset, \
record s00001, through `MIT-LCP/wfdb-python` | ODbL 1.0 for the database as far as known |
| `{charted_file}` | vitals charted by nurses | MIMIC-III Clinical Database Demo v1.4, through `eth-mds/mimic-demo` \
| ODbL 1.0 |

The tables and the picture are produced works made from these databases; the databases are not in this folder.
Johnson A. et al., MIMIC-III, a freely accessible critical care database, Scientific Data 3:160035, 2016;
Goldberger A. et al., PhysioBank, PhysioToolkit, and PhysioNet, Circulation 101(23), 2000.
"""

TITLE = "Physiological alarms per bed and day, one monitor, 32 h"

Side = tuple[str, Burden]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--into", type=Path, default=HERE, metavar="DIR", help="where to write the report")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = {"naive": NAIVE, "naive-full": NAIVE.replace("id: naive", "id: naive-full") + FULL, "two": TWO_MINUTES}
        for stem, text in rules.items():
            (folder / f"{stem}.yaml").write_text(text)
        monitor = monitor_sides(arguments.data / MONITOR, folder)
        charted, stays = charted_sides(arguments.data / CHARTED, folder)
    (arguments.into / "alarm_burden.md").write_text(report(monitor, charted, stays))
    (arguments.into / "alarm_burden.svg").write_text(picture(monitor))
    print(f"wrote {arguments.into / 'alarm_burden.md'} and alarm_burden.svg")


def monitor_sides(path: Path, folder: Path) -> list[Side]:
    """One real bed monitor over 32 hours, its rows repeated each second."""
    naive, full, two = ((str(folder / f"{stem}.yaml"),) for stem in ("naive", "naive-full", "two"))
    shipped = profile_sets()
    with_zeros = run_jobs([FileJob(path=path, sets=(naive, full), begin=BEGIN, zero_is_missing=False, hold="auto")])
    without = run_jobs(
        [FileJob(path=path, sets=(naive, two, full, *shipped), begin=BEGIN, zero_is_missing=True, hold="auto")]
    )
    titles = ["three limits, 0 is missing", "the same, held for a minute", "ten limits, 0 is missing"]
    return [
        *sided(["three limits, 0 is a value", "ten limits, 0 is a value"], with_zeros),
        *sided([*titles, *(f"shipped: {names[0]}" for names in shipped)], without),
    ]


def charted_sides(path: Path, folder: Path) -> tuple[list[Side], int]:
    """What nurses charted in many stays, about hourly: each row is one measurement."""
    files = write_stays(path, folder / "stays")
    shipped = profile_sets()
    sets: tuple[Sets, ...] = ((str(folder / "naive-full.yaml"),), *shipped)
    jobs = [FileJob(path=file, sets=sets, begin=BEGIN, zero_is_missing=True, hold="no") for file in files]
    return sided(["ten limits", *(f"shipped: {names[0]}" for names in shipped)], run_jobs(jobs)), len(files)


def profile_sets() -> tuple[Sets, ...]:
    """The shipped profiles for adults: both data sets hold adults only."""
    return tuple((name,) for name in profiles() if name.startswith("adult"))


def sided(titles: Sequence[str], trials: Sequence[Trial]) -> list[Side]:
    """The physiological alarms of each rule set: silence between the rows of a recording is none of a device."""
    spans = {trial.bed: trial.span for trial in trials}
    return [
        (
            title,
            burden([one for trial in trials for one in trial.episodes[side] if one.kind == "physiological"], spans),
        )
        for side, title in enumerate(titles)
    ]


def write_stays(path: Path, folder: Path) -> list[Path]:
    """One CSV per stay out of the long table; columns we have no parameter for are left out."""
    folder.mkdir()
    stays: dict[str, dict[float, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            name = COLUMNS.get(row["param"], row["param"])
            if name in PARAMETERS and name != "fio2":  # a fraction there, a percentage here
                stays[row["stay_id"]][float(row["t_min"])][name] = row["value"]
    files = []
    for stay, rows in sorted(stays.items()):
        names = sorted({name for values in rows.values() for name in values})
        files.append(folder / f"stay-{stay}.csv")
        with files[-1].open("w", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(["t_min", *names])
            writer.writerows([time, *(values.get(name, "") for name in names)] for time, values in sorted(rows.items()))
    return files


def report(monitor: Sequence[Side], charted: Sequence[Side], stays: int) -> str:
    """The whole page."""
    return PAGE.format(
        monitor=table(rows(monitor)),
        monitor_rules=table(by_rule(monitor), "---"),
        stays=stays,
        charted=table(rows(charted)),
        charted_rules=table(by_rule(charted), "---"),
        monitor_file=MONITOR,
        charted_file=CHARTED,
    )


def table(lines: Sequence[Sequence[str]], align: str = "---:") -> str:
    """A Markdown table."""
    return "\n".join(markdown(lines, align))


def rows(sides: Sequence[Side]) -> list[list[str]]:
    """One row per rule set."""
    head = ["rules", "alarms", "per bed and day", "under 15 s", "median duration", "time in alarm", "busiest tenth"]
    return [
        head,
        *(
            [
                title,
                str(side.alarms),
                number(side.per_bed_day),
                percent(side.short_share),
                lasting(side.median_duration_s),
                percent(side.in_alarm_share),
                percent(side.busiest_tenth_share) if side.beds > 1 else "–",
            ]
            for title, side in sides
        ),
    ]


def by_rule(sides: Sequence[Side]) -> list[list[str]]:
    """Which rules the alarms are of."""
    return [
        ["rules", "alarms by rule"],
        *([title, ", ".join(f"{line.rule} {line.alarms}" for line in side.rules) or "none"] for title, side in sides),
    ]


def picture(sides: Sequence[Side]) -> str:
    """Bars of alarms per bed and day as SVG."""
    left, width, step, top = 230, 430, 30, 44
    highest = max(side.per_bed_day or 0 for _, side in sides)
    height = top + step * len(sides) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" font-family="sans-serif"',
        ' font-size="13">',
        f'<rect width="720" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="15" fill="#1a1a1a">{TITLE}</text>',
    ]
    for place, (title, side) in enumerate(sides):
        y = top + step * place
        rate = side.per_bed_day or 0.0
        colour = "#2f6f4f" if title.startswith("shipped") else "#b3541e"
        parts += [
            f'<text x="{left - 10}" y="{y + 15}" text-anchor="end" fill="#1a1a1a">{escape(title)}</text>',
            f'<rect x="{left}" y="{y}" width="{width * rate / highest:.1f}" height="20" fill="{colour}"/>',
            f'<text x="{left + width * rate / highest + 6:.1f}" y="{y + 15}" fill="#1a1a1a">{number(rate)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
