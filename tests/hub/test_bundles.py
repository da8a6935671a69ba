"""Bundles say what is in force at the beds of a gateway, once per change, and a gateway believes them."""

import json

import msgspec
import pytest

from edge_agent.bedside.rulebook import open_bundle
from hub.bundles import Bundles
from rules.chain import Chain, Override
from rules.library import read_set
from rules.profiles import Profiles
from vitals.bundles import Bundle, SignedBundle
from vitals.identity import BedKey

NOW = 1_763_682_504_000
SEVEN, EIGHT, NINE = (BedKey("icu", bed) for bed in "789")
GATEWAYS = {
    "gw-1": {"mon-a": SEVEN, "mon-b": EIGHT, "mon-c": SEVEN, "spare": None},
    "gw-2": {"mon-a": NINE},
    "gw-3": {"spare": None},
}


class Sent:
    """What went out, and what it says."""

    def __init__(self):
        self.messages = []

    def __call__(self, topic, payload):
        self.messages.append((topic.removeprefix("wardline/v1/"), payload))

    def take(self):
        taken, self.messages = dict(self.messages), []
        return taken


def said(payload) -> Bundle:
    return msgspec.json.decode(msgspec.json.decode(payload, type=SignedBundle).bundle, type=Bundle)


@pytest.fixture
def chain():
    return Chain(
        Profiles(
            sets={"adult-ward": read_set("adult-ward")},
            default="adult-ward",
            beds={SEVEN: ("isolation",), EIGHT: (), NINE: ()},
        )
    )


@pytest.fixture
def make(tmp_path, chain):
    def make_bundles(gateways=GATEWAYS):
        return Bundles(tmp_path, "hub-1", gateways, lambda bed, now: chain.in_force(bed, "", now), 5_000)

    return make_bundles


@pytest.fixture
def sent():
    return Sent()


def lower(chain, rule="spo2-low", bound=85.0, bed=SEVEN, expires=None):
    override = Override(
        scope=f"bed/{bed}", rule=rule, bound=bound, by="nurse-1", reason="known low", set_at=NOW, expires=expires
    )
    chain.set(override, {}, NOW)


def a_limit(chain):
    """The id and bound of some low SpO2 limit of the profile."""
    (first, *_) = chain.explain(SEVEN, "", "spo2", NOW)
    return first.rule, first.value


def test_each_gateway_gets_its_own_beds_and_nobody_elses(make, sent):
    make().publish_if_changed(NOW, sent)
    bundles = {topic: said(payload) for topic, payload in sent.take().items()}
    assert set(bundles) == {f"down/gw-{number}/settings" for number in (1, 2, 3)}
    first = bundles["down/gw-1/settings"]
    assert [(bed.bed, bed.devices, bed.tags) for bed in first.beds] == [
        ("icu/7", ["mon-a", "mon-c"], ["isolation"]),
        ("icu/8", ["mon-b"], []),
    ]
    assert (first.hub, first.gateway, first.heartbeat_ms, len(first.sets)) == ("hub-1", "gw-1", 5_000, 1)
    assert bundles["down/gw-3/settings"].beds == []


def test_a_gateway_believes_it_and_judges_by_the_same_bounds_as_the_hub(make, sent, chain):
    rule, bound = a_limit(chain)
    lower(chain, rule, bound - 3)
    bundles = make()
    bundles.publish_if_changed(NOW, sent)
    rulebook, key = open_bundle(
        sent.take()["down/gw-1/settings"], gateway="gw-1", believes=lambda _: True, now=NOW, clock="synced"
    )
    assert f"ed25519:{key}" == bundles.public_key
    for bed in (SEVEN, EIGHT):
        mine = rulebook.books(NOW)[bed].rules
        hubs = chain.book(bed, "", NOW).rules
        assert set(mine) == set(hubs)
        assert {id_: (r.bound, r.onset_delay, r.priority, r.message) for id_, r in mine.items()} == {
            id_: (r.bound, r.onset_delay, r.priority, r.message) for id_, r in hubs.items()
        }


def test_nothing_is_sent_while_nothing_changes(make, sent):
    bundles = make()
    bundles.publish_if_changed(NOW, sent)
    sent.take()
    bundles.publish_if_changed(NOW + 1_000, sent)
    bundles.touch([SEVEN, EIGHT, NINE])
    bundles.publish_if_changed(NOW + 2_000, sent)
    assert sent.take() == {}


def test_a_changed_limit_goes_to_the_gateway_of_that_bed_only_with_a_higher_version(make, sent, chain):
    bundles = make()
    bundles.publish_if_changed(NOW, sent)
    before = said(sent.take()["down/gw-1/settings"]).version
    rule, bound = a_limit(chain)
    lower(chain, rule, bound - 3)
    bundles.touch([SEVEN])
    bundles.publish_if_changed(NOW + 1_000, sent)
    taken = sent.take()
    assert list(taken) == ["down/gw-1/settings"]
    after = said(taken["down/gw-1/settings"])
    assert after.version > before
    assert [phase.bounds for phase in after.beds[0].phases] == [{rule: bound - 3}]


def test_what_expires_is_sent_with_what_stands_then(make, sent, chain):
    rule, bound = a_limit(chain)
    lower(chain, rule, bound - 3, expires=NOW + 60_000)
    make().publish_if_changed(NOW, sent)
    phases = said(sent.take()["down/gw-1/settings"]).beds[0].phases
    assert [(phase.since, phase.bounds) for phase in phases] == [(0, {rule: bound - 3}), (NOW + 60_000, {})]


def test_after_a_restart_the_same_rules_are_the_same_bundle(make, sent):
    make().publish_if_changed(NOW, sent)
    first = sent.take()
    make().publish_if_changed(NOW + 3_600_000, sent)
    again = sent.take()
    assert said(again["down/gw-1/settings"]).version == said(first["down/gw-1/settings"]).version


def test_a_hub_whose_clock_was_set_back_is_still_believed(make, sent, chain):
    make().publish_if_changed(NOW, sent)
    before = said(sent.take()["down/gw-1/settings"]).version
    rule, bound = a_limit(chain)
    lower(chain, rule, bound - 3)
    make().publish_if_changed(1_000, sent)
    assert said(sent.take()["down/gw-1/settings"]).version > before


def test_a_hub_that_lost_its_versions_is_still_believed(make, sent, tmp_path):
    make().publish_if_changed(NOW, sent)
    before = said(sent.take()["down/gw-1/settings"]).version
    (tmp_path / "bundles.json").unlink()
    make().publish_if_changed(NOW + 1_000, sent)
    assert said(sent.take()["down/gw-1/settings"]).version > before


def test_damaged_versions_are_said_and_do_not_stop_the_hub(make, sent, tmp_path, caplog):
    (tmp_path / "bundles.json").write_text("{")
    make().publish_if_changed(NOW, sent)
    assert "cannot read the versions" in caplog.text
    assert len(sent.take()) == 3
    assert json.loads((tmp_path / "bundles.json").read_text())


def test_after_a_connect_everything_is_said_again(make, sent):
    bundles = make()
    bundles.repeat(sent)
    assert sent.take() == {}
    bundles.publish_if_changed(NOW, sent)
    first = sent.take()
    bundles.repeat(sent)
    assert sent.take() == first
