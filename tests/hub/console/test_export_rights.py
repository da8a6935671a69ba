"""Who may export what: a right of its own, the wards of a person, and a line in the audit trail."""

import json

import pytest

from hub.console.rights import RIGHTS_OF, ROLES
from hub.journal import Batch, RecordRow
from tests.hub.console.doorstep import T0, Door


@pytest.fixture
def door(tmp_path, monkeypatch):
    from argon2 import PasswordHasher

    from hub.console.people import secrets

    monkeypatch.setattr(secrets, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    door = Door(tmp_path)
    batch = Batch()
    for seq, place in enumerate([("icu", "1"), ("surgery", "1"), ("", "")], start=1):
        body = b'{"values":{"hr":72.0}}'
        batch.records.append(RecordRow("gw-1", 1, seq, "mon-1", *place, T0 - 1_000, T0 - 900, 0, body))
    door.journal.commit(batch)
    yield door
    door.close()


def wards(browser, query=""):
    answer = browser.get(f"/api/v1/export/readings?format=json{query}")
    assert answer.status_code == 200, answer.text
    return [row["ward"] for row in json.loads(answer.content)]


def test_who_may_not_export_gets_nothing(door):
    without = [role for role in ROLES if "export" not in RIGHTS_OF[role]]
    assert {"viewer", "nurse"} <= set(without)
    for role in without:
        assert door.sign_in(role).get("/api/v1/export/readings").status_code == 403, role
    assert door.browser().get("/api/v1/export/readings").status_code == 401
    assert ("exported",) not in door.trail("action")


def test_who_has_some_wards_exports_these_and_nothing_that_belongs_to_none(door):
    nurse = door.sign_in("charge-nurse", ["icu"])
    assert wards(nurse) == wards(nurse, "&ward=icu") == ["icu"]
    assert nurse.get("/api/v1/export/readings?ward=surgery").status_code == 403
    assert wards(door.sign_in("charge-nurse", [])) == []
    assert wards(door.sign_in("administrator")) == [None, "icu", "surgery"]


def test_an_export_stands_in_the_audit_trail(door):
    nurse = door.sign_in("charge-nurse", ["icu"], "ida")
    assert wards(nurse, f"&from={T0 - 5_000}&to={T0}&ward=icu&bed=1") == ["icu"]
    (line,) = [row for row in door.trail("by", "action", "subject", "detail") if row[1] == "exported"]
    assert line == (
        "ida",
        "exported",
        "readings",
        "2025-11-20T23:48:19.000Z to 2025-11-20T23:48:24.000Z, icu/1, json",
    )
