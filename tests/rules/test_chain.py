"""The chain of limits: who may set what, what is in force, and what comes of it when time passes or rules change."""

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.chain import Chain, Choice, Override
from rules.documents import read_rules
from rules.profiles import Profiles
from vitals.identity import BedKey

HEAD = "format: 1\nid: {id}\ntitle: Test\nprovenance: made up\n"
ADULT = (
    HEAD.format(id="adult")
    + """
limits:
  - {id: rate-low, parameter: hr, low: 50, priority: medium, for: 0s, hysteresis: 3, message: Low, provenance: a book}
  - {id: rate-high, parameter: hr, high: 120, priority: medium, for: 0s, hysteresis: 5, message: High}
  - {id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 0s, hysteresis: 2, message: SpO2 low}
conditions:
  - {id: device-silent, kind: technical, priority: medium, when: silent(15s), for: 0s, message: Silent}
"""
)
EXTREME = "extreme: {low: 85, priority: high, for: 0s}"
NIGHT = 'night: {from: "22:00", to: "06:00", low: 88}'
TIERS = ADULT.replace("low: 90,", f"low: 90, {EXTREME}, {NIGHT},") + "time_zone: Europe/Berlin\n"
CHILD = ADULT.replace("id: adult", "id: child").replace("low: 50", "low: 75").replace("high: 120", "high: 160")
BED, OTHER, FAR = BedKey("icu", "7"), BedKey("icu", "8"), BedKey("ward-3", "1")
NOW = 1_700_000_000_000
HOUR = 3_600_000


def sets(**texts):
    return {name: read_rules(text, f"{name}.yaml") for name, text in texts.items()}


def profiles(**fields):
    fields = {
        "sets": sets(adult=ADULT, child=CHILD),
        "default": "adult",
        "beds": dict.fromkeys((BED, OTHER, FAR), ()),
    } | fields
    return Profiles(**fields)


def an(scope="bed/icu/7", rule="rate-low", bound=45.0, **fields):
    return Override(
        **{"scope": scope, "rule": rule, "bound": bound, "by": "nurse-1", "reason": "athlete", "set_at": NOW} | fields
    )


def choice(scope="bed/icu/7", profile="child", reason="a child lies there"):
    return Choice(scope=scope, profile=profile, by="nurse-1", reason=reason, set_at=NOW)


@pytest.fixture
def chain():
    return Chain(profiles())


def bound(chain, bed=BED, patient="", rule="rate-low", now=NOW):
    return chain.book(bed, patient, now).rules[rule].bound


def test_without_anything_set_the_profile_decides(chain):
    assert (bound(chain), bound(chain, rule="rate-high")) == (50, 120)
    assert chain.profile(BED) == "adult"


def test_the_nearest_scope_is_in_force(chain):
    chain.set(an("ward/icu", bound=48), {}, NOW)
    assert (bound(chain), bound(chain, OTHER), bound(chain, FAR)) == (48, 48, 50)
    chain.set(an("bed/icu/7", bound=46), {}, NOW)
    assert (bound(chain), bound(chain, OTHER)) == (46, 48)
    chain.set(an("patient/p-1", bound=44), {BED: "p-1"}, NOW)
    assert (bound(chain, patient="p-1"), bound(chain)) == (44, 46)


def test_the_limits_of_a_patient_go_where_the_patient_goes_and_end_with_the_stay(chain):
    chain.set(an("patient/p-1", bound=44), {BED: "p-1"}, NOW)
    assert bound(chain, FAR, "p-1") == 44
    assert [one.rule for one in chain.discharge("p-1")] == ["rate-low"]
    assert bound(chain, FAR, "p-1") == 50


def test_clearing_brings_back_what_stands_above(chain):
    chain.set(an("ward/icu", bound=48), {}, NOW)
    chain.set(an(), {}, NOW)
    chain.clear("bed/icu/7", "rate-low", {}, NOW)
    assert bound(chain) == 48
    with pytest.raises(ValueError, match="has no limit of its own for rate-low"):
        chain.clear("bed/icu/7", "rate-low", {}, NOW)


def test_a_limit_that_has_expired_is_in_force_no_longer_even_before_it_is_dropped(chain):
    chain.set(an(expires=NOW + HOUR), {}, NOW)
    assert chain.next_expiry() == NOW + HOUR
    assert (bound(chain, now=NOW + HOUR - 1), bound(chain, now=NOW + HOUR)) == (45, 50)
    assert chain.expire(NOW + HOUR - 1) == []
    assert [one.bound for one in chain.expire(NOW + HOUR)] == [45]
    assert chain.next_expiry() is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"bound": 400.0}, "outside what a device can measure (0 to 350 /min)"),
        ({"bound": -1.0}, "outside what a device can measure"),
        ({"bound": float("nan")}, "outside what a device can measure"),
        ({"bound": float("inf")}, "outside what a device can measure"),
        ({"bound": 120.0}, "rate-low (low 120 /min) is not below rate-high (high 120 /min)"),
        ({"bound": 118.0}, "rate-low (low 118 /min) could not clear without passing rate-high"),
        ({"rule": "rate-high", "bound": 54.0}, "rate-high (high 54 /min) could not clear without passing rate-low"),
        ({"rule": "rate-high", "bound": 50.0}, "rate-low (low 50 /min) is not below rate-high (high 50 /min)"),
        (
            {"rule": "spo2-low", "bound": 99.0},
            "could never clear: its hysteresis asks for 101, which cannot be measured",
        ),
        ({"rule": "rate-hihg"}, "unknown limit 'rate-hihg'; did you mean 'rate-high'? (profile adult)"),
        ({"rule": "device-silent"}, "device-silent of profile adult is a condition and has no bound to set"),
        ({"scope": "bed/icu/99"}, "bed icu/99 is not known to this hub"),
        ({"scope": "ward/attic"}, "ward attic is not known to this hub"),
        ({"scope": "patient/p-9"}, "patient p-9 lies in no bed of this hub"),
        ({"reason": "  "}, "say why"),
        ({"expires": NOW}, "has passed already"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_with_a_sentence_and_changes_nothing(chain, fields, sentence):
    before = chain.bounds(BED, "", NOW)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the sentence is compared whole below
        chain.set(an(**fields), {}, NOW)
    assert sentence in str(refused.value)
    assert chain.bounds(BED, "", NOW) == before


def test_low_is_held_against_the_high_limit_in_force_and_not_against_the_profile(chain):
    chain.set(an("ward/icu", "rate-high", 100.0), {}, NOW)
    with pytest.raises(ValueError, match="is not below rate-high \\(high 100"):
        chain.set(an(bound=110.0), {}, NOW)
    chain.set(an("bed/icu/7", "rate-high", 150.0), {}, NOW)
    chain.set(an(bound=110.0), {}, NOW)
    assert bound(chain) == 110


def test_a_limit_of_the_ward_is_held_against_the_limits_of_each_of_its_beds(chain):
    chain.set(an("bed/icu/8", "rate-high", 80.0), {}, NOW)
    with pytest.raises(ValueError, match="at icu/8: rate-low"):
        chain.set(an("ward/icu", bound=90.0), {}, NOW)
    assert bound(chain) == 50


def test_two_limits_that_cross_only_when_a_third_expires_are_refused_now(chain):
    chain.set(an("ward/icu", "rate-high", 180.0, expires=NOW + HOUR), {}, NOW)
    with pytest.raises(ValueError, match="when a limit set there expires: rate-low \\(low 140"):
        chain.set(an(bound=140.0), {}, NOW)
    chain.set(an(bound=140.0, expires=NOW + HOUR), {}, NOW)
    assert bound(chain) == 140


def test_a_limit_others_lean_on_cannot_be_cleared_away_from_under_them(chain):
    chain.set(an("ward/icu", "rate-high", 180.0), {}, NOW)
    chain.set(an(bound=140.0), {}, NOW)
    with pytest.raises(ValueError, match="rate-low \\(low 140 /min\\) is not below rate-high \\(high 120"):
        chain.clear("ward/icu", "rate-high", {}, NOW)
    assert bound(chain, rule="rate-high") == 180


def test_two_hundred_beds_share_one_book_until_one_differs():
    beds = [BedKey("icu", str(number)) for number in range(200)]
    chain = Chain(profiles(beds=dict.fromkeys(beds, ())))
    assert len({id(chain.book(bed, "", NOW)) for bed in beds}) == 1
    chain.set(an("bed/icu/7", bound=45.0), {}, NOW)
    chain.set(an("bed/icu/8", bound=45.0), {}, NOW)
    assert len({id(chain.book(bed, "", NOW)) for bed in beds}) == 2
    chain.clear("bed/icu/7", "rate-low", {}, NOW)
    assert chain.book(BED, "", NOW) is chain.book(beds[0], "", NOW)


def test_a_profile_is_chosen_from_the_settings_then_by_people_the_nearest_scope_first():
    chain = Chain(profiles(placed={"ward/icu": "child", "bed/icu/8": "adult"}))
    assert [chain.profile(bed) for bed in (BED, OTHER, FAR)] == ["child", "adult", "adult"]
    assert chain.choose(choice("ward/icu", "adult"), {}, NOW) == [BED]
    assert chain.choose(choice("bed/icu/8", "child"), {}, NOW) == [OTHER]
    assert [chain.profile(bed) for bed in (BED, OTHER)] == ["adult", "child"]
    chain.choose(choice("ward/icu", ""), {}, NOW)
    assert chain.profile(BED) == "child"


def test_a_profile_chosen_for_a_patient_goes_where_they_go_and_ends_with_their_stay(chain):
    assert chain.choose(choice("patient/p-1", "child"), {BED: "p-1"}, NOW) == [BED]
    assert [chain.profile(BED, "p-1"), chain.profile(BED, "p-2"), chain.profile(FAR, "p-1")] == [
        "child",
        "adult",
        "child",
    ]
    assert bound(chain, patient="p-1") != bound(chain)
    assert [one.scope for one in chain.discharge("p-1")] == ["patient/p-1"]
    assert chain.profile(BED, "p-1") == "adult"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"profile": "adul"}, "unknown profile 'adul'; did you mean 'adult'?"),
        ({"scope": "patient/p-9"}, "patient p-9 lies in no bed of this hub"),
        ({"scope": "bed/icu/99"}, "bed icu/99 is not known"),
        ({"reason": ""}, "say why"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_with_a_sentence(chain, fields, sentence):
    with pytest.raises(ValueError, match=sentence):
        chain.choose(choice(**fields), {BED: "p-1"}, NOW)
    assert chain.profile(BED) == "adult"


def test_a_limit_set_for_adults_rests_while_the_bed_has_the_profile_of_a_child(chain):
    chain.set(an(bound=45.0), {}, NOW)
    chain.set(an("ward/icu", "rate-high", 140.0), {}, NOW)
    chain.choose(choice(), {}, NOW)
    assert (bound(chain), bound(chain, rule="rate-high")) == (75, 160)
    (explained,) = chain.explain(BED, "", "rate-low", NOW)
    assert [(link.where, link.in_force, link.note) for link in explained.links] == [
        ("profile child", True, ""),
        ("bed/icu/7", False, "rests: set for profile adult"),
    ]
    assert chain.problems({}, NOW) == ["bed/icu/7: rate-low rests, it was set for profile adult"]
    chain.choose(choice(profile=""), {}, NOW)
    assert bound(chain) == 45


def test_the_chain_explains_every_limit_of_a_parameter_link_by_link(chain):
    chain.set(an("ward/icu", bound=48.0), {}, NOW)
    chain.set(an("bed/icu/7", bound=46.0, expires=NOW + HOUR), {}, NOW)
    low, high = chain.explain(BED, "", "hr", NOW)
    assert (low.rule, low.value, low.unit, low.side) == ("rate-low", 46, "/min", "low")
    assert [(link.where, link.value, link.in_force) for link in low.links] == [
        ("profile adult", 50, False),
        ("ward/icu", 48, False),
        ("bed/icu/7", 46, True),
    ]
    assert low.links[0].reason == "a book"
    assert (low.links[2].by, low.links[2].reason, low.links[2].expires) == ("nurse-1", "athlete", NOW + HOUR)
    assert (high.rule, high.value) == ("rate-high", 120)
    assert [one.rule for one in chain.explain(BED, "", "rate-high", NOW)] == ["rate-high"]


def test_nobody_can_be_told_about_a_limit_that_is_not_there(chain):
    with pytest.raises(ValueError, match="unknown parameter or limit 'spo'; did you mean 'spo2'"):
        chain.explain(BED, "", "spo", NOW)


@pytest.fixture
def tiers():
    return Chain(profiles(sets=sets(adult=TIERS)))


def test_the_second_tier_is_set_by_a_name_of_its_own(tiers):
    tiers.set(an(rule="spo2-low.extreme", bound=80.0), {}, NOW)
    assert tiers.book(BED, "", NOW).rules["spo2-low"].extreme.bound == 80
    explained = tiers.explain(BED, "", "spo2", NOW)
    assert [(one.rule, one.value, one.priority, one.hours) for one in explained] == [
        ("spo2-low", 90, "medium", ""),
        ("spo2-low.extreme", 80, "high", ""),
        ("spo2-low.night", 88, "medium", "22:00 to 06:00"),
    ]


@pytest.mark.parametrize(
    ("rule", "value", "sentence"),
    [
        ("spo2-low", 85.0, "spo2-low.extreme (low 85 %) must lie beyond spo2-low (low 85 %)"),
        ("spo2-low.extreme", 88.0, "spo2-low.extreme (low 88 %) must lie beyond spo2-low.night (low 88 %)"),
        ("spo2-low.night", 87.0, "unknown limit 'spo2-low.night'"),
        ("rate-low.extreme", 30.0, "unknown limit 'rate-low.extreme'; did you mean"),
    ],
)
def test_a_tier_that_is_no_further_out_than_its_limit_is_refused(tiers, rule, value, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        tiers.set(an(rule=rule, bound=value), {}, NOW)


def test_a_limit_somebody_set_stands_by_day_and_by_night(tiers):
    tiers.set(an(rule="spo2-low", bound=87.0), {}, NOW)
    assert [one.rule for one in tiers.explain(BED, "", "spo2-low", NOW)] == ["spo2-low", "spo2-low.extreme"]
    assert tiers.book(BED, "", NOW).rules["spo2-low"].night is None


def test_a_limit_with_a_scope_stands_only_where_it_is_in_force():
    text = ADULT.replace("low: 90,", "low: 90, scope: {tags: [oximeter]},")
    chain = Chain(profiles(sets=sets(adult=text), beds={BED: ("oximeter",), OTHER: ()}))
    assert "spo2-low" in chain.book(BED, "", NOW).rules
    assert "spo2-low" not in chain.book(OTHER, "", NOW).rules
    with pytest.raises(ValueError, match="spo2-low of profile adult is not in force there"):
        chain.set(an("bed/icu/8", "spo2-low", 88.0), {}, NOW)


def test_new_rules_reach_the_beds_that_have_them_and_keep_what_was_set(chain):
    chain.choose(choice("ward/ward-3", "child"), {}, NOW)
    chain.set(an(bound=45.0), {}, NOW)
    newer = profiles(sets=sets(adult=ADULT.replace("high: 120", "high: 130"), child=CHILD))
    assert chain.swap(newer, {}, NOW) == [BED, OTHER]
    assert (bound(chain), bound(chain, rule="rate-high"), bound(chain, FAR)) == (45, 130, 75)


def test_new_rules_that_cross_a_limit_somebody_set_are_refused_whole(chain):
    chain.set(an(bound=100.0), {}, NOW)
    newer = profiles(sets=sets(adult=ADULT.replace("high: 120", "high: 95"), child=CHILD))
    with pytest.raises(ValueError, match="at icu/7: rate-low \\(low 100 /min\\) is not below rate-high \\(high 95"):
        chain.swap(newer, {}, NOW)
    assert bound(chain, rule="rate-high") == 120


def test_what_no_longer_fits_after_a_restart_is_named():
    chain = Chain(profiles())
    chain.put(an(rule="gone-low", profile="adult"))
    chain.put(an(rule="rate-low", bound=130.0, profile="adult"))
    chain.put(choice("ward/ward-3", "elders"))
    assert chain.problems({}, NOW) == [
        "ward/ward-3: unknown profile 'elders'; known: adult, child",
        "at icu/7: rate-low (low 130 /min) is not below rate-high (high 120 /min)",
        "bed/icu/7: the limit gone-low is in no profile in force there",
    ]
    assert chain.profile(FAR) == "adult", "an unknown profile is no reason to judge by nothing"


SCOPES = st.sampled_from(["ward/icu", "bed/icu/7", "bed/icu/8", "patient/p-1"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "set", "clear", "choose", "wait"]),
        SCOPES,
        st.sampled_from(["rate-low", "rate-high", "spo2-low"]),
        st.integers(-5, 200),
        st.sampled_from([None, 1, 5]),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whatever_people_set_and_whenever_it_expires_no_bed_has_limits_that_cross(steps):
    chain, patients, now = Chain(profiles()), {BED: "p-1"}, NOW
    for act, scope, rule, value, hours in steps:
        try:
            if act == "set":
                chain.set(an(scope, rule, float(value), expires=hours and now + hours * HOUR), patients, now)
            elif act == "clear":
                chain.clear(scope, rule, patients, now)
            elif act == "choose":
                chain.choose(choice(scope, "child" if value % 2 else ""), patients, now)
            else:
                now += HOUR
        except ValueError:
            pass  # refused; what stands is judged below
        for hour in range(6):
            for bed in (BED, OTHER):
                rules = chain.book(bed, patients.get(bed, ""), now + hour * HOUR).rules
                assert 0 <= rules["rate-low"].bound < rules["rate-high"].bound <= 350
                assert 0 <= rules["spo2-low"].bound <= 98


def test_an_override_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        an().bound = 3.0
