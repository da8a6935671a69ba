"""A bucket of an InfluxDB: synchronous writes of whole batches; each answer becomes a wait, a fault or a poisoned line.

The client's own batching is never used: it keeps the queue in memory and drops it after five failures.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from chassis.secrets import resolve
from hub.projections.sink import PoisonError
from hub.settings import InfluxSettings
from vitals.errors import LinkError, UsageError, WardlineError

_DROPPED = re.compile(r"\bdropped=(\d+)")
_LIMIT = re.compile(r"limit exceeded|max-[a-z-]+ exceeded|max-[a-z-]+ limit", re.IGNORECASE)


class Bucket:
    """Where lines go. The token is read at every `open`, so a corrected file needs no restart."""

    def __init__(self, settings: InfluxSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._client: Any = None
        self._writer: Any = None

    def open(self) -> None:
        """Make the client; the first write makes the connection. Raises UsageError without a token."""
        settings = self._settings
        token = resolve(settings.token, self._folder)
        self._client = InfluxDBClient(url=settings.url, token=token, org=settings.org, timeout=int(settings.timeout))
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, body: bytes) -> None:
        """Write lines in one request. Raises LinkError, UsageError or PoisonError."""
        where = f"InfluxDB at {self._settings.url}"
        try:
            self._writer.write(bucket=self._settings.bucket, record=body, write_precision=WritePrecision.NS)
        except ApiException as error:
            raise judge(error.status, error.body or error.reason or "", where, self._settings.bucket) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise LinkError(f"{where} does not answer: {error}") from error
        status = self._client.api_client.last_response.status
        if status != 204:  # a portal or another service took it for its own: nothing was stored
            raise UsageError(
                f"{where} answered {status} instead of 204, it is no InfluxDB; check projections.influxdb.url"
            )

    def close(self) -> None:
        """Drop the connection."""
        if self._client is not None:
            self._client.close()
        self._client = self._writer = None


def judge(status: int, body: str, where: str, bucket: str) -> WardlineError:
    """What an answer other than success means."""
    said = _message(body)
    text = f"{said or body or 'no reason given'}".strip()[:300]
    if status in (401, 403):
        return UsageError(
            f"{where} refuses the login ({status}: {text}); check the token and that it may write {bucket}"
        )
    if status == 404:
        return UsageError(f"{where} has no bucket {bucket} ({text}); create it, or correct projections.influxdb")
    if status == 429 or status >= 500:
        return LinkError(f"{where} is not ready ({status}: {text})")
    # A proxy that speaks for itself answers in HTML: its 400 must not send every reading to the dead letters.
    if status == 413 or (status in (400, 422) and said is not None and not _LIMIT.search(said)):
        dropped = _DROPPED.search(text)
        return PoisonError(text, int(dropped[1]) if dropped else None)
    return UsageError(
        f"{where} refuses to store anything ({status}: {text}); check projections.influxdb and the server"
    )


def _message(body: str) -> str | None:
    """What InfluxDB itself says; None when the answer is not InfluxDB's."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict) or not {"error", "message"} & answer.keys():
        return None
    return str(answer.get("message") or answer.get("error"))
