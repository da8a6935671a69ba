"""How far sinks are behind: out of real cursors and a real journal, whatever the copying threads do."""

from contextlib import closing

from hub.projections.cursors import Cursor, Cursors
from hub.projections.metrics import ProjectionMetrics


def numbers(metrics):
    return {
        (metric.name, *sample.labels.values()): sample.value for metric in metrics.read() for sample in metric.samples
    }


def test_the_lag_is_what_the_journal_has_and_the_sink_has_not(ward, tmp_path):
    ward.add(5)
    cursors = tmp_path / "projections.db"
    with closing(Cursors(cursors, "influxdb")) as mine, closing(Cursors(cursors, "other")) as other:
        mine.advance("records", Cursor(2, "x"), 99, 1_000, copied=2)
        other.begin(("records", "scores"))
        other.note_waiting("away", 0, 1_000)
    found = numbers(ProjectionMetrics(tmp_path / "journal.db", cursors))
    assert found["wardline_projection_lag_entries", "influxdb"] == 3
    assert found["wardline_projection_lag_entries", "other"] == 5
    assert found["wardline_projection_entries", "influxdb"] == 2
    assert found["wardline_projection_waiting", "influxdb"] == 0
    assert found["wardline_projection_waiting", "other"] == 1


def test_without_cursors_and_without_a_journal_nothing_is_claimed(tmp_path):
    cursors = tmp_path / "projections.db"
    metrics = ProjectionMetrics(tmp_path / "journal.db", cursors)
    assert numbers(metrics) == {}
    with closing(Cursors(cursors, "influxdb")) as mine:
        mine.note_waiting("away", 0, 1_000)
    assert {name for name, _ in numbers(metrics)} == {
        "wardline_projection_entries",
        "wardline_projection_waiting",
        "wardline_projection_dead_letters",
        "wardline_projection_missed_entries",
    }
