"""Tickets: a fault that lasts is one ticket, however it flaps; what a person says of it is kept."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.fleet import STALE_MS, Equipment, Fleet, StateChange
from rules.machine import Refused
from rules.tickets import HOLD_MS, OPEN_AFTER_MS, REOPEN_MS, Tickets
from vitals.identity import BedKey
from vitals.sessions import DeviceStatus, GatewayStatus

T0 = 1_763_682_504_000
GATEWAY = Equipment("gw-1")
MON = Equipment("gw-1", "mon-a")
SPARE = Equipment("gw-1", "spare")
PLACES = {GATEWAY: BedKey("icu", ""), MON: BedKey("icu", "1"), SPARE: None}


class Rig:
    """Tickets on a clock moved by hand; `events` keeps all that was told, `rows` the newest of each ticket."""

    def __init__(self, past=(), last=0):
        self.now = T0
        self.tickets = Tickets(PLACES, past, last)
        self.events = []
        self.rows = {}

    def take(self, events):
        for event in events:
            self.rows[event.ticket.number] = event.ticket
            if event.kind is not None:
                self.events.append(event)
        return [event.kind for event in events if event.kind is not None]

    def enter(self, state, equipment=MON, message="the port is gone", since=None):
        since = self.now if since is None else since
        return self.take(self.tickets.follow(StateChange(equipment, state, message, since), self.now))

    def wait(self, ms):
        """Let time pass in quarter seconds."""
        kinds = []
        for _ in range(ms // 250):
            self.now += 250
            kinds += self.take(self.tickets.advance(self.now))
        return kinds

    def do(self, action, *words):
        return self.take(getattr(self.tickets, action)(*words, self.now))

    def open(self):
        return self.tickets.open_tickets()


@pytest.fixture
def rig():
    return Rig()


@pytest.fixture
def opened(rig):
    """A rig with the open ticket 1 for a device that is offline."""
    rig.enter("online")
    rig.enter("offline")
    assert rig.wait(OPEN_AFTER_MS) == ["opened"]
    return rig


def test_a_fault_that_lasts_opens_a_ticket_that_says_what_where_and_since_when(opened):
    (ticket,) = opened.open()
    assert (ticket.number, ticket.equipment, ticket.ward, ticket.bed) == (1, MON, "icu", "1")
    assert (ticket.fault, ticket.message, ticket.opened, ticket.standing) == (
        "offline",
        "the port is gone",
        T0 + OPEN_AFTER_MS,
        True,
    )


def test_a_cable_plugged_anew_is_no_work(rig):
    rig.enter("offline")
    rig.wait(OPEN_AFTER_MS - 250)
    rig.enter("online")
    assert rig.wait(10 * OPEN_AFTER_MS) == []


def test_silence_that_has_lasted_already_opens_at_once(rig):
    assert rig.enter("offline", since=T0 - STALE_MS) == ["opened"]


def test_a_gateway_gets_a_ticket_of_its_own(rig):
    rig.enter("offline", GATEWAY, "connection lost")
    rig.wait(OPEN_AFTER_MS)
    assert [(str(ticket.equipment), ticket.ward, ticket.bed) for ticket in rig.open()] == [("gw-1", "icu", "")]


def test_a_device_in_the_store_opens_no_ticket_by_itself_and_one_by_hand(rig):
    rig.enter("offline", SPARE)
    assert rig.wait(OPEN_AFTER_MS * 4) == []
    assert rig.do("open", SPARE, "the clip is broken", "nurse-1") == ["opened"]


def test_recovery_that_lasts_closes_the_ticket_and_says_so(opened):
    assert opened.enter("online") == ["recovered"]
    assert opened.wait(HOLD_MS - 250) == []
    assert opened.wait(250) == ["closed"]
    assert opened.open() == []
    last = opened.events[-1]
    assert (last.by, last.text, last.ticket.closed) == ("", "online for 60 s", opened.now)


def test_what_nobody_knows_neither_closes_a_ticket_nor_opens_one(opened):
    opened.enter("unknown", message="its gateway gw-1 is offline")
    assert opened.open()[0].standing is None
    assert opened.wait(10 * HOLD_MS) == []
    opened.enter("online")
    opened.wait(HOLD_MS // 2)
    opened.enter("unknown")
    assert opened.wait(10 * HOLD_MS) == []
    assert opened.open()[0].flaps == 0


def test_a_fault_that_comes_back_is_the_same_ticket_with_a_count(opened):
    for _ in range(5):
        opened.enter("online")
        opened.wait(2_000)
        opened.enter("offline")
        opened.wait(2_000)
    (ticket,) = opened.open()
    assert (ticket.number, ticket.flaps) == (1, 5)
    assert [event.kind for event in opened.events] == ["opened", "recovered", "flapped"]


def test_a_fault_that_comes_back_soon_after_the_ticket_closed_itself_opens_the_same_again(opened):
    opened.enter("online")
    opened.wait(HOLD_MS)
    opened.now += REOPEN_MS - OPEN_AFTER_MS - 1
    opened.enter("offline")
    assert opened.wait(OPEN_AFTER_MS) == ["reopened"]
    (ticket,) = opened.open()
    assert (ticket.number, ticket.flaps, ticket.closed, ticket.reason) == (1, 1, None, "")


def test_a_fault_that_comes_back_much_later_is_a_new_ticket(opened):
    opened.enter("online")
    opened.wait(HOLD_MS)
    opened.now += REOPEN_MS
    opened.enter("offline")
    opened.wait(OPEN_AFTER_MS)
    assert [ticket.number for ticket in opened.open()] == [2]


def test_another_fault_of_the_same_device_changes_the_ticket_it_has(opened):
    assert opened.enter("error", message="refused: permission denied") == ["changed"]
    assert opened.enter("offline") == []  # it goes to and fro; told once a minute
    assert opened.enter("error", message="refused: permission denied") == []
    (ticket,) = opened.open()
    assert (ticket.fault, ticket.message, ticket.flaps) == ("error", "refused: permission denied", 0)


def test_closing_over_a_fault_that_stands_needs_a_reason(opened):
    with pytest.raises(Refused, match="gw-1/mon-a still stands; give the reason"):
        opened.do("close", 1, "", "tech-1")
    opened.enter("unknown")
    with pytest.raises(Refused, match="nobody can see it now; give the reason"):
        opened.do("close", 1, "", "tech-1")
    assert opened.do("close", 1, "lent to theatre", "tech-1") == ["closed"]
    assert (opened.events[-1].by, opened.events[-1].text) == ("tech-1", "lent to theatre")


def test_a_ticket_closed_over_a_fault_stays_closed_until_the_fault_has_ended_and_come_back(opened):
    opened.do("close", 1, "lent to theatre", "tech-1")
    assert opened.wait(10 * HOLD_MS) == []
    for state in ("unknown", "offline", "error", "unknown", "offline"):  # none of these is an end of the fault
        opened.enter(state)
        assert opened.wait(2 * OPEN_AFTER_MS) == []
    opened.enter("online")
    opened.wait(HOLD_MS - 250)
    opened.enter("offline")  # nor is an end that does not last
    assert opened.wait(2 * OPEN_AFTER_MS) == []
    opened.enter("online")
    opened.wait(HOLD_MS)
    opened.enter("offline")
    assert opened.wait(OPEN_AFTER_MS) == ["opened"]
    assert [ticket.number for ticket in opened.open()] == [2]


def test_once_the_fault_is_over_a_ticket_is_closed_without_a_reason(opened):
    opened.enter("online")
    assert opened.do("close", 1, "", "tech-1") == ["closed"]
    opened.enter("offline")  # it was not over: that is new work
    assert opened.wait(OPEN_AFTER_MS) == ["opened"]


def test_what_a_person_opened_a_person_closes(rig):
    rig.enter("online")
    rig.do("open", MON, "the handle is cracked", "nurse-1")
    (ticket,) = rig.open()
    assert (ticket.fault, ticket.message, ticket.standing) == ("reported", "the handle is cracked", False)
    assert rig.wait(HOLD_MS * 3) == []
    rig.enter("offline")
    rig.wait(OPEN_AFTER_MS)
    rig.enter("online")
    rig.wait(HOLD_MS * 2)
    assert [ticket.number for ticket in rig.open()] == [1]
    assert rig.do("close", 1, "", "tech-1") == ["closed"]


def test_a_second_ticket_for_the_same_device_is_refused_with_the_number_of_the_first(opened):
    with pytest.raises(Refused, match="open ticket 1 already"):
        opened.do("open", MON, "it is off", "nurse-1")


def test_a_person_may_open_a_ticket_for_a_fault_whose_ticket_was_closed(opened):
    opened.do("close", 1, "lent to theatre", "tech-1")
    assert opened.do("open", MON, "it is back and dead", "nurse-1") == ["opened"]
    assert [ticket.fault for ticket in opened.open()] == ["offline"]


def test_a_ticket_is_assigned_and_given_back(opened):
    assert opened.do("assign", 1, "tech-1", "nurse-1", "spare battery is in the drawer") == ["assigned", "noted"]
    assert opened.open()[0].technician == "tech-1"
    opened.do("assign", 1, "", "tech-1", "")
    assert opened.open()[0].technician == ""


@pytest.mark.parametrize("words", [("assign", 7, "tech-1", "x", ""), ("note", 7, "text", "x"), ("close", 7, "r", "x")])
def test_a_ticket_that_is_not_open_is_left_alone(opened, words):
    with pytest.raises(Refused, match="no open ticket 7"):
        opened.do(*words)


def test_nothing_cannot_be_noted(opened):
    with pytest.raises(Refused, match="nothing to note"):
        opened.do("note", 1, "", "tech-1")


def test_equipment_nobody_registered_gets_no_ticket(rig):
    assert rig.enter("offline", Equipment("gw-1", "mon-x")) == []
    with pytest.raises(Refused, match="no gw-1/mon-x in the settings"):
        rig.do("open", Equipment("gw-1", "mon-x"), "", "nurse-1")


def test_a_restart_goes_on_with_the_tickets_there_were(opened):
    opened.do("assign", 1, "tech-1", "tech-1", "")
    again = Rig(opened.rows.values(), last=1)
    assert [(ticket.number, ticket.technician, ticket.standing) for ticket in again.open()] == [(1, "tech-1", None)]
    again.enter("offline")
    assert again.wait(OPEN_AFTER_MS * 2) == []
    again.enter("online")
    assert again.wait(HOLD_MS) == ["closed"]


def test_a_restart_does_not_open_again_what_a_person_closed(opened):
    opened.do("close", 1, "lent to theatre", "tech-1")
    again = Rig(opened.rows.values(), last=1)
    again.enter("offline")
    assert again.wait(OPEN_AFTER_MS * 2) == []


def test_a_ticket_of_equipment_that_was_taken_out_of_the_settings_can_still_be_closed(opened):
    gone = msgspec.structs.replace(opened.rows[1], device="mon-gone")
    again = Rig([gone], last=1)
    assert again.do("close", 1, "sold", "tech-1") == ["closed"]


STATES = st.sampled_from(["online", "offline", "error", "unknown"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([GATEWAY, MON, SPARE]), STATES, st.sampled_from([250, 2_000, 14_750, 15_000, 60_000, 3_700_000])
    ),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS, st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_however_states_flap_a_device_never_has_two_open_tickets(steps, closings, restarts):
    rig = Rig()
    rows = rig.rows
    for step, (equipment, state, ms) in enumerate(steps):
        rig.enter(state, equipment)
        rig.now += ms
        rig.take(rig.tickets.advance(rig.now))
        if step in closings:
            for ticket in rig.open():
                rig.do("close", ticket.number, "for the test", "tech-1")
        if step in restarts:
            now, rig = rig.now, Rig(list(rows.values()), last=max(rows, default=0))
            rig.now, rig.rows = now, rows
        open_ = [row.equipment for row in rows.values() if row.closed is None]
        assert len(open_) == len(set(open_))
        assert sorted(rows) == list(range(1, len(rows) + 1))
        assert {row.number for row in rows.values() if row.closed is None} == {one.number for one in rig.open()}


@settings(deadline=None)
@given(st.lists(st.integers(1, 240), min_size=2, max_size=60))
def test_a_contact_that_flaps_for_an_hour_is_one_ticket(quarters):
    """Each fault and each recovery lasts up to a minute: never long enough to be over."""
    rig = Rig()
    rig.enter("offline", since=T0 - OPEN_AFTER_MS)
    for number, quarter in enumerate(quarters):
        rig.enter("online" if number % 2 == 0 else "offline")
        rig.now += quarter * 250 - 1
        rig.take(rig.tickets.advance(rig.now))
    assert list(rig.rows) == [1]
    assert rig.rows[1].flaps == len(quarters) // 2
    told = [event.time for event in rig.events if event.kind in ("recovered", "flapped")]
    assert len(told) <= 2 * (1 + (rig.now - T0) // 60_000)


class Ward:
    """A fleet and its tickets on one clock: a gateway with 20 devices that say how they are as gateways do."""

    def __init__(self):
        self.now = T0
        self.devices = [f"mon-{number}" for number in range(20)]
        names = [Equipment("gw-1"), *(Equipment("gw-1", device) for device in self.devices)]
        self.fleet = Fleet({"gw-1": self.devices}, T0)
        self.tickets = Tickets({name: BedKey("icu", "1") for name in names})
        self.down = set()
        self.gone = False
        self.events = []
        self.follow(self.fleet.broker(True, T0))

    def follow(self, changes):
        for change in changes:
            self.events += self.tickets.follow(change, self.now)

    def run(self, ms):
        """A quarter second at a time: records each second, the status each 5 s and when a line changes."""
        for _ in range(ms // 250):
            self.now += 250
            if not self.gone and self.now % 1_000 == 0:
                for device in self.devices:
                    if device not in self.down:
                        self.follow(self.fleet.record("gw-1", device, faulty=False, now=self.now))
            if not self.gone and self.now % 5_000 == 0:
                self.say()
            self.follow(self.fleet.advance(self.now))
            self.events += self.tickets.advance(self.now)

    def say(self):
        lines = [
            DeviceStatus(id=device, driver="nonin", link="down" if device in self.down else "up", since=1)
            for device in self.devices
        ]
        self.follow(
            self.fleet.status(GatewayStatus(gateway="gw-1", online=True, devices=lines), retained=False, now=self.now)
        )

    def opened(self):
        return [(str(event.ticket.equipment), event.time) for event in self.events if event.kind == "opened"]


@pytest.fixture
def ward():
    ward = Ward()
    ward.run(60_000)
    assert ward.opened() == []
    return ward


@pytest.mark.parametrize("told", [True, False], ids=["the gateway says so at once", "the hub hears silence alone"])
def test_a_ticket_is_open_a_second_after_the_stale_time_at_the_latest(ward, told):
    if not told:
        ward.say = lambda: ward.follow(ward.fleet.spoke("gw-1", ward.now))
        ward.run(30_000)
    ward.down.add("mon-7")
    ward.say()
    fault = ward.now
    ward.run(60_000)
    ((equipment, time),) = ward.opened()
    assert equipment == "gw-1/mon-7"
    assert time - fault <= STALE_MS + 1_000


@pytest.mark.parametrize("offset", range(0, 5_000, 500))
def test_a_gateway_that_loses_its_power_is_one_ticket_and_none_for_its_devices(ward, offset):
    ward.run(offset)
    ward.gone = True
    fault = ward.now
    ward.run(300_000)
    ((equipment, time),) = ward.opened()
    assert equipment == "gw-1"
    assert time - fault <= STALE_MS + 1_000
    ward.gone = False
    ward.run(HOLD_MS + 30_000)
    assert ward.tickets.open_tickets() == []
    assert len(ward.opened()) == 1


def test_a_broker_that_is_away_for_an_hour_opens_no_ticket(ward):
    ward.gone = True
    ward.follow(ward.fleet.broker(False, ward.now))
    ward.run(3_600_000)
    ward.follow(ward.fleet.broker(True, ward.now))
    ward.run(25_000)
    ward.gone = False
    ward.run(120_000)
    assert ward.events == []
