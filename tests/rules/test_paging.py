"""Paging on a clock moved by hand: who is sent what, when, again, and when no longer."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.paging import AGAIN_MS, GIVE_UP_MS, GROUP_MS, LAST_RESORT_MS, Paging, call_state
from rules.rotas import read_pagers
from vitals.alarms import Alarm, AlarmEvent, alarm_id

T0 = 1_763_682_504_000
SECOND = 1_000
MINUTE = 60_000

PLAN = """
format: 1
zone: UTC
recipients:
  - {id: nurse-1, fallback: charge}
  - {id: charge}
  - {id: doctor}
  - {id: by-mail, mqtt: false, notify: env:MAIL}
policies:
  - {id: none, priorities: [low], steps: []}
  - {id: mail, rules: [mailed], steps: [{after: 0s, page: [by-mail]}]}
  - id: high
    priorities: [high]
    repeat: 5min
    steps:
      - {after: 0s, page: [nurse-1]}
      - {after: 2min, page: [charge]}
      - {after: 4min, page: [doctor]}
  - {id: medium, steps: [{after: 30s, page: [nurse-1]}]}
"""


def alarm(bed="7", rule="spo2-low", **fields):
    at = fields.pop("at", T0)
    fields = {"ward": "icu", "kind": "physiological", "priority": "high", "state": "active", "rev": 1} | fields
    id_ = alarm_id(rule, fields["ward"], bed, at)
    return Alarm(id=id_, rule=rule, bed=bed, message="SpO2 low", onset=at, raised=at, changed=at, **fields)


class Ward:
    """A paging engine with its clock, and everything it has sent."""

    def __init__(self, plan=PLAN):
        self.plan = read_pagers(plan, "pagers.yaml")
        self.paging = Paging(self.plan)
        self.now = T0
        self.sent = []  # (ms since T0, recipient, attempt, beds)
        self.last = []
        self.rows = {}

    def tell(self, alarm, change="raised", by="", live=True, time=None):
        event = AlarmEvent(change=change, time=self.now if time is None else time, alarm=alarm, by=by)
        self.paging.take(event, self.now, live=live)
        return alarm

    def step(self):
        self.last = self.paging.advance(self.now)
        self.save()
        for send in self.last:
            beds = tuple(one.bed for one in send.alarms)
            self.sent.append((self.now - T0, send.recipient, send.attempt, beds))
        return self.last

    def save(self):
        changes = self.paging.unsaved()
        for one in (*changes.escalations, *changes.calls, *changes.deliveries):
            key = one.alarm.id if hasattr(one, "round") else one.id
            self.rows[type(one).__name__, key] = msgspec.json.decode(msgspec.json.encode(one), type=type(one))
        self.paging.saved()

    def run(self, until_ms, tick=100):
        self.step()
        while self.now - T0 < until_ms:
            self.now += tick
            self.step()

    def answer(self, *sends):
        """The devices of these messages have received them."""
        for send in sends:
            self.paging.received(send.delivery, send.recipient, self.now)

    def obedient(self, until_ms):
        """Run with devices that send a receipt for everything."""
        while self.now - T0 < until_ms:
            self.answer(*self.step())
            self.now += 100

    def states(self):
        self.save()
        calls = [row for (kind, _), row in self.rows.items() if kind == "Call"]
        deliveries = {key: row for (kind, key), row in self.rows.items() if kind == "Delivery"}
        return {(one.recipient, one.step): call_state(one, deliveries.get(one.delivery)) for one in calls}

    def restart(self):
        """A new process with nothing but what was saved."""
        self.save()
        faults = self.paging.faults()
        self.paging = Paging(self.plan)
        of = {kind: [row for (name, _), row in self.rows.items() if name == kind] for kind in ("Call", "Delivery")}
        escalations = [row for (name, _), row in self.rows.items() if name == "Escalation"]
        self.paging.restore(escalations, of["Call"], of["Delivery"], faults)


@pytest.fixture
def ward():
    return Ward()


def times(ward, recipient):
    return [time for time, name, *_ in ward.sent if name == recipient]


def test_the_first_page_goes_at_once(ward):
    ward.tell(alarm())
    (send,) = ward.step()
    assert (send.recipient, send.attempt, send.step, [one.bed for one in send.alarms]) == ("nurse-1", 1, 1, ["7"])


def test_each_step_comes_at_its_time_while_nobody_answers(ward):
    ward.tell(alarm())
    ward.obedient(10 * MINUTE)
    assert ward.sent == [
        (0, "nurse-1", 1, ("7",)),
        (2 * MINUTE, "charge", 1, ("7",)),
        (4 * MINUTE, "doctor", 1, ("7",)),
        (9 * MINUTE, "doctor", 1, ("7",)),
    ]


@pytest.mark.parametrize(
    ("state", "change", "shown"),
    [
        ("acknowledged", "acknowledged", "acknowledged"),
        ("audio_paused", "audio_paused", "paused"),
        ("alarms_paused", "alarms_paused", "paused"),
        ("active", "cleared", "over"),
        ("latched", "reset", "over"),
    ],
)
def test_an_answer_or_the_end_of_the_alarm_stops_the_escalation(ward, state, change, shown):
    ward.tell(alarm())
    ward.obedient(119 * SECOND)
    ward.tell(alarm(state=state, rev=2), change, by="nurse-1")
    ward.obedient(20 * MINUTE)
    assert times(ward, "charge") == []
    assert ward.states() == {("nurse-1", 1): shown}


def test_an_alarm_that_ends_unseen_goes_on_being_paged(ward):
    ward.tell(alarm())
    ward.obedient(10 * SECOND)
    ward.tell(alarm(state="latched", rev=2, condition=False), "latched")
    ward.obedient(3 * MINUTE)
    assert times(ward, "charge") == [2 * MINUTE]


@pytest.mark.parametrize("change", ["escalated", "reraised"])
def test_an_alarm_that_is_raised_again_starts_at_the_first_step(ward, change):
    ward.tell(alarm(priority="medium"))
    ward.obedient(10 * SECOND)
    assert ward.sent == []
    ward.tell(alarm(rev=2), change)
    ward.obedient(131 * SECOND)
    assert (times(ward, "nurse-1"), times(ward, "charge")) == ([10 * SECOND], [130 * SECOND])


def test_who_has_paused_or_late_alarms_is_not_paged(ward):
    ward.tell(alarm(state="alarms_paused"))
    ward.tell(alarm("8", late=True))
    ward.tell(alarm("9", priority="low"))
    ward.run(10 * MINUTE)
    assert ward.sent == []


def test_an_acknowledgement_before_the_page_leaves_means_no_page(ward):
    ward.tell(alarm())
    ward.tell(alarm(state="acknowledged", rev=2), "acknowledged", by="AB")
    assert ward.step() == []


# Receipts.


def test_without_a_receipt_the_same_page_goes_again_and_then_to_the_fallback(ward):
    ward.tell(alarm())
    first = ward.step()[0].delivery
    ward.run(119 * SECOND)
    assert [row for row in ward.sent if row[1] == "nurse-1"][:4] == [
        (number * AGAIN_MS, "nurse-1", number + 1, ("7",)) for number in range(4)
    ]
    assert times(ward, "charge")[0] == GIVE_UP_MS
    assert {send.delivery for send in ward.last if send.recipient == "nurse-1"} <= {first}
    assert ward.states()["nurse-1", 1] == "failed"


def test_a_receipt_ends_the_repetition(ward):
    ward.tell(alarm())
    ward.answer(*ward.step())
    ward.run(119 * SECOND)
    assert len(ward.sent) == 1
    assert ward.states() == {("nurse-1", 1): "received"}


def test_a_receipt_of_somebody_else_ends_nothing(ward):
    ward.tell(alarm())
    (send,) = ward.step()
    ward.paging.received(send.delivery, "doctor", ward.now)
    ward.run(AGAIN_MS)
    assert len(ward.sent) == 2


def test_without_a_fallback_the_next_step_need_not_wait(ward):
    plan = PLAN.replace(", fallback: charge", "")
    ward = Ward(plan)
    ward.tell(alarm())
    ward.run(GIVE_UP_MS)
    assert times(ward, "charge") == [GIVE_UP_MS]


def test_a_fallback_who_was_called_in_a_later_step_meanwhile_is_not_called_twice():
    ward = Ward(PLAN.replace("{after: 2min, page: [charge]}", "{after: 20s, page: [charge]}"))
    ward.tell(alarm())
    ward.step()
    ward.run(20 * SECOND)
    ward.answer(*[send for send in ward.last if send.recipient == "charge"])
    ward.run(3 * MINUTE)
    assert times(ward, "charge") == [20 * SECOND]


def test_whoever_cannot_be_reached_is_a_fault_until_a_page_arrives(ward):
    ward.tell(alarm())
    ward.run(GIVE_UP_MS - 100)
    assert ward.paging.faults() == []
    ward.run(GIVE_UP_MS)
    (fault,) = ward.paging.faults()
    assert (fault.recipient, fault.reason, fault.since) == ("nurse-1", "no receipt of a page within 60 s", ward.now)
    ward.restart()
    assert ward.paging.faults() == [fault]
    ward.paging.received("0" * 16, "nurse-1", ward.now)
    assert ward.paging.faults() == []


def test_a_page_nobody_has_is_tried_until_the_alarm_is_over(ward):
    ward.tell(alarm())
    ward.run(GIVE_UP_MS)
    ward.sent.clear()
    ward.run(30 * MINUTE)
    assert max(
        after - before for before, after in zip(times(ward, "nurse-1"), times(ward, "nurse-1")[1:], strict=False)
    ) <= (LAST_RESORT_MS)
    ward.tell(alarm(rev=2), "cleared")
    ward.sent.clear()
    ward.run(40 * MINUTE)
    assert ward.sent == []


def test_a_page_somebody_else_has_is_not_repeated_for_ever(ward):
    ward.tell(alarm())
    ward.run(GIVE_UP_MS)
    ward.answer(*[send for send in ward.last if send.recipient == "charge"])
    ward.sent.clear()
    ward.run(10 * MINUTE)
    assert times(ward, "nurse-1") == []


def test_a_channel_without_receipts_is_content_with_having_sent(ward):
    ward.tell(alarm(rule="mailed"))
    (send,) = ward.step()
    ward.paging.trouble(send.delivery, "the mail server is away")
    ward.run(AGAIN_MS)
    assert times(ward, "by-mail") == [0, AGAIN_MS]
    ward.paging.sent(send.delivery, ward.now)
    ward.run(5 * MINUTE)
    assert times(ward, "by-mail") == [0, AGAIN_MS]
    assert ward.states() == {("by-mail", 1): "sent"}


def test_a_fault_says_what_the_channel_said(ward):
    ward.tell(alarm(rule="mailed"))
    (send,) = ward.step()
    ward.paging.trouble(send.delivery, "the mail server is away")
    ward.run(GIVE_UP_MS)
    assert [fault.reason for fault in ward.paging.faults()] == ["the mail server is away"]
    ward.paging.sent(send.delivery, ward.now)
    assert ward.paging.faults() == []


def test_a_pager_that_cannot_be_reached_is_not_paged_about_it(ward):
    ward.tell(alarm(bed="", subject="pager/nurse-1", kind="technical", rule="pager-failed"))
    (send,) = ward.step()
    assert send.recipient == "charge"


def test_a_way_out_that_is_back_is_used_at_once(ward):
    ward.tell(alarm())
    ward.step()
    ward.run(5 * SECOND)
    ward.paging.reconnected()
    assert [send.attempt for send in ward.step()] == [2]


# Storms.


def test_fifty_patients_at_once_are_at_most_three_messages_and_none_is_left_out(ward):
    for number in range(50):
        ward.tell(alarm(f"b{number}"))
        if number % 10 == 0:
            ward.answer(*ward.step())
            ward.now += 50
    ward.obedient(60 * SECOND)
    beds = [bed for _, recipient, _, beds in ward.sent if recipient == "nurse-1" for bed in beds]
    assert len(ward.sent) <= 3
    assert sorted(beds) == sorted(f"b{number}" for number in range(50))


def test_a_high_alarm_in_a_storm_waits_at_most_for_the_window_and_leads_its_message(ward):
    ward.tell(alarm("1"))
    ward.answer(*ward.step())
    ward.tell(alarm("2", "hr-high", priority="medium"), time=ward.now - 30 * SECOND)
    ward.now += 100
    ward.tell(alarm("3"))
    ward.obedient(5 * SECOND)
    (_, later) = ward.sent
    assert later[0] <= GROUP_MS
    assert later[3] == ("3", "2")


def test_another_ward_and_a_drill_do_not_wait_for_each_other(ward):
    ward.tell(alarm("1"))
    ward.tell(alarm("1", ward="west"))
    ward.tell(alarm("1", "drill", test=True))
    sends = ward.step()
    assert {(send.ward, send.test) for send in sends} == {("icu", False), ("west", False), ("icu", True)}


def test_an_alarm_answered_while_it_waits_for_company_is_not_paged(ward):
    ward.tell(alarm("1"))
    ward.answer(*ward.step())
    ward.tell(alarm("2"))
    ward.step()
    ward.tell(alarm("2", rev=2, state="acknowledged"), "acknowledged")
    ward.obedient(10 * SECOND)
    assert [beds for *_, beds in ward.sent] == [("1",)]


# Restarts.


def test_a_restart_sends_what_has_no_receipt_again_under_the_same_id(ward):
    ward.tell(alarm())
    (before,) = ward.step()
    ward.restart()
    (after,) = ward.step()
    assert (after.delivery, after.attempt) == (before.delivery, 2)


def test_a_restart_sends_nothing_that_was_received_and_forgets_no_step(ward):
    ward.tell(alarm())
    ward.answer(*ward.step())
    ward.run(60 * SECOND)
    ward.restart()
    ward.obedient(121 * SECOND)
    assert [row[:2] for row in ward.sent] == [(0, "nurse-1"), (2 * MINUTE, "charge")]


def test_what_waits_for_company_survives_a_restart(ward):
    ward.tell(alarm("1"))
    ward.answer(*ward.step())
    ward.tell(alarm("2"))
    ward.step()
    ward.restart()
    ward.obedient(10 * SECOND)
    assert [beds for *_, beds in ward.sent] == [("1",), ("2",)]


def test_after_a_pause_every_missed_step_is_due_but_no_missed_repetition(ward):
    ward.now += 60 * MINUTE
    ward.tell(alarm(), live=False, time=T0)
    ward.step()
    assert sorted((name, beds) for _, name, _, beds in ward.sent) == [
        ("charge", ("7",)),
        ("doctor", ("7",)),
        ("nurse-1", ("7",)),
    ]
    assert len(ward.states()) == 4  # the three steps and the last repetition


def test_a_hub_whose_clock_is_wrong_delays_no_page(ward):
    ward.tell(alarm("1"), time=T0 + 60 * MINUTE)
    ward.tell(alarm("2"), time=T0 - 60 * MINUTE)
    ward.step()
    assert ward.sent == [(0, "nurse-1", 1, ("2", "1"))]


def test_a_recipient_who_left_the_plan_is_replaced_by_the_next_step(ward):
    ward.tell(alarm())
    ward.step()
    ward.plan = read_pagers(PLAN.replace("nurse-1", "nurse-2"), "pagers.yaml")
    ward.restart()
    assert [send.recipient for send in ward.step()] == ["charge"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_happens_an_unanswered_high_alarm_is_never_without_a_page_for_long(data):
    """Devices that answer or not, restarts at any moment, neighbours that come and go."""
    ward = Ward()
    ward.tell(alarm("7"))
    seen = []
    for _ in range(40):
        for send in ward.step():
            if "7" in [one.bed for one in send.alarms]:
                seen.append(ward.now)
                if data.draw(st.booleans()):
                    ward.answer(send)
        match data.draw(st.sampled_from(["restart", "neighbour", "nothing", "nothing"])):
            case "restart":
                ward.restart()
            case "neighbour":
                bed = data.draw(st.sampled_from("123"))
                ward.tell(alarm(bed, at=ward.now))
        ward.now += data.draw(st.sampled_from([100, SECOND, 20 * SECOND]))
    gaps = [after - before for before, after in zip([T0, *seen], [*seen, ward.now], strict=True)]
    assert max(gaps) <= 5 * MINUTE + 21 * SECOND  # the longest wait of the plan, and one tick
