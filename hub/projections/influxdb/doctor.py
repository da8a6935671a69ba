"""The doctor of an InfluxDB: which server it is, and what it lacks for readings to be written there and read again.

Nothing is written: an empty write is refused or taken for nothing, after the login and the bucket were looked at.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

import urllib3

from chassis.secrets import resolve
from hub.projections.findings import Finding
from hub.settings import HubSettings, InfluxSettings
from vitals.errors import UsageError

Kind = Literal["old", "1", "2", "3", "victoria", "unknown"]

TIMEOUT_S = 5.0
_AFTER = {"h": 3_600, "m": 60, "s": 1}
_NAMES: Mapping[Kind, str] = {
    "old": "InfluxDB {}, too old to serve /api/v2/write by itself",
    "1": "InfluxDB {}",
    "2": "InfluxDB {}",
    "3": "InfluxDB {}",
    "victoria": "victoria-metrics {}",
    "unknown": "something that does not say what it is",
}


class Answer(NamedTuple):
    """What came back for one request."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def said(self) -> dict[str, Any]:
        """Its JSON object; empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def error(self) -> str:
        """What it complains of."""
        told = self.said
        results = told.get("results") or [{}]
        inner = results[0].get("error") if isinstance(results[0], dict) else None
        return str(told.get("message") or told.get("error") or inner or "")


def examine(settings: HubSettings, folder: Path) -> list[Finding]:
    """What is there and what is missing, in the order in which a person sees to it."""
    influx = settings.projections.influxdb
    assert influx is not None
    try:
        token = resolve(influx.token, folder)
    except UsageError as error:
        return [Finding(False, f"the token of projections.influxdb cannot be read: {error}")]
    try:
        return list(_Doctor(influx, token, int(settings.journal.keep) // 1_000).findings())
    except urllib3.exceptions.HTTPError as error:
        reason = str(error.__cause__ or error)[:200]
        return [Finding(False, f"nothing answers at {influx.url}; check projections.influxdb.url ({reason})")]


class _Doctor:
    def __init__(self, influx: InfluxSettings, token: str, keep_s: int) -> None:
        self._url = influx.url.rstrip("/")
        self._org = influx.org
        self._token = token
        self._keep_s = keep_s
        self._bucket = influx.bucket
        self._database, _, self._policy = influx.bucket.partition("/")
        self._pool = urllib3.PoolManager(timeout=TIMEOUT_S, retries=False)

    def findings(self) -> Iterator[Finding]:
        kind, version = self._server()
        where = f"at {self._url} answers {_NAMES[kind].format(version)}".strip()
        yield Finding(kind != "unknown", where)
        written = list(self._writing(kind))
        yield from written
        if kind == "victoria":
            yield Finding(True, "it answers no InfluxQL: read it with PromQL; the shipped dashboards need an InfluxDB")
        elif all(finding.well for finding in written) or kind in ("old", "1"):
            yield from self._reading(kind)

    def _server(self) -> tuple[Kind, str]:
        build = self._ask("GET", "/api/v1/status/buildinfo", login=False)
        ping = self._ask("GET", "/ping", login=False)
        health = self._ask("GET", "/health", login=False).said
        version = next((v for k, v in ping.headers.items() if k.lower() == "x-influxdb-version"), "")
        version = (version or str(health.get("version", ""))).removeprefix("v").partition("~")[0].removesuffix("-shim")
        if build.status == 200 and isinstance(build.said.get("data"), dict):
            return "victoria", str(build.said["data"].get("version", ""))
        if version.startswith("1.") and int((re.findall(r"^1\.(\d+)", version) or ["0"])[0]) < 8:
            return "old", version
        kinds: dict[str, Kind] = {"1": "1", "2": "2", "3": "3"}
        return kinds.get(version[:1], "unknown"), version

    def _writing(self, kind: Kind) -> Iterator[Finding]:
        answer = self._ask("POST", "/api/v2/write", {"bucket": self._bucket, "org": self._org, "precision": "ns"})
        if answer.status in (200, 204) or (answer.status == 400 and "poin" in answer.error):
            yield Finding(True, f"the token may write to {self._bucket}")
        elif answer.status in (401, 403):
            yield Finding(
                False, f"the token may not write to {self._bucket} ({answer.status}: {_why(answer)}); {_right(kind)}"
            )
        elif answer.status == 404 and answer.error:
            yield Finding(False, f"{_place(kind)} {self._database} is missing ({_why(answer)}); {self._make(kind)}")
        elif answer.status == 404:
            yield Finding(False, "it has no /api/v2/write; use InfluxDB 1.8 or later, or a proxy that translates it")
        else:
            yield Finding(False, f"it refuses an empty write ({answer.status}: {_why(answer)})")

    def _make(self, kind: Kind) -> str:
        if kind in ("old", "1"):
            return f'make it: CREATE DATABASE "{self._database}"'
        if kind == "3":
            return f"make it: influxdb3 create database {self._database}"
        return f"make it: influx bucket create --name {self._bucket} --org {self._org}"

    def _reading(self, kind: Kind) -> Iterator[Finding]:
        """What dashboards need: InfluxQL over the same data, kept for long enough."""
        answer = self._query(kind, f'SHOW RETENTION POLICIES ON "{self._database}"')
        if answer.status in (401, 403):
            yield Finding(
                False, f"the token may not read {self._database} ({_why(answer)}); dashboards need one that may"
            )
        elif answer.status == 404 or "not found" in answer.error:
            yield Finding(False, self._unmapped(kind, answer))
        elif answer.status != 200 or answer.error:
            yield Finding(False, f"it answers no InfluxQL ({answer.status}: {_why(answer)})")
        else:
            yield from self._kept(kind, answer)

    def _unmapped(self, kind: Kind, answer: Answer) -> str:
        if kind == "2":
            return (
                f"InfluxQL does not know a database {self._database} ({_why(answer)}); "
                f"map the bucket: influx v1 dbrp create --default --db {self._database} --rp autogen --bucket-id ID"
            )
        return f"database {self._database} is missing ({_why(answer)}); {self._make(kind)}"

    def _kept(self, kind: Kind, answer: Answer) -> Iterator[Finding]:
        policies = _policies(answer)
        wanted = self._policy or next((name for name, row in policies.items() if row.get("default")), "")
        if kind in ("old", "1") and wanted not in policies:
            make = f'CREATE RETENTION POLICY "{wanted or "autogen"}" ON "{self._database}" DURATION 0s REPLICATION 1'
            lacks = f"database {self._database} has no retention policy {wanted or 'by default'}"
            yield Finding(False, f"{lacks}; make it: {make}")
            return
        kept_s = _seconds(str(policies.get(wanted, {}).get("duration", "")))
        span = "for ever" if not kept_s else f"for {kept_s / 86_400:g} days"
        if kept_s is None:
            yield Finding(True, "InfluxQL is answered; how long it keeps points it does not say")
        elif 0 < kept_s < self._keep_s:
            yield Finding(
                False, f"it keeps points {span}, less than journal.keep: older ones of a backlog would be refused"
            )
        else:
            yield Finding(True, f"InfluxQL is answered, points stay {span}")
        if kind == "3":
            yield Finding(True, "InfluxDB 3 Core answers over at most 72 hours; every shipped dashboard stays below")

    def _query(self, kind: Kind, query: str) -> Answer:
        return self._ask("GET", "/query", {"db": self._database, "q": query}, basic=kind in ("old", "1"))

    def _ask(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None = None,
        *,
        login: bool = True,
        basic: bool = False,
    ) -> Answer:
        headers = {}
        if login:
            encoded = b64encode(self._token.encode()).decode()
            headers["Authorization"] = f"Basic {encoded}" if basic else f"Token {self._token}"
        query = "" if fields is None else "?" + urlencode(fields)
        reply = self._pool.request(method, f"{self._url}{path}{query}", headers=headers, redirect=False)
        return Answer(reply.status, reply.data.decode(errors="replace"), dict(reply.headers))


def _why(answer: Answer) -> str:
    return (answer.error or answer.body.strip() or "no reason given")[:120]


def _right(kind: Kind) -> str:
    if kind in ("old", "1"):
        return "it holds user:password of a user with the right to write (GRANT)"
    return "give it one that may"


def _place(kind: Kind) -> str:
    return "bucket" if kind == "2" else "database"


def _policies(answer: Answer) -> dict[str, dict[str, Any]]:
    results = answer.said.get("results") or [{}]
    found = {}
    for series in results[0].get("series", []):
        for values in series.get("values", []):
            row = dict(zip(series.get("columns", []), values, strict=False))
            found[str(row.get("name", ""))] = row
    return found


def _seconds(duration: str) -> int | None:
    """Seconds of 168h0m0s; 0 is for ever, None unknown."""
    parts = re.findall(r"(\d+)([hms])", duration)
    return sum(int(count) * _AFTER[unit] for count, unit in parts) if parts else None
