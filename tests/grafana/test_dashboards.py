"""The generated dashboards: up to date, whole, true to the rules, and every query answered by a real InfluxDB."""

import json
import re
import time
import warnings

import pytest
import yaml

from grafana.boards import SHIPPED, bed, dashboards, text_of, ward_overview
from grafana.check import panels_of, problems, queries_of, read_folder
from grafana.limits import COLOURS, limits_of, thresholds
from grafana.panels import NOTICE
from grafana.queries import SOURCE
from rules.library import read_set
from vitals.parameters import PARAMETERS

RULES = read_set("adult-ward")
BOARDS = dashboards(RULES)
QUERIES = [(name, where, query) for name, board in BOARDS.items() for where, query in queries_of(board)]


def test_the_files_are_what_the_rules_say():
    assert {path.name: path.read_text() for path in SHIPPED.glob("*.json")} == {
        name: text_of(board) for name, board in BOARDS.items()
    }


def test_the_shipped_dashboards_have_no_problem():
    assert problems(read_folder(SHIPPED)) == []


def test_grafanas_own_model_of_a_dashboard_knows_every_key():
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins

    with warnings.catch_warnings():  # it would rather have schema v2, which Grafana 11 and 12 cannot load
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.models.dashboard import Dashboard
    register_default_plugins()
    for board in BOARDS.values():
        given = json.loads(text_of(board))
        for mark in given["annotations"]["list"]:  # these keys are the data source's own
            for key in ("query", "textColumn", "tagsColumn", "target"):
                del mark[key]
        back = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))
        assert list(_lost(given, back)) == []


def _lost(given, back, path="$"):
    """Where `back` lacks something of `given`; what the model adds does not matter."""
    if isinstance(given, dict) and isinstance(back, dict):
        for key, value in given.items():
            yield from _lost(value, back[key], f"{path}.{key}") if key in back else [f"{path}.{key}"]
    elif isinstance(given, list) and isinstance(back, list) and len(given) == len(back):
        for index, (one, other) in enumerate(zip(given, back, strict=True)):
            yield from _lost(one, other, f"{path}[{index}]")
    elif given != back:
        yield path


@pytest.mark.parametrize("name", [name for name in PARAMETERS if limits_of(RULES, name)])
def test_colours_change_exactly_at_the_limits_of_the_rules(name):
    bounds = {limit.value for limit in limits_of(RULES, name)}
    shown = 0
    for panel in (panel for board in BOARDS.values() for panel in panels_of(board)):
        for steps in _steps_for(panel, name):
            shown += 1
            assert {step["value"] for step in steps} == {None, *bounds}
            for limit in limits_of(RULES, name):
                beyond = limit.value - 0.001 if limit.side == "low" else limit.value
                assert _colour(steps, beyond) in (COLOURS[limit.priority], COLOURS["high"])
            assert _colour(steps, _normal(name)) == "transparent"
    assert shown


def _steps_for(panel, name):
    asked = " ".join(target["query"] for target in panel.get("targets", []))
    if f'("{name}")' not in asked:
        return
    if panel["type"] in ("stat", "timeseries") and "count(" not in asked:
        yield panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    for override in panel.get("fieldConfig", {}).get("overrides", []):
        if override["matcher"] == {"id": "byName", "options": PARAMETERS[name].label}:
            yield from (made["value"]["steps"] for made in override["properties"] if made["id"] == "thresholds")


def _colour(steps, value):
    return [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]


def _normal(name):
    limits = limits_of(RULES, name)
    lows = [limit.value for limit in limits if limit.side == "low"]
    highs = [limit.value for limit in limits if limit.side == "high"]
    return max(lows) if lows else min(highs) - 1


def test_the_gravest_limit_gives_the_colour():
    steps = thresholds(RULES, "spo2")["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [
        (None, "red"),
        (85.0, "yellow"),
        (90.0, "transparent"),
    ]


def test_every_parameter_has_a_trend_on_the_bed_dashboard():
    asked = " ".join(
        target["query"]
        for panel in panels_of(bed(RULES))
        if panel["type"] == "timeseries"
        for target in panel["targets"]
    )
    assert [name for name in PARAMETERS if f'mean("{name}")' not in asked] == []


def test_a_trend_with_bands_shows_only_parameters_of_those_limits():
    for panel in panels_of(bed(RULES)):
        if panel["type"] == "timeseries":
            names = [name for name in PARAMETERS if any(f'mean("{name}")' in t["query"] for t in panel["targets"])]
            drawn = panel["fieldConfig"]["defaults"]["thresholds"]
            assert all(thresholds(RULES, name) == drawn for name in names), panel["title"]


def test_every_trend_leaves_gaps_open():
    trends = [panel for board in BOARDS.values() for panel in panels_of(board) if panel["type"] == "timeseries"]
    assert len(trends) > 10
    assert all(panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False for panel in trends)


def test_links_lead_to_dashboards_that_exist():
    uids = {board["uid"] for board in BOARDS.values()}
    linked = set(re.findall(r"/d/([a-z-]+)", json.dumps(list(BOARDS.values()))))
    assert linked == uids


def expand(query, now_s):
    """The query as Grafana would send it for bed icu/1 or icu/2 and the last half hour."""
    filled = query.replace("$timeFilter", f"time >= {(now_s - 1800) * 1000}ms and time <= {(now_s + 60) * 1000}ms")
    for variable, value in (("$__interval", "10s"), ("$ward", "icu"), ("$bed", "1")):
        filled = filled.replace(variable, value)
    assert "$" not in filled
    return filled


@pytest.mark.parametrize(("board", "where", "query"), QUERIES, ids=[f"{b}-{w}" for b, w, _ in QUERIES])
def test_every_query_finds_its_columns_in_a_real_influxdb(ward_in_influx, board, where, query):
    server, database = ward_in_influx
    series = server.query(expand(query, int(time.time())), database)
    assert series, f"{where} found nothing"
    if query.startswith("SHOW"):
        assert [row[1] for row in series[0]["values"]] in (["icu"], ["1", "2"])
        return
    outer = query[: query.rfind(" FROM (")] if " FROM (" in query else query.split(" FROM ")[0]
    wanted = re.findall(r'AS "([^"]+)"', outer) or re.findall(r'"([^"]+)"', outer)
    if "count(" in outer and not re.findall(r'AS "', outer):
        wanted = ["count"]
    columns = series[0]["columns"]
    assert [name for name in wanted if name not in columns] == []
    for name in wanted:
        index = columns.index(name)
        assert any(row[index] is not None for one in series for row in one["values"]), (
            f"{where}: {name} is always empty"
        )


def test_alarms_that_have_ended_are_not_standing(ward_in_influx):
    server, database = ward_in_influx
    (query,) = (query for _, where, query in QUERIES if where.startswith("panel Alarms standing"))
    (series,) = server.query(expand(query, int(time.time())), database)
    beds = [row[series["columns"].index("bed")] for row in series["values"]]
    assert beds == ["2"]


def test_a_stale_value_is_no_present_value(ward_in_influx):
    server, database = ward_in_influx
    (query,) = (q for name, where, q in QUERIES if name == "ward-overview.json" and where == "panel Values now A")
    rows = server.query(expand(query, int(time.time())), database)
    assert [one["tags"]["bed"] for one in rows] == ["1"]  # bed 2 has sent reasons instead of numbers for minutes


def test_provisioning_fits_the_dashboards():
    provisioning = SHIPPED.parent / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "wardline.yaml").read_text())["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    assert source["jsonData"]["version"] == "InfluxQL"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token $INFLUXDB_TOKEN"}
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "wardline.yaml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda board: board.update(schemaVersion=36), "schemaVersion is 36"),
        (lambda board: board.update(uid=""), "has no uid"),
        (lambda board: board["time"].update({"from": "now-7d"}), "must be under 72 h"),
        (lambda board: board["panels"][2].update(id=1), "panel id 1 is used twice"),
        (lambda board: board["panels"][2]["gridPos"].update(y=0), "lies on panel"),
        (lambda board: board["panels"][1].update(description="Vitals"), "no primary alarm"),
        (lambda board: board["panels"][1]["targets"][0].pop("datasource"), "does not use the data source"),
        (lambda board: board["panels"][1]["targets"][0].update(query="SELECT 1"), "not bounded by the time range"),
        (lambda board: board["panels"][1]["targets"][1].update(refId="A"), "refId A is used twice"),
        (lambda board: board["panels"][1].update(targets=[]), "asks nothing"),
        (lambda board: board["panels"][5]["fieldConfig"]["defaults"]["custom"].update(spanNulls=True), "over gaps"),
        (lambda board: board["templating"]["list"][0].update(datasource=None), "does not use the data source"),
    ],
)
def test_what_is_wrong_in_a_dashboard_is_found(spoil, said):
    board = json.loads(text_of(ward_overview(RULES)))
    spoil(board)
    assert any(said in problem for problem in problems({"ward.json": board})), problems({"ward.json": board})


def test_every_panel_says_that_it_is_no_primary_alarm():
    for board in BOARDS.values():
        assert all(NOTICE in panel["description"] for panel in panels_of(board) if panel["type"] != "row")
