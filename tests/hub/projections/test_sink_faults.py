"""What can happen to a store: afterwards all that was measured is there, nothing is there twice, and nobody waited.

Every kind of sink that has a place in places.py goes through all of it.
"""

import contextlib
import itertools
import time
from collections import Counter

import pytest

from hub.projections.cursors import dead_letters, statuses
from tests.fixtures_influx import wait_for
from tests.hub.projections.places import InfluxPlace, mariadb_place, postgres_place
from vitals.errors import StorageError

PLACES = [
    pytest.param(InfluxPlace, id="influxdb", marks=pytest.mark.influx),
    pytest.param(postgres_place, id="postgresql", marks=pytest.mark.postgres),
    pytest.param(mariadb_place, id="mariadb", marks=pytest.mark.mariadb),
]

EPOCHS = itertools.count(1)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=PLACES, scope="module")
def store(request, tmp_path_factory):
    """One place of each kind for all faults."""
    made = request.param(tmp_path_factory.mktemp("place") / "store")
    yield made
    made.close()


@pytest.fixture
def place(store, ward):
    """The place, in good weather, and a journal of records it has not seen yet: each test has an epoch of its own."""
    ward.epoch = next(EPOCHS)
    yield store
    store.proxy.calm()
    store.full(0)


def state(folder, sink):
    with contextlib.suppress(StorageError):
        return next((status for status in statuses(folder / "projections.db") if status.sink == sink), None)
    return None


def waits(folder, sink):
    status = state(folder, sink)
    return status is not None and status.state == "waiting"


def whole(place, ward, without=0):
    """Whether each record of this journal is there once, but for those that can never be."""
    found = place.stored()
    mine = Counter({seq: times for (epoch, seq), times in found.items() if epoch == ward.epoch})
    return len(mine) == ward.records - without and set(mine.values()) == {1}


def all_there(place, ward, without=0):
    wait_for(lambda: whole(place, ward, without), f"{ward.records - without} records, each once", 40)


def test_a_store_that_is_stopped_for_a_while_has_everything_afterwards(place, ward, settings_for, project, tmp_path):
    project(place.settings(settings_for))
    ward.add(300)
    all_there(place, ward)
    place.stop()
    for _ in range(10):
        ward.add(100)
    wait_for(lambda: waits(tmp_path, place.sink), "the outage to be noticed")
    place.start()
    all_there(place, ward)


def test_a_store_that_is_killed_in_the_middle_has_everything_afterwards(place, ward, settings_for, project):
    ward.add(3_000)
    project(place.settings(settings_for))
    wait_for(lambda: place.stored(), "the first batches")
    place.kill()
    ward.add(100)
    place.start()
    all_there(place, ward)


def test_a_line_of_a_kilobyte_a_second_delays_and_loses_nothing(place, ward, settings_for, project, tmp_path):
    place.proxy.bytes_per_s = 1_000
    project(place.settings(settings_for))
    ward.add(1_000)
    wait_for(lambda: waits(tmp_path, place.sink), "the line to be too slow")
    took = [commit(ward) for _ in range(20)]
    assert max(took) < 1.0, "a commit of the journal waits for nobody"
    place.proxy.calm()
    all_there(place, ward)


def commit(ward):
    began = time.perf_counter()
    ward.add(10)
    return time.perf_counter() - began


def test_answers_that_come_too_late_make_no_second_copy(place, ward, settings_for, project, tmp_path):
    ward.add(600)
    place.proxy.delay_s = 3.0  # longer than a request may take; the store has stored it all the same
    project(place.settings(settings_for))
    wait_for(lambda: waits(tmp_path, place.sink), "a request without an answer")
    place.proxy.calm()
    all_there(place, ward)


def test_connections_that_break_in_the_middle_of_a_batch_make_no_second_copy(place, ward, settings_for, project):
    ward.add(600)
    place.proxy.close_after = 6_000
    project(place.settings(settings_for))
    wait_for(lambda: place.proxy.connections > 3, "some broken connections")
    place.proxy.calm()
    all_there(place, ward)


def test_one_refused_record_is_a_dead_letter_and_all_others_are_there(place, ward, settings_for, project, tmp_path):
    project(place.settings(settings_for))
    ward.add(250)
    all_there(place, ward)
    ward.add(1, **place.refused())
    ward.add(250)
    all_there(place, ward, without=1)
    (letter,) = wait_for(lambda: dead_letters(tmp_path / "projections.db", place.sink), "the dead letter")
    assert letter.entry == 251


@pytest.mark.parametrize("answer", [507, 500])
def test_a_store_without_room_is_waited_for(place, ward, settings_for, project, tmp_path, answer):
    place.full(answer)
    project(place.settings(settings_for))
    ward.add(500)
    wait_for(lambda: waits(tmp_path, place.sink), "the store to say so")
    assert dead_letters(tmp_path / "projections.db", place.sink) == []
    place.full(0)
    all_there(place, ward)
