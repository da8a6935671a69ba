"""What an integrator reads about our topics is what the code speaks: AsyncAPI, the topics page and its examples."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

from vitals import topics
from vitals.codec import decode
from vitals.commands import COMMANDS, Command, TicketCommand
from vitals.parameters import WAVEFORMS
from vitals.waves import WaveFrame, decode_frames
from wardline.asyncapi import PARAMETERS, TOPICS, asyncapi_text

ROOT = Path(__file__).parents[2]
DOCUMENT = yaml.safe_load((ROOT / "docs/reference/asyncapi.yaml").read_text())
PAGE = (ROOT / "docs/reference/topics.md").read_text()
JSON_TOPICS = [topic for topic in TOPICS if not topic.binary]


def heading(topic) -> str:
    """The heading of a topic on the page: without the prefix, with `<x>` for `{x}`."""
    return topic.address.removeprefix(f"{topics.PREFIX}/").replace("{", "<").replace("}", ">")


def section(topic) -> str:
    found = re.search(rf"^## `{re.escape(heading(topic))}`\n(.*?)(?=^## |\Z)", PAGE, flags=re.M | re.S)
    assert found is not None, f"docs/reference/topics.md has no section {heading(topic)}"
    return found[1]


def example(topic) -> bytes:
    found = re.search(r"```json\n(.*?)```", section(topic), flags=re.S)
    assert found is not None, heading(topic)
    return found[1].encode()


def validator(topic) -> jsonschema.Draft202012Validator:
    name = topic.payload.__name__
    return jsonschema.Draft202012Validator(DOCUMENT | {"$ref": f"#/components/schemas/{name}"})


def references(part) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(value) for value in part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def resolve(reference: str):
    assert reference.startswith("#/")
    part = DOCUMENT
    for step in reference[2:].split("/"):
        part = part[step]
    return part


def test_the_description_is_that_of_the_code():
    assert (ROOT / "docs/reference/asyncapi.yaml").read_text() == asyncapi_text(), "run: make schema"


def test_every_reference_leads_somewhere():
    assert references(DOCUMENT)
    for reference in references(DOCUMENT):
        assert resolve(reference)


def test_every_channel_has_one_operation_and_says_what_its_parameters_are():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT["channels"]) == set(DOCUMENT["operations"]) == {topic.name for topic in TOPICS}
    for channel in DOCUMENT["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel["parameters"])
    assert {name for channel in DOCUMENT["channels"].values() for name in channel["parameters"]} == set(PARAMETERS)


def test_every_topic_the_code_can_name_is_described():
    named = {topics.up("{gateway}", channel) for channel in topics.UP_CHANNELS}
    named |= {
        topics.receipt("{gateway}"),
        topics.bundle("{gateway}"),
        topics.drill("{gateway}"),
        topics.live("{ward}"),
        topics.event("{ward}"),
        topics.alarm("{ward}", "{bed}", "{rule}"),
        topics.equipment_alarm("{hub}", "{kind}/{name}", "{rule}"),
        topics.hub_event("{hub}"),
        topics.late("{ward}"),
        topics.page("{recipient}"),
        topics.page_received("{recipient}"),
        topics.pagers_status("{hub}"),
        topics.projections_status("{hub}"),
        topics.command("{client}", "{action}"),
        topics.result("{client}", "{action}"),
        topics.hub_status("{hub}"),
        topics.heartbeat("{hub}"),
    }
    assert {topic.address for topic in TOPICS} == named


def test_the_page_has_a_section_and_a_row_for_each_topic_and_no_other():
    assert re.findall(r"^## `(.*)`$", PAGE, flags=re.M) == [heading(topic) for topic in TOPICS]
    rows = re.findall(r"^\| \[`(.*?)`\]\(#(\S+)\) \| .* \| (\d) \| (yes|no)", PAGE, flags=re.M)
    assert [(name, int(qos), retained == "yes") for name, _, qos, retained in rows] == [
        (heading(topic), topic.qos, topic.retained) for topic in TOPICS
    ]
    for name, anchor, _, _ in rows:
        assert anchor == re.sub(r"[^a-z]", "", name)


@pytest.mark.parametrize("topic", JSON_TOPICS, ids=lambda topic: topic.name)
def test_the_section_of_a_topic_names_every_field_and_its_delivery(topic):
    text = section(topic)
    fields = set(re.findall(r"^\| `(\w+)` \|", re.split(r"Each record:|^### ", text, flags=re.M)[0], flags=re.M))
    assert fields == set(topic.payload.__struct_fields__)
    assert f"QoS {topic.qos}" in text
    assert ("not retained" in text) is not topic.retained


def test_the_section_of_the_commands_names_every_action_and_its_fields():
    text = next(section(topic) for topic in TOPICS if topic.name == "command")
    rows = {
        action: row
        for row in re.findall(r"^\| .* \|$", text, flags=re.M)
        for action in re.findall(r"`([a-z-]+)`", row.split("|")[1])
    }
    for action, type_ in COMMANDS.items():
        said = "`alarm`" if type_ is Command else rows[action]
        for field in set(type_.__struct_fields__) - set(Command.__struct_fields__):
            assert f"`{field}`" in said or type_ is TicketCommand, (action, field)
    tickets = " ".join(row for action, row in rows.items() if COMMANDS.get(action) is TicketCommand)
    assert all(
        f"`{field}`" in tickets for field in set(TicketCommand.__struct_fields__) - set(Command.__struct_fields__)
    )


def test_the_section_of_the_readings_names_every_field_of_a_record():
    record, gap = section(TOPICS[0]).split("Each record:")[1].split("A record with a `gap`")
    for text, type_ in ((record, "Record"), (gap, "Gap")):
        fields = set(re.findall(r"^\| `(\w+)` \|", text, flags=re.M))
        assert fields == set(DOCUMENT["components"]["schemas"][type_]["properties"])


def test_the_section_of_the_waves_names_every_field_and_its_example_is_what_it_says():
    (topic,) = (topic for topic in TOPICS if topic.binary)
    text = section(topic)
    rows = [row.split("|")[1] for row in re.findall(r"^\| .* \|$", text, flags=re.M)]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(WaveFrame._fields)
    assert (f"QoS {topic.qos}" in text, "not retained" in text) == (True, True)
    (frame,) = decode_frames(bytes.fromhex(re.search(r"```hex\n(.*?)```", text, flags=re.S)[1]))
    assert frame.values() == [-1.0, 0.0, None, -2.0]
    assert (frame.epoch, frame.seq, frame.device, frame.channel, frame.unit, frame.rate_hz, frame.clock) == (
        3, 1042, "mon-a", "ecg_ii", "mV", 250.0, "holdover",
    )  # fmt: skip
    assert WAVEFORMS.keys() <= set(re.findall(r"`(\w+)`", text))


@pytest.mark.parametrize("topic", JSON_TOPICS, ids=lambda topic: topic.name)
def test_the_example_of_a_topic_is_understood_by_the_code_and_by_the_schema(topic):
    message = decode(example(topic), topic.payload)
    validator(topic).validate(json.loads(example(topic)))
    validator(topic).validate(json.loads(msgspec.json.encode(message)))
    # Nothing in the example is an unknown key that the tolerant decoder let pass.
    assert leaves(json.loads(example(topic))) <= leaves(msgspec.to_builtins(message_with_defaults(message)))


@pytest.mark.parametrize("topic", JSON_TOPICS, ids=lambda topic: topic.name)
def test_a_payload_of_the_wrong_shape_fits_no_schema(topic):
    good = json.loads(example(topic))
    first = next(iter(good))
    assert not validator(topic).is_valid(good | {first: {"wrong": True}})
    assert not validator(topic).is_valid([])


def leaves(part) -> set[str]:
    """Every key that stands anywhere in a message."""
    if isinstance(part, dict):
        return set(part).union(*(leaves(value) for value in part.values()))
    return set().union(*map(leaves, part)) if isinstance(part, list) else set()


def message_with_defaults(value):
    """The message as plain data with the keys that are left out when they have their default."""
    if isinstance(value, msgspec.Struct):
        return {name: message_with_defaults(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: message_with_defaults(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [message_with_defaults(item) for item in value]
    return value
