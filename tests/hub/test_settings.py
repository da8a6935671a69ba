"""The hub's settings document: the example is whole and works, and mistakes are told with their line."""

from pathlib import Path

import msgspec
import pytest
import yaml

from chassis.mqtt import BrokerSettings, TlsSettings
from chassis.settings import read_settings
from hub import settings as sections
from hub.settings import HubSettings
from vitals.document import read_document
from vitals.errors import DocumentError

EXAMPLE = Path(__file__).parents[2] / "config" / "hub.example.yaml"
GOOD = 'hub: hub-1\nwards: [{id: icu, beds: [{id: "1"}]}]\n'


def problems(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        read_document(text, "hub.yaml", HubSettings)
    return str(caught.value)


def test_the_example_is_read_and_shows_every_key_of_every_section():
    read_settings(EXAMPLE, HubSettings)
    shown = set()

    def walk(node):
        if isinstance(node, dict):
            shown.update(node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(yaml.safe_load(EXAMPLE.read_text()))
    structs = [one for one in vars(sections).values() if isinstance(one, type) and issubclass(one, sections._Section)]
    expected = {
        field.encode_name
        for struct in [*structs, BrokerSettings, TlsSettings]
        for field in msgspec.structs.fields(struct)
    }
    assert expected - shown == set()


def test_the_least_there_can_be_is_enough():
    assert read_document(GOOD, "hub.yaml", HubSettings).console.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("gateways: [{id: gw-a, devices: [{id: m, bed: icu/9}]}]", "bed icu/9, which no ward has"),
        ("gateways: [{id: gw-a, devices: [{id: m, bed: icu}]}]", "expected ward/bed such as icu/7"),
        ("gateways: [{id: gw-a}, {id: gw-a}]", "gateway gw-a is listed more than once"),
        ("gateways: [{id: GW A}]", "gateways.0.id"),
        ("console: {host: 0.0.0.0}", "speaks plain http"),
        ("console: {host: 0.0.0.0, trusted_network: true, demo_person: true}", "only listen on loopback"),
        ("console: {idle: 30s}", "idle must be at least 1min"),
        ("console: {longest: 10min}", "idle must be"),
        ("journal: {commit_interval: 1s}", "between 1ms and 50ms"),
        ("journal: {keep: 5min}", "at least 1h"),
        ("projections: {influxdb: {url: localhost, token: env:T}}", "projections.influxdb.url"),
        ("credit: 0", "credit"),
        ("wardz: []", "did you mean 'wards'?"),
    ],
)
def test_mistakes_are_named(extra, words):
    assert words in problems(f"{GOOD}{extra}\n")


def test_a_ward_that_no_snapshot_can_hold_is_refused():
    beds = ", ".join(f'{{id: "{number}"}}' for number in range(65))
    assert "at most 64 beds" in problems(f"hub: hub-1\nwards: [{{id: icu, beds: [{beds}]}}]\n")


def test_all_mistakes_are_told_at_once_with_their_lines():
    text = problems("hub: H\nwards: []\ncredit: many\nrules: adult\n")
    assert [line.split(":")[1] for line in text.splitlines()] == ["1", "2", "3", "4"]
