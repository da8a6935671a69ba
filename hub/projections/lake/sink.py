"""The lake as a sink: a batch becomes one commit of files, and an entry that comes again is known."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from chassis.clock import Clock, SystemClock
from chassis.failpoints import failpoint
from hub.export.parquet import load_pyarrow
from hub.export.tables import Row, Table
from hub.history import StoredRecord
from hub.projections.cursors import positions
from hub.projections.lake.files import SUFFIXES, checksum, key_of, keys_in, write_rows
from hub.projections.lake.lake import Lake, Place, exists, locate
from hub.projections.lake.manifest import LakeFile
from hub.projections.lake.tables import STREAMS, muted, source_of
from hub.projections.lake.tidy import Tidy
from hub.projections.sink import Entry, PoisonError, Sink, Stream
from hub.settings import HubSettings, LakeSettings
from vitals.errors import StorageError, UsageError

GONE = "there is no lake in {}, and there was one; mount its disk, or begin an empty one with `wardline lake create`"


def sinks(settings: HubSettings, folder: Path) -> list[Sink]:
    """The sink of the section `projections.lake`."""
    lake = settings.projections.lake
    return [] if lake is None else [LakeSink(lake, folder, folder / settings.projections.path)]


class LakeSink:
    """Takes many entries seldom: each batch makes a file for every date and ward it touches."""

    name = "lake"
    unhurried = True

    def __init__(self, settings: LakeSettings, folder: Path, cursors: Path, clock: Clock | None = None) -> None:
        """`folder` is where relative paths begin; `cursors` tells whether there must be a lake already."""
        self._settings = settings
        self._folder = folder / settings.folder
        self._cursors = cursors
        self._clock = clock or SystemClock()
        self._lake: Lake | None = None
        self._tidy = Tidy(settings)
        self._wards = frozenset(settings.wards)
        self.batch = settings.batch
        self.streams: tuple[Stream, ...] = tuple(name for name in STREAMS if name != "waves" or settings.waves)

    def open(self) -> None:
        """Take possession of the folder, and finish what was begun there."""
        if self._settings.format == "parquet":
            load_pyarrow()
        if not exists(self._folder) and has_begun(self._cursors):
            raise UsageError(GONE.format(self._folder))
        with self._disk():
            self._lake = Lake(self._folder, self._clock.wall_ms())
            self._tidy.run(self._lake, self._clock.wall_ms())

    def write(self, entries: Sequence[Entry]) -> None:
        """One commit with all that is new among the entries; then the lake is tidied if it is time."""
        assert self._lake is not None
        stream, table = source_of(entries[0])
        try:
            places = self._sorted(table, entries)
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise PoisonError(f"cannot be written into the lake: {error}") from error
        with self._disk():
            if any(entry.id <= self._lake.manifest.contents.highest.get(stream, 0) for entry in entries):
                places = self._new(table, places)
            if places:
                self._store(stream, table, places, entries[-1].id)
            self._tidy.run(self._lake, self._clock.wall_ms())

    def render(self, entry: Entry) -> bytes:
        """The entry as JSON, or the bytes that could not be read."""
        if isinstance(entry, StoredRecord):
            return entry.body
        return msgspec.json.encode(entry, enc_hook=repr)

    def close(self) -> None:
        """Let another process write."""
        if self._lake is not None:
            self._lake.close()
        self._lake = None

    def _sorted(self, table: Table, entries: Sequence[Entry]) -> dict[Place, list[tuple[int, Row]]]:
        """The rows of the entries, each with the number of its entry, by where they belong."""
        quiet = (lambda row: row) if self._settings.words else muted(table)
        places: dict[Place, list[tuple[int, Row]]] = defaultdict(list)
        for entry in entries:
            rows = list(table.rows(entry))  # all of one time and ward
            time, ward = rows[0][:2]
            if not self._wards or ward in self._wards:
                places[Place.of(table.name, time, ward)] += [(entry.id, quiet(row)) for row in rows]
        return places

    def _new(self, table: Table, places: dict[Place, list[tuple[int, Row]]]) -> dict[Place, list[tuple[int, Row]]]:
        """Those rows that the lake does not have: after a kill, a rebuild, or with another journal."""
        found: dict[Place, list[tuple[int, Row]]] = {}
        for place, rows in places.items():
            known = self._known(table, place, [row for _, row in rows])
            new = [(number, row) for number, row in rows if key_of(table, row) not in known]
            if new:
                found[place] = new
        return found

    def _known(self, table: Table, place: Place, rows: Sequence[Row]) -> set[Row]:
        assert self._lake is not None
        wanted = {key_of(table, row) for row in rows}
        times = min(row[0] for row in rows), max(row[0] for row in rows)
        known: set[Row] = set()
        prefix = f"{place.folder}/"
        for name in self._lake.manifest.contents.files:
            if name.startswith(prefix) and len(known) < len(wanted):
                with suppress(FileNotFoundError):  # somebody took it out: then its rows are not there
                    known |= wanted.intersection(keys_in(locate(self._folder, name), table, times))
        return known

    def _store(self, stream: Stream, table: Table, places: dict[Place, list[tuple[int, Row]]], last: int) -> None:
        assert self._lake is not None
        now = self._clock.wall_ms()
        staged: list[Path] = []
        add: list[LakeFile] = []
        try:
            for index, (place, rows) in enumerate(places.items()):
                name, path = self._lake.stage(place, SUFFIXES[self._settings.format], index)
                staged.append(path)
                write_rows(path, table, [row for _, row in rows])
                size, digest = checksum(path)
                numbers = [number for number, _ in rows]
                add.append(
                    LakeFile(
                        file=name,
                        rows=len(rows),
                        bytes=size,
                        sha256=digest,
                        first=min(numbers),
                        last=max(numbers),
                        written=now,
                    )
                )
        except (ValueError, TypeError, OverflowError) as error:
            self._lake.discard(staged)
            raise PoisonError(f"cannot be written into the lake: {error}") from error
        except OSError:
            self._lake.discard(staged)
            raise
        failpoint("lake.staged")
        self._lake.commit("write", now, add, streams={stream: last})

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise StorageError(
                f"a file of the lake {self._folder} is damaged: {error}; `wardline lake verify` names it"
            ) from error
        except OSError as error:
            hint = "; free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise StorageError(f"cannot write the lake {self._folder}: {error.strerror or error}{hint}") from error


def has_begun(cursors: Path) -> bool:
    """Whether anything was ever copied into a lake, according to the cursors."""
    try:
        return any(positions(cursors, LakeSink.name).values())
    except StorageError:
        return False
