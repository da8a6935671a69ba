"""The whole agent as a process, at a real pty, against a real broker and a small hub."""

import shutil
import subprocess
import sys
import textwrap
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.spool_file import open_spool
from vitals import topics


def talk(line, numbers, pause_s=0.01):
    for number in numbers:
        line.say_json(hr=number, spo2=97)
        time.sleep(pause_s)


def sync(line, small_hub, until, seconds=10):
    """The first line after opening is dropped as half a line: talk until something arrives."""

    def arrived():
        line.say_json(hr=50)
        return small_hub.rows

    until(arrived, seconds, step_s=0.2)


def everything_arrived(agent, hub):
    return agent.accepted() > 0 and sorted(seq for _, seq in hub.rows) == list(range(1, agent.accepted() + 1))


def test_readings_arrive_on_the_live_lane_after_a_hello(small_hub, broker, line, new_agent, until):
    agent = new_agent(broker).start()
    sync(line, small_hub, until)
    talk(line, range(60, 80))
    until(lambda: small_hub.values()[-20:] == [float(number) for number in range(60, 80)])
    assert everything_arrived(agent, small_hub)
    assert {channel for channel, _, _ in small_hub.lanes} == {"vitals"}
    hello = small_hub.hellos[0]
    assert (hello.gateway, hello.devices, hello.version) == ("gw-1", ["mon-a"], "0.1.0")
    record = small_hub.rows[max(small_hub.rows)]
    assert abs(record.time - time.time() * 1_000) < 10_000
    status = until(lambda: next((s for s in small_hub.statuses if s.devices and s.devices[0].link == "up"), None))
    assert (status.online, status.devices[0].id, status.devices[0].driver) == (True, "mon-a", "hobby-lines")


def test_sigterm_puts_everything_on_the_disk_and_says_goodbye_within_two_seconds(
    small_hub, broker, line, new_agent, until
):
    agent = new_agent(broker, "spool: {path: spool.db, commit_interval: 10s}\n").start()
    until(lambda: small_hub.statuses)
    line.say_json(hr=50)
    until(lambda: "is up" in agent.said() or line.say_json(hr=50), step_s=0.2)
    talk(line, range(60, 70))
    time.sleep(0.3)  # still far from the commit interval
    accepted = agent.accepted()
    started = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - started < 6  # two, and a busy machine; far from the commit interval
    assert agent.accepted() >= accepted + 10
    until(lambda: not small_hub.statuses[-1].online)
    assert small_hub.statuses[-1].reason == "stopped"


def test_a_broker_that_is_absent_at_start_costs_nothing(broker, line, new_agent, new_small_hub, until):
    broker.stop()
    agent = new_agent(broker).start()
    until(lambda: agent.accepted() >= 20 or line.say_json(hr=70), step_s=0.02)
    broker.start()
    hub = new_small_hub(broker)
    until(lambda: everything_arrived(agent, hub))
    until(lambda: agent.held() == 0)


def test_a_killed_broker_loses_nothing(small_hub, broker, line, new_agent, until):
    agent = new_agent(broker).start()
    sync(line, small_hub, until)
    for _ in range(3):
        talk(line, range(60, 90))
        broker.kill()
        talk(line, range(90, 120))
        broker.start()
    until(lambda: everything_arrived(agent, small_hub), 30)
    assert agent.accepted() > 150


def test_a_killed_agent_goes_on_with_the_next_seq_of_the_same_epoch(small_hub, broker, line, new_agent, until):
    agent = new_agent(broker).start()
    sync(line, small_hub, until)
    for _ in range(3):
        talk(line, range(60, 75))
        agent.kill()
        agent.start()
        until(lambda: agent.process.poll() is None and line.say_json(hr=50) is None and line.heard() == b"")
        talk(line, range(75, 90), pause_s=0.05)
    until(lambda: everything_arrived(agent, small_hub))
    assert len({epoch for epoch, _ in small_hub.rows}) == 1
    until(lambda: any(not status.online and status.reason == "connection lost" for status in small_hub.statuses))


def test_without_receipts_nothing_is_forgotten_and_the_records_are_sent_again(
    small_hub, broker, line, new_agent, until
):
    agent = new_agent(broker).start()
    small_hub.receipts = False
    sync(line, small_hub, until)
    talk(line, range(60, 80))
    until(lambda: small_hub.duplicates >= 20)
    assert agent.held() == agent.accepted()
    small_hub.receipts = True
    until(lambda: agent.held() == 0)
    assert everything_arrived(agent, small_hub)


def test_forgetting_on_puback_loses_what_no_hub_has_seen(broker, line, new_agent, until):
    agent = new_agent(broker, "spool: {path: spool.db, commit_interval: 50ms, forget_on: puback}\n").start()
    until(lambda: agent.accepted() >= 20 or line.say_json(hr=70), step_s=0.02)
    until(lambda: agent.held() < agent.accepted() - 10)
    assert "LOSES readings" in agent.said()


def test_a_rejected_record_is_forgotten_and_told_once(small_hub, broker, line, new_agent, until):
    small_hub.reject = {3: "implausible: hr=1", 4: "implausible: hr=2"}
    agent = new_agent(broker).start()
    sync(line, small_hub, until)
    talk(line, range(60, 80))
    until(lambda: agent.accepted() >= 20 and agent.held() == 0)
    assert "the hub put record 3 into quarantine: implausible: hr=1" in agent.said()


def test_a_live_record_does_not_wait_for_the_backlog(small_hub, broker, line, new_agent, until, draft):
    agent = new_agent(broker)
    spool = open_spool(agent.spool)
    spool.append([draft(number, time=1_780_000_000_000 + number) for number in range(30_000)])
    spool.close()
    small_hub.credit = 1_000
    agent.start()
    until(lambda: small_hub.rows)
    until(lambda: max(seq for _, seq in small_hub.rows) > 30_000 or line.say_json(hr=70), step_s=0.05)
    first_live = next(index for index, (channel, _, _) in enumerate(small_hub.lanes) if channel == "vitals")
    assert sum(count for channel, _, count in small_hub.lanes[:first_live] if channel == "backfill") < 30_000
    until(lambda: everything_arrived(agent, small_hub), 30)
    assert max(count for _, _, count in small_hub.lanes) <= 500


def test_a_hub_that_starts_anew_gets_what_was_on_its_way_to_the_old_one(small_hub, broker, line, new_agent, until):
    agent = new_agent(broker).start()
    sync(line, small_hub, until)
    time.sleep(2.5)  # later than a retained status would come
    small_hub.receipts = False
    talk(line, range(60, 70))
    until(lambda: 69.0 in small_hub.values())
    hellos = len(small_hub.hellos)
    small_hub.receipts = True
    small_hub.say_started(1_800_000_000_000)
    until(lambda: len(small_hub.hellos) > hellos)
    until(lambda: agent.held() == 0)


def test_a_spool_put_back_from_a_copy_goes_on_in_a_new_epoch(small_hub, broker, line, new_agent, until):
    agent = new_agent(broker).start()
    sync(line, small_hub, until)
    talk(line, range(60, 65))
    assert agent.stop() == 0
    shutil.copy(agent.spool, agent.spool.with_suffix(".copy"))
    agent.start()
    talk(line, range(65, 95), pause_s=0.05)
    until(lambda: small_hub.values().count(94.0) or line.say_json(hr=94), step_s=0.1)
    assert agent.stop() == 0
    shutil.copy(agent.spool.with_suffix(".copy"), agent.spool)
    agent.start()
    until(lambda: "going on with epoch" in agent.said())
    until(lambda: 111.0 in small_hub.values() or line.say_json(hr=111), step_s=0.1)
    assert len({epoch for epoch, _ in small_hub.rows}) == 2


def test_a_publish_the_broker_refuses_is_told(tmp_path, new_broker, line, new_agent, until):
    rules = tmp_path / "acl"
    rules.write_text("topic write wardline/v1/up/gw-1/status\ntopic read wardline/v1/#\n")
    rules.chmod(0o644)
    broker = new_broker(f"acl_file {rules}")
    agent = new_agent(broker).start()
    until(lambda: "the broker does not take our messages: Not authorized" in agent.said())
    until(lambda: agent.accepted() >= 5 or line.say_json(hr=70), step_s=0.05)
    assert agent.held() == agent.accepted()


def test_a_second_agent_on_the_same_spool_is_wrong_use(broker, line, new_agent, until):
    agent = new_agent(broker).start()
    until(lambda: "connected to" in agent.said())
    command = [sys.executable, "-m", "wardline", "edge", "run", "--config", str(agent.config)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert second.returncode == 2
    assert "another edge agent uses the spool" in second.stderr
    assert agent.process.poll() is None


def test_a_damaged_spool_is_told_in_the_status(small_hub, broker, new_agent, until, draft):
    agent = new_agent(broker)
    spool = open_spool(agent.spool)
    spool.append([draft(number) for number in range(2_000)])
    spool.close()
    data = bytearray(agent.spool.read_bytes())
    data[20_480:24_576] = b"\xff" * 4_096
    agent.spool.write_bytes(data)
    agent.start()
    until(lambda: small_hub.statuses and small_hub.statuses[-1].reason.startswith("spool_damaged"))
    until(lambda: everything_arrived(agent, small_hub))


def test_settings_are_checked_without_starting_anything(new_agent, line, broker, tmp_path):
    agent = new_agent(broker)
    command = [sys.executable, "-m", "wardline", "edge", "check", "--config", str(agent.config)]
    good = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert good.returncode == 0
    assert f"device mon-a: driver hobby-lines, {line.path} (there)" in good.stdout
    assert not agent.spool.exists()
    agent.config.write_text(agent.config.read_text().replace("hobby-lines", "hobby"))
    bad = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert bad.returncode == 1
    assert "no driver is called 'hobby'" in bad.stderr


AMQTT = textwrap.dedent("""
    import asyncio, sys
    from amqtt.broker import Broker
    async def main():
        broker = Broker({
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        })
        await broker.start()
        await asyncio.Event().wait()
    asyncio.run(main())
""")


@pytest.fixture
def old_broker(new_broker):
    """A broker that speaks MQTT 3.1.1 only."""
    place = new_broker()
    place.stop()  # only its port is wanted
    process = subprocess.Popen([sys.executable, "-c", AMQTT, str(place.port)], stderr=subprocess.DEVNULL)
    yield place
    process.kill()
    process.wait(timeout=30)


def test_a_broker_that_knows_only_3_1_1_is_good_enough(old_broker, line, new_agent, new_small_hub, until):
    hub = new_small_hub(old_broker, protocol=mqtt.MQTTv311)
    agent = new_agent(old_broker).start()
    sync(line, hub, until, 30)
    talk(line, range(60, 80))
    until(lambda: everything_arrived(agent, hub) and agent.accepted() > 15)
    assert "with MQTT 3.1.1" in agent.said()
    until(lambda: agent.held() == 0)


def test_another_client_with_our_id_is_an_identity_conflict(small_hub, broker, new_agent, until):
    agent = new_agent(broker).start()
    until(lambda: small_hub.statuses)
    rival = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="gw-1", protocol=mqtt.MQTTv5)
    rival.connect(broker.host, broker.port)
    rival.loop_start()
    until(lambda: "identity_conflict" in agent.said())
    rival.disconnect()
    rival.loop_stop()
    until(lambda: small_hub.statuses[-1].online and "identity_conflict" in small_hub.statuses[-1].reason)


def test_the_status_is_retained(broker, new_agent, until):
    agent = new_agent(broker).start()
    until(lambda: "connected to" in agent.said())
    seen = []
    late = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    late.on_connect = lambda *_: late.subscribe(topics.up("gw-1", "status"), qos=1)
    late.on_message = lambda _c, _u, message: seen.append(message.retain)
    time.sleep(0.5)
    late.connect(broker.host, broker.port)
    late.loop_start()
    until(lambda: True in seen)
    late.disconnect()
    late.loop_stop()
