"""The audit: every change is a row, and no row is changed, taken out, put in or cut off without being missed."""

import json
import random
import sqlite3
from contextlib import closing

import pytest

from hub.audit import extend_deed_chain
from hub.console.people.anchors import anchor
from hub.console.people.proof import prove
from hub.deeds import deed_row
from hub.journal import Batch, Journal
from tests.hub.console.doorstep import PASSWORD, T0, Door
from vitals.commands import Command, Result
from wardline.cli import main


@pytest.fixture
def door(tmp_path):
    door = Door(tmp_path)
    yield door
    door.close()


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch):
    from argon2 import PasswordHasher

    from hub.console.people import secrets

    monkeypatch.setattr(secrets, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def deed(number, by="ida"):
    command = Command(request=f"r{number}", by=by, alarm="0" * 16, reason="seen")
    return deed_row("console", "acknowledge", command, Result(request=f"r{number}", done=True), T0 + number)


def commit(journal, *writes):
    batch = Batch()
    batch.writes += writes
    journal.commit(batch)


@pytest.fixture
def filled(door):
    """A journal of 12 deeds and a trail of some more, in two files nobody writes to."""
    for number in range(12):
        commit(door.journal, deed(number))
    for number in range(4):
        door.sign_in("nurse", name=f"nurse-{number}")
    return door


def proofs(door, heads=()):
    return {proof.source: proof for proof in prove(door.folder / "journal.db", door.folder / "people.db", heads)}


def change(door, name, statement, *values):
    """What somebody does to the file itself."""
    with closing(sqlite3.connect(door.folder / f"{name}.db", isolation_level=None)) as db, db:
        assert db.execute(statement, values).rowcount > 0
    db.close()


def test_what_was_written_holds(filled):
    found = proofs(filled)
    assert (found["journal"].rows, found["journal"].broken_row, found["people"].broken_row) == (12, None, None)
    assert found["people"].rows > 12


@pytest.mark.parametrize("column", ["time", "client", "action", '"by"', "reason", "request", "body", "result"])
def test_a_changed_deed_is_found_with_its_row_and_time(filled, column):
    change(filled, "journal", f"UPDATE deed SET {column} = {column} || '1' WHERE id = 5")
    found = proofs(filled)["journal"]
    assert (found.broken_row, "was changed" in found.why) == (5, True)


@pytest.mark.parametrize("column", ["time", '"by"', "kind", "action", "subject", "detail", "address"])
def test_a_changed_row_of_the_trail_is_found(filled, column):
    change(filled, "people", f"UPDATE audit SET {column} = {column} || '1' WHERE id = 3")
    assert proofs(filled)["people"].broken_row == 3


def test_one_flipped_byte_anywhere_in_a_deed_is_found(filled):
    dice = random.Random(7)
    with closing(sqlite3.connect(filled.folder / "journal.db", isolation_level=None)) as db, db:
        for _ in range(60):
            row, column = dice.randint(1, 12), dice.choice(["body", "result"])
            (before,) = db.execute(f"SELECT {column} FROM deed WHERE id = ?", (row,)).fetchone()
            after = bytearray(before)
            after[dice.randrange(len(after))] ^= 1 << dice.randrange(8)
            db.execute(f"UPDATE deed SET {column} = ? WHERE id = ?", (bytes(after), row))
            assert proofs(filled)["journal"].broken_row == row
            db.execute(f"UPDATE deed SET {column} = ? WHERE id = ?", (before, row))
    db.close()
    assert proofs(filled)["journal"].broken_row is None


PUT_IN = "INSERT INTO deed SELECT 99, time, client, action, 'eve', reason, request, body, result FROM deed WHERE id = 1"


@pytest.mark.parametrize(
    ("name", "statement", "broken"),
    [
        ("journal", "DELETE FROM deed WHERE id = 5", 5),
        ("people", "DELETE FROM audit WHERE id = 5", 5),
        ("journal", PUT_IN, 99),
        ("journal", "UPDATE deed_chain SET hash = zeroblob(32) WHERE deed = 7", 7),
        ("people", "UPDATE audit SET hash = zeroblob(32) WHERE id = 7", 7),
        ("journal", "UPDATE deed SET id = CASE id WHEN 4 THEN -4 ELSE id END", -4),
    ],
)  # fmt: skip
def test_a_row_taken_out_put_in_or_moved_is_found(filled, name, statement, broken):
    change(filled, name, statement)
    assert proofs(filled)[name].broken_row == broken


def test_a_row_taken_out_with_its_hash_is_found_at_the_next_one(filled):
    change(filled, "journal", "DELETE FROM deed WHERE id = 5")
    change(filled, "journal", "DELETE FROM deed_chain WHERE deed = 5")
    assert proofs(filled)["journal"].broken_row == 6


def note_heads(door):
    """What the console does each hour; its hub writes the command down."""
    door.loop.run(anchor(door.console))
    (said,) = [said for action, said in door.asked if action == "anchor"]
    from vitals.commands import Anchor

    command = Anchor(**said)
    commit(door.journal, deed_row("console", "anchor", command, Result(request=command.request, done=True), T0 + 99))


def test_rows_cut_off_the_end_are_missed_once_the_head_was_noted_in_the_other_file(filled):
    change_both = [("DELETE FROM deed WHERE id > 8", "journal"), ("DELETE FROM deed_chain WHERE deed > 8", "journal")]
    note_heads(filled)
    assert (proofs(filled)["journal"].noted, proofs(filled)["people"].noted) == (1, 1)
    for statement, name in change_both:
        change(filled, name, statement)
    found = proofs(filled)["journal"]
    assert (found.broken_row, found.why) == (12, "this row is gone: its hash was noted, but the chain ends with row 8")


def test_a_trail_cut_short_is_missed_too(filled):
    note_heads(filled)
    change(filled, "people", "DELETE FROM audit WHERE id > 4")
    assert "its hash was noted" in proofs(filled)["people"].why


def test_a_chain_made_anew_does_not_hold_the_head_that_was_noted(filled):
    note_heads(filled)
    change(filled, "journal", "DELETE FROM deed_chain")
    change(filled, "journal", "UPDATE deed SET reason = 'other' WHERE id = 2")
    with closing(sqlite3.connect(filled.folder / "journal.db")) as db, db:
        extend_deed_chain(db)
    db.close()
    assert "another row stood here" in proofs(filled)["journal"].why


def test_a_journal_of_before_is_chained_from_what_it_has(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    commit(journal, *(deed(number) for number in range(3)))
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("DROP TABLE deed_chain")
    db.close()
    journal = Journal(tmp_path / "journal.db")
    commit(journal, deed(3))
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        assert db.execute("SELECT count(*) FROM deed_chain").fetchone() == (4,)
    db.close()


# What is written down.


def test_every_change_of_people_tokens_and_screens_is_a_row_with_who_did_it(door):
    chief = door.sign_in("administrator", name="chief")
    screen = door.browser()
    chief.post("/api/v1/people", {"name": "ida", "role": "nurse", "wards": ["icu"]})
    chief.put("/api/v1/people/ida", {"role": "physician"})
    chief.post("/api/v1/people/ida/link")
    chief.post("/api/v1/people/ida/logout")
    token = chief.post("/api/v1/tokens", {"name": "register", "rights": ["view"]}).json()["token"]["token"]
    chief.delete(f"/api/v1/tokens/{token}")
    code = screen.post("/api/v1/screens/pair").json()["code"]
    number = chief.post("/api/v1/screens", {"code": code, "name": "corridor"}).json()["screen"]
    chief.delete(f"/api/v1/screens/{number}")
    chief.post("/api/v1/me/password", {"present": PASSWORD, "password": "another long sentence"})
    chief.put("/api/v1/people/ida", {"role": "physician", "disabled": True})
    chief.post("/api/v1/logout")
    done = [action for by, action in door.trail('"by"', "action") if by == "chief"]
    assert done == [
        *("password chosen", "signed in", "account added", "link given", "account changed", "link given"),
        *("signed out everywhere", "token added", "token revoked", "screen bound", "screen revoked"),
        *("password changed", "account disabled", "signed out"),
    ]


def test_the_list_has_both_chains_the_newest_first_and_no_values_of_patients(door):
    auditor = door.sign_in("auditor", name="anna")
    commit(door.journal, deed(5, by="ida"))
    found = auditor.get("/api/v1/audit").json()
    assert {one["source"] for one in found} == {"journal", "people"}
    assert [one["time"] for one in found] == sorted((one["time"] for one in found), reverse=True)
    (one,) = auditor.get("/api/v1/audit?by=ida").json()
    assert (one["action"], one["subject"], one["reason"], one["done"]) == (
        "acknowledge",
        f"alarm {'0' * 16}",
        "seen",
        True,
    )
    assert auditor.get(f"/api/v1/audit?from={T0 + 5}").json()[0]["by"] == "ida"
    assert auditor.get("/api/v1/audit?from=5&to=5").status_code == 422
    assert {proof["broken_row"] for proof in auditor.get("/api/v1/audit/proof").json()} == {None}


def test_a_failed_change_leaves_no_row(door):
    chief = door.sign_in("administrator", name="chief")
    before = len(door.trail("id"))
    assert chief.post("/api/v1/people", {"name": "chief", "role": "nurse"}).status_code == 409
    assert chief.put("/api/v1/people/chief", {"role": "nurse"}).status_code == 409
    assert len(door.trail("id")) == before


# The command.


def test_the_command_says_that_all_holds_and_where_it_does_not(filled, capsys):
    words = ["audit", "verify", "--config", str(filled.folder / "hub.yaml")]
    assert main(words) == 0
    assert "journal audit: 12 rows hold" in capsys.readouterr().out
    head = filled.people.head()
    assert main([*words, "--head", f"people {head.row} {head.hash.hex()}"]) == 0
    assert main([*words, "--head", f"people {head.row + 5} {head.hash.hex()}"]) == 1
    assert main([*words, "--head", "what"]) == 2
    capsys.readouterr()
    change(filled, "journal", "UPDATE deed SET \"by\" = 'eve' WHERE id = 5")
    assert main(words) == 1
    assert "BROKEN at row 5 of 2025-11-20T23:48:24.004Z" in capsys.readouterr().out


def test_the_command_lists_what_was_done(filled, capsys):
    words = ["audit", "list", "--config", str(filled.folder / "hub.yaml")]
    assert main([*words, "--by", "ida", "--limit", "3"]) == 0
    assert [line.split()[1:3] for line in capsys.readouterr().out.splitlines()] == [["ida", "acknowledge"]] * 3
    assert main([*words, "--json", "--action", "signed in"]) == 0
    assert [one["by"] for one in json.loads(capsys.readouterr().out)][::-1] == [
        f"nurse-{number}" for number in range(4)
    ]
    assert main([*words, "--from", "2026-13-01"]) == 2
