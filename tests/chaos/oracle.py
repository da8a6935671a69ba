"""The oracle: what each spool gave out against what the journal holds, by exact sets of numbers.

"Accepted" is the spool's own sequence table, written in the transaction of the row: nothing a test counts itself.
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

SeqSet = set[int]


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The books of one epoch of a gateway, from both ends."""

    gateway: str
    epoch: int
    accepted: int  # the spool gave out 1 to this
    stored: int
    rejected: int
    gaps: int  # given up by the gateway in a gap record, and not stored
    waiting: int  # the spool would still send these
    lost: int  # neither stored, rejected, declared nor waiting; what the hub itself found missing is lost, too
    doubled: int
    unknown: int  # stored, and never given out
    unfounded: int  # the hub gave a receipt, and nothing stands behind it
    other_epochs: int  # records of epochs the spool does not have now

    @property
    def is_even(self) -> bool:
        """Everything that was accepted is in the journal once, or explained."""
        wrong = (self.waiting, self.lost, self.doubled, self.unknown, self.unfounded, self.other_epochs)
        return not any(wrong)


def balance(gateway: str, spool: Path, journal: Path) -> Balance:
    """Both ends of one gateway, now."""
    epoch, accepted, waiting = read_spool(spool)
    given = set(range(1, accepted + 1))
    with closing(_open(journal)) as db:
        both = (
            "SELECT epoch, seq FROM record WHERE gateway = ?1 UNION ALL SELECT epoch, seq FROM wave WHERE gateway = ?1"
        )
        rows = db.execute(both, (gateway,)).fetchall()
        stored = {seq for row_epoch, seq in rows if row_epoch == epoch}
        rejected = {
            seq for (seq,) in db.execute("SELECT seq FROM rejected WHERE gateway = ? AND epoch = ?", (gateway, epoch))
        }
        gaps = _gaps(db, gateway, epoch, "edge")
        found_missing = _gaps(db, gateway, epoch, "hub")
        receipted = _ranges(db, "committed", gateway, epoch)
    here = [seq for row_epoch, seq in rows if row_epoch == epoch]
    explained = stored | rejected | gaps
    return Balance(
        gateway=gateway,
        epoch=epoch,
        accepted=accepted,
        stored=len(stored),
        rejected=len(rejected),
        gaps=len(gaps - stored),
        waiting=len(waiting),
        lost=len(given - explained - waiting),
        doubled=len(here) - len(stored),
        unknown=len(stored - given),
        unfounded=len(receipted - explained - found_missing),
        other_epochs=len(rows) - len(here),
    )


def read_spool(spool: Path) -> tuple[int, int, SeqSet]:
    """(epoch, highest seq ever given out, seqs without a receipt): the database's own words."""
    with closing(_open(spool)) as db:
        (epoch,) = db.execute("SELECT epoch FROM meta").fetchone()
        (accepted,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'record'").fetchone()
        settled: SeqSet = set()
        for low, high in db.execute("SELECT low, high FROM settled"):
            settled.update(range(low, high + 1))
    return epoch, accepted, set(range(1, accepted + 1)) - settled


def watermark(journal: Path, gateway: str) -> int:
    """Up to where the hub has everything of the gateway's newest epoch; 0 while it has nothing."""
    try:
        with closing(_open(journal)) as db:
            query = "SELECT high FROM committed WHERE gateway = ? AND low = 1 ORDER BY epoch DESC LIMIT 1"
            row = db.execute(query, (gateway,)).fetchone()
    except sqlite3.OperationalError:
        return 0
    return row[0] if row else 0


def raised_twice(journal: Path) -> list[str]:
    """Alarms the journal has as raised more than once: each would have called people twice."""
    with closing(_open(journal)) as db:
        query = "SELECT alarm FROM alarm_event WHERE change = 'raised' GROUP BY alarm HAVING count(*) > 1"
        return [alarm for (alarm,) in db.execute(query)]


def artefact(seed: int, kills: int, balances: list[Balance], **more: object) -> dict:
    """The balance of a run as it is printed and kept."""
    total = {
        name: sum(getattr(one, name) for one in balances)
        for name in ("accepted", "stored", "rejected", "gaps", "waiting", "lost", "doubled", "unknown", "unfounded")
    }
    whole = {"seed": seed, "kills": kills, **total, **more, "gateways": [asdict(one) for one in balances]}
    print(json.dumps(whole))
    return whole


def _gaps(db: sqlite3.Connection, gateway: str, epoch: int, source: str) -> SeqSet:
    found: SeqSet = set()
    query = (
        "SELECT low, high FROM missing JOIN gap ON gap.id = missing.gap"
        " WHERE missing.gateway = ? AND missing.epoch = ? AND source = ?"
    )
    for low, high in db.execute(query, (gateway, epoch, source)):
        found.update(range(low, high + 1))
    return found


def _ranges(db: sqlite3.Connection, table: str, gateway: str, epoch: int) -> SeqSet:
    found: SeqSet = set()
    query = f"SELECT low, high FROM {table} WHERE gateway = ? AND epoch = ?"
    for low, high in db.execute(query, (gateway, epoch)):
        found.update(range(low, high + 1))
    return found


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
