"""The commands the demo prints can be pasted."""

import os
import subprocess
import sys

from wardline.screen import own_command


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
