"""The tables as they are now: which columns a row has, what makes it the same row, and which of two is newer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql

# Ids differ in case and nothing is folded: the same comparison on both servers.
_COLLATION: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
_NAMES: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}

METADATA = MetaData()


def name(length: int = 48) -> Any:
    """A column type for ids and short words."""
    return String(length).with_variant(mysql.VARCHAR(length, **_COLLATION), "mysql", "mariadb")


def words() -> Any:
    """A column type for what people or machines say."""
    return Text().with_variant(mysql.TEXT(**_COLLATION), "mysql", "mariadb")


def moment() -> Any:
    """A column type for a time, UTC, to the millisecond."""
    return DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")


def _table(title: str, *columns: Column[Any], key: tuple[str, ...], newer: tuple[str, ...] = ()) -> Table[Any]:
    """`newer`: of two rows with the same key the one stays that is not less in these."""
    return Table(
        title,
        METADATA,
        *columns,
        PrimaryKeyConstraint(*key, name=f"{title}_pkey"),
        info={"newer": newer},
        **_NAMES,
    )


def _column(title: str, kind: Any, *, null: bool = False) -> Column[Any]:
    return Column(title, kind, nullable=null, autoincrement=False)


VALUES = _table(
    "vital_values",
    _column("gateway", name()),
    _column("epoch", BigInteger),
    _column("seq", BigInteger),
    _column("device", name()),
    _column("ward", name()),
    _column("bed", name()),
    _column("time", moment()),
    _column("received", moment()),
    _column("late", Boolean),
    _column("clock", name(16)),
    _column("states", words()),
    _column("test", Boolean),
    _column("parameter", name()),
    _column("value", Double, null=True),
    _column("reason", name(), null=True),
    # `time` follows from the rest; it stands here because a hypertable wants its time in every unique index.
    key=("gateway", "epoch", "seq", "parameter", "time"),
)
Index("vital_values_bed_time", VALUES.c.ward, VALUES.c.bed, VALUES.c.time)
Index("vital_values_time", VALUES.c.time, postgresql_using="brin")

ALARMS = _table(
    "alarms",
    _column("alarm", name(32)),
    _column("rule", name()),
    _column("ward", name()),
    _column("bed", name()),
    _column("subject", name(64)),
    _column("kind", name(16)),
    _column("priority", name(16)),
    _column("state", name(16)),
    _column("rev", BigInteger),
    _column("message", words()),
    _column("onset", moment()),
    _column("raised", moment()),
    _column("changed", moment()),
    _column("transition", name(16)),
    _column("standing", Boolean),
    _column("holds", Boolean, null=True),
    _column("parameter", name(), null=True),
    _column("value", Double, null=True),
    _column("limit_value", Double, null=True),
    _column("unit", name(32)),
    _column("device", name()),
    _column("acknowledged_by", words()),
    _column("acknowledged", moment(), null=True),
    _column("paused_by", words()),
    _column("paused_reason", words()),
    _column("paused_until", moment(), null=True),
    _column("test", Boolean),
    _column("late", Boolean),
    _column("bedside", Boolean),
    key=("alarm",),
    newer=("rev",),
)
Index("alarms_bed_raised", ALARMS.c.ward, ALARMS.c.bed, ALARMS.c.raised)
Index("alarms_raised", ALARMS.c.raised)

TRANSITIONS = _table(
    "alarm_transitions",
    _column("alarm", name(32)),
    _column("rev", BigInteger),
    _column("ward", name()),
    _column("bed", name()),
    _column("rule", name()),
    _column("time", moment()),
    _column("transition", name(16)),
    _column("state", name(16)),
    _column("priority", name(16)),
    _column("holds", Boolean, null=True),
    _column("value", Double, null=True),
    _column("limit_value", Double, null=True),
    _column("message", words()),
    _column("person", words()),
    _column("reason", words()),
    _column("test", Boolean),
    key=("alarm", "rev"),
)
Index("alarm_transitions_time", TRANSITIONS.c.time)

DEVICES = _table(
    "devices",
    _column("gateway", name()),
    _column("device", name()),
    _column("ward", name()),
    _column("bed", name()),
    _column("state", name(16)),
    _column("message", words()),
    _column("since", moment()),
    _column("entry", BigInteger),
    key=("gateway", "device"),
    newer=("since", "entry"),
)

HISTORY = _table(
    "device_history",
    _column("gateway", name()),
    _column("device", name()),
    _column("time", moment()),
    _column("entry", BigInteger),
    _column("ward", name()),
    _column("bed", name()),
    _column("state", name(16)),
    _column("message", words()),
    key=("gateway", "device", "time", "entry"),
)

TICKETS = _table(
    "tickets",
    _column("journal", name(32)),
    _column("ticket", BigInteger),
    _column("hub", name()),
    _column("gateway", name()),
    _column("device", name()),
    _column("ward", name()),
    _column("bed", name()),
    _column("fault", name(16)),
    _column("message", words()),
    _column("opened", moment(), null=True),
    _column("opened_by", words()),
    _column("technician", words()),
    _column("closed", moment(), null=True),
    _column("closed_by", words()),
    _column("reason", words()),
    _column("entry", BigInteger),
    key=("journal", "ticket"),
)
Index("tickets_device", TICKETS.c.gateway, TICKETS.c.device)

TICKET_EVENTS = _table(
    "ticket_events",
    _column("journal", name(32)),
    _column("entry", BigInteger),
    _column("ticket", BigInteger),
    _column("time", moment()),
    _column("kind", name(16)),
    _column("person", words()),
    _column("text", words()),
    key=("journal", "entry"),
)
Index("ticket_events_ticket", TICKET_EVENTS.c.journal, TICKET_EVENTS.c.ticket)

SCORES = _table(
    "scores",
    _column("ward", name()),
    _column("bed", name()),
    _column("score", name()),
    _column("time", moment()),
    _column("entry", BigInteger),
    _column("total", Integer, null=True),
    _column("complete", Boolean),
    _column("risk", name(32)),
    _column("detail", words()),
    key=("ward", "bed", "score", "time", "entry"),
)

ADMISSIONS = _table(
    "admissions",
    _column("journal", name(32)),
    _column("admission", BigInteger),
    _column("hub", name()),
    _column("ward", name()),
    _column("bed", name()),
    _column("patient", name()),
    _column("started", moment()),
    _column("ended", moment(), null=True),
    _column("cancelled", Boolean),
    _column("changed", moment()),
    _column("entry", BigInteger),
    key=("journal", "admission"),
    newer=("changed", "entry"),
)
Index("admissions_bed_started", ADMISSIONS.c.ward, ADMISSIONS.c.bed, ADMISSIONS.c.started)
Index("admissions_patient", ADMISSIONS.c.patient)

COPIED = _table(
    "copied",
    _column("hub", name()),
    _column("stream", name()),
    _column("entry", BigInteger),
    _column("time", moment()),
    _column("copied", moment()),
    key=("hub", "stream"),
)
