"""`wardline export`: a file that is whole or not there, a bar for people and nothing for pipes."""

import csv
import io
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from hub.export.export import Export
from tests.hub.export.conftest import T0, archivist, filled  # noqa: F401
from wardline.cli import main

SPAN = ["--from", str(T0), "--to", str(T0 + 10_000)]


@pytest.fixture
def words(filled, tmp_path):  # noqa: F811
    """The words of a command: words("readings", ...)."""
    return lambda table, *more: ["export", table, "--config", str(tmp_path / "hub.yaml"), *SPAN, *more]


def test_csv_comes_on_standard_output_and_no_bar_with_it(words, capfdbinary):
    assert main(words("readings", "--ward", "icu", "--bed", "2")) == 0
    out, err = capfdbinary.readouterr()
    assert [row["parameter"] for row in csv.DictReader(io.StringIO(out.decode(), newline=""))] == ["hr", ""]
    assert out.endswith(b"\r\n")
    assert err == b""


def test_a_file_is_named_when_it_is_whole(words, tmp_path, capsys):
    path = tmp_path / "out" / "readings.parquet"
    path.parent.mkdir()
    assert main(words("readings", "--format", "parquet", "--output", str(path))) == 0
    assert path.read_bytes()[:4] == path.read_bytes()[-4:] == b"PAR1"
    assert os.listdir(path.parent) == ["readings.parquet"]
    assert capsys.readouterr().err == f"{path}: 11 rows\n"


def test_a_failure_in_the_middle_leaves_the_file_of_before(words, tmp_path, monkeypatch, capsys):
    path = tmp_path / "readings.csv"
    path.write_text("of yesterday")
    steps = iter([b"time\r\n", OSError(28, "No space left on device")])

    def step(_self, _history):
        piece = next(steps)
        if isinstance(piece, OSError):
            raise piece
        return piece

    monkeypatch.setattr(Export, "step", step)
    assert main(words("readings", "--output", str(path))) == 1
    assert "No space left on device; nothing was left there" in capsys.readouterr().err
    assert path.read_text() == "of yesterday"
    assert [name for name in os.listdir(tmp_path) if "partial" in name] == []


def test_a_kill_in_the_middle_leaves_no_file_of_that_name(filled, words, tmp_path):  # noqa: F811
    filled.records([(T0 + n % 9_000, "icu", "1", "mon-1", 0, b'{"values":{"hr":72.0}}') for n in range(150_000)])
    path = tmp_path / "readings.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "wardline", *words("readings", "--format", "json", "--output", str(path))]
    )
    deadline = time.monotonic() + 30
    while not any("partial" in name and (tmp_path / name).stat().st_size for name in os.listdir(tmp_path)):
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert not path.exists()


def test_people_see_a_bar_and_files_do_not(words, tmp_path):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "wardline", *words("alarms", "--output", str(tmp_path / "alarms.csv"))]
    subprocess.run(command, stderr=slave, check=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert "[" in shown
    assert "%" in shown
    assert shown.endswith("alarms.csv: 3 rows\r\n")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--ward", "icv"], "there is no ward 'icv'; there are: icu, west"),
        (["--bed", "1"], "--bed needs --ward"),
        (["--from", "yesterday"], "`--from` must be a time such as"),
        (["--to", str(T0)], "`--from` must be before `--to`"),
        (["--output", "/dev/null"], "/dev/null is no file"),
        (["--output", "{folder}"], "is no file"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(words, tmp_path, capsys, more, sentence):
    assert main(words("readings", *(word.format(folder=tmp_path) for word in more))) == 2
    assert sentence in capsys.readouterr().err


def test_what_has_left_the_journal_is_said(filled, words, capfd):  # noqa: F811
    filled.journal._db.execute("DELETE FROM record WHERE seq < 4")
    filled.journal._db.execute("INSERT INTO record_expired VALUES ('gw-1', 1, 3, 3)")
    assert main(words("readings")) == 0
    assert "the journal begins at 2025-11-20T23:48:24.505Z: what was older" in capfd.readouterr().err
    assert main(words("alarms")) == 0
    assert capfd.readouterr().err == ""


def test_a_folder_that_is_not_there_is_said(words, tmp_path, capsys):
    assert main(words("readings", "--output", str(tmp_path / "no" / "x.csv"))) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_a_hub_that_never_ran_is_said(tmp_path, words, filled, capsys):  # noqa: F811
    filled.journal.close()
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert main(words("readings")) == 1
    assert "cannot read the database" in capsys.readouterr().err
