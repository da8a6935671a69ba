"""Secrets are references; what they point to is private or refused."""

import pytest

from chassis.secrets import resolve
from vitals.errors import UsageError

SECRET = "opaque-canary-value"


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "broker.secret"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


def test_a_file_reference_is_relative_to_the_settings_file(secret_file, tmp_path):
    assert resolve("file:broker.secret", tmp_path) == SECRET
    assert resolve(f"file:{secret_file}", tmp_path / "elsewhere") == SECRET


def test_an_environment_reference_is_the_value_of_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("WARDLINE_TEST_SECRET", SECRET)
    assert resolve("env:WARDLINE_TEST_SECRET", tmp_path) == SECRET


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o606])
def test_a_file_every_user_can_open_is_refused_with_the_remedy(secret_file, tmp_path, mode):
    secret_file.chmod(mode)
    with pytest.raises(UsageError, match="chmod o-rwx"):
        resolve("file:broker.secret", tmp_path)


def test_a_file_shared_with_a_group_is_fine(secret_file, tmp_path):
    secret_file.chmod(0o640)
    assert resolve("file:broker.secret", tmp_path) == SECRET


@pytest.mark.parametrize("reference", [SECRET, "", "env:", "file:", "plain:x", "FILE:x"])
def test_a_secret_written_out_is_refused_and_never_repeated(reference, tmp_path):
    with pytest.raises(UsageError) as caught:
        resolve(reference, tmp_path)
    assert SECRET not in str(caught.value)


def test_a_missing_file_or_variable_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("WARDLINE_NOT_SET", raising=False)
    with pytest.raises(UsageError, match="WARDLINE_NOT_SET"):
        resolve("env:WARDLINE_NOT_SET", tmp_path)
    with pytest.raises(UsageError, match=r"absent\.secret"):
        resolve("file:absent.secret", tmp_path)


def test_an_empty_file_is_no_secret(secret_file, tmp_path):
    secret_file.write_text(" \n")
    with pytest.raises(UsageError, match="empty"):
        resolve("file:broker.secret", tmp_path)
