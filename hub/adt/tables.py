"""The journal's tables of changes in the wards: what became of each admission, and where each device stood."""

ADT = """
CREATE TABLE IF NOT EXISTS admission_event (  -- every change of an admission, in commit order; never changed or pruned
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,            -- of the change
    kind TEXT NOT NULL,               -- admitted, discharged, transferred, corrected or cancelled
    admission INTEGER NOT NULL,       -- its id; what follows is how it stands after the change, or stood before it went
    ward TEXT NOT NULL, bed TEXT NOT NULL, patient TEXT NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER,
    "by" TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS admission_event_admission ON admission_event (admission);
CREATE INDEX IF NOT EXISTS admission_patient ON admission (patient, start);
INSERT INTO admission_event (time, kind, admission, ward, bed, patient, start, "end", "by", reason)
    SELECT coalesce("end", start), iif("end" IS NULL, 'admitted', 'discharged'), id, ward, bed, patient, start, "end",
        iif("end" IS NULL, "by", ended_by), '' FROM admission
    WHERE NOT EXISTS (SELECT 1 FROM admission_event) ORDER BY id;  -- of a journal made before this table
CREATE TABLE IF NOT EXISTS assignment (  -- where a device stood; never pruned
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL, device TEXT NOT NULL,
    ward TEXT NOT NULL, bed TEXT NOT NULL,  -- '' at no bed
    start INTEGER NOT NULL,           -- since when; 0: as far back as anybody knows. Until the next row of the device
    time INTEGER NOT NULL,            -- when the hub learned of it
    source TEXT NOT NULL,             -- settings or command
    "by" TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS assignment_device ON assignment (gateway, device, id);
"""
