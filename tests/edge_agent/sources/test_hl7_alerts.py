"""Alerts of other systems: read as they are told, held as states of their device, never taken for readings."""

import json
from pathlib import Path

import pytest

from edge_agent.sources.hl7 import Hl7Taker
from edge_agent.sources.hl7_alerts import MAX_STANDING, STANDING_MS, Alert, StandingAlerts, read_alerts
from edge_agent.sources.hl7_message import read_message
from edge_agent.sources.listener_settings import Hl7Settings

PLACES = ("prt-10", "obx-18", "msh-3")
VECTORS = json.loads((Path(__file__).parent / "hl7-pcd.vectors.json").read_text())
LOW_SPO2 = next(vector["ascii"] for vector in VECTORS if vector["format"] == "oru-r40")
SENDER = "F1519EFX"


def test_an_alert_is_read_facet_by_facet():
    (alert,) = read_alerts(read_message(LOW_SPO2.encode()), PLACES)
    assert (alert.event, alert.text, alert.instance) == ("MDC_EVT_LO", "Low SpO2", "1")
    assert (alert.source, alert.value, alert.limits) == ("spo2", 88.0, "90-96")
    assert (alert.priority, alert.type, alert.phase, alert.state) == ("PM", "SP", "start", "active")
    assert alert.stands
    assert not alert.silenced
    assert SENDER in alert.names


def test_two_alerts_of_one_message_stay_apart():
    head, _, rest = LOW_SPO2.partition("OBR|")
    message = f"{head}OBR|{rest}OBR|{rest}".replace("|1^MINDRAY", "|2^MINDRAY", 2)
    assert [alert.instance for alert in read_alerts(read_message(message.encode()), PLACES)] == ["2", "1"]


@pytest.mark.parametrize(
    ("fields", "stands"),
    [
        ({"state": "active", "phase": "continue"}, True),
        ({"phase": "start"}, True),
        ({"state": "latched", "phase": "update"}, False),
        ({"state": "inactive", "phase": "end"}, False),
        ({"phase": "end"}, False),
    ],
)
def test_only_a_condition_alarmed_now_stands(fields, stands):
    assert Alert(instance="1", **fields).stands is stands


def test_a_device_alarms_while_any_of_its_alerts_stands_and_is_silenced_when_all_are():
    standing = StandingAlerts()
    standing.note("b40-1", Alert(instance="1", state="active"), 0)
    standing.note("b40-1", Alert(instance="2", state="active", inactivation="alert-acknowledged"), 0)
    assert standing.states("b40-1", 1) == {"device_alarm"}
    standing.note("b40-1", Alert(instance="1", state="inactive"), 2)
    assert standing.states("b40-1", 3) == {"device_alarm", "alarm_silenced"}
    standing.note("b40-1", Alert(instance="2", phase="end"), 4)
    assert standing.states("b40-1", 5) == set()


def test_an_alert_whose_end_was_lost_does_not_stand_for_ever_and_a_flood_is_bounded():
    standing = StandingAlerts()
    for number in range(3 * MAX_STANDING):
        standing.note("b40-1", Alert(instance=str(number), state="active"), 0)
    assert len(standing._standing["b40-1"]) == MAX_STANDING
    assert standing.states("b40-1", STANDING_MS) == {"device_alarm"}
    assert standing.states("b40-1", STANDING_MS + 1) == set()


def reading(control):
    return (
        f"MSH|^~\\&|{SENDER}|ICU|||20261121000000+0000||ORU^R01^ORU_R01|{control}|P|2.6\r"
        "OBR|1|1|1|182777000^monitoring of patient^SCT|||20261121000000+0000\r"
        "OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.2.1.1|88|262688^MDC_DIM_PERCENT^MDC|||||R\r"
    )


def test_the_readings_of_an_alarming_device_say_so_until_the_alert_ends(new_desk):
    desk = new_desk({SENDER: "b40-1"})
    taker = Hl7Taker(Hl7Settings(port=2575), desk.reception)

    def take(text):
        taker.take(read_message(text.encode()), text.encode())

    take(LOW_SPO2)
    take(reading("11"))
    take(
        LOW_SPO2.replace("|||ORU", "||ORU")
        .replace("|1|P|", "|2|P|")
        .replace("|start|", "|end|")
        .replace("|active|", "|inactive|")
    )
    take(reading("12"))
    said = [(dict(observation.values), observation.flags) for _, observation in desk.seen]
    assert said[0] == ({}, ("device_alarm",))  # an alert is no reading, whatever value it quotes
    assert said[1] == ({"spo2": 88.0}, ("device_alarm",))
    assert said[-1] == ({"spo2": 88.0}, ())
