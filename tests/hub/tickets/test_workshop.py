"""The workshop and the ledger on a real journal: what was known before a restart is known after it, and no more."""

import pytest

from hub.history import History
from hub.journal import Batch, Journal
from hub.journal_schema import DEVICE_STATES, DEVICE_STATES_MS
from hub.registry import Registry
from hub.tickets import rows
from hub.tickets.desk import ticket_acts
from hub.tickets.export import tickets_csv
from hub.tickets.ledger import UNWATCHED_MS, Asked, Ledger
from hub.tickets.workshop import WATCHED_MS, Workshop
from rules.fleet import Equipment, StateChange
from rules.machine import Refused
from vitals.commands import TicketCommand
from vitals.readings import Record
from vitals.sessions import DeviceStatus, GatewayStatus

NOW = 1_763_682_504_000
HOUR_MS = 3_600_000
MON = Equipment("gw-a", "mon-a")


class House:
    """A workshop on a journal, with a clock moved by hand; `commit` is what the hub does each few ms."""

    def __init__(self, settings, folder):
        self.registry = Registry(settings)
        self.path = folder / "journal.db"
        self.now = NOW
        self.seq = 0
        self.start()

    def start(self):
        self.journal = Journal(self.path)
        self.workshop = Workshop(self.registry, self.journal, self.now)
        self.acts = ticket_acts(self.workshop)

    def restart_after(self, ms):
        """What was not committed is gone, as after kill -9."""
        self.journal.close()
        self.now += ms
        self.start()

    def commit(self, writes=None):
        batch = Batch()
        batch.writes += writes if writes is not None else self.workshop.take()
        self.journal.commit(batch)

    def run(self, ms, **links):
        for _ in range(ms // 250):
            self.now += 250
            if links and self.now % 5_000 == 0:
                self.say(**links)
            self.workshop.advance(self.now, connected=True)
        self.commit()

    def say(self, **links):
        lines = [
            DeviceStatus(id=name.replace("_", "-"), driver="nonin", link=link, since=1) for name, link in links.items()
        ]
        self.workshop.status(GatewayStatus(gateway="gw-a", online=True, devices=lines), retained=False, now=self.now)

    def do(self, action, **words):
        command = TicketCommand(request="r", by="tech-1", **words)
        done = self.acts[action](command, self.now)
        self.commit(list(done.writes))
        return done.result

    def ask(self, question):
        history = History(self.path)
        try:
            return question(Ledger(history.select))
        finally:
            history.close()

    def states(self, equipment=MON, now=None):
        now = now or self.now
        return [one.state for one in self.ask(lambda ledger: ledger.stretches(equipment, 0, now + 1, now))]


@pytest.fixture
def house(make_settings, tmp_path):
    house = House(make_settings(), tmp_path)
    house.run(1_000)
    house.say(mon_a="up", mon_b="up")
    house.run(60_000, mon_a="up", mon_b="up")
    yield house
    house.journal.close()


def test_states_and_tickets_are_in_the_journal_as_they_happened(house):
    house.run(20_000, mon_a="down", mon_b="up")
    (ticket,) = house.ask(lambda ledger: ledger.tickets(Asked()))
    assert (ticket.number, ticket.equipment, ticket.ward, ticket.bed, ticket.fault) == (1, MON, "icu", "1", "offline")
    assert [told.kind for told in house.ask(lambda ledger: ledger.told(1))] == ["opened"]
    assert house.states() == ["online", "offline"]
    assert house.ask(Ledger.open_tickets) == {MON: 1}


def test_after_a_restart_the_time_the_hub_was_away_is_unknown_and_not_more_than_it_must_be(house):
    known_until = house.now
    house.restart_after(HOUR_MS)
    house.run(1_000)
    house.say(mon_a="up", mon_b="up")
    house.run(HOUR_MS, mon_a="up", mon_b="up")
    stretches = house.ask(lambda ledger: ledger.stretches(MON, 0, house.now, house.now))
    assert [one.state for one in stretches] == ["online", "unknown", "online"]
    away = stretches[1]
    assert away.message == "the hub was not running"
    assert known_until - WATCHED_MS <= away.start <= known_until
    present = house.ask(lambda ledger: ledger.present(MON, (24 * HOUR_MS,), house.now))
    assert (present.state, present.uptime[0].percent) == ("online", 100.0)
    assert abs(present.uptime[0].known - HOUR_MS - 60_000) < 2 * WATCHED_MS


def test_a_state_that_began_just_before_the_hub_was_killed_is_not_known_to_have_ended_before_it_began(house):
    house.run(15_000 - house.now % WATCHED_MS, mon_a="up", mon_b="up")
    house.say(mon_a="down", mon_b="up")
    house.commit()
    house.restart_after(HOUR_MS)
    house.commit()
    stretches = house.ask(lambda ledger: ledger.stretches(MON, 0, house.now + 1, house.now))
    assert [one.state for one in stretches] == ["online", "offline", "unknown"]
    assert stretches[1].end >= stretches[1].start


def test_a_hub_that_is_not_running_makes_its_last_word_old_and_its_devices_unknown(house):
    assert house.states(now=house.now + UNWATCHED_MS // 2)[-1] == "online"
    later = house.now + HOUR_MS
    assert house.states(now=later) == ["online", "unknown"]
    present = house.ask(lambda ledger: ledger.present(MON, (HOUR_MS,), later))
    assert (present.state, present.message) == ("unknown", "the hub is not running")


def test_a_ticket_survives_kill_9_with_its_technician_and_without_a_flap(house):
    house.run(20_000, mon_a="down", mon_b="up")
    house.do("assign-ticket", ticket=1, technician="tech-1")
    house.restart_after(5_000)
    house.commit()
    assert house.ask(lambda ledger: ledger.ticket(1)).standing is None
    house.run(40_000, mon_a="down", mon_b="up")
    (ticket,) = house.ask(lambda ledger: ledger.tickets(Asked(state="all")))
    assert (ticket.technician, ticket.flaps, ticket.standing) == ("tech-1", 0, True)
    house.run(90_000, mon_a="up", mon_b="up")
    assert house.ask(lambda ledger: ledger.ticket(1)).closed is not None
    assert [told.kind for told in house.ask(lambda ledger: ledger.told(1))] == [
        "opened",
        "assigned",
        "recovered",
        "closed",
    ]


def test_a_ticket_closed_over_a_standing_fault_stays_closed_over_a_restart(house):
    house.run(20_000, mon_a="down", mon_b="up")
    house.do("close-ticket", ticket=1, reason="lent to theatre")
    house.restart_after(5_000)
    house.run(120_000, mon_a="down", mon_b="up")
    assert house.ask(lambda ledger: ledger.tickets(Asked())) == []


def test_what_a_person_does_never_stands_before_what_happened_earlier_in_the_same_commit(house):
    house.run(20_000, mon_a="down", mon_b="up")
    house.say(mon_a="up", mon_b="up")  # the ticket's row changes, and waits for the commit
    result = house.do("assign-ticket", ticket=1, technician="tech-2")  # its own rows are all that is committed
    ticket = house.ask(lambda ledger: ledger.ticket(1))
    assert (result.ticket, ticket.technician, ticket.standing) == (1, "tech-2", False)


def test_a_refused_command_leaves_no_trace(house):
    house.run(20_000, mon_a="down", mon_b="up")
    for action, words, why in (
        ("close-ticket", {"ticket": 1, "note": "done"}, "still stands"),
        ("note-ticket", {"ticket": 1}, "nothing to note"),
        ("assign-ticket", {"technician": "x"}, "say which ticket"),
        ("open-ticket", {"device": "gw-a"[:0]}, "expected gateway/device"),
        ("open-ticket", {"ticket": 1, "device": "gw-a"}, "no number yet"),
        ("open-ticket", {"device": "gw-a/nobody"}, "no gw-a/nobody"),
    ):
        with pytest.raises((Refused, ValueError), match=why):
            house.do(action, **words)
    assert [told.kind for told in house.ask(lambda ledger: ledger.told(1))] == ["opened"]


def test_a_gateway_stands_in_the_ward_of_most_of_its_devices(house):
    house.do("open-ticket", device="gw-a", note="fan is loud", technician="tech-1")
    (ticket,) = house.ask(lambda ledger: ledger.tickets(Asked(gateway="gw-a", device="")))
    assert (ticket.ward, ticket.bed, ticket.technician) == ("icu", "", "tech-1")


def test_a_drill_says_nothing_of_the_device_it_is_sent_for(house):
    house.run(20_000, mon_b="up")
    assert house.states()[-1] == "offline"
    house.workshop.record("gw-a", Record(seq=1, device="mon-a", time=NOW, states=("drill",)), house.now)
    house.commit()
    assert house.states()[-1] == "offline"
    house.workshop.record("gw-a", Record(seq=2, device="mon-a", time=NOW), house.now)
    house.commit()
    assert house.states()[-1] == "online"


def test_a_contact_that_flaps_for_weeks_keeps_its_newest_states_and_no_more(house):
    states = [("offline", "online")[number % 2] for number in range(DEVICE_STATES + 300)]
    changes = [StateChange(MON, state, "", house.now + number) for number, state in enumerate(states)]
    house.commit([rows.change_write(change, None) for change in changes])
    end = house.now + len(changes)
    kept = house.ask(lambda ledger: ledger.stretches(MON, 0, end, end))
    assert DEVICE_STATES <= len(kept) < DEVICE_STATES + 100
    assert [one.start for one in kept] == [change.since for change in changes[-len(kept) :]]
    assert house.states(Equipment("gw-a", "mon-b")) == ["online"]  # nobody else's go


def test_the_state_in_force_when_the_kept_time_begins_stays(house):
    times = [house.now - DEVICE_STATES_MS - 2_000, house.now - DEVICE_STATES_MS - 1_000, house.now]
    mon = Equipment("gw-b", "old")
    for time in times:
        house.commit([rows.change_write(StateChange(mon, "online", "", time), None)])
    kept = house.ask(lambda ledger: ledger.stretches(mon, 0, house.now + 1, house.now))
    assert [one.start for one in kept] == times[1:]


def test_tickets_are_found_by_what_they_are_about_and_when(house):
    house.do("open-ticket", device="gw-a/mon-b", note="b")
    house.now += 1_000
    house.do("open-ticket", device="gw-a/spare", note="s")
    house.do("close-ticket", ticket=1)

    def numbers(**asked):
        return [ticket.number for ticket in house.ask(lambda ledger: ledger.tickets(Asked(**asked)))]

    assert numbers() == [2]
    assert numbers(state="closed") == [1]
    assert numbers(state="all") == [2, 1]
    assert numbers(state="all", limit=1) == [2]
    assert numbers(state="all", ward="icu", bed="2") == [1]
    assert numbers(state="all", start=house.now) == [2]
    assert numbers(state="all", end=house.now) == [1]
    assert numbers(state="all", device="mon-x") == []


@pytest.mark.parametrize("words", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_of_the_csv_begins_a_formula(house, words):
    house.do("open-ticket", device="gw-a/spare", note=words)
    (ticket,) = house.ask(lambda ledger: ledger.tickets(Asked()))
    assert f",'{words}" in tickets_csv([ticket]).replace('"', "")


def test_the_fleet_of_a_journal_without_tables_of_tickets_begins_unknown(make_settings, tmp_path):
    house = House(make_settings(), tmp_path)
    house.commit()
    present = house.ask(lambda ledger: ledger.present(MON, (HOUR_MS,), NOW))
    assert (present.state, present.since, present.uptime[0].percent) == ("unknown", None, None)
    house.journal.close()
