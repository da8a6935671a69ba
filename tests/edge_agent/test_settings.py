import pytest
import yaml
from msgspec import inspect

from edge_agent.drivers.driver import SerialLine
from edge_agent.settings import EdgeSettings, SerialSettings, load_settings
from vitals.errors import DocumentError, UsageError

GOOD = """\
gateway: gw-1
broker:
  username: gw-1
devices:
  - id: mon-a
    driver: nonin
    serial: {path: /dev/ttyUSB0}
  - id: mon-b
    driver: nonin
    serial: {path: /dev/ttyUSB1}
    interval: 5s
"""


@pytest.fixture
def load(tmp_path):
    def read(text):
        file = tmp_path / "edge.yaml"
        file.write_text(text)
        return load_settings(file)

    return read


@pytest.fixture
def example(request):
    return request.config.rootpath / "config" / "edge.example.yaml"


def test_good_settings_are_read_with_their_defaults(load, tmp_path):
    loaded = load(GOOD)
    assert loaded.folder == tmp_path
    assert loaded.settings.spool.commit_interval == 200
    assert loaded.settings.spool.forget_on == "receipt"
    assert [device.interval for device in loaded.settings.devices] == [0, 5_000]


def test_the_digest_changes_with_the_text(load):
    assert load(GOOD).digest != load(GOOD + "log_level: DEBUG\n").digest


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("username: gw-1", "username: gw-2", "edge.yaml:1: broker.username is 'gw-2' but the gateway is 'gw-1'"),
        ("id: mon-b", "id: mon-a", "device id 'mon-a' is used 2 times: give each device its own id"),
        ("ttyUSB1", "ttyUSB0", "serial path '/dev/ttyUSB0' is used 2 times"),
        ("driver: nonin\n    serial: {path: /dev/ttyUSB0}", "driver: nonim\n    serial: {path: /dev/ttyUSB0}",
         "edge.yaml:6: devices.0.driver: no driver is called 'nonim'; did you mean 'nonin'?"),
        ("interval: 5s", "options: {formt: df2}", "edge.yaml:11: devices.1.options.formt: unknown key 'formt'"),
        ("interval: 5s", "interval: 5", "expected a duration with its unit"),
        ("gateway: gw-1", "gateway: GW 1", "edge.yaml:1: gateway"),
        ("gateway: gw-1", "gatewy: gw-1", "did you mean 'gateway'?"),
        ("devices:", "spool: {commit_interval: 1min}\ndevices:", "commit_interval must be from 10ms to 10s"),
        ("devices:", "spool: {forget_on: never}\ndevices:", "forget_on"),
    ],
)  # fmt: skip
def test_wrong_settings_are_told_with_what_to_do(load, old, new, problem):
    assert old in GOOD
    with pytest.raises(DocumentError) as caught:
        load(GOOD.replace(old, new, 1))
    assert problem in str(caught.value)


def test_every_problem_is_told_at_once(load):
    with pytest.raises(DocumentError) as caught:
        load(GOOD.replace("driver: nonin", "driver: none"))
    assert len(caught.value.problems) == 2


def test_a_missing_file_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        load_settings(tmp_path / "none.yaml")


def test_what_the_settings_leave_out_is_taken_from_the_driver():
    given = SerialSettings(path="/dev/x", baud=115_200, dtr=False)
    assert given.line(SerialLine(baud=9600, parity="E")) == SerialLine(baud=115_200, parity="E", dtr=False)


def test_the_example_is_read(example):
    assert load_settings(example).settings.gateway == "gw-icu-1"


def test_the_example_has_every_key_there_is(example):
    def keys(info, prefix=""):
        match info:
            case inspect.Metadata():
                yield from keys(info.type, prefix)
            case inspect.UnionType():
                for option in info.types:
                    yield from keys(option, prefix)
            case inspect.ListType() | inspect.VarTupleType():
                yield from keys(info.item_type, prefix)
            case inspect.StructType():
                for field in info.fields:
                    yield prefix + field.name
                    yield from keys(field.type, f"{prefix}{field.name}.")

    def written(data, prefix=""):
        for item in (entry for entry in (data if isinstance(data, list) else [data]) if isinstance(entry, dict)):
            for key, value in item.items():
                yield prefix + key
                if isinstance(value, dict | list) and key != "options":
                    yield from written(value, f"{prefix}{key}.")

    known = set(keys(inspect.type_info(EdgeSettings)))
    assert "devices.serial.baud" in known
    assert "broker.tls.ca" in known
    assert set(written(yaml.safe_load(example.read_text()))) == known


def test_every_key_of_the_example_has_a_comment_above_it(example):
    lines = [text.strip().removeprefix("- ") for text in example.read_text().splitlines()]
    keys = [(above, text) for above, text in zip(["", *lines], lines, strict=False) if text and text[0] != "#"]
    singles = [(above, text) for above, text in keys if not text.endswith(":")]
    assert [text for above, text in singles if not above.startswith(("#", "options:"))] == []
