"""The reference of the metrics is complete, and nothing in it names what belongs to a patient."""

import re

import pytest

from edge_agent import metrics as edge
from hub import metrics as hub
from hub.console import metrics as console
from hub.pagers import metrics as pagers
from hub.projections import metrics as projections

PAGES = {
    "Hub": hub.FAMILIES,
    "Projections": projections.FAMILIES,
    "Pagers": pagers.FAMILIES,
    "Console": console.FAMILIES,
    "Edge agent": edge.FAMILIES,
}
EVERY = {family for families in PAGES.values() for family in families}


@pytest.mark.parametrize("title", PAGES)
def test_every_metric_is_in_the_reference_and_no_other(root, title):
    page = (root / "docs/reference/metrics.md").read_text()
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S)[1]
    written = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", section, flags=re.M)
    assert [(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in written] == [
        (family.name, family.kind, family.labels) for family in PAGES[title]
    ]


def test_names_say_whose_they_are_and_counters_that_they_count():
    for family in EVERY:
        assert re.fullmatch(r"wardline_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert family.help, family.name


def test_no_metric_is_told_apart_by_ward_bed_or_patient():
    for family in EVERY:
        assert not {"ward", "bed", "patient", "parameter", "value", "recipient"} & set(family.labels), family.name


def test_whatever_the_intake_counts_has_a_metric(root):
    counted = {"refused", "committed"}
    for path in (root / "hub").rglob("*.py"):
        counted |= set(re.findall(r'counters\["(\w+)"\]', path.read_text()))
    assert counted == {*hub.COUNTERS, "refused"}
