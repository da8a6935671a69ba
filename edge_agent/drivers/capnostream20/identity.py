"""Who the monitor says it is: the text of its answer to the enable command."""

from __future__ import annotations

import re
from datetime import date

_IDENTITY = re.compile(r"V(\S{5}) (\d\d)/(\d\d)/(\d{4}) ((?:[A-Z]\d){1,2}\S*)\s*", re.ASCII)
_OXIMETERS = {"B5": "Masimo", "B3": "Masimo", "B2": "Nellcor"}


def read_identity(payload: bytes) -> dict[str, object] | None:
    """Version, its date, oximeter and serial number; None if the text has another shape."""
    match = _IDENTITY.fullmatch(payload.decode("latin-1"))
    if match is None:
        return None
    version, month, day, year, serial = match.groups()
    try:
        built = date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
    return {"sw": version, "date": built, "oximeter": _OXIMETERS.get(serial[:2], "unknown"), "serial": serial}
