"""The paging as a process: journal, broker and devices are real, and so are kill -9 and frozen receivers."""

import json
import signal

import paho.mqtt.client as mqtt
import pytest

from vitals import topics

pytestmark = [pytest.mark.broker, pytest.mark.system]


@pytest.fixture
def status(broker):
    """The states the paging has told the hub."""
    heard = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.append(json.loads(message.payload))
    client.on_connect = lambda client, *_: client.subscribe(topics.pagers_status("hub-1"), qos=1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield heard
    client.disconnect()
    client.loop_stop()


def test_a_page_arrives_at_once_and_the_next_step_at_its_time(rig, scribe, new_paging, new_device):
    nurse, charge = new_device("nurse-1"), new_device("charge-1")
    new_paging()
    alarm = rig.alarm()
    told = scribe.tell(alarm)
    heard, page = rig.until(lambda: nurse.pages and nurse.pages[0])
    assert heard - told <= 500
    assert page["title"] == "*** Intensive care, Bed 7: SpO2 low"
    assert "84" not in page["title"] + page["text"]
    assert page["alarms"][0]["id"] == alarm.id
    assert page["link"].startswith("http://192.0.2.1:8080/p/")
    second, page = rig.until(lambda: charge.pages and charge.pages[0])
    assert abs(second - told - 2_000) <= 1_000
    assert page["step"] == 2
    assert len(nurse.pages) == 1


def test_an_acknowledgement_stops_the_next_step(rig, scribe, new_paging, new_device):
    nurse, charge = new_device("nurse-1"), new_device("charge-1")
    new_paging()
    alarm, other = rig.alarm(), rig.alarm("8")
    scribe.tell(alarm)
    rig.until(lambda: nurse.pages)
    scribe.tell(rig.alarm(onset=alarm.onset, rev=2, state="acknowledged"), "acknowledged", by="nurse-1")
    scribe.tell(other)
    (_, page) = rig.until(lambda: charge.pages and charge.pages[0])
    assert [one["id"] for one in page["alarms"]] == [other.id]


def test_after_kill_9_the_same_page_comes_again_and_no_step_is_lost(rig, scribe, new_paging, new_device):
    nurse, charge = new_device("nurse-1", obedient=False), new_device("charge-1")
    paging = new_paging()
    scribe.tell(rig.alarm())
    (_, first) = rig.until(lambda: nurse.pages and nurse.pages[0])
    paging.process.send_signal(signal.SIGKILL)
    paging.process.wait(timeout=30)
    scribe.tell(rig.alarm("8"))
    paging.start()
    (_, again) = rig.until(lambda: next((one for one in nurse.pages if one[1].get("attempt", 1) > 1), None))
    assert again["id"] == first["id"]
    beds = rig.until(lambda: {one["bed"] for _, page in charge.pages for one in page["alarms"]} == {"7", "8"})
    assert beds


def test_what_was_raised_before_anybody_listened_is_paged_and_what_was_over_is_not(rig, scribe, new_paging, new_device):
    nurse = new_device("nurse-1")
    ended, standing = rig.alarm("8"), rig.alarm("7")
    scribe.tell_all([ended, standing])
    scribe.tell(ended, "cleared")
    new_paging()
    (_, page) = rig.until(lambda: nurse.pages and nurse.pages[0])
    assert [one["id"] for one in page["alarms"]] == [standing.id]


def test_fifty_alarms_at_once_are_at_most_three_pages(rig, scribe, new_paging, new_device):
    nurse = new_device("nurse-1")
    new_paging(PLAN_OF_ONE)
    alarms = [rig.alarm(f"b{number}") for number in range(50)]
    for start in range(0, 50, 10):
        scribe.tell_all(alarms[start : start + 10])
    rig.until(lambda: sum(len(page["alarms"]) for _, page in nurse.pages) == 50)
    assert len(nurse.pages) <= 3
    assert {one["id"] for _, page in nurse.pages for one in page["alarms"]} == {alarm.id for alarm in alarms}


PLAN_OF_ONE = """
format: 1
zone: UTC
recipients:
  - {id: nurse-1}
policies:
  - {id: any, steps: [{after: 0s, page: [nurse-1]}]}
"""


def test_a_frozen_receiver_delays_nobody_else(rig, tmp_path, scribe, new_paging, new_device, new_receiver):
    frozen = new_receiver()
    frozen.thaw.clear()
    (tmp_path / "hook").write_text("whsec_c2VjcmV0\n")
    (tmp_path / "hook").chmod(0o600)
    nurse = new_device("nurse-1")
    slow = f"  - {{id: slow-1, mqtt: false, webhook: {{url: '{frozen.url}', secret: file:hook}}}}\n"
    plan = PLAN_OF_ONE.replace("policies:", f"{slow}policies:").replace("page: [nurse-1]", "page: [slow-1, nurse-1]")
    paging = new_paging(plan)
    for bed in ("1", "2", "3"):
        told = scribe.tell(rig.alarm(bed))
        count = len(nurse.pages)
        rig.until(lambda count=count: len(nurse.pages) > count)
        assert nurse.pages[-1][0] - told <= 2_000
    assert frozen.posts.qsize() == 1
    assert paging.stop() == 0


def test_whoever_cannot_be_reached_becomes_known_to_the_hub(rig, tmp_path, scribe, new_paging, status):
    new_paging(PLAN_OF_ONE.replace("{id: nurse-1}", "{id: nurse-1, webhook: {url: 'http://x', secret: file:none}}"))
    found = rig.until(lambda: next((one for one in status if one.get("faults")), None))
    (fault,) = found["faults"]
    assert fault["recipient"] == "nurse-1"
    assert "none: No such file" in fault["reason"]
    assert found["recipients"] == ["nurse-1"]


def test_a_paging_that_dies_says_so_by_its_last_will(rig, scribe, new_paging, status):
    paging = new_paging()
    rig.until(lambda: status and status[-1]["online"])
    paging.kill()
    rig.until(lambda: not status[-1]["online"])


def test_a_broker_that_comes_back_brings_the_page_at_once(rig, broker, scribe, new_paging, new_device):
    paging = new_paging(PLAN_OF_ONE)
    broker.kill()
    rig.until(lambda: "lost the broker" in paging.log.read_text())
    alarm = rig.alarm()
    scribe.tell(alarm)
    broker.start()
    nurse = new_device("nurse-1")
    (_, page) = rig.until(lambda: nurse.pages and nurse.pages[0])
    assert page["alarms"][0]["id"] == alarm.id


def test_without_a_pagers_file_the_part_idles(tmp_path, broker, rig, new_paging):
    paging = new_paging()
    paging.stop()
    settings = paging.folder / "hub.yaml"
    settings.write_text(settings.read_text().replace("file: pagers.yaml, ", ""))
    paging.start()
    rig.until(lambda: "nobody is paged" in paging.log.read_text())
    assert paging.stop() == 0
