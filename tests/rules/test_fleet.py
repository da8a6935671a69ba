"""The fleet: each word and each silence leads to one state, and a fault stands at its root."""

import pytest

from rules.fleet import GRACE_MS, PULSE_MS, STALE_MS, Equipment, Fleet
from vitals.sessions import DeviceStatus, GatewayStatus, ListenerStatus

T0 = 1_763_682_504_000
GATEWAY = Equipment("gw-1")
MON = Equipment("gw-1", "mon-a")
OTHER = Equipment("gw-1", "mon-b")


def line(device, link, detail=""):
    return DeviceStatus(id=device, driver="nonin", link=link, since=1, detail=detail)


def status(*lines, online=True, reason="", **fields):
    return GatewayStatus(gateway="gw-1", online=online, reason=reason, devices=list(lines), **fields)


class Rig:
    """A fleet on a clock moved by hand; `told` keeps every change as (device, state)."""

    def __init__(self):
        self.now = T0
        self.fleet = Fleet({"gw-1": ["mon-a", "mon-b"], "gw-store": []}, T0)
        self.changes = []
        self.told(self.fleet.broker(True, T0))

    def told(self, changes):
        self.changes += changes
        return [(str(change.equipment), change.state) for change in changes]

    def say(self, *lines, retained=False, **fields):
        return self.told(self.fleet.status(status(*lines, **fields), retained=retained, now=self.now))

    def record(self, device="mon-a", faulty=False):
        return self.told(self.fleet.record("gw-1", device, faulty=faulty, now=self.now))

    def wait(self, seconds, each=lambda: None):
        """Let time pass in quarter seconds; `each` second something happens."""
        found = []
        for step in range(int(seconds * 4)):
            self.now += 250
            if step % 4 == 3:
                each()
            found += self.told(self.fleet.advance(self.now))
        return found


@pytest.fixture
def rig():
    return Rig()


def both_up(rig):
    return lambda: rig.say(line("mon-a", "up"), line("mon-b", "up"))


def test_everything_is_unknown_until_it_is_heard(rig):
    assert {rig.fleet.state(one) for one in (GATEWAY, MON, OTHER)} == {"unknown"}
    assert rig.record() == [("gw-1", "online"), ("gw-1/mon-a", "online")]
    assert rig.fleet.state(OTHER) == "unknown"


@pytest.mark.parametrize(
    ("link", "state"), [("up", "online"), ("down", "offline"), ("silent", "offline"), ("error", "error")]
)
def test_the_word_of_the_gateway_on_a_line_is_the_state_of_its_device(rig, link, state):
    rig.say(line("mon-a", link, "because"), line("mon-b", "up"))
    assert rig.fleet.state(MON) == state
    assert rig.fleet.state(OTHER) == "online"
    assert rig.fleet.message(MON) == ("" if link == "up" else "because")


def test_records_that_were_under_way_do_not_undo_a_line_that_is_down(rig):
    rig.say(line("mon-a", "down", "the port is gone"))
    assert rig.record() == []
    assert rig.fleet.state(MON) == "offline"


def test_a_device_measured_now_and_then_is_online_while_its_line_is_up(rig):
    rig.wait(120, each=both_up(rig))
    assert rig.fleet.state(MON) == "online"


def test_a_device_that_reports_its_own_fault_is_in_error_until_it_takes_it_back(rig):
    rig.say(line("mon-a", "up"))
    assert rig.record(faulty=True) == [("gw-1/mon-a", "error")]
    rig.say(line("mon-a", "up"))
    assert rig.fleet.state(MON) == "error"
    assert rig.record() == [("gw-1/mon-a", "online")]


def test_silence_of_a_device_behind_a_gateway_that_says_nothing_of_lines_is_noticed_in_time(rig):
    rig.record("mon-a")
    rig.record("mon-b")
    stopped = rig.now
    told = rig.wait(16, each=lambda: rig.record("mon-b"))
    assert told == [("gw-1/mon-a", "offline")]
    assert rig.changes[-1].since == stopped


def test_a_device_its_gateway_does_not_speak_of_is_offline_once_it_is_silent(rig):
    rig.wait(16, each=lambda: rig.say(line("mon-b", "up")))
    assert rig.fleet.state(MON) == "offline"
    assert "does not speak of it" in rig.fleet.message(MON)


def test_a_later_state_never_begins_before_an_earlier_one(rig):
    rig.record("mon-a")
    rig.wait(2)
    rig.say(line("mon-a", "error", "parity"))
    rig.wait(16, each=lambda: rig.told(rig.fleet.spoke("gw-1", rig.now)))
    first, second = [change for change in rig.changes if change.equipment == MON][-2:]
    assert (first.state, second.state) == ("error", "offline")
    assert second.since >= first.since


def test_a_gateway_that_vanishes_is_one_fault_and_its_devices_are_unknown(rig):
    both_up(rig)()
    rig.record("mon-a")
    rig.record("mon-b")
    gone = rig.now
    assert rig.wait(16) == [("gw-1", "offline"), ("gw-1/mon-a", "unknown"), ("gw-1/mon-b", "unknown")]
    assert rig.changes[-3].since == gone
    assert rig.fleet.message(MON) == "its gateway gw-1 is offline"


def test_a_device_that_was_silent_for_a_moment_is_not_blamed_for_its_gateway(rig):
    rig.record("mon-a")
    rig.wait(7, each=lambda: rig.record("mon-b"))
    assert ("gw-1/mon-a", "offline") not in rig.wait(30)


def test_the_last_will_is_believed_at_once(rig):
    both_up(rig)()
    assert rig.say(online=False, reason="connection lost")[0] == ("gw-1", "offline")
    assert rig.fleet.message(GATEWAY) == "connection lost"
    assert rig.say(line("mon-a", "up"), line("mon-b", "up")) == [
        ("gw-1", "online"),
        ("gw-1/mon-a", "online"),
        ("gw-1/mon-b", "online"),
    ]


def test_devices_have_time_to_speak_after_their_gateway_is_back(rig):
    rig.record("mon-a")
    rig.wait(60)
    rig.record("mon-b")
    assert rig.wait(14, each=lambda: rig.record("mon-b")) == []
    assert rig.wait(2, each=lambda: rig.record("mon-b")) == [("gw-1/mon-a", "offline")]


def test_a_retained_word_that_all_is_well_proves_nothing_and_one_that_it_is_gone_is_believed(rig):
    assert rig.say(line("mon-a", "up"), retained=True) == []
    assert rig.say(online=False, reason="stopped", retained=True) == [("gw-1", "offline")]


def test_a_registered_gateway_that_never_speaks_is_offline_in_the_end(rig):
    assert rig.wait(GRACE_MS / 1_000 - 1) == []
    assert rig.wait(2) == [("gw-1", "offline")]


def test_a_gateway_without_devices_may_not_be_installed_yet(rig):
    rig.wait(120)
    assert rig.fleet.state(Equipment("gw-store")) == "unknown"


def test_without_the_broker_nobody_is_judged_and_afterwards_everybody_has_time_to_come_back(rig):
    both_up(rig)()
    assert {state for _, state in rig.told(rig.fleet.broker(False, rig.now))} == {"unknown"}
    assert rig.wait(600) == []
    assert rig.told(rig.fleet.broker(True, rig.now)) == []
    assert rig.wait(GRACE_MS / 1_000 - 1) == []
    both_up(rig)()
    assert rig.fleet.state(MON) == "online"


@pytest.mark.parametrize(
    "reason", ["spool_error: disk I/O error", "spool_full: 12 records pruned so far", "identity_conflict"]
)
def test_a_gateway_somebody_must_see_to_is_in_error_and_its_devices_are_not(rig, reason):
    rig.say(line("mon-a", "up"), reason=f"{reason}; 3 records lost: wave")
    assert (rig.fleet.state(GATEWAY), rig.fleet.state(MON)) == ("error", "online")
    assert rig.fleet.message(GATEWAY) == reason


def test_a_door_that_cannot_open_is_an_error_of_its_gateway(rig):
    door = ListenerStatus(id="door", type="webhook", link="down", since=1, detail="address in use")
    rig.say(line("mon-a", "up"), listeners=[door])
    assert rig.fleet.state(GATEWAY) == "error"
    assert "address in use" in rig.fleet.message(GATEWAY)


def test_a_clock_that_is_off_is_no_work_for_a_technician(rig):
    rig.say(line("mon-a", "up"), reason="clock: the hub's is +9 s from ours; connection lost")
    assert rig.fleet.state(GATEWAY) == "online"


def test_equipment_nobody_registered_changes_nothing(rig):
    assert rig.fleet.record("gw-x", "mon-a", faulty=False, now=T0) == []
    assert rig.told(rig.fleet.record("gw-1", "mon-x", faulty=True, now=T0)) == [("gw-1", "online")]
    assert rig.fleet.state(Equipment("gw-x")) == "unknown"
    assert rig.fleet.state(Equipment("gw-1", "mon-x")) == "unknown"


def test_a_pulse_is_longer_than_the_time_between_two_words_of_a_gateway():
    from edge_agent.agent import STATUS_S

    assert STATUS_S * 1_000 < PULSE_MS < STALE_MS


@pytest.mark.parametrize("text", ["gw-1/mon-a", "gw-1"])
def test_the_name_of_equipment_is_read_as_it_is_written(text):
    assert str(Equipment.parse(text)) == text


@pytest.mark.parametrize("text", ["", "/", "gw-1/", "GW/a", "gw-1/a/b", "gw-1/../x", "é"])
def test_what_is_no_equipment_is_refused(text):
    with pytest.raises(ValueError, match="expected gateway/device"):
        Equipment.parse(text)
