"""Settings files are read once, strictly, and a bad one says what is wrong with it."""

import msgspec
import pytest

from chassis.mqtt import BrokerSettings
from chassis.settings import read_settings
from vitals.errors import DocumentError, UsageError
from vitals.yamldoc import MAX_DOCUMENT_BYTES, MAX_SETTINGS_BYTES


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    broker: BrokerSettings


def read(path, text: str) -> Settings:
    file = path / "edge.yaml"
    file.write_text(text)
    return read_settings(file, Settings)


def test_a_settings_file_becomes_one_value(tmp_path):
    settings = read(tmp_path, "broker:\n  host: broker.ward\n  username: gw-01\n  protocol: '3.1.1'\n")
    assert settings.broker == BrokerSettings(host="broker.ward", username="gw-01", protocol="3.1.1")


def test_a_version_that_yaml_reads_as_a_number_is_a_problem_at_its_line(tmp_path):
    with pytest.raises(DocumentError, match=r"edge\.yaml:2: broker\.protocol"):
        read(tmp_path, "broker:\n  protocol: 5\n")


def test_a_port_outside_the_range_is_a_problem(tmp_path):
    with pytest.raises(DocumentError, match=r"broker\.port: Expected `int` <= 65535"):
        read(tmp_path, "broker:\n  port: 70000\n")


def test_a_certificate_without_its_key_is_a_problem(tmp_path):
    with pytest.raises(DocumentError, match="cert and key belong together"):
        read(tmp_path, "broker:\n  tls:\n    ca: ca.crt\n    cert: gw.crt\n")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*absent\.yaml: No such file"):
        read_settings(tmp_path / "absent.yaml", Settings)


def test_a_file_that_is_not_text_says_at_which_byte(tmp_path):
    file = tmp_path / "edge.yaml"
    file.write_bytes(b"broker: \xff\n")
    with pytest.raises(UsageError, match=r"not UTF-8 text \(byte 8\)"):
        read_settings(file, Settings)


def test_tls_files_that_cannot_be_read_are_a_clear_error(tmp_path):
    settings = read(tmp_path, "broker:\n  tls:\n    ca: ca.crt\n")
    assert settings.broker.tls is not None
    with pytest.raises(UsageError, match="TLS files of the broker section"):
        settings.broker.tls.context(tmp_path)


def test_a_login_resolves_its_secret_at_the_last_moment(tmp_path):
    settings = read(tmp_path, "broker:\n  username: gw-01\n  password: file:gw-01.secret\n")
    with pytest.raises(UsageError, match=r"gw-01\.secret"):
        settings.broker.login(tmp_path)
    secret = tmp_path / "gw-01.secret"
    secret.write_text("something\n")
    secret.chmod(0o600)
    assert settings.broker.login(tmp_path) == ("gw-01", "something")


def test_settings_may_be_larger_than_other_documents_but_not_of_any_size(tmp_path):
    host = "h" * MAX_DOCUMENT_BYTES
    assert read(tmp_path, f"broker: {{host: {host}}}\n").broker.host == host
    with pytest.raises(DocumentError, match=f"larger than {MAX_SETTINGS_BYTES} bytes"):
        read(tmp_path, "#" * (MAX_SETTINGS_BYTES + 1))
