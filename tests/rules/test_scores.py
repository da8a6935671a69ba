"""NEWS2 and other tables: every vector, every edge, what is missing, and what a total asks for."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.score_documents import NEWS2, shipped_scores
from rules.scores import round_half_away, score
from vitals.entries import CHOICES

TABLE = shipped_scores()[NEWS2]
WELL = {"rr": 16, "spo2": 97, "oxygen": 0, "nibp_sys": 125, "hr": 75, "acvpu": 0, "temp": 37.0}


def vectors():
    lines = (Path(__file__).parent / "news2.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def news2(**other):
    return score(TABLE, {name: value for name, value in (WELL | other).items() if value is not None})


def test_there_are_seventy_one_vectors():
    assert len(vectors()) == 71


@pytest.mark.parametrize("row", vectors(), ids=lambda row: "-".join(row.values()))
def test_the_total_of_every_vector(row):
    inputs = {
        "rr": float(row["rr"]),
        "spo2": float(row["spo2"]),
        "spo2_scale": float(row["scale"]),
        "oxygen": float(row["o2"]),
        "nibp_sys": float(row["sbp"]),
        "hr": float(row["pulse"]),
        "acvpu": float(CHOICES["acvpu"].codes[row["acvpu"]]),
        "temp": float(row["temp"]),
    }
    result = score(TABLE, inputs)
    assert (result.total, result.complete, result.missing) == (int(row["total"]), True, ())
    assert sum(result.points.values()) == result.total


EDGES = [
    ("respiration", "rr", {}, "8:3 9:1 11:1 12:0 20:0 21:2 24:2 25:3"),
    ("spo2", "spo2", {}, "91:3 92:2 93:2 94:1 95:1 96:0"),
    ("spo2", "spo2", {"spo2_scale": 2}, "83:3 84:2 85:2 86:1 87:1 88:0 92:0 93:0 97:0 100:0"),
    ("spo2", "spo2", {"spo2_scale": 2, "oxygen": 1}, "83:3 84:2 85:2 86:1 87:1 88:0 92:0 93:1 94:1 95:2 96:2 97:3"),
    ("systolic", "nibp_sys", {}, "90:3 91:2 100:2 101:1 110:1 111:0 219:0 220:3"),
    ("pulse", "hr", {}, "40:3 41:1 50:1 51:0 90:0 91:1 110:1 111:2 130:2 131:3"),
    ("temperature", "temp", {}, "35.0:3 35.1:1 36.0:1 36.1:0 38.0:0 38.1:1 39.0:1 39.1:2"),
    ("consciousness", "acvpu", {}, "0:0 1:3 2:3 3:3 4:3"),
    ("oxygen", "oxygen", {}, "0:0 1:2"),
]


@pytest.mark.parametrize(
    ("item", "given_", "points"),
    [
        (item, {**also, name: float(value)}, int(points))
        for item, name, also, edges in EDGES
        for value, points in (edge.split(":") for edge in edges.split())
    ],
)
def test_each_edge_of_the_chart(item, given_, points):
    assert news2(**given_).points[item] == points


def test_values_are_rounded_as_on_paper_before_they_are_scored():
    assert news2(temp=35.04).points["temperature"] == 3
    assert news2(temp=35.05).points["temperature"] == 1
    assert news2(spo2=91.5).points["spo2"] == 2
    assert news2(spo2=91.49).points["spo2"] == 3
    assert news2(rr=24.5).points["respiration"] == 3


@pytest.mark.parametrize(("value", "rounded"), [(0.5, 1), (1.5, 2), (2.5, 3), (-0.5, -1), (-2.5, -3), (2.4999, 2)])
def test_half_is_rounded_away_from_zero(value, rounded):
    assert round_half_away(value, 0) == rounded


@pytest.mark.parametrize("missing", ["spo2", "oxygen", "nibp_sys", "hr", "acvpu", "temp"])
def test_a_missing_value_leaves_a_partial_sum_and_no_total(missing):
    result = news2(rr=25, **{missing: None})
    assert (result.total, result.partial, result.complete, result.risk, result.response) == (None, 3, False, "", "")
    assert len(result.missing) == 1


def test_not_a_number_is_missing():
    assert news2(hr=float("nan")).missing == ("pulse",)


def test_without_anything_the_score_is_incomplete_and_not_zero():
    result = score(TABLE, {})
    assert (result.total, result.partial, len(result.missing)) == (None, 0, 7)


def test_scale_2_counts_only_after_somebody_entered_it():
    assert news2(spo2=88).points["spo2"] == 3
    assert news2(spo2=88, spo2_scale=2).points["spo2"] == 0


def test_on_scale_2_without_word_of_oxygen_only_values_that_score_alike_on_both_are_scored():
    low = news2(spo2=83, spo2_scale=2, oxygen=None)
    assert (low.points["spo2"], low.missing) == (3, ("oxygen",))
    assert news2(spo2=95, spo2_scale=2, oxygen=None).missing == ("spo2", "oxygen")


def test_the_pulse_of_the_ecg_is_preferred_and_that_of_the_oximeter_will_do():
    assert news2(hr=75, pr=131).points["pulse"] == 0
    assert news2(hr=None, pr=131).points["pulse"] == 3


@pytest.mark.parametrize(
    ("given_", "total", "red", "risk"),
    [
        ({}, 0, False, "low"),
        ({"rr": 9}, 1, False, "low"),
        ({"rr": 9, "hr": 91, "temp": 36.0}, 3, False, "low"),
        ({"rr": 8}, 3, True, "low to medium"),
        ({"rr": 8, "hr": 91}, 4, True, "low to medium"),
        ({"rr": 8, "oxygen": 1}, 5, True, "medium"),
        ({"rr": 21, "oxygen": 1, "hr": 91}, 5, False, "medium"),
        ({"rr": 21, "oxygen": 1, "hr": 111}, 6, False, "medium"),
        ({"rr": 25, "oxygen": 1, "hr": 111}, 7, True, "high"),
    ],
)
def test_three_points_from_one_item_differ_from_three_points_together(given_, total, red, risk):
    result = news2(**given_)
    assert (result.total, result.red, result.risk) == (total, red, risk)
    assert result.response
    assert result.monitoring


def test_a_single_three_is_marked_even_where_the_score_is_incomplete():
    result = news2(rr=8, temp=None)
    assert (result.red, result.total) == (True, None)


ANY = st.fixed_dictionaries(
    {},
    optional={
        "rr": st.floats(0, 200),
        "spo2": st.floats(0, 100),
        "spo2_scale": st.sampled_from([1.0, 2.0]),
        "oxygen": st.sampled_from([0.0, 1.0]),
        "nibp_sys": st.floats(0, 300),
        "hr": st.floats(0, 350),
        "acvpu": st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0]),
        "temp": st.floats(0, 50),
    },
)


@given(inputs=ANY)
def test_a_score_is_the_sum_of_its_points_or_incomplete(inputs):
    result = score(TABLE, inputs)
    assert result.partial == sum(result.points.values())
    assert set(result.points) | set(result.missing) == {item.id for item in TABLE.items}
    assert not set(result.points) & set(result.missing)
    assert result.complete is (not result.missing) is (result.total is not None) is bool(result.risk)
    assert 0 <= result.partial <= 20


@given(
    item=st.sampled_from([("rr", 12, 20), ("nibp_sys", 111, 219), ("hr", 51, 90), ("temp", 36.1, 38.0)]),
    values=st.tuples(st.integers(0, 500), st.integers(0, 500)),
)
def test_farther_from_normal_never_scores_less(item, values):
    name, low, high = item
    near, far = sorted(value / 10 for value in values)
    below = [news2(**{name: max(0.0, low - distance)}).total for distance in (near, far)]
    above = [news2(**{name: high + distance}).total for distance in (near, far)]
    assert below[0] <= below[1]
    assert above[0] <= above[1]


@given(spo2=st.integers(0, 99))
def test_more_oxygen_in_the_blood_never_scores_more_on_scale_1(spo2):
    assert news2(spo2=spo2).total >= news2(spo2=spo2 + 1).total
