"""What the demo checks before it starts anything."""

import os
import socket
import stat

import pytest

from chassis.settings import read_settings
from edge_agent.settings import load_settings
from firmware_sim.plan import read_plan
from hub.settings import HubSettings
from vitals.alarms import Alarm, AlarmEvent
from vitals.errors import UsageError
from wardline.cli import main
from wardline.demo import PLAN
from wardline.demo_settings import CLIENTS, DEVICES, write_settings
from wardline.screen import Screen
from wardline.state import default_folder, owned


@pytest.fixture
def taken(port):
    with socket.create_server(("127.0.0.1", port)):
        yield port


@pytest.mark.parametrize("option", ["--port", "--broker-port"])
def test_a_taken_port_is_named_with_the_option_that_changes_it(tmp_path, taken, option, capsys):
    assert main(["demo", "--state", str(tmp_path), option, str(taken)]) == 2
    assert capsys.readouterr().err == (f"wardline: port {taken} is already in use; choose another with {option} N\n")
    assert not (tmp_path / "secrets").exists()


def test_board_and_broker_cannot_share_a_port(tmp_path, port, capsys):
    assert main(["demo", "--state", str(tmp_path), "--port", str(port), "--broker-port", str(port)]) == 2
    assert "cannot share port" in capsys.readouterr().err


def test_a_second_demo_on_the_same_state_is_refused(tmp_path, capsys):
    with owned(tmp_path):
        assert main(["demo", "--state", str(tmp_path)]) == 2
    assert f"another demo (process {os.getpid()}) is using {tmp_path}; stop it" in capsys.readouterr().err


def test_a_state_folder_is_free_again_when_its_demo_is_gone(tmp_path):
    for _ in range(2):
        with owned(tmp_path / "deep" / "state") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_state_folder_that_cannot_be_one_is_wrong_use(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another with --state"), owned(tmp_path / "file"):
        pass


def test_state_lives_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "wardline"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".local/share/wardline"


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_wrong_use(seconds):
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--for", seconds])
    assert ended.value.code == 2


def test_the_settings_written_are_those_the_hub_and_the_edge_read(tmp_path):
    write_settings(tmp_path, 8090, 1890)
    hub = read_settings(tmp_path / "hub.yaml", HubSettings)
    edge = load_settings(tmp_path / "edge.yaml").settings
    assert [device.id for device in hub.gateways[0].devices] == [device.id for device in edge.devices] == [*DEVICES]
    assert (hub.console.port, hub.broker.port, edge.broker.port) == (8090, 1890, 1890)
    assert {hub.broker.username, hub.console.username, edge.broker.username} < {client.name for client in CLIENTS}


def test_the_plan_has_a_monitor_behind_every_line():
    assert {monitor.link for monitor in read_plan(PLAN)} == set(DEVICES)


def test_an_alarm_is_one_line(capsys):
    alarm = Alarm(
        id="0123456789abcdef", rule="spo2-low", ward="icu", bed="1", kind="physiological", priority="high",
        state="acknowledged", rev=2, message="SpO2 low", onset=0, raised=0, changed=0,
        parameter="spo2", value=84.0, limit=90.0, unit="%",
    )  # fmt: skip
    Screen(lambda: None).alarm(AlarmEvent(change="acknowledged", time=0, alarm=alarm, by="Nurse Kim"))
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "***  acknowledged by Nurse Kim  icu/1  SpO2 low: SpO2 84 % (limit 90)  [0123456789abcdef]" in line
