"""The announcer says everything at once, and again until the broker has acknowledged it."""

from hub.alarms.announcer import Announcer
from vitals.alarms import Alarm, AlarmEvent


class Line:
    """A session that keeps what it was given."""

    def __init__(self) -> None:
        self.generation = 1
        self.connected = True
        self.acknowledged = 0
        self.shown = 0
        self.published: list[tuple[str, bytes, bool]] = []

    @property
    def said(self):
        return len(self.published)

    def publish(self, topic, payload, *, qos=1, retain=False):
        self.published.append((topic.removeprefix("wardline/v1/"), payload, retain))
        return True

    def topics(self):
        new, self.shown = self.published[self.shown :], len(self.published)
        return [topic for topic, _, _ in new]


def event(change="raised", rev=1, **fields) -> AlarmEvent:
    alarm = Alarm(
        id="0" * 16, rule="spo2-low", kind="physiological", priority="high", state="active",
        rev=rev, message="SpO2 low", onset=1, raised=2, changed=3, **({"ward": "icu", "bed": "1"} | fields),
    )  # fmt: skip
    return AlarmEvent(change=change, time=3, alarm=alarm)


def test_a_transition_is_a_retained_state_and_an_event():
    line = Line()
    Announcer(line, "hub-test").announce(event())
    (state_topic, state, retained), (event_topic, _, passing) = line.published
    assert (state_topic, retained, bool(state)) == ("ward/icu/1/alarm/spo2-low", True, True)
    assert (event_topic, passing) == ("ward/icu/event", False)


def test_an_ended_alarm_leaves_an_empty_retained_message():
    line = Line()
    announcer = Announcer(line, "hub-test")
    for change in ("cleared", "reset"):
        announcer.announce(event(change))
    assert [body for topic, body, retained in line.published if retained] == [b"", b""]


def test_an_event_is_confirmed_when_the_broker_has_acknowledged_all_that_was_said_until_then():
    line = Line()
    announcer = Announcer(line, "hub-test")
    announcer.announce(event())
    announcer.committed(7, event(), generation=1)
    line.acknowledged = 1  # the retained state, not the event yet
    assert announcer.confirmed() == []
    line.acknowledged = 2
    assert announcer.confirmed() == [7]
    assert announcer.confirmed() == []


def test_an_event_is_confirmed_although_more_is_said_all_the_time():
    line = Line()
    announcer = Announcer(line, "hub-test")
    announcer.announce(event())
    announcer.committed(7, event(), generation=1)
    for _ in range(20):
        line.publish("ward/icu/event", b"")
    line.acknowledged = 2
    assert announcer.confirmed() == [7]


def test_nothing_is_confirmed_while_there_is_no_connection():
    line = Line()
    announcer = Announcer(line, "hub-test")
    announcer.committed(7, event(), generation=1)
    line.connected = False
    assert announcer.confirmed() == []


def test_an_event_said_on_a_lost_connection_is_said_again_on_the_next():
    line = Line()
    announcer = Announcer(line, "hub-test")
    announcer.committed(7, event(), generation=1)
    line.generation = 2
    assert announcer.confirmed() == []  # nobody knows whether connection 1 delivered it
    announcer.repeat([event().alarm])
    assert line.topics() == ["ward/icu/1/alarm/spo2-low", "ward/icu/event"]
    assert announcer.confirmed() == []
    line.acknowledged = line.said
    assert announcer.confirmed() == [7]


def test_an_event_announced_without_a_connection_waits_for_one():
    line = Line()
    announcer = Announcer(line, "hub-test")
    announcer.committed(7, event(), generation=0)
    assert announcer.confirmed() == []
    announcer.repeat([])
    line.acknowledged = line.said
    assert announcer.confirmed() == [7]


def test_an_alarm_of_equipment_has_a_topic_of_its_own_and_its_events_go_to_its_ward_or_the_hub():
    line = Line()
    announcer = Announcer(line, "hub-test")
    announcer.announce(event(bed="", subject="gateway/gw-a"))
    assert line.topics() == ["hub/hub-test/alarm/gateway/gw-a/spo2-low", "ward/icu/event"]
    announcer.announce(event(bed="", ward="", subject="broker/hub-test"))
    assert line.topics() == ["hub/hub-test/alarm/broker/hub-test/spo2-low", "hub/hub-test/event"]
    announcer.committed(7, event(bed="", ward="", subject="broker/hub-test"), generation=0)
    announcer.repeat([event(bed="", subject="gateway/gw-a").alarm])
    assert line.topics() == ["hub/hub-test/alarm/gateway/gw-a/spo2-low", "hub/hub-test/event"]
