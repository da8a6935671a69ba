"""Secrets are made once, kept private, and differ between installations."""

import shutil
import stat
import subprocess

import pytest

from chassis.secrets import resolve
from vitals.errors import StorageError, UsageError
from wardline.cli import main
from wardline.credentials import Client, covers, read_clients, read_secret, write_broker_files

HUB = Client("hub", "hub")
PAGER = Client("pager", "pager")


def contents(folder):
    return {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_enrolling_again_changes_nothing(enrolled):
    before = contents(enrolled)
    write_broker_files(enrolled, read_clients(enrolled))
    assert contents(enrolled) == before


def test_a_new_client_leaves_the_others_as_they_are(tmp_path):
    write_broker_files(tmp_path, [HUB])
    secret, line = read_secret(tmp_path, "hub"), (tmp_path / "broker/passwd").read_text()
    write_broker_files(tmp_path, [PAGER])
    assert read_secret(tmp_path, "hub") == secret
    assert line in (tmp_path / "broker/passwd").read_text()
    assert read_clients(tmp_path) == [HUB, PAGER]


def test_a_changed_secret_gets_a_new_hash(tmp_path):
    write_broker_files(tmp_path, [HUB, PAGER])
    before = dict(line.split(":") for line in (tmp_path / "broker/passwd").read_text().splitlines())
    (tmp_path / "secrets/pager").write_text("another-secret\n")
    write_broker_files(tmp_path, [])
    after = dict(line.split(":") for line in (tmp_path / "broker/passwd").read_text().splitlines())
    assert after["hub"] == before["hub"]
    assert after["pager"] != before["pager"]


def test_two_installations_have_different_secrets(tmp_path):
    for name in ("one", "two"):
        write_broker_files(tmp_path / name, [HUB, PAGER])
    secrets = {read_secret(tmp_path / place, name) for place in ("one", "two") for name in ("hub", "pager")}
    assert len(secrets) == 4
    assert all(len(secret) >= 32 for secret in secrets)


def test_nobody_else_can_read_what_was_written(enrolled):
    for path in (enrolled / "secrets", enrolled / "broker"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in enrolled.rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_secret_that_was_opened_to_others_is_closed_again(enrolled):
    (enrolled / "secrets/hub").chmod(0o644)
    write_broker_files(enrolled, [])
    assert resolve("file:secrets/hub", enrolled) == read_secret(enrolled, "hub")


@pytest.mark.parametrize("name", ["+", "#", "a/b", "", "a", "Gateway", "-gw", "gw a", "gw:a", "x" * 32, "gw-a\n"])
def test_a_name_that_could_reach_into_other_topics_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be a client name"):
        write_broker_files(tmp_path, [Client(name, "gateway")])
    assert not list(tmp_path.iterdir())


def test_a_client_cannot_change_its_role_by_enrolling_again(enrolled):
    with pytest.raises(UsageError, match="pager is already enrolled as pager"):
        write_broker_files(enrolled, [Client("pager", "hub")])
    assert Client("pager", "pager") in read_clients(enrolled)


def test_a_damaged_list_of_clients_is_reported_and_not_overwritten(enrolled):
    (enrolled / "broker/clients.json").write_text('{"hub": "emperor"}')
    with pytest.raises(StorageError, match=r"clients\.json"):
        write_broker_files(enrolled, [PAGER])
    assert (enrolled / "broker/clients.json").read_text() == '{"hub": "emperor"}'


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="the mosquitto_passwd binary is not installed")
def test_mosquitto_passwd_takes_our_file_as_its_own(enrolled):
    passwords = enrolled / "broker/passwd"
    ours = passwords.read_text()
    subprocess.run(["mosquitto_passwd", "-b", passwords, "newcomer", "secret"], check=True, capture_output=True)
    assert all(line in passwords.read_text().splitlines() for line in ours.splitlines())


@pytest.mark.parametrize(
    ("rule", "asked", "expected"),
    [
        ("a/#", "a/b", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a/+/c", True),
        ("a/#", "a/#", True),
        ("a/#", "#", False),
        ("a/#", "+/b", False),
        ("a/#", "b/c", False),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/+/c", True),
        ("a/+/c", "a/b/d", False),
        ("a/+/c", "a/b", False),
        ("a/+/c", "a/b/c/d", False),
        ("a/+/c", "a/#", False),
        ("a/b", "a/+", False),
    ],
)
def test_a_rule_covers_a_filter_only_if_it_covers_every_topic_of_it(rule, asked, expected):
    assert covers(rule, asked) is expected


def test_the_enrol_command_says_where_everything_is(tmp_path, capsys):
    assert main(["enrol", "--folder", str(tmp_path), "--hub", "hub", "--gateway", "gw-a", "--gateway", "gw-b"]) == 0
    out = capsys.readouterr().out
    assert f"gateway gw-b: secret in {tmp_path}/secrets/gw-b" in out
    assert f"password_file {tmp_path}/broker/passwd, acl_file {tmp_path}/broker/acl" in out
    assert all(read_secret(tmp_path, name) not in out for name in ("hub", "gw-a", "gw-b"))


def test_enrolling_nobody_is_wrong_use(tmp_path, capsys):
    assert main(["enrol", "--folder", str(tmp_path)]) == 2
    assert "name at least one client" in capsys.readouterr().err
