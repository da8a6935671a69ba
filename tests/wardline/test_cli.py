"""The command line: every command explains itself, and wrong use is one sentence and exit code 2."""

import pytest

from wardline.cli import COMMANDS, NOTICE, main


def help_of(*words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_names_every_command_and_says_what_wardline_is_not(capsys):
    text = help_of(capsys=capsys)
    assert NOTICE in text
    for name in COMMANDS:
        assert f" {name} " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    assert f"usage: wardline {name}" in help_of(name, capsys=capsys)


def test_a_name_that_is_also_a_command_is_only_a_name(tmp_path):
    assert main(["enrol", "--folder", str(tmp_path), "--hub", "hub", "--gateway", "edge", "--pager", "demo"]) == 0


def test_an_unknown_command_is_wrong_use(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dmeo"])
    assert ended.value.code == 2
    assert "invalid choice: 'dmeo'" in capsys.readouterr().err
