"""The newest words of a bed: whatever comes in whatever order, they are those a plain table would hold."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hub.newest import Newest
from vitals.live import LiveValue
from vitals.parameters import PARAMETERS
from vitals.readings import Record

NAMES = ("hr", "spo2", "temp", "nibp_sys")
REASONS = ("sensor_off", "low_signal")
NOW = 1_000_000


@st.composite
def records(draw):
    """Mostly the same parameters each time, as a monitor says them."""
    said = draw(st.one_of(st.just(NAMES[:2]), st.lists(st.sampled_from(NAMES), unique=True)))
    values, flags = {}, {}
    for name in said:
        if draw(st.integers(0, 3)):
            values[name] = float(draw(st.integers(1, 9)))
        else:
            flags[name] = draw(st.sampled_from(REASONS))
    return Record(seq=1, device="mon-a", time=0, values=values, flags=flags)


STEPS = st.one_of(
    st.tuples(st.just("take"), records(), st.integers(0, 40_000)),
    st.tuples(st.just("forget"), st.none(), st.integers(0, 40_000)),
)


@given(st.lists(STEPS, max_size=12), st.integers(0, 200_000))
def test_it_shows_what_a_plain_table_would(steps, later):
    newest, table, now = Newest(), {}, NOW
    for step, record, passed in steps:
        now += passed
        if step == "forget":
            newest.forget(now - 5_000)
            table = {name: row for name, row in table.items() if row[3] > now - 5_000}
            continue
        newest.take(msgspec.structs.replace(record, time=now - 700), now)
        table |= {name: (value, "", now - 700, now) for name, value in record.values.items()}
        table |= {name: (None, reason, now - 700, now) for name, reason in record.flags.items()}
    now += later
    assert newest.shown(now) == {
        name: LiveValue(
            value=value,
            reason=reason,
            time=time,
            age_ms=now - since,
            fresh=now - since <= PARAMETERS[name].stale_s * 1_000,
        )
        for name, (value, reason, time, since) in table.items()
    }


def test_a_record_is_never_changed_by_what_comes_after_it():
    newest = Newest()
    first = Record(seq=1, device="mon-a", time=0, values={"hr": 70.0}, flags={"spo2": "sensor_off"})
    newest.take(first, NOW)
    newest.take(Record(seq=2, device="mon-a", time=0, values={"spo2": 97.0}), NOW)
    newest.forget(NOW)
    assert (first.values, first.flags) == ({"hr": 70.0}, {"spo2": "sensor_off"})
