import contextlib
import json
import re
from pathlib import Path

import pytest

from edge_agent.settings import load_settings
from edge_agent.sources.fieldmap import apply
from vitals.errors import DocumentError
from wardline.cli import main

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs/how-to").glob("connect-*.md"))

GOOD = """\
gateway: gw-1
devices:
  - {id: mon-x, driver: nonin, tcp_client: {host: 127.0.0.1, port: 4001}}
  - {id: mon-y, driver: hobby-lines, udp: {host: 127.0.0.1, port: 4002}}
  - {id: mon-z, driver: csv, replay: {file: night.csv}}
listeners:
  - id: beds
    tcp_json: {port: 5000}
    devices: [{id: mon-a, known_as: A}, {id: mon-b}]
    map: {device: id, values: [{parameter: hr, path: hr, unit: bpm}]}
  - id: hook
    webhook: {token: "file:token"}
    devices: [{id: band-1}]
    map: {device: id, values: [{parameter: hr, path: hr, unit: bpm}]}
  - id: tele
    care: {token: "file:token", zone: Asia/Kolkata}
    devices: [{id: bed-4, known_as: 192.0.2.4}]
  - id: central
    hl7: {}
    devices: [{id: b40-1}]
"""


@pytest.fixture
def load(tmp_path):
    def read(text):
        file = tmp_path / "edge.yaml"
        file.write_text(text)
        return load_settings(file)

    return read


def test_every_device_of_every_way_in_is_a_device_of_the_gateway(load):
    settings = load(GOOD).settings
    assert settings.device_ids() == ["mon-x", "mon-y", "mon-z", "mon-a", "mon-b", "band-1", "bed-4", "b40-1"]
    assert settings.listeners[0].known() == {"A": "mon-a", "mon-b": "mon-b"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{port: 5000}", "{port: 5000}\n    hl7: {}", "edge.yaml:7: listeners.0: listener 'beds' needs exactly one of"),
        ("    tcp_json: {port: 5000}\n", "", "needs exactly one of tcp_json, webhook, care, mqtt, hl7, not none"),
        ("{port: 5000}", "{host: 0.0.0.0}", "use 127.0.0.1 with a TLS proxy in front, or set trusted_network: true"),
        ("    hl7: {}", "    hl7: {host: ward.example}", "which others can reach"),
        ("{id: mon-b}", "{id: mon-b, known_as: A}", "known_as 'A' is used 2 times"),
        ("{id: mon-b}", "{id: mon-x}", "device id 'mon-x' is used 2 times"),
        ("id: hook", "id: beds", "listener id 'beds' is used 2 times"),
        ("{device: id, values", "{values", "map.device is missing"),
        ("    hl7: {}", "    hl7: {}\n    map: {values: [{parameter: hr, path: a, unit: bpm}]}", "hl7 takes no map"),
        ("known_as: 192.0.2.4", "known_as: monitor", "known_as 'monitor' is no IP address"),
        ("zone: Asia/Kolkata", "zone: IST", "no time zone 'IST'"),
        (", zone: Asia/Kolkata", "", "missing key 'zone'"),
        ("    hl7: {}", "    hl7: {device_from: [pid-3]}", "device_from"),
        ("    hl7: {}", "    hl7: {max_conections: 5}", "did you mean 'max_connections'?"),
        ("driver: csv, replay", "driver: nonin, udp: {host: a, port: 1}, replay", "exactly one of serial, tcp_client"),
        ("driver: csv, replay: {file: night.csv}", "driver: nonin", "one of serial, tcp_client, udp, replay"),
        ("driver: nonin", "driver: csv", "driver csv is for a replay only"),
        ("file: night.csv", "file: night.csv, speed: 0", "speed"),
    ],
)  # fmt: skip
def test_wrong_settings_are_told_with_what_to_do(load, old, new, problem):
    assert old in GOOD
    with pytest.raises(DocumentError) as caught:
        load(GOOD.replace(old, new, 1))
    assert problem in str(caught.value)


def test_a_gateway_without_any_device_is_told(load):
    with pytest.raises(DocumentError, match="give at least one entry under devices or listeners"):
        load("gateway: gw-1\n")


def test_a_trusted_network_may_be_listened_to(load):
    text = GOOD.replace("{port: 5000}", "{host: 0.0.0.0}\n    trusted_network: true")
    assert load(text).settings.listeners[0].trusted_network


@pytest.fixture
def check(tmp_path, capsys):
    def run(text):
        file = tmp_path / "edge.yaml"
        file.write_text(text)
        with contextlib.suppress(SystemExit):
            code = main(["edge", "check", "--config", str(file)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_check_tells_every_way_in(check, tmp_path):
    (tmp_path / "token").write_text("secret-of-this-test")
    (tmp_path / "token").chmod(0o600)
    code, said = check(GOOD)
    assert code == 0
    for line in (
        "device mon-x: driver nonin, TCP to 127.0.0.1 port 4001",
        "device mon-y: driver hobby-lines, UDP to 127.0.0.1 port 4002",
        "device mon-z: driver csv, replay of night.csv (not there now), marked as test",
        "listener beds: tcp_json, 127.0.0.1 port 5000",
        "device mon-a, known as A",
        "listener central: hl7, 127.0.0.1 port 2575",
    ):
        assert line in said
    assert "secret-of-this-test" not in said


def test_check_tells_of_a_token_that_is_not_there(check):
    code, said = check(GOOD)
    assert code == 2
    assert "cannot read the secret file" in said


def examples():
    for page in PAGES:
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.S)):
            yield pytest.param(block, id=f"{page.stem}-{number}")


@pytest.mark.parametrize("block", list(examples()))
def test_every_example_of_the_how_tos_is_good(load, block):
    assert load("gateway: gw-1\n" + block).settings.device_ids()


def test_the_seed_message_of_the_how_to_goes_through_its_map(load):
    page = (ROOT / "docs/how-to/connect-network-devices.md").read_text()
    message = json.loads(re.search(r'`(\{"device_id": .*?\})`', page, flags=re.S)[1])
    block = next(block for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.S) if "tcp_json" in block)
    [listener] = load("gateway: gw-1\n" + block).settings.listeners
    mapped = apply(message, listener.map, round(message["timestamp"] * 1_000) + 500)
    assert listener.known()[mapped.device] == "icu-1"
    assert mapped.observation.values == {"hr": 72.0, "spo2": 97.0}
    assert mapped.observation.age_ms == 500
