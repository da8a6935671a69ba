"""Ranges against the simplest model of a set of numbers."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals.ranges import Ranges

numbers = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=40)


def as_set(ranges: Ranges) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(numbers)
def test_a_set_of_ranges_holds_what_was_put_in(spans):
    ranges, model = Ranges(), set()
    for low, length in spans:
        ranges.add_range(low, low + length)
        model |= set(range(low, low + length + 1))
    assert as_set(ranges) == model
    assert ranges.count() == len(model)
    listed = list(ranges)
    assert all(later[0] > earlier[1] + 1 for earlier, later in itertools.pairwise(listed))
    assert all((number in ranges) == (number in model) for number in range(80))


@given(st.lists(st.integers(1, 50)))
def test_add_says_whether_the_number_was_new(sequence):
    ranges, model = Ranges(), set()
    for number in sequence:
        assert ranges.add(number) == (number not in model)
        model.add(number)
    assert as_set(ranges) == model


@given(numbers, numbers)
def test_a_union_is_new_and_holds_both(one, other):
    left = Ranges((low, low + length) for low, length in one)
    right = Ranges((low, low + length) for low, length in other)
    before = list(left)
    assert as_set(left.union(right)) == as_set(left) | as_set(right)
    assert list(left) == before


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="cannot end"):
        Ranges().add_range(5, 4)


@given(numbers, numbers)
def test_what_is_taken_out_is_gone_and_nothing_else(spans, taken):
    ranges = Ranges((low, low + length) for low, length in spans)
    model = as_set(ranges)
    for low, length in taken:
        ranges.remove_range(low, low + length)
        model -= set(range(low, low + length + 1))
    assert as_set(ranges) == model
    listed = list(ranges)
    assert all(later[0] > earlier[1] + 1 for earlier, later in itertools.pairwise(listed))


@given(numbers, numbers)
def test_a_difference_leaves_both_sets_as_they_were(left, right):
    one, other = (Ranges((low, low + length) for low, length in spans) for spans in (left, right))
    before, other_before = as_set(one), as_set(other)
    assert as_set(one.minus(other)) == before - other_before
    assert (as_set(one), as_set(other)) == (before, other_before)


@given(numbers, numbers, st.integers(1, 5))
def test_what_touches_another_set_and_either_end_can_be_asked_for(left, right, limit):
    one, other = Ranges(), Ranges()
    for ranges, spans in ((one, left), (other, right)):
        for low, more in spans:
            ranges.add_range(low, low + more)
    wanted = as_set(other)
    assert one.touching(other) == [(low, high) for low, high in one if wanted & set(range(low, high + 1))]
    assert (one.first(limit), one.last(limit)) == (list(one)[:limit], list(one)[-limit:])
