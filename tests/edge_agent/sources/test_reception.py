import pytest

from edge_agent.sources.messages import Refused
from vitals.readings import Observation

HR = Observation(values={"hr": 72.0})


def test_a_reading_brings_the_link_up(new_desk):
    desk = new_desk()
    desk.reception.opened("here")
    assert desk.links["mon-a"].link == "silent"
    desk.reception.take([("mon-a", HR)])
    assert (desk.links["mon-a"].link, desk.links["mon-a"].good) == ("up", 1)


def test_a_device_nobody_listed_is_refused(new_desk):
    with pytest.raises(Refused, match="unknown_device"):
        new_desk().reception.device("mon-a")  # our own id is not what the sender calls it


def test_a_clock_that_was_not_believed_is_told_once_and_stays_told(new_desk, caplog):
    desk = new_desk()
    desk.reception.take([("mon-a", HR), ("mon-a", Observation(values={"hr": 72.0}, untimed=True))] * 3)
    assert desk.links["mon-a"].detail == "its clock was not believed; the time of arrival stands"
    assert len(caplog.records) <= 2


def test_silence_is_noticed(new_desk):
    desk = new_desk(silence_ms=-1)
    desk.reception.take([("mon-a", HR)])
    desk.reception.tick()
    assert desk.links["mon-a"].link == "silent"


@pytest.mark.parametrize(("state", "link"), [("online", "up"), ("error", "error"), ("offline", "down")])
def test_a_check_in_is_the_state_of_the_link(new_desk, state, link):
    desk = new_desk()
    desk.reception.check_in("mon-a", state, "probe\nworn out")
    assert (desk.links["mon-a"].link, desk.links["mon-a"].detail) == (link, "probe worn out")


def test_an_error_stands_until_the_device_says_otherwise(new_desk):
    desk = new_desk()
    desk.reception.check_in("mon-a", "error", "probe worn out")
    desk.reception.take([("mon-a", HR)])
    assert desk.links["mon-a"].link == "error"
    desk.reception.check_in("mon-a", "online", "")
    desk.reception.take([("mon-a", HR)])
    assert desk.links["mon-a"].link == "up"


def test_readings_end_an_offline(new_desk):
    desk = new_desk()
    desk.reception.check_in("mon-a", "offline", "")
    desk.reception.take([("mon-a", HR)])
    assert desk.links["mon-a"].link == "up"


def test_a_device_that_floods_is_refused_and_its_neighbour_is_not(new_desk):
    desk = new_desk({"A": "mon-a", "B": "mon-b"}, max_rate=1.0)
    with pytest.raises(Refused, match="too_fast"):  # noqa: PT012
        for _ in range(12):
            desk.reception.take([("mon-a", HR)])
    assert 10 <= len(desk.seen) <= 11
    desk.reception.take([("mon-b", HR)])


def test_of_a_list_all_are_taken_or_none(new_desk):
    desk = new_desk({"A": "mon-a", "B": "mon-b"}, max_rate=1.0)
    with pytest.raises(Refused, match="too_fast"):
        desk.reception.take([("mon-b", HR)] + [("mon-a", HR)] * 20)
    assert desk.seen == []


def test_the_status_tells_what_was_refused_and_why(new_desk, caplog):
    desk = new_desk()
    for reason in ("bad_json", "unknown_device", "bad_json"):
        desk.reception.refuse(reason)
    assert desk.reception.status().refused == {"bad_json": 2, "unknown_device": 1}
    assert len(caplog.records) == 2


def test_a_door_that_cannot_open_takes_its_devices_down(new_desk):
    desk = new_desk()
    desk.reception.closed("cannot listen on 127.0.0.1 port 1: Permission denied")
    assert desk.reception.status().link == "down"
    assert desk.links["mon-a"].detail.startswith("cannot listen")
