"""Quarantine: what is refused becomes a bounded row a person can read."""

from __future__ import annotations

import hashlib

from hub.journal import QuarantineRow

HEAD_BYTES = 1_024


def quarantine_row(
    *, topic: str, gateway: str, reason: str, payload: bytes, received: int, records: int
) -> QuarantineRow:
    """The row for a refused payload: its hash, its size, its first kilobyte, and why."""
    return QuarantineRow(
        received=received,
        topic=topic[:200],
        gateway=gateway[:64],
        reason=reason[:200],
        records=records,
        size=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        head=payload[:HEAD_BYTES],
    )
