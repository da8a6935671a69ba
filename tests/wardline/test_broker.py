"""Which broker is taken, and what a mosquitto of ours is told."""

import asyncio

import pytest

from vitals.errors import LinkError, UsageError
from wardline import broker
from wardline.broker import find_mosquitto, mosquitto_config, start_broker
from wardline.embedded import EmbeddedBroker


@pytest.fixture
def no_mosquitto(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(broker, "SBIN", ())


@pytest.fixture
def broken_mosquitto(no_mosquitto, tmp_path):
    binary = tmp_path / "mosquitto"
    binary.write_text("#!/bin/sh\necho no such option; exit 3\n")
    binary.chmod(0o755)


def start_and_stop(kind, folder, port):
    async def story():
        running = await start_broker(kind, folder, port, folder, print)
        await running.stop()
        return running

    return asyncio.run(story())


def test_without_mosquitto_the_embedded_broker_serves(no_mosquitto, enrolled, port):
    assert isinstance(start_and_stop("auto", enrolled, port), EmbeddedBroker)


def test_a_mosquitto_that_is_asked_for_must_be_there(no_mosquitto, enrolled, port):
    with pytest.raises(UsageError, match="no mosquitto on the PATH; install it, or use --broker embedded"):
        start_and_stop("mosquitto", enrolled, port)


def test_a_mosquitto_that_does_not_start_is_reported_with_its_last_words(broken_mosquitto, enrolled, port, monkeypatch):
    monkeypatch.setattr(broker, "START_TIMEOUT_S", 0.3)
    with pytest.raises(LinkError, match=f"mosquitto does not listen on port {port}: no such option"):
        start_and_stop("auto", enrolled, port)


def test_mosquitto_is_also_found_where_only_root_looks(no_mosquitto, monkeypatch, tmp_path):
    assert find_mosquitto() is None
    (tmp_path / "sbin").mkdir()
    binary = tmp_path / "sbin" / "mosquitto"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setattr(broker, "SBIN", (str(tmp_path / "sbin"),))
    assert find_mosquitto() == str(binary)


def test_mosquitto_listens_on_loopback_only_and_lets_nobody_in_unnamed(tmp_path):
    lines = mosquitto_config(tmp_path, 1884).splitlines()
    assert [line for line in lines if line.startswith("listener")] == ["listener 1884 127.0.0.1"]
    assert "allow_anonymous false" in lines
    assert f"password_file {tmp_path}/broker/passwd" in lines
    assert f"acl_file {tmp_path}/broker/acl" in lines
