"""The tables of the journal. Further ones may be added at any time; what stands here never changes its meaning."""

import sqlite3

from hub.adt.tables import ADT
from hub.audit import DEED_CHAIN
from hub.journal_waves import WAVES

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('identity', lower(hex(randomblob(8))));  -- tells this journal from every other
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- grows in commit order, never reused: what cursors count by
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    device TEXT NOT NULL,
    ward TEXT NOT NULL, bed TEXT NOT NULL,  -- frozen at admission; '' where the device stands at no bed
    time INTEGER NOT NULL,            -- measured, UTC ms
    received INTEGER NOT NULL,        -- by the hub, UTC ms
    late INTEGER NOT NULL,            -- 1: arrived too late to be judged as live
    body BLOB NOT NULL                -- JSON: clock, values, flags, states
);
CREATE UNIQUE INDEX IF NOT EXISTS record_identity ON record (gateway, epoch, seq);
CREATE INDEX IF NOT EXISTS record_late ON record (late) WHERE late = 1;
CREATE INDEX IF NOT EXISTS record_bed_time ON record (ward, bed, time);
CREATE TABLE IF NOT EXISTS alarm_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm TEXT NOT NULL, ward TEXT NOT NULL, bed TEXT NOT NULL, rule TEXT NOT NULL,
    change TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL   -- JSON: AlarmEvent
);
CREATE INDEX IF NOT EXISTS alarm_event_time ON alarm_event (time);
CREATE INDEX IF NOT EXISTS alarm_event_alarm ON alarm_event (alarm);
CREATE INDEX IF NOT EXISTS alarm_event_bed_time ON alarm_event (ward, bed, time);
CREATE TABLE IF NOT EXISTS alarm_state (
    ward TEXT NOT NULL, bed TEXT NOT NULL, rule TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (ward, bed, rule)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, event INTEGER NOT NULL REFERENCES alarm_event (id));
CREATE TABLE IF NOT EXISTS committed (
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch, low)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejected (
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (gateway, epoch, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record_expired (  -- how many records have left the journal because they were old
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL,            -- the highest seq among them
    PRIMARY KEY (gateway, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gap (        -- every declaration that records will never come; never pruned
    id INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL,  -- whose seqs they are
    first INTEGER NOT NULL, last INTEGER NOT NULL,  -- 0: they never had a seq
    count INTEGER NOT NULL,           -- as declared
    reason TEXT NOT NULL, kind TEXT NOT NULL,
    source TEXT NOT NULL,             -- edge: the gateway said so; hub: found out here
    time INTEGER NOT NULL,            -- when the hub learned of it
    start INTEGER NOT NULL, "end" INTEGER NOT NULL,  -- when they were measured; 0: nobody knows
    missing INTEGER NOT NULL,         -- of `count`, those still missing; the rest was here already, or
    refilled INTEGER NOT NULL DEFAULT 0  -- has come after all
);
CREATE INDEX IF NOT EXISTS gap_time ON gap (time);
CREATE TABLE IF NOT EXISTS missing (    -- the seqs that gaps still explain, each in one row
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    gap INTEGER NOT NULL REFERENCES gap (id),
    PRIMARY KEY (gateway, epoch, low)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balance (    -- the books of each gateway's epoch, compared each minute
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL,
    time INTEGER NOT NULL,
    accepted INTEGER NOT NULL, spooled INTEGER NOT NULL,    -- what the gateway says
    stored INTEGER NOT NULL, rejected INTEGER NOT NULL, missing INTEGER NOT NULL,  -- what the journal has, of those
    unexplained INTEGER NOT NULL,     -- accepted and in none of these places; below 0: more than was accepted
    since INTEGER,                    -- since when the books differ; NULL: they agree
    PRIMARY KEY (gateway, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY, received INTEGER NOT NULL, topic TEXT NOT NULL, gateway TEXT NOT NULL,
    reason TEXT NOT NULL, records INTEGER NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, head BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS deed (      -- every command a person or pager gave, done or refused; never pruned
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL, client TEXT NOT NULL, action TEXT NOT NULL, "by" TEXT NOT NULL, reason TEXT NOT NULL,
    request TEXT NOT NULL,
    body BLOB NOT NULL,               -- JSON: the command as it was understood
    result BLOB NOT NULL              -- JSON: Result, the answer
);
CREATE INDEX IF NOT EXISTS deed_time ON deed (time);
CREATE TABLE IF NOT EXISTS entry (     -- what staff entered; the newest row of a name counts
    id INTEGER PRIMARY KEY,
    ward TEXT NOT NULL, bed TEXT NOT NULL,
    time INTEGER NOT NULL,            -- seen or measured, UTC ms
    received INTEGER NOT NULL,
    "by" TEXT NOT NULL, name TEXT NOT NULL,
    value REAL,                       -- NULL: taken back, or ended by a discharge
    until INTEGER,                    -- when it is too old to count; NULL: until it is entered anew
    reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_bed_time ON entry (ward, bed, time);
CREATE TABLE IF NOT EXISTS note (      -- what staff wrote of a bed; never changed: a correction is another note
    id INTEGER PRIMARY KEY,
    ward TEXT NOT NULL, bed TEXT NOT NULL,
    time INTEGER NOT NULL,            -- of what it tells, UTC ms: it is of whoever lay in the bed then
    received INTEGER NOT NULL,
    "by" TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS note_bed_time ON note (ward, bed, time);
CREATE TABLE IF NOT EXISTS admission (
    id INTEGER PRIMARY KEY,
    ward TEXT NOT NULL, bed TEXT NOT NULL, patient TEXT NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER, "by" TEXT NOT NULL, ended_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS admission_bed ON admission (ward, bed, start);
CREATE TABLE IF NOT EXISTS ticket (    -- work on a device; never pruned
    number INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL, device TEXT NOT NULL,  -- device '': the gateway itself
    ward TEXT NOT NULL, bed TEXT NOT NULL,        -- where it stood when the ticket was opened; '' at no bed
    fault TEXT NOT NULL,              -- offline, error or reported
    message TEXT NOT NULL,
    opened INTEGER NOT NULL, opened_by TEXT NOT NULL,  -- '': by itself
    technician TEXT NOT NULL, flaps INTEGER NOT NULL,
    standing INTEGER,                 -- 1: the fault stands; 0: it is over; NULL: nobody knows
    closed INTEGER, closed_by TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ticket_device ON ticket (gateway, device, number);
CREATE INDEX IF NOT EXISTS ticket_closed ON ticket (closed);
CREATE TABLE IF NOT EXISTS ticket_event (
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, "by" TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ticket_event_ticket ON ticket_event (ticket);
CREATE TABLE IF NOT EXISTS device_history (  -- a row per change; each new row of a device prunes its old ones
    id INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL, device TEXT NOT NULL,
    time INTEGER NOT NULL,            -- since when, by the hub's clock
    state TEXT NOT NULL,              -- online, error, offline or unknown
    message TEXT NOT NULL,
    ward TEXT NOT NULL DEFAULT '', bed TEXT NOT NULL DEFAULT ''  -- where it stood then; '' at no bed
);
CREATE INDEX IF NOT EXISTS device_history_device ON device_history (gateway, device);
CREATE TABLE IF NOT EXISTS score (     -- a row whenever the score of a bed is another one; old ones leave like records
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ward TEXT NOT NULL, bed TEXT NOT NULL,
    time INTEGER NOT NULL,            -- since when, by the hub's clock
    "table" TEXT NOT NULL,            -- which one, such as news2
    total INTEGER,                    -- NULL: unknown, something is missing or nobody lies there
    complete INTEGER NOT NULL,
    risk TEXT NOT NULL,
    body BLOB NOT NULL                -- JSON: partial, points, missing, red
);
CREATE INDEX IF NOT EXISTS score_bed_time ON score (ward, bed, time);
CREATE TABLE IF NOT EXISTS limit_override (  -- every change of a limit; the newest row of a scope and rule counts
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,            -- of the change
    change TEXT NOT NULL,             -- set, cleared, expired or discharged
    scope TEXT NOT NULL,              -- ward/WARD, bed/WARD/BED or patient/ID
    rule TEXT NOT NULL,               -- a rule, or its second tier as rule.extreme
    bound REAL NOT NULL,
    profile TEXT NOT NULL,            -- it rests where another one is in force; '' for a patient's
    "by" TEXT NOT NULL, reason TEXT NOT NULL,
    set_at INTEGER NOT NULL, expires INTEGER
);
CREATE INDEX IF NOT EXISTS limit_override_place ON limit_override (scope, rule);
CREATE TABLE IF NOT EXISTS profile (  -- the profiles people chose over the settings; the newest row of a scope counts
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL, scope TEXT NOT NULL,
    profile TEXT NOT NULL,            -- '': back to what stands above it
    "by" TEXT NOT NULL, reason TEXT NOT NULL
);
"""
DEVICE_STATES_MS = 400 * 86_400_000  # a year of uptime, and a month to ask for it
DEVICE_STATES = 10_000  # of one device, and a few more: a contact that flaps for weeks does not fill the disk
_LOOK = 64  # counting them takes a while: at one new row in so many

# Triggers, because between two statements a commit waits for the interpreter, and a start brings a row of each device.
# The state in force when the kept time begins stays.
_PRUNE_DEVICE_STATES = f"""
DROP TRIGGER IF EXISTS device_history_old;
CREATE TRIGGER device_history_old AFTER INSERT ON device_history WHEN NEW.time - {DEVICE_STATES_MS} > (
    SELECT time FROM device_history WHERE gateway = NEW.gateway AND device = NEW.device ORDER BY id LIMIT 1 OFFSET 1)
BEGIN
    DELETE FROM device_history WHERE gateway = NEW.gateway AND device = NEW.device AND id < (
        SELECT max(id) FROM device_history
        WHERE gateway = NEW.gateway AND device = NEW.device AND time < NEW.time - {DEVICE_STATES_MS});
END;
DROP TRIGGER IF EXISTS device_history_many;
CREATE TRIGGER device_history_many AFTER INSERT ON device_history WHEN NEW.id % {_LOOK} = 0
BEGIN
    DELETE FROM device_history WHERE gateway = NEW.gateway AND device = NEW.device AND id <= (
        SELECT id FROM device_history WHERE gateway = NEW.gateway AND device = NEW.device
        ORDER BY id DESC LIMIT 1 OFFSET {DEVICE_STATES});
END;
"""
SCHEMA = _TABLES + WAVES + ADT + DEED_CHAIN + _PRUNE_DEVICE_STATES

_ADDED = {
    "device_history": {"ward": "TEXT NOT NULL DEFAULT ''", "bed": "TEXT NOT NULL DEFAULT ''"},
}
"""Columns that tables of older journals lack."""


def add_columns(db: sqlite3.Connection) -> None:
    """Give the tables of an older journal the columns they lack. After the tables were made."""
    for table, columns in _ADDED.items():
        present = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for column, kind in columns.items():
            if column not in present:
                db.execute(f'ALTER TABLE {table} ADD COLUMN "{column}" {kind}')
