"""Whose rules are believed: the pinned key's; without one, the first key's, for ever."""

import logging
import stat

import pytest

from chassis.signing import SigningKey
from edge_agent.bedside.trust import Trust
from vitals.errors import UsageError

HUB, OTHER = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)


@pytest.mark.parametrize("how", ["file", "written"])
def test_a_pinned_key_is_the_only_one_believed(tmp_path, how):
    (tmp_path / "hub.pub").write_text(HUB.shown + "\n")
    trust = Trust("file:hub.pub" if how == "file" else HUB.shown, tmp_path, tmp_path / "bedside")
    assert trust.believes(HUB.public)
    assert not trust.believes(OTHER.public)


def test_without_a_pinned_key_the_first_one_heard_is_kept_private_and_said_aloud(tmp_path, caplog):
    trust = Trust(None, tmp_path, tmp_path / "bedside")
    assert trust.believes(HUB.public)
    with caplog.at_level(logging.WARNING):
        trust.heard(HUB.public)
    assert HUB.shown in caplog.text
    assert not trust.believes(OTHER.public)
    again = Trust(None, tmp_path, tmp_path / "bedside")
    assert again.believes(HUB.public)
    assert not again.believes(OTHER.public)
    assert stat.S_IMODE((tmp_path / "bedside/hub.pub").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "ed25519:short", "-----BEGIN PUBLIC KEY-----"])
def test_a_key_that_cannot_be_read_stops_the_start_with_the_remedy(tmp_path, text):
    (tmp_path / "hub.pub").write_text(text)
    with pytest.raises(UsageError, match=r"copy the hub's hub\.pub"):
        Trust("file:hub.pub", tmp_path, tmp_path)
    with pytest.raises(UsageError, match="cannot read"):
        Trust("file:elsewhere.pub", tmp_path, tmp_path)
