"""The commands the demo prints can be pasted."""

import os
import subprocess
import sys

from vitals.alarms import Alarm, AlarmEvent
from wardline.screen import Screen, own_command


def test_the_printed_command_runs_from_this_folder(monkeypatch, tmp_path):
    for program in (os.path.join(os.path.dirname(sys.executable), "wardline"), "wardline/__main__.py"):
        monkeypatch.setattr(sys, "argv", [program])
        monkeypatch.setenv("PATH", str(tmp_path))
        words = own_command().split()
        said = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True)
        assert said.stdout.startswith("wardline ")


def test_a_wardline_on_the_path_is_called_by_its_name(monkeypatch):
    folder = os.path.dirname(sys.executable)
    monkeypatch.setattr(sys, "argv", [os.path.join(folder, "wardline")])
    monkeypatch.setenv("PATH", folder)
    assert own_command() == "wardline"


def alarm(**changes):
    fields = {"id": "0123456789abcdef", "rule": "r", "ward": "icu", "bed": "7", "kind": "technical", "state": "active"}
    fields |= {"priority": "medium", "rev": 1, "message": "Gone", "onset": 1, "raised": 1, "changed": 1}
    return AlarmEvent(change="raised", time=1, alarm=Alarm(**{**fields, **changes}))


def test_an_alarm_says_where_it_stands_at_a_bed_or_at_equipment(capsys):
    screen = Screen(lambda: None)
    screen.alarm(alarm())
    screen.alarm(alarm(bed="", subject="gateway/gw-1"))
    bed, equipment = capsys.readouterr().out.splitlines()
    assert "  icu/7  Gone" in bed
    assert "  gateway gw-1  Gone" in equipment
