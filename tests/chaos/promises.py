"""The promises of a spool, checked on its file and on what a child said before it died."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.chaos.stories import draft

TIME_ZERO = draft(0).time


def broken_promises(folder: Path) -> list[str]:
    """What a spool promised and does not hold; the spool must have been opened since."""
    said = [json.loads(line) for line in (folder / "said.jsonl").read_text().splitlines()] if _said(folder) else []
    with closing(sqlite3.connect(folder / "spool.db")) as db:
        (epoch,) = db.execute("SELECT epoch FROM meta").fetchone()
        accepted = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'record'").fetchone()[0]
        rows = {seq: (kind, json.loads(body)) for seq, kind, body in db.execute("SELECT seq, kind, body FROM record")}
        settled = _seqs(db.execute("SELECT low, high FROM settled"))
    declared: dict[int, list[int]] = {}
    for _, body in rows.values():
        gap = body.get("gap")
        if gap:
            spans = gap.get("ranges") or [[gap["first"], gap["last"]]]
            declared.setdefault(gap.get("epoch", epoch), []).extend(sorted(_seqs(spans)))
    wrong = []
    if waiting := sorted(set(range(1, accepted + 1)) - settled - set(rows)):
        wrong.append(f"neither here nor settled: {waiting[:9]}")
    here = declared.get(epoch, [])
    if len(here) != len(set(here)):
        wrong.append("declared twice")
    receipts = _receipts(said, epoch)
    if silent := sorted(settled - receipts - set(here)):
        wrong.append(f"settled without a receipt or a gap record: {silent[:9]}")
    times = [body["time"] - TIME_ZERO for kind, body in rows.values() if kind != "gap"]
    numbers = set(times)
    if len(times) != len(numbers):
        wrong.append("a record is here twice")
    for words in said:
        if "number" in words:
            wrong += _held(words, epoch, rows, settled | set(here), declared, numbers, _receipts(said, words["epoch"]))
        if words.get("epoch", 0) > epoch:
            wrong.append(f"epoch {epoch} after {words['epoch']}")
    return wrong


def _held(words: dict, epoch: int, rows: dict, done: set, declared: dict, numbers: set, receipts: set) -> list[str]:
    """Whether each record of one append that was said to be durable is here under its number, or done with."""
    wrong = []
    for seq in range(words["first"], words["last"] + 1):
        number = words["number"] + seq - words["first"]
        if words["epoch"] == epoch:
            kept = seq in rows and rows[seq][1]["time"] - TIME_ZERO == number
            if not kept and (seq in rows or seq not in done):
                wrong.append(f"record {seq} is not what it was")
        elif number not in numbers and seq not in receipts and seq not in declared.get(words["epoch"], ()):
            wrong.append(f"record {seq} of epoch {words['epoch']} is gone")
    return wrong[:9]


def _receipts(said: list[dict], epoch: int) -> set[int]:
    found = _seqs([words["receipt"] for words in said if "receipt" in words and words["epoch"] == epoch])
    void = min((words["receipts_void_after"] for words in said if "receipts_void_after" in words), default=None)
    return found if void is None else {seq for seq in found if seq <= void}


def _seqs(ranges) -> set[int]:
    return {seq for low, high in ranges for seq in range(low, high + 1)}


def _said(folder: Path) -> bool:
    return (folder / "said.jsonl").exists()
