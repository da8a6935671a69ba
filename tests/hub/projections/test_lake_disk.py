"""A lake on a disk that refuses: the readings wait in the journal, it is said once, and nothing is there twice."""

import contextlib
import logging
import os
import subprocess

import pytest

from hub.projections.cursors import statuses
from hub.projections.lake.verify import verify
from hub.settings import BedSettings, HubSettings, ProjectionSettings, WardSettings
from tests.fixtures_influx import wait_for
from tests.hub.export.conftest import Archivist
from tests.hub.projections.lake_writer import settings_of
from tests.hub.projections.test_lake import expected, grow, stored
from vitals.errors import StorageError

SAID = "projection lake has stopped, readings wait in the journal"


@pytest.fixture
def disk(tmp_path):
    """A disk of 1 MB of its own that the lake is on."""
    if os.geteuid() != 0:
        reason = "a small disk can be mounted by root only"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path / "lake"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def journal(tmp_path):
    made = Archivist(tmp_path / "journal.db")
    yield made
    made.journal.close()


@pytest.fixture
def settings():
    return HubSettings(
        hub="hub-1",
        wards=[WardSettings(id="icu", beds=[BedSettings(id="1")])],
        projections=ProjectionSettings(lake=settings_of({"batch": 50})),
    )


def status(folder):
    with contextlib.suppress(StorageError):
        return next(iter(statuses(folder / "projections.db")), None)


def lag(folder, state):
    found = status(folder)
    return found.lag if found is not None and found.state == state else None


def everything_once(folder):
    wait_for(lambda: stored(folder) == expected(folder), "the lake to have everything")
    assert verify(folder / "lake").problems == []


def said_once(caplog, word):
    lines = [record.getMessage() for record in caplog.records if SAID in record.getMessage()]
    assert len(lines) == 1
    assert word in lines[0]
    wait_for(lambda: "projection lake is back" in caplog.text, "the word that it is back")


def test_a_full_disk_is_waited_for(journal, disk, settings, project, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    grow(journal)
    project(settings)
    wait_for(lambda: lag(tmp_path, "running") == 0, "the first entries")
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    grow(journal)
    wait_for(lambda: lag(tmp_path, "waiting"), "the lake to say that it waits")
    assert "No space left on device; free some space" in status(tmp_path).error
    grow(journal)
    wait_for(lambda: lag(tmp_path, "waiting") == 122, "the lag to grow")
    filler.unlink()
    everything_once(tmp_path)
    said_once(caplog, "No space left on device")


def test_a_disk_that_can_only_be_read_is_waited_for(journal, disk, settings, project, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    grow(journal)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    project(settings)
    wait_for(lambda: lag(tmp_path, "waiting") == 61, "the lake to say that it waits")
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    everything_once(tmp_path)
    said_once(caplog, "Read-only file system")


def test_a_lake_that_was_unmounted_is_not_begun_anew_on_the_disk_below(
    journal, disk, settings, project, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    grow(journal)
    first = project(settings)
    wait_for(lambda: lag(tmp_path, "running") == 0, "the first entries")
    assert first.stop()
    subprocess.run(["umount", str(disk)], check=True)
    project(settings)
    wait_for(lambda: lag(tmp_path, "waiting") is not None, "the lake to say that it waits")
    assert "mount its disk" in status(tmp_path).error
    assert list(disk.iterdir()) == []
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)


def test_a_hub_that_runs_fills_its_lake_and_goes_on_after_a_restart(journal, settings, project, tmp_path):
    grow(journal)
    first = project(settings)
    wait_for(lambda: lag(tmp_path, "running") == 0, "the first entries")
    assert first.stop()
    grow(journal)
    project(settings)
    everything_once(tmp_path)
