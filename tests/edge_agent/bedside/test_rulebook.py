"""What is believed of a bundle: all of it, or nothing, and then with the reason."""

import msgspec
import pytest

from chassis.signing import SigningKey
from edge_agent.bedside.rulebook import open_bundle
from vitals.bundles import BedRules, Phase
from vitals.errors import WireError
from vitals.identity import BedKey

NOW = 1_763_682_504_000
BED = BedKey("icu", "7")


@pytest.fixture
def read(hub_key):
    """Open a payload as gateway gw-1 does that has pinned the hub's key."""

    def make(payload, in_force=None, now=NOW, clock="synced"):
        believes = hub_key.public.__eq__
        return open_bundle(
            payload, gateway="gw-1", believes=believes, now=now, clock=clock, in_force=in_force
        )[0]  # fmt: skip

    return make


def bound(rulebook, rule="spo2-low", now=NOW):
    return rulebook.books(now)[BED].rules[rule].bound


def test_a_good_bundle_becomes_rules(read, sign, make_bundle):
    rulebook = read(sign(make_bundle(bounds={"spo2-low": 85.0})))
    assert bound(rulebook) == 85.0
    assert bound(rulebook, "hr-high") == 120.0
    assert [(bed.key, bed.sources) for bed in rulebook.beds] == [(BED, ("gw-1/mon-a",))]


def test_an_override_ends_when_it_should_although_no_hub_says_so(read, sign, make_bundle):
    phases = [Phase(bounds={"spo2-low": 85.0}), Phase(since=NOW + 60_000, bounds={})]
    rulebook = read(sign(make_bundle(phases=phases)))
    assert [bound(rulebook, now=now) for now in (NOW, NOW + 59_999, NOW + 60_000)] == [85.0, 85.0, 90.0]
    assert rulebook.next_phase(NOW) == NOW + 60_000
    assert rulebook.next_phase(NOW + 60_000) is None


def test_an_unsigned_bundle_is_refused(read, make_bundle):
    with pytest.raises(WireError, match="cannot be read"):
        read(msgspec.json.encode(make_bundle()))


def test_a_bundle_of_another_key_is_refused(read, sign, make_bundle):
    with pytest.raises(WireError, match="does not trust"):
        read(sign(make_bundle(), SigningKey(b"\x66" * 32)))


def test_a_stolen_public_key_signs_nothing(read, sign, make_bundle, hub_key):
    forged = msgspec.json.decode(sign(make_bundle(), SigningKey(b"\x66" * 32)))
    with pytest.raises(WireError, match="signature of the bundle is wrong"):
        read(msgspec.json.encode(forged | {"key": hub_key.public}))


def test_one_changed_number_is_refused(read, sign, make_bundle):
    payload = sign(make_bundle())
    assert b"low: 90" in payload
    with pytest.raises(WireError, match="signature of the bundle is wrong"):
        read(payload.replace(b"low: 90", b"low: 40"))


def test_a_truncated_bundle_is_refused_wherever_it_was_cut(read, sign, make_bundle):
    payload = sign(make_bundle())
    for length in range(0, len(payload), 7):
        with pytest.raises(WireError):
            read(payload[:length])


def test_a_bundle_for_another_gateway_is_refused(read, sign, make_bundle):
    with pytest.raises(WireError, match="for gateway gw-2"):
        read(sign(make_bundle(gateway="gw-2")))


def test_an_older_bundle_is_refused(read, sign, make_bundle):
    in_force = read(sign(make_bundle(version=7)))
    with pytest.raises(WireError, match=r"older \(version 6\) than the one in force \(version 7\)"):
        read(sign(make_bundle(version=6)), in_force)
    assert read(sign(make_bundle(version=8)), in_force).bundle.version == 8


def test_the_same_bundle_again_is_welcome_and_another_of_the_same_version_is_not(read, sign, make_bundle):
    in_force = read(sign(make_bundle(version=7)))
    assert read(sign(make_bundle(version=7)), in_force).digest == in_force.digest
    with pytest.raises(WireError, match="another bundle with the same version"):
        read(sign(make_bundle(version=7, bounds={"spo2-low": 50.0})), in_force)


def test_a_bundle_from_the_future_waits_unless_our_own_clock_is_not_to_be_trusted(read, sign, make_bundle):
    payload = sign(make_bundle(not_before=NOW + 3_600_000))
    with pytest.raises(WireError, match="not valid yet"):
        read(payload)
    assert read(payload, clock="unsynced")
    assert read(payload, now=NOW + 3_600_000)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"sets": []}, "names the rule sets probe and does not have them"),
        ({"sets": ["format: 1\nid: probe\n"]}, "cannot be used"),
        ({"sets": ["{"]}, "cannot be used"),
        ({"beds": [BedRules(bed="icu/7", devices=["mon-a"], sets=["probe", "probe"])]}, "cannot be used"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_as_a_whole(read, sign, make_bundle, fields, why):
    with pytest.raises(WireError, match=why):
        read(sign(make_bundle(**fields)))


def test_a_phase_to_come_that_cannot_be_used_is_refused_today(read, sign, make_bundle):
    phases = [Phase(), Phase(since=NOW + 60_000, bounds={"spo2-low": float("nan")})]
    with pytest.raises(WireError):
        read(sign(make_bundle(phases=phases)))


def test_a_bundle_larger_than_any_broker_takes_is_not_even_read(read):
    with pytest.raises(WireError, match="at most"):
        read(b" " * 200_001)
