"""`/api/v1/export`: the bytes of the command line, refusals before the file begins."""

import json
import subprocess
import sys

import pytest

T0 = 1_763_682_504_000
SPAN = f"from={T0}&to={T0 + 10_000}"


@pytest.fixture(scope="module")
def stored(journal):
    journal.records(
        (T0, b'{"values":{"hr":72.0,"spo2":97.0}}'),
        (T0 + 1_000, b'{"values":{"hr":73.5},"flags":{"spo2":"sensor_off"},"states":["low_battery"]}'),
        *((T0 + 2_000 + n, b'{"values":{"hr":%d.5}}' % (60 + n % 30)) for n in range(3_000)),
    )
    return journal


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
@pytest.mark.parametrize("table", ["readings", "alarms", "devices", "tickets"])
def test_the_api_gives_the_bytes_that_the_command_writes(console, stored, tmp_path, table, format_):
    status, headers, body = console.get(f"/api/v1/export/{table}?{SPAN}&format={format_}")
    assert status == 200
    assert headers["content-disposition"] == f'attachment; filename="{table}.{format_}"'
    path = tmp_path / "x"
    words = ["export", table, "--config", str(console.config), "--from", str(T0), "--to", str(T0 + 10_000)]
    words += ["--format", format_, "--output", str(path)]
    subprocess.run([sys.executable, "-m", "wardline", *words], check=True, capture_output=True)
    assert body == path.read_bytes()


def test_a_ward_and_a_bed_can_be_asked_for(console, stored):
    rows = json.loads(console.get(f"/api/v1/export/readings?{SPAN}&ward=icu&bed=1&format=json")[2])
    assert len(rows) == 3_005
    assert rows[3] == {
        "time": "2025-11-20T23:48:25.000Z",
        "ward": "icu",
        "bed": "1",
        "gateway": "gw-1",
        "device": "mon-1",
        "parameter": "spo2",
        "value": None,
        "unit": "%",
        "reason": "sensor_off",
        "late": False,
        "clock": "synced",
        "received": "2025-11-20T23:48:25.005Z",
        "epoch": 1,
        "seq": 2,
    }
    assert json.loads(console.get(f"/api/v1/export/readings?{SPAN}&ward=icu&bed=2&format=json")[2]) == []


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("readings?ward=nowhere", 404, "there is no nowhere"),
        ("readings?ward=icu&bed=99", 404, "there is no icu/99"),
        ("readings?bed=1", 422, "`bed` needs `ward`"),
        ("readings?from=never", 422, "`from` must be a time"),
        (f"readings?from={T0}&to={T0}", 422, "`from` must be before `to`"),
        ("patients", 422, "`table` is not right"),
        ("readings?format=xls", 422, "`format` is not right"),
    ],
)
def test_a_question_without_sense_is_refused_before_a_file_begins(console, stored, path, status, sentence):
    answer = console.get(f"/api/v1/export/{path}")
    assert answer[0] == status
    assert json.loads(answer[2])["error"].startswith(sentence)
