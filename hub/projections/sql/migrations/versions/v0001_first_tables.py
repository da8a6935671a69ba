"""The first tables, and the view that says which patient a value belongs to.

Revision ID: 0001
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BINARY: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
_OPTIONS = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def _varchar(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(mysql.VARCHAR(length, **_BINARY), "mysql", "mariadb")


_TYPES: dict[str, Any] = {
    "word": _varchar(16),
    "id": _varchar(32),
    "name": _varchar(48),
    "long": _varchar(64),
    "text": sa.Text().with_variant(mysql.TEXT(**_BINARY), "mysql", "mariadb"),
    "time": sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb"),
    "small": sa.Integer(),
    "whole": sa.BigInteger(),
    "number": sa.Double(),
    "flag": sa.Boolean(),
}

# The key of each table, and its columns with their types; `?`: may be NULL.
_TABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "vital_values": (
        ("gateway", "epoch", "seq", "parameter", "time"),
        "gateway name, epoch whole, seq whole, device name, ward name, bed name, time time, "
        "received time, late flag, clock word, states text, test flag, parameter name, "
        "value number?, reason name?",
    ),
    "alarms": (
        ("alarm",),
        "alarm id, rule name, ward name, bed name, subject long, kind word, priority word, "
        "state word, rev whole, message text, onset time, raised time, changed time, "
        "transition word, standing flag, holds flag?, parameter name?, value number?, "
        "limit_value number?, unit id, device name, acknowledged_by text, acknowledged time?, "
        "paused_by text, paused_reason text, paused_until time?, test flag, late flag, bedside flag",
    ),
    "alarm_transitions": (
        ("alarm", "rev"),
        "alarm id, rev whole, ward name, bed name, rule name, time time, transition word, "
        "state word, priority word, holds flag?, value number?, limit_value number?, message text, "
        "person text, reason text, test flag",
    ),
    "devices": (
        ("gateway", "device"),
        "gateway name, device name, ward name, bed name, state word, message text, since time, entry whole",
    ),
    "device_history": (
        ("gateway", "device", "time", "entry"),
        "gateway name, device name, time time, entry whole, ward name, bed name, state word, message text",
    ),
    "tickets": (
        ("journal", "ticket"),
        "journal id, ticket whole, hub name, gateway name, device name, ward name, bed name, "
        "fault word, message text, opened time?, opened_by text, technician text, closed time?, "
        "closed_by text, reason text, entry whole",
    ),
    "ticket_events": (
        ("journal", "entry"),
        "journal id, entry whole, ticket whole, time time, kind word, person text, text text",
    ),
    "scores": (
        ("ward", "bed", "score", "time", "entry"),
        "ward name, bed name, score name, time time, entry whole, total small?, complete flag, risk id, detail text",
    ),
    "admissions": (
        ("journal", "admission"),
        "journal id, admission whole, hub name, ward name, bed name, patient name, started time, "
        "ended time?, cancelled flag, changed time, entry whole",
    ),
    "copied": (
        ("hub", "stream"),
        "hub name, stream name, entry whole, time time, copied time",
    ),
}

_INDEXES: dict[str, tuple[str, tuple[str, ...]]] = {
    "vital_values_bed_time": ("vital_values", ("ward", "bed", "time")),
    "vital_values_time": ("vital_values", ("time",)),
    "alarms_bed_raised": ("alarms", ("ward", "bed", "raised")),
    "alarms_raised": ("alarms", ("raised",)),
    "alarm_transitions_time": ("alarm_transitions", ("time",)),
    "tickets_device": ("tickets", ("gateway", "device")),
    "ticket_events_ticket": ("ticket_events", ("journal", "ticket")),
    "admissions_bed_started": ("admissions", ("ward", "bed", "started")),
    "admissions_patient": ("admissions", ("patient",)),
}

# Two admissions that claim the same bed at the same time name nobody: a patient is never guessed.
_VIEW = """
CREATE OR REPLACE VIEW patient_vitals AS
SELECT v.gateway, v.epoch, v.seq, v.parameter, v.device, v.ward, v.bed, v.time, v.received,
       v.value, v.reason, v.late, v.clock, v.states, v.test,
       (SELECT CASE WHEN min(a.patient) = max(a.patient) THEN min(a.patient) END
          FROM admissions a
         WHERE a.ward = v.ward AND a.bed = v.bed AND v.bed <> '' AND a.cancelled = FALSE
           AND a.started <= v.time AND (a.ended IS NULL OR v.time < a.ended)) AS patient
  FROM vital_values v
"""

_HYPERTABLE = """
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
    PERFORM create_hypertable('vital_values', 'time', chunk_time_interval => INTERVAL '1 day',
                              create_default_indexes => FALSE, if_not_exists => TRUE);
  END IF;
END $$
"""


def upgrade() -> None:
    """MariaDB keeps what an interrupted run has made: every step bears being done twice."""
    for name, (key, columns) in _TABLES.items():
        op.create_table(
            name,
            *(_column(*column.split()) for column in columns.split(", ")),
            sa.PrimaryKeyConstraint(*key, name=f"{name}_pkey"),
            if_not_exists=True,
            **_OPTIONS,
        )
    for name, (table, on) in _INDEXES.items():
        _index(name, table, on)
    if op.get_context().dialect.name == "postgresql":
        op.execute(_HYPERTABLE)
    op.execute(_VIEW)


def _column(name: str, kind: str) -> sa.Column[Any]:
    return sa.Column(name, _TYPES[kind.rstrip("?")], nullable=kind.endswith("?"), autoincrement=False)


def _index(name: str, table: str, columns: Sequence[str]) -> None:
    if not context.is_offline_mode():
        there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
        if name in there:
            return
    # Values come more or less in the order of their time: a summary of each stretch finds them and costs very little.
    method = "brin" if name == "vital_values_time" else None
    op.create_index(name, table, list(columns), postgresql_using=method)
