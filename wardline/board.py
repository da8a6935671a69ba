"""What the demo asks of the board it has started: does it answer, and does it show a reading?"""

from __future__ import annotations

import http.client
from typing import Any

import msgspec

TIMEOUT_S = 2.0


def answers(port: int) -> bool:
    """Whether the board says it is well."""
    return _get(port, "/healthz") is not None


def beds_with_readings(port: int) -> int:
    """How many beds show at least one number now."""
    return _count(_get(port, "/api/v1/beds"))


def _get(port: int, path: str) -> Any:
    """The JSON behind `path`; None while there is no answer, or one that is not a good one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return msgspec.json.decode(response.read()) if response.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()


def _count(part: Any) -> int:
    """Beds with a fresh number anywhere below `part`: the answer is wards of beds, or beds."""
    if isinstance(part, list):
        return sum(_count(item) for item in part)
    if not isinstance(part, dict):
        return 0
    values = part.get("values")
    if isinstance(values, dict):
        return int(any(value["value"] is not None and value["fresh"] for value in values.values()))
    return sum(_count(item) for item in part.values())
