from hypothesis import given
from hypothesis import strategies as st

from edge_agent.seqset import SeqSet

pairs = st.tuples(st.integers(1, 60), st.integers(1, 60)).map(sorted).map(tuple)


def members(ranges):
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(st.lists(st.tuples(st.booleans(), pairs), max_size=30), pairs, st.integers(0, 70))
def test_agrees_with_a_plain_set(steps, window, limit):
    ranges, plain = SeqSet(), set()
    for put, (low, high) in steps:
        numbers = set(range(low, high + 1))
        if put:
            ranges.put(low, high)
            plain |= numbers
        else:
            assert members(ranges.discard(low, high)) == plain & numbers
            plain -= numbers
    low, high = window
    inside = sorted(number for number in plain if low <= number <= high)
    assert members(ranges) == plain
    assert ranges.count() == len(plain)
    assert members(ranges.within(low, high)) == set(inside)
    assert sorted(members(ranges.take(low, high, limit))) == inside[:limit]


def test_an_empty_range_puts_nothing():
    ranges = SeqSet()
    ranges.put(5, 4)
    assert list(ranges) == []


def test_clearing_leaves_nothing():
    ranges = SeqSet([(1, 5)])
    ranges.clear()
    assert ranges.count() == 0
