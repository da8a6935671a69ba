"""Which names may stand in a topic: nothing that could widen or leave its own subtree."""

import pytest

from vitals.identity import BedKey, is_gateway_id, is_name

HOSTILE = [
    "",
    "+",
    "#",
    "gw-01/x",
    "gw/+",
    "../up",
    "GW-01",
    "gw_01",
    "-gw",
    "gw 01",
    "gw\n",
    "gw-01\x00",
    "gé",
    "a" * 32,
    "$SYS",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_neither_a_gateway_nor_a_bed(name):
    assert not is_gateway_id(name)
    assert not is_name(name)


@pytest.mark.parametrize("name", ["gw-01", "00", "a1", "x" * 31])
def test_a_plain_name_may_be_a_gateway(name):
    assert is_gateway_id(name)
    assert is_name(name)


def test_a_bed_may_be_called_by_one_digit_but_a_login_may_not():
    assert is_name("7")
    assert not is_gateway_id("7")


def test_a_bed_key_is_read_as_it_is_written():
    key = BedKey.parse("icu/7")
    assert (key.ward, key.bed) == ("icu", "7")
    assert str(key) == "icu/7"


@pytest.mark.parametrize("text", ["icu", "icu/", "/7", "icu/7/8", "ICU/7", "icu 7", "+/7"])
def test_a_bed_key_needs_a_ward_and_a_bed(text):
    with pytest.raises(ValueError, match="expected ward/bed"):
        BedKey.parse(text)
