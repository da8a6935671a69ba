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
    """How many beds show at least one fresh number now."""
    beds = _get(port, "/api/v1/beds") or []
    return sum(any(_is_fresh(value) for value in bed["values"].values()) for bed in beds)


def _is_fresh(value: dict[str, Any]) -> bool:
    return value["value"] is not None and value["fresh"] is True


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
