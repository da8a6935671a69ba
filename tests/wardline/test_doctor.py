"""`wardline doctor`: simulated monitors on real ptys, one that is silent, one that is noise, one that is taken."""

import json
import os
import subprocess
import sys
import threading

import pytest

from firmware_sim.lines.pty import PtyLine
from wardline.cli import main
from wardline.gateway_checks import check_clock, check_disk, check_ports, check_python
from wardline.listening import ports


@pytest.fixture
def monitor(tmp_path, until):
    """Start a simulated monitor: `monitor("nonin")` gives the path of its port."""
    running = []

    def start(kind):
        link = tmp_path / f"{kind}-{len(running)}"
        words = [sys.executable, "-m", "wardline", "sim", kind, "--pty", "--link", str(link)]
        running.append(subprocess.Popen(words, stdout=subprocess.DEVNULL))
        until(link.exists)
        return str(link)

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(timeout=30)


@pytest.fixture
def pty():
    """A port somebody else plays at."""
    line = PtyLine()
    yield line
    line.close()


def doctor(capsys, *words):
    code = main(["doctor", "--json", *words])
    told = json.loads(capsys.readouterr().out)
    return code, {report["port"]: report for report in told["ports"]}, told["gateway"]


def test_the_driver_of_each_monitor_is_named(monitor, capsys):
    nonin, board = monitor("nonin-df7"), monitor("json-line")
    code, reports, gateway = doctor(capsys, "--port", nonin, "--port", board, "--seconds", "1")
    assert [reports[path]["driver"] for path in (nonin, board)] == ["nonin", "hobby-lines"]
    assert "nonin (Nonin pulse oximeters" in reports[nonin]["text"]
    assert " at 9600 8N1: " in reports[nonin]["text"]
    assert reports[nonin]["says"] == ["pleth", "pr", "spo2"]
    assert reports[board]["line"]["baud"] == 115200
    assert code == (1 if any(finding["good"] is False for finding in gateway) else 0)


def test_a_monitor_that_waits_to_be_asked_is_only_asked_on_request(monitor, capsys):
    path = monitor("capnostream20")
    code, reports, _ = doctor(capsys, "--port", path, "--seconds", "0.2")
    assert (code, reports[path]["found"]) == (1, "silent")
    assert "--talk" in reports[path]["text"]
    _, reports, _ = doctor(capsys, "--port", path, "--seconds", "0.6", "--talk")
    assert reports[path]["driver"] == "capnostream20"


def test_listening_says_nothing_to_the_device(pty, capsys):
    doctor(capsys, "--port", pty.address, "--seconds", "0.1")
    assert pty.read() == b""


def test_noise_is_counted_and_not_recognised(pty, capsys):
    stop = threading.Event()

    def play():
        while not stop.wait(0.02):
            pty.write(os.urandom(50))

    noise = threading.Thread(target=play)
    noise.start()
    try:
        code, reports, _ = doctor(capsys, "--port", pty.address, "--seconds", "0.2")
    finally:
        stop.set()
        noise.join()
    report = reports[pty.address]
    assert (code, report["found"]) == (1, "unknown")
    assert f"{report['heard_bytes']} bytes that no driver understands" in report["text"]


def test_a_port_in_use_is_left_alone(pty, capsys):
    import serial

    with serial.Serial(pty.address, exclusive=True):
        _, reports, _ = doctor(capsys, "--port", pty.address, "--seconds", "0.1")
    assert reports[pty.address]["in_use"] is True


def test_a_port_that_is_not_there_is_said(tmp_path, capsys):
    assert main(["doctor", "--port", str(tmp_path / "none"), "--seconds", "0.1"]) == 1
    assert f"bad   {tmp_path}/none: {tmp_path}/none is not there." in capsys.readouterr().out


def test_a_silly_time_is_wrong_use(capsys):
    assert main(["doctor", "--seconds", "0"]) == 2
    assert "expected 0.1 to 60" in capsys.readouterr().err


def test_ports_go_by_the_name_that_survives_replugging(tmp_path, pty):
    (tmp_path / "usb-Adapter").symlink_to(pty.address)
    assert str(tmp_path / "usb-Adapter") in ports(tmp_path)
    assert pty.address not in ports(tmp_path)


@pytest.mark.parametrize(
    ("synced", "good", "word"), [(True, True, "is synch"), (False, False, "chrony"), (None, None, "not say")]
)
def test_the_clock_is_judged(synced, good, word):
    finding = check_clock(synced)
    assert finding.good is good
    assert word in finding.text


def test_the_machine_is_judged(tmp_path, monkeypatch):
    assert check_python((3, 10)).good is False
    assert check_python((3, 13)).good is True
    assert "for the spool" in check_disk(tmp_path / "not" / "yet").text
    closed = tmp_path / "port"
    closed.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert check_ports([str(closed)]).good is False
    assert "dialout" in check_ports([str(closed)]).text
