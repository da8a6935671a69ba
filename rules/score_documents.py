"""Score documents: strict YAML text becomes a score table, or every problem with its line."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from rules.scores import Bands, Response, ScoreItem, ScoreTable
from rules.tokens import unknown_name
from vitals.document import convert
from vitals.entries import CHOICES
from vitals.errors import DocumentError, Problem
from vitals.identity import RuleId
from vitals.parameters import PARAMETERS
from vitals.yamldoc import Path, load

NEWS2 = "news2"
_FOLDER = resources.files("rules").joinpath("scores")
_SUFFIX = ".yaml"
_Where = tuple[Path, str]

ScoreId = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$", description="Name in expressions: score(name); snake case")
]
Points = Annotated[int, Meta(ge=0, le=100)]
Whole = Annotated[int, Meta(ge=0, le=1_000)]
Sentence = Annotated[str, Meta(max_length=300)]
Choices = Annotated[dict[str, str], Meta(description="Staff entry to one of its codes")]


class Band(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The points of a span of rounded values, both ends included. The first band has no `from`, the last no `to`."""

    from_: Annotated[float | None, Meta(description="Lowest value")] = msgspec.field(default=None, name="from")
    to: Annotated[float | None, Meta(description="Highest value")] = None
    points: Points


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bands that count while staff entries have these codes."""

    when: Annotated[Choices, Meta(min_length=1)]
    bands: list[Band]


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the table: bands of a parameter, or the codes of a staff entry."""

    id: RuleId
    label: Annotated[str, Meta(min_length=1, max_length=60)]
    inputs: Annotated[list[str], Meta(description="Parameters of one unit; the first with a value counts")] = []
    decimals: Annotated[int, Meta(ge=0, le=3, description="Rounded to so many, half away from zero")] = 0
    bands: list[Band] = []
    cases: list[Case] = []
    entry: Annotated[str, Meta(description="A staff entry with codes, such as acvpu")] = ""
    codes: Annotated[dict[str, Points], Meta(description="The points of each code of `entry`")] = {}

    def __post_init__(self) -> None:
        banded = bool(self.inputs) and bool(self.bands) != bool(self.cases) and not (self.entry or self.codes)
        coded = bool(self.entry and self.codes) and not (self.inputs or self.bands or self.cases)
        if banded == coded:
            raise ValueError("give inputs with either bands or cases, or an entry with codes")


class Risk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What totals from `from` to `to` mean. The last one has no `to`."""

    from_: Annotated[Whole, Meta(description="Lowest total")] = msgspec.field(name="from")
    to: Annotated[Whole | None, Meta(description="Highest total")] = None
    risk: Annotated[str, Meta(min_length=1, max_length=40)]
    monitoring: Sentence = ""
    response: Sentence = ""


class Single(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one item that scores `points` alone means, as long as the total is lower than `below`."""

    points: Annotated[int, Meta(ge=1, le=100)]
    below: Annotated[int, Meta(ge=1, le=1_000)]
    risk: Annotated[str, Meta(min_length=1, max_length=40)]
    monitoring: Sentence = ""
    response: Sentence = ""


class Score(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A score table, as it stands in a rule document."""

    id: ScoreId
    title: Annotated[str, Meta(min_length=1, max_length=80)]
    applies_to: Annotated[str, Meta(min_length=1, max_length=300, description="For whom it was made")]
    provenance: Annotated[str, Meta(min_length=1, max_length=4000, description="Where it comes from, who approved it")]
    defaults: Annotated[Choices, Meta(description="The code of a staff entry nobody has made")] = {}
    items: Annotated[list[Item], Meta(min_length=1)]
    risks: Annotated[list[Risk], Meta(min_length=1)]
    single: Single | None = None


class ScoreDocument(Score, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A score table as a document of its own."""

    format: Annotated[Literal[1], Meta(description="Version of this document's format")]


def read_score(text: str, file: str) -> ScoreDocument:
    """Read a score document. Raises DocumentError carrying every problem found."""
    document = load(text, file)
    found = convert(document, ScoreDocument)
    problems = [
        Problem(file, document.line(path), f"{'.'.join(str(part) for part in path)}: {text_}")
        for path, text_ in check_score(found, ())
    ]
    if problems:
        raise DocumentError(problems)
    return found


@functools.cache
def shipped_scores() -> Mapping[str, ScoreTable]:
    """The score tables that come with Wardline, by their id."""
    tables = (score_table(read_score(score_text(name), name + _SUFFIX)) for name in shipped_score_names())
    return {table.id: table for table in tables}


def shipped_score_names() -> list[str]:
    """The shipped score documents, without their suffix."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def score_text(name: str) -> str:
    """A shipped score document."""
    return _FOLDER.joinpath(name + _SUFFIX).read_text(encoding="utf-8")


def score_table(document: Score) -> ScoreTable:
    """A checked document, ready to apply."""
    single = document.single
    return ScoreTable(
        id=document.id,
        title=document.title,
        items=tuple(map(_item, document.items)),
        responses=tuple(
            (10_000 if risk.to is None else risk.to, Response(risk.risk, risk.monitoring, risk.response))
            for risk in document.risks
        ),
        single=None
        if single is None
        else (single.points, single.below, Response(single.risk, single.monitoring, single.response)),
        defaults={name: float(CHOICES[name].codes[code]) for name, code in document.defaults.items()},
    )


def _item(item: Item) -> ScoreItem:
    cases = [Case(when={}, bands=item.bands)] if item.bands else item.cases
    codes = CHOICES[item.entry].codes if item.entry else {}
    return ScoreItem(
        id=item.id,
        label=item.label,
        inputs=tuple(item.inputs),
        decimals=item.decimals,
        bands=tuple(
            Bands(
                tuple(band.to for band in case.bands if band.to is not None),
                tuple(band.points for band in case.bands),
                tuple((name, float(CHOICES[name].codes[code])) for name, code in sorted(case.when.items())),
            )
            for case in cases
        ),
        entry=item.entry,
        codes={float(codes[code]): points for code, points in item.codes.items()},
    )


def check_score(score: Score, path: Path) -> Iterator[_Where]:
    """Everything the types cannot say: (path, problem) for each."""
    yield from _check_choices(score.defaults, (*path, "defaults"))
    seen: set[str] = set()
    for index, item in enumerate(score.items):
        at = (*path, "items", index)
        if item.id in seen:
            yield (*at, "id"), f"{item.id} is the id of an earlier item"
        seen.add(item.id)
        yield from _check_coded(item, at) if item.entry else _check_banded(item, at)
    yield from _check_risks(score.risks, (*path, "risks"))


def _check_choices(choices: Mapping[str, str], path: Path) -> Iterator[_Where]:
    for name, code in choices.items():
        if name not in CHOICES:
            yield (*path, name), unknown_name("staff entry", name, CHOICES)
        elif code not in CHOICES[name].codes:
            yield (*path, name), unknown_name("code", code, CHOICES[name].codes)


def _check_coded(item: Item, path: Path) -> Iterator[_Where]:
    choice = CHOICES.get(item.entry)
    if choice is None:
        yield (*path, "entry"), unknown_name("staff entry", item.entry, CHOICES)
        return
    for code in item.codes:
        if code not in choice.codes:
            yield (*path, "codes", code), unknown_name("code", code, choice.codes)
    lacking = [code for code in choice.codes if code not in item.codes]
    if lacking:
        yield (*path, "codes"), f"no points for {', '.join(lacking)}"


def _check_banded(item: Item, path: Path) -> Iterator[_Where]:
    units = {PARAMETERS[name].unit for name in item.inputs if name in PARAMETERS}
    for index, name in enumerate(item.inputs):
        if name not in PARAMETERS:
            yield (*path, "inputs", index), unknown_name("parameter", name, PARAMETERS)
    if len(units) > 1:
        yield (*path, "inputs"), f"are measured in {' and '.join(sorted(units))}"
    if item.bands:
        yield from _check_bands(item.bands, item.decimals, (*path, "bands"))
    for index, case in enumerate(item.cases):
        yield from _check_choices(case.when, (*path, "cases", index, "when"))
        yield from _check_bands(case.bands, item.decimals, (*path, "cases", index, "bands"))
    yield from _check_cases(item.cases, (*path, "cases"))


def _check_bands(bands: Sequence[Band], decimals: int, path: Path) -> Iterator[_Where]:
    """Every value has exactly one band."""
    step = 10.0**-decimals
    if len(bands) < 2:
        yield path, "needs two bands or more; with one, every value scores the same"
        return
    if bands[0].from_ is not None:
        yield (*path, 0, "from"), f"values below {bands[0].from_:g} have no band; leave out the first from"
    if bands[-1].to is not None:
        yield (*path, len(bands) - 1, "to"), f"values above {bands[-1].to:g} have no band; leave out the last to"
    for index, band in enumerate(bands):
        for key, edge in (("from", band.from_), ("to", band.to)):
            if edge is not None and round(edge, decimals) != edge:
                yield (*path, index, key), f"{edge:g} is no value with {decimals} decimals; values are rounded to them"
        if band.from_ is not None and band.to is not None and band.from_ > band.to:
            yield (*path, index), f"from {band.from_:g} is above to {band.to:g}"
    for index, (before, after) in enumerate(itertools.pairwise(bands), start=1):
        if before.to is None or after.from_ is None:
            lacking = index - 1 if before.to is None else index
            yield (*path, lacking), f"has no {'to' if before.to is None else 'from'}, but another band stands beside it"
        elif after.from_ <= before.to:
            yield (*path, index, "from"), f"{after.from_:g} overlaps the band before it, which reaches to {before.to:g}"
        elif round(after.from_ - before.to, 6) > step:
            yield (*path, index, "from"), f"values between {before.to:g} and {after.from_:g} have no band"


def _check_cases(cases: Sequence[Case], path: Path) -> Iterator[_Where]:
    """Every combination of codes has exactly one case."""
    names = sorted({name for case in cases for name in case.when if name in CHOICES})
    for codes in itertools.product(*(CHOICES[name].codes for name in names)):
        chosen = dict(zip(names, codes, strict=True))
        fitting = [n for n, case in enumerate(cases) if all(chosen.get(name) == c for name, c in case.when.items())]
        said = ", ".join(f"{name} {code}" for name, code in chosen.items())
        if not fitting and names:
            yield path, f"no case for {said}"
        elif len(fitting) > 1:
            yield (*path, fitting[1]), f"{said} has a case already"


def _check_risks(risks: Sequence[Risk], path: Path) -> Iterator[_Where]:
    expected = 0
    for index, risk in enumerate(risks):
        if risk.from_ > expected:
            yield (*path, index, "from"), f"totals from {expected} to {risk.from_ - 1} have no risk"
        elif risk.from_ < expected:
            yield (*path, index, "from"), f"a total of {risk.from_} has a risk already"
        if risk.to is not None and risk.to < risk.from_:
            yield (*path, index, "to"), f"{risk.to} is below from {risk.from_}"
        if risk.to is None and index < len(risks) - 1:
            yield (*path, index), "only the last risk has no to"
            return
        expected = 0 if risk.to is None else risk.to + 1
    if risks[-1].to is not None:
        yield (*path, len(risks) - 1, "to"), f"totals above {risks[-1].to} have no risk; leave out the last to"
