"""No data neither raises nor clears a limit alarm: it has one technical alarm, at its root cause.

Ten cells: a limit alarm that stands, or one about to be raised, and five ways in which data can end.
"""

import pytest

from rules.engine import Bed
from rules.watch import Outage, Watch
from vitals.identity import BedKey

BED = BedKey("north", "7")
RULES = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: high, for: 20s, hysteresis: 2, off_delay: 3s, message: SpO2 low}
conditions:
  - {id: sensor-off, kind: technical, priority: low, when: 'flag(spo2, sensor_off)', for: 1s, message: Sensor off}
  - {id: spo2-absent, kind: technical, priority: low, message: SpO2 missing, for: 0s,
     when: 'absent(spo2, 30s) and not flag(spo2, sensor_off)'}
  - {id: device-silent, kind: technical, priority: medium, when: silent(15s), for: 0s, message: Device silent}
"""
STALE_S = 15
SOURCES = ("gw/a", "gw/b", "gw-2/c")


class Hub:
    """A bed, its two gateways and the broker, judged each tick as the hub does it."""

    def __init__(self, ward) -> None:
        self.ward = ward
        self.silent = set()
        self.connected = True
        self.values, self.missing = {}, {}
        self.watch()

    def watch(self):
        beds = {"gw": [BED, BED], "gw-2": [BED]}
        self._watch = Watch("hub", beds, self.ward.now)

    def run(self, seconds):
        for _ in range(seconds):
            for source in SOURCES if self.connected else ():
                if source not in self.silent:
                    on_a = source == "gw/a"
                    self.ward.send(
                        source=source,
                        values=self.values if on_a else {"rr": 14.0},
                        missing=self.missing if on_a else {},
                    )
                    self._watch.heard(source.partition("/")[0], self.ward.now)
            self.ward.commit()
            for _ in range(4):
                self.tick()

    def tick(self):
        ward = self.ward
        self._watch.broker(self.connected, ward.now)
        for news in self._watch.advance(ward.now):
            if isinstance(news, Outage):
                ward.gateway_down(news.down, news.gateway)
            else:
                ward.fault(news.rule, news.holds, news.subject, news.place.ward, message=news.message)
        ward.wait(0.25)

    def technical(self):
        return [alarm for alarm in self.ward.engine.alarms() if alarm.kind == "technical"]


def lead_off(hub):
    hub.values, hub.missing = {}, {"spo2": "sensor_off"}
    return "sensor-off", "7"


def device_silent(hub):
    hub.silent = {"gw/a"}
    return "device-silent", "7"


def gateway_silent(hub):
    hub.silent = {"gw/a", "gw/b"}
    return "gateway-silent", "gateway/gw"


def broker_down(hub):
    hub.connected = False
    return "broker-lost", "broker/hub"


def hub_restarted(hub):
    hub.ward.restart(down_s=40)
    hub.watch()
    hub.values = {"spo2": 91.0}  # neither low nor back inside the limit
    return ()


ENDS = [lead_off, device_silent, gateway_silent, broker_down, hub_restarted]


@pytest.fixture
def hub(new_ward):
    hub = Hub(new_ward(RULES, sources=SOURCES))
    hub.values = {"spo2": 97.0}
    hub.run(3)
    assert hub.ward.told == []
    return hub


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("active", [True, False])
def test_without_data_a_limit_alarm_stays_as_it_is_and_one_technical_alarm_says_why(hub, active, end):
    ward = hub.ward
    hub.values = {"spo2": 80.0}
    hub.run(21 if active else 3)
    before = list(ward.told)
    assert [told[1:] for told in before] == ([("raised", "spo2-low")] if active else [])

    expected = end(hub)
    began = ward.now
    hub.run(29)

    assert [told for told in ward.told if told[2] == "spo2-low"] == before, "neither raised nor cleared"
    raised = [event for event in ward.events[len(before) :] if event.change == "raised"]
    told = [(event.alarm.rule, event.alarm.subject or event.alarm.bed) for event in raised]
    assert told == ([expected] if expected else [])
    assert [alarm.rule for alarm in hub.technical()] == [rule for rule, _ in told]
    assert all(event.time - began <= (STALE_S + 1) * 1_000 for event in raised)
    limit = [alarm for alarm in ward.engine.alarms(BED) if alarm.rule == "spo2-low"]
    known = None if expected else True
    assert [alarm.condition for alarm in limit] == ([known] if active else []), "unknown is shown as unknown"

    hub.silent, hub.connected, hub.missing, hub.values = set(), True, {}, {"spo2": 97.0}
    hub.run(16)
    assert hub.technical() == []
    assert [told[1:] for told in ward.told if told[2] == "spo2-low"][1:] == (
        [("latched", "spo2-low")] if active else []
    )


@pytest.mark.parametrize("end", [device_silent, gateway_silent, broker_down])
def test_after_an_outage_an_old_value_does_not_continue_a_delay(hub, end):
    hub.values = {"spo2": 80.0}
    hub.run(3)
    end(hub)
    hub.run(20)
    hub.silent, hub.connected = set(), True
    hub.run(19)
    assert [told for told in hub.ward.told if told[2] == "spo2-low"] == []
    hub.run(2)
    assert [told[1] for told in hub.ward.told if told[2] == "spo2-low"] == ["raised"]


def test_thirty_devices_of_one_gateway_are_one_notice(new_ward):
    sources = tuple(f"gw/d{number}" for number in range(3))
    beds = [Bed(BedKey("north", f"b{number}"), sources) for number in range(10)]
    ward = new_ward(RULES, sources=("gw/a",), beds=beds)
    for bed in beds:
        for source in sources:
            ward.send(values={"spo2": 97.0}, source=source, bed=bed.key)
    ward.wait(10)
    ward.fault("gateway-silent", subject="gateway/gw")
    ward.gateway_down()
    ward.wait(120)
    assert [told[1:] for told in ward.told] == [("raised", "gateway-silent")]
