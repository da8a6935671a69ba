"""Checks of a journal beside its writer: that every seq is accounted for exactly once, and what is missing where."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from chassis.database import open_read_only
from hub.journal_gaps import Key, read_ranges
from vitals.errors import StorageError
from vitals.ranges import Ranges

NOTHING_LOST = ("moved", "epoch_change")  # reasons of gaps whose records have another number

_ISLANDS = (
    "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM {table}"
    " WHERE gateway = ? AND epoch = ?) GROUP BY island"
)


class EpochReport(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch of a gateway. Every seq up to the watermark is in exactly one of the five counts."""

    gateway: str
    epoch: int
    watermark: int
    records: int
    waves: int
    rejected: int
    missing: int  # declared by a gap, and not come
    expired: int  # left the journal because they were old
    waiting: int  # seqs past the watermark that a later one has overtaken; they may still come
    problems: list[str] = []


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found; `problems` of the file as a whole, and of each epoch."""

    problems: list[str]
    epochs: list[EpochReport]

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not self.problems and not any(epoch.problems for epoch in self.epochs)


class GapLine(msgspec.Struct, frozen=True, kw_only=True):
    """One declared gap. `first` and `last` 0: those records never had a seq. Times are UTC ms; 0: nobody knows."""

    id: int
    gateway: str
    epoch: int
    first: int
    last: int
    count: int
    missing: int
    refilled: int
    reason: str
    kind: str
    source: str
    time: int
    start: int
    end: int


class BedDay(msgspec.Struct, frozen=True, kw_only=True):
    """One bed on one day. What is missing of a gateway with several beds may be of any of them: at least, at most."""

    ward: str
    bed: str
    day: str
    stored: int
    missing_at_least: int
    missing_at_most: int
    gateways: list[str]


@contextmanager
def _snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    db = open_read_only(path)
    try:
        db.execute("BEGIN")  # one moment for all queries, however long they take
        yield db
    except sqlite3.Error as error:
        raise StorageError(f"cannot read the journal {path}: {error}") from error
    finally:
        db.close()


def verify(path: Path) -> Report:
    """Check the file and account for every seq. Raises StorageError when there is nothing to read."""
    with _snapshot(path) as db:
        try:
            damage = [row[0] for row in db.execute("PRAGMA quick_check(10)") if row[0] != "ok"]
        except sqlite3.DatabaseError as error:
            damage = [str(error)]
        if damage:
            return Report(problems=[f"the file is damaged: {line}" for line in damage], epochs=[])
        settled = read_ranges(db, "committed")
        missing = read_ranges(db, "missing")
        keys = set(settled) | set(missing)
        for table in ("record", "wave", "rejected"):
            keys |= set(db.execute(f"SELECT DISTINCT gateway, epoch FROM {table}"))
        epochs = [_epoch(db, key, settled.get(key, Ranges()), missing.get(key, Ranges())) for key in sorted(keys)]
        return Report(problems=_gap_problems(db), epochs=epochs)


def _epoch(db: sqlite3.Connection, key: Key, settled: Ranges, missing: Ranges) -> EpochReport:
    places = {
        "stored as a record": _islands(db, "record", key),
        "stored as a wave": _islands(db, "wave", key),
        "rejected": _islands(db, "rejected", key),
        "declared missing": missing,
    }
    problems: list[str] = []
    somewhere = Ranges()
    for place, seqs in places.items():
        twice = seqs.minus(seqs.minus(somewhere))
        if twice.count():
            problems.append(f"{_seqs(twice)}: {place} and in another place too")
        somewhere = somewhere.union(seqs)
    unsettled = somewhere.minus(settled)
    if unsettled.count():
        problems.append(f"{_seqs(unsettled)}: here, and no receipt says so")
    expired, last = _expired(db, key)
    nowhere = settled.minus(somewhere)
    if nowhere.count() != expired:
        lost = nowhere.minus(Ranges([(1, last)])) if last else nowhere
        which = f", {_seqs(lost)} among them" if lost.count() else ""
        problems.append(
            f"{nowhere.count():,} seqs have a receipt and are not here{which}; retention took {expired:,} of them out"
        )
    ranges = list(settled)
    watermark = ranges[0][1] if ranges and ranges[0][0] == 1 else 0
    highest = ranges[-1][1] if ranges else 0
    return EpochReport(
        gateway=key[0],
        epoch=key[1],
        watermark=watermark,
        records=places["stored as a record"].count(),
        waves=places["stored as a wave"].count(),
        rejected=places["rejected"].count(),
        missing=missing.count(),
        expired=expired,
        waiting=highest - settled.count(),
        problems=problems,
    )


def _islands(db: sqlite3.Connection, table: str, key: Key) -> Ranges:
    return Ranges(db.execute(_ISLANDS.format(table=table), key))


def _expired(db: sqlite3.Connection, key: Key) -> tuple[int, int]:
    count = last = 0
    for table in ("record_expired", "wave_expired"):
        for some, highest in db.execute(f"SELECT count, last FROM {table} WHERE gateway = ? AND epoch = ?", key):
            count, last = count + some, max(last, highest)
    return count, last


def _gap_problems(db: sqlite3.Connection) -> list[str]:
    query = (
        "SELECT gap.id, gap.missing, coalesce(sum(range.high - range.low + 1), 0) AS found FROM gap"
        " LEFT JOIN missing AS range ON range.gap = gap.id WHERE gap.first > 0 GROUP BY gap.id"
        " HAVING found <> gap.missing"
    )
    return [
        f"gap {number} counts {said:,} missing seqs and names {found:,}" for number, said, found in db.execute(query)
    ]


def _seqs(ranges: Ranges) -> str:
    named = [f"{low}" if low == high else f"{low} to {high}" for low, high in list(ranges)[:3]]
    more = f" and {len(ranges) - 3} more ranges" if len(ranges) > 3 else ""
    return f"seq {', '.join(named)}{more}"


def gaps(path: Path, *, standing: bool = False) -> list[GapLine]:
    """Every declared gap, oldest first; only those with something still missing if `standing`."""
    columns = 'id, gateway, epoch, first, last, count, missing, refilled, reason, kind, source, time, start, "end"'
    where = "WHERE missing > 0" if standing else ""
    names = [column.strip('"') for column in columns.split(", ")]
    with _snapshot(path) as db:
        rows = db.execute(f"SELECT {columns} FROM gap {where} ORDER BY id")
        return [msgspec.convert(dict(zip(names, row, strict=True)), GapLine) for row in rows]


def beds_and_days(path: Path, day: date | None = None) -> list[BedDay]:
    """What is stored and what is missing of each bed, by local day of measurement; of one day if given."""
    with _snapshot(path) as db:
        stored: Counter[tuple[str, str, str]] = Counter()
        served: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)  # (gateway, day) → beds
        gateways: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        where = "" if day is None else " AND time >= ? AND time < ?"
        values = () if day is None else (_midnight(day), _midnight(day + timedelta(days=1)))
        query = (
            "SELECT ward, bed, gateway, date(time / 1000, 'unixepoch', 'localtime') AS day, count(*) FROM record"
            f" WHERE ward <> ''{where} GROUP BY ward, bed, gateway, day"
        )
        for ward, bed, gateway, name, count in db.execute(query, values):
            stored[ward, bed, name] += count
            served[gateway, name].add((ward, bed))
            gateways[ward, bed, name].add(gateway)
        least: Counter[tuple[str, str, str]] = Counter()
        most: Counter[tuple[str, str, str]] = Counter()
        for hole in _holes(db):
            named = _days(hole.start, hole.end)
            places = [(*bed, name) for name in named for bed in served.get((hole.gateway, name), ())]
            for place in places:
                most[place] += hole.size
                if len(places) == 1 and len(named) == 1:
                    least[place] += hole.size
    return [
        BedDay(
            ward=ward,
            bed=bed,
            day=name,
            stored=count,
            missing_at_least=least[ward, bed, name],
            missing_at_most=most[ward, bed, name],
            gateways=sorted(gateways[ward, bed, name]),
        )
        for (ward, bed, name), count in sorted(stored.items(), key=lambda item: (item[0][2], item[0]))
    ]


class _Hole(NamedTuple):
    gateway: str
    size: int
    start: int  # measured in between
    end: int


def _holes(db: sqlite3.Connection) -> Iterator[_Hole]:
    """What was never stored and is not elsewhere: declared missing, rejected, or not come yet."""
    lost = f"reason NOT IN ({', '.join('?' * len(NOTHING_LOST))})"
    query = (
        'SELECT range.gateway, range.epoch, range.low, range.high, gap.start, gap."end" FROM missing AS range'
        f" JOIN gap ON gap.id = range.gap WHERE {lost}"
        " UNION ALL SELECT gateway, epoch, seq, seq, 0, 0 FROM rejected"
    )
    found = db.execute(query, NOTHING_LOST).fetchall()
    for (gateway, epoch), settled in read_ranges(db, "committed").items():
        ranges = list(settled)
        holes = Ranges([(1, ranges[-1][1])]).minus(settled)
        found += [(gateway, epoch, low, high, 0, 0) for low, high in holes]
    for gateway, epoch, low, high, start, end in found:
        before, after = _neighbours(db, (gateway, epoch), low, high)
        yield _Hole(gateway, high - low + 1, start or before, end or after)
    for gateway, count, start, end, time in db.execute(
        f'SELECT gateway, missing, start, "end", time FROM gap WHERE first = 0 AND missing > 0 AND {lost}', NOTHING_LOST
    ):
        yield _Hole(gateway, count, start or time, end or time)


def _neighbours(db: sqlite3.Connection, key: Key, low: int, high: int) -> tuple[int, int]:
    """When the records before and after these seqs were measured; 0 and 0 if there are none."""
    one = "SELECT time FROM record WHERE gateway = ? AND epoch = ? AND seq {side} ? ORDER BY seq {order} LIMIT 1"
    before = db.execute(one.format(side="<", order="DESC"), (*key, low)).fetchone()
    after = db.execute(one.format(side=">", order="ASC"), (*key, high)).fetchone()
    times = [row[0] for row in (before, after) if row is not None] or [0]
    return min(times), max(times)


def _days(start: int, end: int) -> list[str]:
    if not start:
        return []
    first, last = (datetime.fromtimestamp(time / 1_000).astimezone().date() for time in (start, max(start, end)))
    return [(first + timedelta(days=number)).isoformat() for number in range(min(366, (last - first).days + 1))]


def _midnight(day: date) -> int:
    return round(datetime(day.year, day.month, day.day).astimezone().timestamp() * 1_000)
