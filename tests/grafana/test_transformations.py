"""Tables of several queries, put together by Grafana's own code: one row per bed and gateway, with every column."""

import json

import pytest

from grafana.boards import dashboards
from grafana.check import panels_of
from grafana.expand import columns_of
from grafana.npm import fetched, run
from grafana.sources import text_of
from rules.library import read_set
from vitals.errors import LinkError, UsageError

pytestmark = pytest.mark.node

PACKAGES = ("@grafana/data@13.2.3", "react@19.2.0", "react-dom@19.2.0")
PROGRAM = """
const {FieldType, getFieldDisplayName, standardTransformers, standardTransformersRegistry, toDataFrame,
  transformDataFrame} = require('@grafana/data');
const {lastValueFrom} = require('rxjs');
const known = [...new Set(Object.values(standardTransformers))];
standardTransformersRegistry.setInit(() =>
  known.map((one) => ({id: one.id, name: one.name, transformation: () => Promise.resolve(one)})));
globalThis.window = {location: {}};  // it looks for a browser only once it is loaded
const {steps, frames} = JSON.parse(require('fs').readFileSync(0));
for (const {id} of steps) if (!standardTransformersRegistry.getIfExists(id)) throw new Error(`no transformation ${id}`);
const kind = (name, values) => name === 'Time' ? FieldType.time
  : values.some((value) => typeof value === 'string') ? FieldType.string : FieldType.number;
const given = frames.map(({refId, fields}) => toDataFrame({refId, fields: Object.entries(fields)
  .map(([name, values]) => ({name, type: kind(name, values), values}))}));
lastValueFrom(transformDataFrame(steps, given)).then((out) => console.log(JSON.stringify(out.map((frame) =>
  Object.fromEntries(frame.fields.map((field) => [getFieldDisplayName(field, frame, out), [...field.values]]))))));
"""
BOARDS = dashboards(read_set("adult-ward"))


@pytest.fixture(scope="module")
def grafana_data():
    """transform(panel, frames by refId) → tables as {column: values}; skipped where the package cannot be had."""
    try:
        folder = fetched("grafana-data", PACKAGES)
    except (UsageError, LinkError) as error:  # a registry out of reach says nothing about the dashboards
        pytest.skip(str(error))

    def transform(panel, frames):
        given = {
            "steps": panel["transformations"],
            "frames": [{"refId": ref, "fields": fields} for ref, fields in frames.items()],
        }
        done = run(["node", "--eval", PROGRAM], folder, json.dumps(given))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return transform


def panel_of(board, title):
    return next(panel for panel in panels_of(BOARDS[board]) if panel["title"] == title)


def test_a_bed_is_one_row_whatever_is_known_of_it(grafana_data):
    panel = panel_of("ward-overview.json", "Beds")
    frames = {
        "A": {"Time": [1, 1], "ward": ["icu", "icu"], "bed": ["1", "2"], "HR": [70, 80], "SpO2": [97, None]},
        "B": {"Time": [11], "ward": ["icu"], "bed": ["1"], "NIBP sys": [120], "NIBP dia": [70]},
        "C": {"Time": [12], "ward": ["icu"], "bed": ["2"], "Temp": [37.5]},
        "D": {
            "Time": [3],
            "ward": ["icu"],
            "bed": ["1"],
            "complete": [0],
            "NEWS2": [None],
            "Risk": [""],
            "Missing": ["p"],
        },
        "E": {"Time": [1], "ward": ["icu"], "bed": ["2"], "Alarms": [2]},
        "F": {},
        "G": {"Time": [21, 22, 23], "ward": ["icu", "icu", "b"], "bed": ["1", "2", "1"], "seq": [5, 6, 7]},
    }
    (table,) = grafana_data(panel, frames)
    assert table == {
        "ward": ["icu", "icu", "b"],
        "bed": ["1", "2", "1"],
        "Last heard": [21, 22, 23],
        "NEWS2": [None, None, None],
        "Risk": ["", None, None],
        "Alarms": [None, 2, None],
        "HR": [70, 80, None],
        "SpO2": [97, None, None],
        "NIBP sys": [120, None, None],
        "NIBP dia": [70, None, None],
        "NIBP since": [11, None, None],
        "Temp": [None, 37.5, None],
        "Temp since": [None, 12, None],
    }
    assert list(table)[:4] == ["ward", "bed", "Last heard", "NEWS2"]


def test_a_gateway_is_one_row_with_a_name_for_each_number(grafana_data):
    panel = panel_of("devices.json", "Gateways now")
    frames = {
        target["refId"]: {"Time": [1, 1], "gateway": ["gw-1", "gw-2"], f"Value #{target['refId']}": [index, index + 1]}
        for index, target in enumerate(panel["targets"])
    }
    (table,) = grafana_data(panel, frames)
    assert list(table) == ["gateway", "Online", "Silent for", "Waiting records", "Clock offset", "In memory only",
                           "Given up", "Unexplained"]  # fmt: skip
    assert table["Waiting records"] == [2, 3]


def test_states_are_counted_by_their_names(grafana_data):
    panel = panel_of("devices.json", "Devices by state")
    states = ["online", "offline", "online"]
    frame = {
        "Time": [1, 2, 3],
        "gateway": ["g", "g", "g"],
        "device": ["a", "b", "-"],
        "code": [1, 3, 1],
        "State": states,
    }
    grouped = {**panel, "transformations": panel["transformations"][:1]}
    (table,) = grafana_data(grouped, {"A": frame})
    assert table == {"State": ["online", "offline"], "device (count)": [2, 1]}
    last = panel["transformations"][-1]  # it is part of Grafana's application, not of this package
    assert last["id"] == "rowsToFields"
    assert {one["fieldName"] for one in last["options"]["mappings"]} == set(table)


@pytest.mark.parametrize(
    ("board", "title"),
    [
        ("ward-overview.json", "Last heard"),
        ("ward-overview.json", "No number now"),
        ("bed.json", "Early warning score"),
        ("alarms.json", "Burden by rule"),
        ("devices.json", "Last change of each device"),
    ],
)
def test_a_table_of_one_query_keeps_what_its_columns_are_for(grafana_data, board, title):
    panel = panel_of(board, title)
    (target,) = panel["targets"]
    tags_last = {"Time": [1], **{name: [2] for name in reversed(columns_of(text_of(target)))}}  # they come as they like
    (table,) = grafana_data(panel, {"A": tags_last})
    special = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
    wanted = {"bed", "Since"} if "Since" in special else {"bed"}
    assert wanted <= set(table)
    assert not {"seq", "complete", "code"} & set(table)
    order = panel["transformations"][-1]["options"]["indexByName"]
    shown = [name for name in order if name in table]
    assert list(table)[: len(shown)] == shown
