"""The generated dashboards: up to date, whole, true to the rules, and linked to one another."""

import json
import re

import pytest
import yaml

from grafana.agreement import disagreements
from grafana.boards import SHIPPED, dashboards, text_of
from grafana.check import panels_of, problems, queries_of, read_folder, variables_of
from grafana.limits import COLOURS, limits_of, score_bands, thresholds
from grafana.machines import CLOCK_LIMIT_S, SILENCE_LIMIT_S, SPOOL_LIMIT
from grafana.model import lost_keys
from grafana.panels import NOTICE
from grafana.provision import influxdb, prometheus
from grafana.sources import METRICS, VITALS
from grafana.sources import text_of as asked
from rules.burden import REFERENCE_PER_BED_DAY
from rules.library import read_set
from vitals.parameters import PARAMETERS
from wardline.cli import _parser

RULES = read_set("adult-ward")
BOARDS = dashboards(RULES)
WARD, BED = BOARDS["ward-overview.json"], BOARDS["bed.json"]


def copy(board):
    return json.loads(text_of(board))


def panel_of(board, title):
    return next(panel for panel in panels_of(board) if panel["title"] == title)


def test_the_files_are_what_the_rules_say():
    assert {path.name: path.read_text() for path in SHIPPED.glob("*.json")} == {
        name: text_of(board) for name, board in BOARDS.items()
    }


def test_building_twice_makes_the_same():
    again = dashboards(read_set("adult-ward"))
    assert {name: text_of(board) for name, board in again.items()} == {
        name: text_of(board) for name, board in BOARDS.items()
    }


def test_the_shipped_dashboards_have_no_problem_and_agree_with_the_rules():
    shipped = read_folder(SHIPPED)
    assert len(shipped) == 5
    assert problems(shipped) == []
    assert disagreements(shipped, RULES) == []


def test_grafanas_own_model_of_a_dashboard_knows_every_key():
    assert lost_keys(BOARDS) == []


def test_a_key_grafana_does_not_know_is_found():
    board = copy(WARD)
    board["panels"][1]["colour"] = "red"
    assert lost_keys({"ward.json": board}) == ["ward.json: Grafana's model does not keep $.panels[1].colour"]


@pytest.mark.parametrize("name", [name for name in PARAMETERS if limits_of(RULES, name)])
def test_colours_change_exactly_at_the_limits_of_the_rules(name):
    bounds = {limit.value for limit in limits_of(RULES, name)}
    steps = thresholds(RULES, name)["steps"]
    assert {step["value"] for step in steps} == {None, *bounds}
    for limit in limits_of(RULES, name):
        beyond = limit.value - 0.001 if limit.side == "low" else limit.value
        assert _colour(steps, beyond) in (COLOURS[limit.priority], COLOURS["high"])
    assert _colour(steps, _normal(name)) == "transparent"


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


def test_the_score_has_the_bands_of_its_table():
    steps = score_bands(RULES, "news2")["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [(None, "transparent"), (5, "yellow"), (7, "red")]


@pytest.mark.parametrize("board", ["ward-overview.json", "bed.json"])
def test_every_panel_whose_limits_are_changed_by_hand_is_found(board):
    changed = 0
    for index, panel in enumerate(panels_of(BOARDS[board])):
        for path, zones in _thresholds(panel.get("fieldConfig", {})):
            if len(zones) < 2 or "Alarms" in path or "High" in path:
                continue  # no limit, or no parameter
            spoilt = copy(BOARDS[board])
            spot = dict(_thresholds(panels_of(spoilt)[index]["fieldConfig"]))[path]
            spot[1]["value"] += 1
            found = disagreements({board: spoilt}, RULES)
            assert len(found) >= 1, (panel["title"], path)
            assert panel["title"] in found[0]
            changed += 1
    assert changed >= 8


def _thresholds(config):
    """(where, steps) of every thresholds of a panel."""
    if steps := config.get("defaults", {}).get("thresholds"):
        yield "defaults", steps["steps"]
    for override in config.get("overrides", []):
        for made in override["properties"]:
            if made["id"] == "thresholds":
                yield override["matcher"]["options"], made["value"]["steps"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda board: panel_of(board, "HR")["fieldConfig"]["defaults"].pop("thresholds"), "other limits for HR"),
        (lambda board: panel_of(board, "Temp")["fieldConfig"]["defaults"].update(unit="fahrenheit"), "'fahrenheit'"),
        (lambda board: board.update(tags=["wardline", "rules:neonatal"]), "made from the rules neonatal"),
    ],
)
def test_what_disagrees_with_the_rules_is_found(spoil, said):
    board = copy(BED)
    spoil(board)
    assert any(said in problem for problem in disagreements({"bed.json": board}, RULES))


def test_a_limit_changed_in_the_rules_makes_the_files_wrong():
    stricter = read_set("neonatal")
    assert stricter.id not in text_of(BED)
    assert disagreements(BOARDS, stricter)


def test_every_parameter_has_a_trend_on_the_bed_dashboard():
    drawn = " ".join(
        asked(target) for panel in panels_of(BED) if panel["type"] == "timeseries" for target in panel["targets"]
    )
    assert [name for name in PARAMETERS if f'mean("{name}")' not in drawn] == []


def test_a_trend_with_bands_shows_only_parameters_of_those_limits():
    for panel in panels_of(BED):
        if panel["type"] == "timeseries":
            names = [name for name in PARAMETERS if any(f'mean("{name}")' in asked(t) for t in panel["targets"])]
            drawn = panel["fieldConfig"]["defaults"].get("thresholds")
            assert all(thresholds(RULES, name) == drawn for name in names), panel["title"]


def test_every_trend_leaves_gaps_open_and_no_panel_shows_nothing_as_a_number():
    for board in BOARDS.values():
        for panel in panels_of(board):
            defaults = panel.get("fieldConfig", {}).get("defaults", {})
            if panel["type"] == "timeseries":
                assert defaults["custom"]["spanNulls"] is False
                zeros = [t for t in panel["targets"] if "fill(0)" in asked(t)]
                assert all("count(" in asked(t) for t in zeros), panel["title"]  # only records can be counted as none
            if panel["type"] not in ("row", "text"):
                assert defaults["noValue"] in ("–", "no data"), panel["title"]


def test_every_dashboard_is_linked_from_another_and_every_bed_is_one_click_away():
    linked = set(re.findall(r"/d/([a-z-]+)", json.dumps(list(BOARDS.values()))))
    assert linked == {board["uid"] for board in BOARDS.values()}
    for board, titles in (("ward-overview.json", ["Beds", "Alarms standing"]), ("alarms.json", ["Burden by bed"])):
        for title in titles:
            assert "var-bed=${__data.fields.bed}" in json.dumps(panel_of(BOARDS[board], title)), title


@pytest.mark.parametrize("page", ["how-to/grafana.md", "tutorial/grafana-on-the-ward-tv.md"])
def test_every_address_and_option_the_pages_name_is_there(page):
    text = (SHIPPED.parents[1] / "docs" / page).read_text()
    by_uid = {board["uid"]: board for board in BOARDS.values()}
    for uid, rest in re.findall(r"/d/([a-z-]+)(\S*)", text):
        offered = {variable["name"] for variable in variables_of(by_uid[uid])}
        assert set(re.findall(r"var-(\w+)=", rest)) <= offered
    for line in re.findall(r"wardline (grafana (?:build|check|push) [^\n`]+)", text.replace("\\\n", " ")):
        assert _parser(["grafana"]).parse_args(line.split()).run
    titles = {board["title"] for board in BOARDS.values()}
    assert set(re.findall(r"^\| \*([^*]+)\* \|", text, flags=re.M)) in (titles, set())


def test_wards_and_beds_can_be_chosen_together():
    for board, names in (("ward-overview.json", ["ward"]), ("bed.json", ["ward", "bed"]), ("alarms.json", ["ward"])):
        chosen = {variable["name"]: variable["multi"] for variable in variables_of(BOARDS[board])}
        assert all(chosen[name] for name in names)


def test_what_one_row_of_the_ward_shows():
    panel = panel_of(WARD, "Beds")
    shown = list(panel["transformations"][-1]["options"]["indexByName"])
    assert shown[:7] == ["ward", "bed", "Last heard", "NEWS2", "Risk", "High", "Alarms"]
    assert {"HR", "SpO2", "NIBP sys", "NIBP since", "Temp", "Temp since"} <= set(shown)


def test_the_published_figure_is_drawn_where_alarms_per_bed_and_day_are():
    panels = [panel for panel in panels_of(BOARDS["alarms.json"]) if panel["title"].startswith("Alarms per bed")]
    assert len(panels) == 3
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == REFERENCE_PER_BED_DAY == 187
        assert "187" in panel["description"]


def test_the_table_of_a_bed_goes_by_one_to_sixty_minutes():
    (step,) = (variable for variable in variables_of(BED) if variable["name"] == "step")
    assert [option["value"] for option in step["options"]] == ["1m", "5m", "15m", "60m"]
    assert "time(${step})" in asked(panel_of(BED, "By ${step}")["targets"][0])


def test_only_a_panel_marked_so_asks_for_more_than_influxdb_3_core_answers():
    long = [
        (name, panel["title"])
        for name, board in BOARDS.items()
        for panel in panels_of(board)
        if panel.get("timeFrom", "").endswith("d")
    ]
    assert long == [("alarms.json", "Alarms per bed and day, 30 days (2.x)")]


def test_provisioning_makes_the_data_sources_that_push_makes():
    provisioning = SHIPPED.parent / "provisioning"
    text = (provisioning / "datasources" / "wardline.yaml").read_text()
    one, other = yaml.safe_load(text)["datasources"]
    pushed = influxdb("$INFLUXDB_URL", "$INFLUXDB_DATABASE", "$INFLUXDB_TOKEN") | {"editable": False}
    assert one == pushed
    assert other == prometheus("$PROMETHEUS_URL") | {"editable": False}
    assert {source["uid"] for source in (one, other)} == {VITALS["uid"], METRICS["uid"]}
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "wardline.yaml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True


def first(board, kind):
    return next(panel for panel in panels_of(board) if panel["type"] == kind)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda board: board.update(schemaVersion=36), "schemaVersion is 36"),
        (lambda board: board.update(uid=""), "has no uid"),
        (lambda board: board.update(tags=[]), "has not the tag wardline"),
        (lambda board: board["time"].update({"from": "now-7d"}), "time.from is now-7d, must be under 72 h"),
        (
            lambda board: board["timepicker"]["quick_ranges"][0].update({"from": "now-30d"}),
            "Last 15 minutes is now-30d",
        ),
        (lambda board: board["panels"][1].update(timeFrom="4d"), "timeFrom is 4d, must be under 72 h"),
        (lambda board: board["panels"][1].update(timeFrom="soon"), "must be such as now-3h"),
        (lambda board: board["panels"][2].update(id=1), "panel id 1 is used twice"),
        (lambda board: board["panels"][2]["gridPos"].update(y=0), "lies on panel"),
        (lambda board: board["panels"][1].update(description="Vitals"), "no primary alarm"),
        (lambda board: board["panels"][1]["targets"][0].pop("datasource"), "asks another data source"),
        (lambda board: board["panels"][1]["targets"][0].pop("datasource"), "does not use a data source of ours"),
        (lambda board: board["panels"][1]["targets"][0].update(query="SELECT 1"), "not bounded by the time range"),
        (lambda board: board["panels"][1]["targets"][0].update(query=""), "asks nothing"),
        (
            lambda board: board["panels"][1]["targets"][0].update(
                query='SELECT last("a") FROM (SELECT "a" FROM "b") WHERE $timeFilter AND 1=1 AND "c" FROM "d"'
            ),
            "not bounded by the time range",
        ),
        (
            lambda board: board["panels"][1]["targets"][0].update(
                query='SELECT "hr" FROM "vitals" WHERE time > now() - 90d AND $timeFilter'
            ),
            "its query is 90d, must be under 72 h",
        ),
        (lambda board: board["panels"][1]["targets"][1].update(refId="A"), "refId A is used twice"),
        (lambda board: board["panels"][1].update(targets=[]), "asks nothing"),
        (
            lambda board: first(board, "timeseries")["fieldConfig"]["defaults"]["custom"].update(spanNulls=True),
            "over gaps",
        ),
        (lambda board: first(board, "table")["fieldConfig"]["defaults"].pop("noValue"), "where there is no data"),
        (lambda board: board["templating"]["list"][0].update(datasource=None), "does not use a data source of ours"),
        (lambda board: board["templating"]["list"][0].update(query="SHOW TAG VALUES"), "not bounded"),
        (lambda board: board["templating"].update(list=[]), "uses the variable ward, which it does not have"),
        (lambda board: board["links"][0].update(url="/d/wardline-nowhere"), "leads to wardline-nowhere"),
        (lambda board: board["links"][0].update(url="/d/wardline-ward?var-bed=1"), "sets bed, which wardline-ward"),
    ],
)
def test_what_is_wrong_in_a_dashboard_is_found(spoil, said):
    boards = {name: copy(board) for name, board in BOARDS.items()}
    spoil(boards["ward-overview.json"])
    assert any(said in problem for problem in problems(boards)), problems(boards)


def test_a_link_made_of_a_column_nobody_asks_for_is_found():
    board = copy(BED)
    for target in panel_of(board, "Alarms")["targets"]:
        target["query"] = target["query"].replace('"ward", "bed", ', "")
    assert any("has a link with bed" in problem for problem in problems({**BOARDS, "bed.json": board}))


def test_a_link_made_of_a_column_that_was_left_out_is_found():
    board = copy(BED)
    left_out = panel_of(board, "Early warning score")["transformations"][1]["options"]["exclude"]["names"]
    left_out.append("ward")
    assert any("has a link with ward" in problem for problem in problems({**BOARDS, "bed.json": board}))


def test_two_dashboards_of_one_uid_are_found():
    assert any("is used twice" in problem for problem in problems({**BOARDS, "mine.json": copy(BED)}))


def test_every_panel_says_that_it_is_no_primary_alarm():
    for board in BOARDS.values():
        assert all(NOTICE in panel["description"] for panel in panels_of(board) if panel["type"] != "row")


def test_machines_are_coloured_where_their_alerts_begin():
    folder = SHIPPED.parents[1] / "config/prometheus"
    groups = yaml.safe_load((folder / "alerts.yml").read_text())["groups"]
    alerts = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    assert f"_silence_seconds > {SILENCE_LIMIT_S}" in alerts["WardlineGatewaySilent"]
    assert f"_spooled_records > {SPOOL_LIMIT}" in alerts["WardlineSpoolGrowing"]
    assert alerts["WardlineClockOffset"].endswith(f"> {CLOCK_LIMIT_S}")


def test_no_query_names_a_metric_there_is_not():
    from edge_agent import metrics as edge
    from hub import metrics as hub
    from hub.console import metrics as console
    from hub.pagers import metrics as pagers
    from hub.projections import metrics as projections

    families = {family for part in (hub, projections, pagers, console, edge) for family in part.FAMILIES}
    there = {one.name for one in families} | {f"{one.name}_bucket" for one in families if one.kind == "histogram"}
    for name in ("devices.json", "pipeline.json"):
        for where, target in queries_of(BOARDS[name]):
            if target["datasource"] == METRICS:
                assert set(re.findall(r"\bwardline_\w+", asked(target))) <= there, where
