"""The live picture: newest words, honest ages, and silence shown as silence."""

import pytest

from hub.live import Judged, LivePicture
from hub.registry import Registry
from vitals.identity import BedKey
from vitals.readings import Record
from vitals.sessions import DeviceStatus, GatewayStatus

NOW = 1_000_000
BED = BedKey("icu", "1")


@pytest.fixture
def picture(make_settings) -> LivePicture:
    return LivePicture(Registry(make_settings()), "hub-test")


def beds(picture, now=NOW):
    return picture.snapshot("icu", now, lambda _: Judged([])).beds


def record(seq=1, **fields) -> Record:
    return Record(seq=seq, device="mon-a", time=NOW - 500, **fields)


def test_a_ward_nobody_spoke_of_is_silent_and_has_no_values(picture):
    first, second = beds(picture)
    assert first.silent
    assert second.silent
    assert first.values == {}
    assert first.devices[0].age_ms is None
    assert first.devices[0].gateway_online is None


def test_a_value_has_the_age_of_its_arrival_and_goes_stale(picture):
    picture.observe(BED, "gw-a/mon-a", record(values={"spo2": 97.0, "temp": 36.8}), NOW)
    fresh = beds(picture, NOW + 4_000)[0]
    assert (fresh.values["spo2"].value, fresh.values["spo2"].age_ms, fresh.values["spo2"].fresh) == (97.0, 4_000, True)
    later = beds(picture, NOW + 16_000)[0]
    assert later.silent
    assert not later.values["spo2"].fresh
    assert later.values["temp"].fresh  # a temperature is good for longer


def test_a_missing_value_replaces_the_number_with_the_reason(picture):
    picture.observe(BED, "gw-a/mon-a", record(1, values={"spo2": 97.0}), NOW)
    picture.observe(BED, "gw-a/mon-a", record(2, flags={"spo2": "sensor_off"}), NOW + 1)
    value = beds(picture)[0].values["spo2"]
    assert (value.value, value.reason) == (None, "sensor_off")


def test_the_words_of_a_gateway_about_its_lines_are_shown(picture):
    device = DeviceStatus(id="mon-a", driver="nonin", link="down", since=1, detail="not there")
    picture.gateway(GatewayStatus(gateway="gw-a", online=True, devices=[device]))
    shown = beds(picture)[0].devices[0]
    assert (shown.gateway_online, shown.link, shown.detail) == (True, "down", "not there")
    picture.gateway(GatewayStatus(gateway="gw-a", online=False))
    assert beds(picture)[0].devices[0].gateway_online is False


def test_snapshots_are_numbered_without_a_jump(picture):
    numbers = [picture.snapshot("icu", NOW, lambda _: Judged([])).number for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_a_pressure_told_after_it_was_measured_is_as_old_as_it_is_whatever_the_gateways_clock_says(picture):
    hour = 3_600_000  # the gateway's clock is an hour slow
    live = Record(seq=1, device="mon-a", time=NOW - hour, values={"hr": 72.0})
    cuff = Record(seq=2, device="mon-a", time=NOW - hour - 90_000, values={"nibp_sys": 120.0})
    picture.observe(BED, "gw-a/mon-a", live, NOW)
    picture.observe(BED, "gw-a/mon-a", cuff, NOW + 10)
    shown = beds(picture, NOW + 1_000)[0]
    assert shown.values["hr"].age_ms == 1_000
    assert shown.values["nibp_sys"].age_ms == 91_000
    assert shown.devices[0].age_ms == 990


@pytest.mark.parametrize(
    ("ahead_ms", "clock"), [(300_000, "unsynced"), (315_360_000_000, "unsynced"), (315_360_000_000, "synced")]
)
def test_a_gateway_whose_clock_was_ahead_and_is_set_right_does_not_look_silent(picture, ahead_ms, clock):
    picture.observe(BED, "gw-a/mon-a", Record(seq=1, device="mon-a", time=NOW + ahead_ms, clock=clock), NOW)
    right = Record(seq=2, device="mon-a", time=NOW + 1_000, values={"spo2": 97.0})
    picture.observe(BED, "gw-a/mon-a", right, NOW + 1_000)
    value = beds(picture, NOW + 2_000)[0].values["spo2"]
    assert (value.fresh, value.age_ms) == (True, 1_000)
