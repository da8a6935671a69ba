"""Every query of every panel, variable and annotation, asked of a real InfluxDB and a real Prometheus."""

import json
import re
import time

import pytest

from grafana.asking import Influx, Prometheus, answers
from grafana.boards import dashboards, text_of
from grafana.check import panels_of, queries_of
from grafana.expand import Span, columns_of, influxql, promql
from grafana.sources import VITALS
from grafana.sources import text_of as asked
from rules.library import read_set
from tests.fixtures_influx import TOKEN
from vitals.errors import LinkError, UsageError
from wardline.cli import main

BOARDS = dashboards(read_set("adult-ward"))


def now():
    return time.time_ns() // 1_000_000


def influx_of(ward):
    return Influx(ward.influx.url, ward.database, TOKEN)


def query_of(board, title, refid="A"):
    panel = next(panel for panel in panels_of(BOARDS[board]) if panel["title"] == title)
    return next(asked(target) for target in panel["targets"] if target["refId"] == refid)


def rows(played, query, **choices):
    """The answer as one dictionary per row, tags too."""
    chosen = {"ward": ["icu"], "bed": ["1", "2", "3"], "gateway": ["gw-1", "gw-2"]} | choices
    found = influx_of(played).ask(influxql(query, chosen, Span(now() - 3_600_000, now())))
    return [one.get("tags", {}) | dict(zip(one["columns"], row, strict=True)) for one in found for row in one["values"]]


@pytest.mark.parametrize("board", BOARDS)
def test_every_query_finds_its_columns_in_a_real_influxdb(ward, board):
    found = list(answers({board: BOARDS[board]}, now(), influx_of(ward)))
    queries = [target for _, target in queries_of(BOARDS[board]) if target["datasource"] == VITALS]
    assert len(found) >= len(queries)
    assert [answer for answer in found if answer.error or answer.missing or answer.empty or not answer.rows] == []


@pytest.mark.parametrize("board", ["devices.json", "pipeline.json"])
def test_every_query_is_answered_by_a_real_prometheus_where_its_metrics_are_scraped(watched_ward, board):
    prometheus = Prometheus(f"http://{watched_ward.prometheus.address}")
    found = list(answers({board: BOARDS[board]}, now(), prometheus=prometheus))
    assert len(found) > 10
    assert [answer for answer in found if answer.error] == []
    for answer in (answer for answer in found if not answer.rows):
        names = re.findall(r"\b(?:wardline|process)_\w+\b|\bup\b|\bALERTS\b", answer.query)
        assert not all(prometheus.labels(name, "__name__") for name in names), answer


def test_the_check_asks_both_servers_and_says_what_has_no_data(watched_ward, capsys):
    words = ["--influxdb", watched_ward.influx.url, "--database", watched_ward.database]
    words += ["--influxdb-token", f"file:{watched_ward.folder / 'token'}"]
    words += ["--prometheus", f"http://{watched_ward.prometheus.address}", "--json"]
    assert main(["grafana", "check", *words]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    assert report["asked"] > 150
    assert len(report["without_data"]) < 5


def test_an_alarm_that_is_over_is_not_standing(ward):
    standing = rows(ward, query_of("ward-overview.json", "Alarms standing"))
    assert {(row["bed"], row["rule"]) for row in standing} >= {("1", "spo2-low")}
    assert not {row["rule"] for row in standing} & {"hr-high", "rr-high", "temp-high"}
    counted = rows(ward, query_of("ward-overview.json", "Beds", "F"))
    assert {row["bed"]: row["High"] for row in counted}["1"] >= 1


def test_a_stale_value_is_no_present_value(ward):
    present = rows(ward, query_of("ward-overview.json", "Beds"))
    assert "1" in {row["bed"] for row in present}
    assert "2" not in {row["bed"] for row in present}  # its probes are off: there are reasons instead of numbers
    reasons = {row["bed"]: row for row in rows(ward, query_of("ward-overview.json", "No number now"))}
    assert reasons["2"]["HR"] == "sensor_off"


def test_a_cuff_pressure_comes_with_its_own_time(ward):
    measured = {row["bed"]: row for row in rows(ward, query_of("ward-overview.json", "Beds", "B"))}
    assert measured["2"]["NIBP sys"] == 120
    assert abs(now() - measured["2"]["time"]) < 1_800_000
    assert measured["2"]["time"] > 0


def test_a_score_that_became_unknown_is_not_the_one_before(ward):
    """The newest point of a score is taken whole."""
    time_ns = time.time_ns()
    point = "score,ward=other,bed=9,table=news2"
    lines = f'{point} complete=1i,total=7i,risk="high",missing="" {time_ns - 10**9}\n'
    lines += f'{point} complete=0i,risk="",missing="pulse" {time_ns}'
    ward.write(lines)
    (row,) = rows(ward, query_of("bed.json", "Early warning score"), ward=["other"], bed=["9"])
    assert (row["NEWS2"], row["complete"], row["Missing"]) == (None, 0, "pulse")
    trend = rows(ward, query_of("bed.json", "NEWS2"), ward=["other"], bed=["9"])
    assert [one["NEWS2"] for one in trend] == [7, None]


def test_several_wards_and_beds_are_one_pattern_and_nothing_of_them_is_a_pattern_itself():
    span = Span(0, 60_000)
    query = '"bed" =~ /^${bed:regex}$/ AND x GROUP BY time(${step}) AND $timeFilter'
    filled = influxql(query, {"bed": ["a.1", "b/2"], "step": ["5m"]}, span)
    assert filled == r'"bed" =~ /^(a\.1|b\/2)$/ AND x GROUP BY time(5m) AND time >= 0ms and time <= 60000ms'
    assert influxql("/^${bed:regex}$/", {"bed": ["1"]}, span) == "/^1$/"
    assert promql('x{g=~"$g"}[$__range]', {"g": ["a.b", "c"]}, span) == 'x{g=~"(a\\\\.b|c)"}[60s]'


def test_the_columns_a_query_promises():
    query = 'SELECT "ward", sum("a") AS "A b" FROM (SELECT last("x") AS "x", "y" FROM "m") WHERE "x" = 1 GROUP BY "bed"'
    assert columns_of(query) == ["ward", "A b", "bed"]
    assert columns_of('SELECT count("seq") FROM "m" GROUP BY time(1m), "bed" fill(0)') == ["count", "bed"]


def spoilt(board, old, new):
    return {board: json.loads(text_of(BOARDS[board]).replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))}


def test_a_query_that_is_wrong_is_found(ward, tmp_path, capsys):
    for old, new, said in (
        ('last(\\"hr\\")', 'latest(\\"hr\\")', "undefined function latest()"),
        ('\\"rule\\", \\"priority\\"', '\\"rulle\\", \\"priority\\"', None),
    ):
        text = text_of(BOARDS["ward-overview.json"])
        assert old in text
        board = json.loads(text.replace(old, new))
        found = [a for a in answers({"w.json": board}, now(), influx_of(ward)) if a.error or a.missing or a.empty]
        assert found
        assert all(said is None or said in answer.error for answer in found), found


def test_a_promql_expression_that_is_wrong_is_found(watched_ward):
    board = spoilt("pipeline.json", "sum(wardline_alarms)", "summ(wardline_alarms)")["pipeline.json"]
    prometheus = Prometheus(f"http://{watched_ward.prometheus.address}")
    (wrong,) = (answer for answer in answers({"p.json": board}, now(), prometheus=prometheus) if answer.error)
    assert "unknown function" in wrong.error
    assert wrong.place == "p.json: panel Alarms standing A"


def test_a_server_that_refuses_or_is_not_there_is_said(ward):
    with pytest.raises(UsageError, match=r"InfluxDB at 127.0.0.1:[0-9]+ answers 401"):
        Influx(ward.influx.url, ward.database, "admin:wrong").ask("SHOW DATABASES")
    with pytest.raises(LinkError, match="does not answer"):
        Influx("http://127.0.0.1:9", "x", "t").ask("SHOW DATABASES")
    with pytest.raises(UsageError, match="is no address of a server"):
        Prometheus("file:///etc").labels("up", "job")
