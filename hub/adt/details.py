"""Details of patients: names and notes, in a file of their own that no projection, topic or log ever reads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from chassis.database import open_database
from vitals.errors import StorageError
from vitals.identity import PatientId

Sex = Literal["", "female", "male", "other"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS patient (  -- what people know of a patient beside the opaque id; a row is replaced whole
    patient TEXT PRIMARY KEY,
    body BLOB NOT NULL,               -- JSON: Details
    time INTEGER NOT NULL, "by" TEXT NOT NULL
) WITHOUT ROWID;
"""


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """All of it may be left out. Shown to people at the console, and nowhere else."""

    initials: Annotated[str, msgspec.Meta(max_length=8)] = ""
    name: Annotated[str, msgspec.Meta(max_length=120)] = ""
    birth_year: Annotated[int, msgspec.Meta(ge=1880, le=2200)] | None = None
    sex: Sex = ""
    notes: Annotated[str, msgspec.Meta(max_length=2_000)] = ""  # what whoever cares for them should know


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The details of one patient, and who wrote them when."""

    patient: PatientId
    details: Details
    time: int
    by: str


NOTHING = Details()
_decoder = msgspec.json.Decoder(Details)


class PatientFile:
    """`patients.db`, held by the console; a command beside it waits for its turn. All of it is kept in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db = open_database(path)
        try:
            self._db.executescript(_SCHEMA)
            (self._version,) = self._db.execute("PRAGMA data_version").fetchone()
            self._known = self._read()
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            self._db.close()
            raise StorageError(f"cannot use {path}: {error}; restore it or move it aside") from error

    def __getitem__(self, patient: str) -> Details:
        """The details of a patient, all of them empty where nobody wrote any."""
        known = self._known.get(patient)
        return known.details if known else NOTHING

    def known(self, patient: str) -> Known | None:
        """The same, with who wrote them."""
        return self._known.get(patient)

    @property
    def all(self) -> Mapping[str, Known]:
        """Of every patient."""
        return self._known

    def put(self, known: Known) -> None:
        """Write the details of a patient. Raises StorageError."""
        row = (known.patient, msgspec.json.encode(known.details), known.time, known.by)
        self._change('INSERT OR REPLACE INTO patient (patient, body, time, "by") VALUES (?, ?, ?, ?)', row)
        self._known[known.patient] = known

    def forget(self, patient: str) -> bool:
        """Erase the details of a patient, and whether there were any. The file keeps no trace. Raises StorageError."""
        there = self._known.pop(patient, None) is not None
        self._change("DELETE FROM patient WHERE patient = ?", (patient,))
        return there

    def renamed(self, former: str, patient: str) -> None:
        """A patient got another id: what is known goes along, unless something is known of that one."""
        known = self._known.get(former)
        if known is not None and patient not in self._known:
            self.put(msgspec.structs.replace(known, patient=patient))
            self.forget(former)

    def follow(self) -> None:
        """Take in what a command has written beside. Cheap while there is nothing. Raises StorageError."""
        try:
            with self._lock:
                (version,) = self._db.execute("PRAGMA data_version").fetchone()
                if version != self._version:
                    self._known, self._version = self._read(), version
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StorageError(f"cannot read {self._path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _read(self) -> dict[str, Known]:
        rows = self._db.execute('SELECT patient, body, time, "by" FROM patient')
        return {
            patient: Known(patient=patient, details=_decoder.decode(body), time=time, by=by)
            for patient, body, time, by in rows
        }

    def _change(self, statement: str, values: tuple[str | int | bytes, ...]) -> None:
        try:
            with self._lock:
                self._db.execute("PRAGMA secure_delete=ON")
                self._db.execute(statement, values)
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StorageError(f"cannot write to {self._path}: {error}; free space, or restore it") from error
