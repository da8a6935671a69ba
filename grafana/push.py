"""Push: data sources and dashboards into a running Grafana. Doing it twice changes nothing the second time."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import NamedTuple

from grafana.caller import Caller, Login
from grafana.sources import SOURCES, Json
from vitals.errors import UsageError

FOLDER_UID = "wardline"
_SERVERS_OWN = ("id", "version")  # what Grafana writes into a dashboard by itself
_DIFF_LINES = 60  # of one thing; what follows is counted


class Outcome(NamedTuple):
    """What became of one thing."""

    what: str
    change: str  # created, updated, unchanged, missing; with --dry-run the same in the conditional
    diff: str = ""  # with --dry-run: what would change


class Grafana:
    """A Grafana with a login: a service-account token, or (user, password)."""

    def __init__(self, url: str, login: Login) -> None:
        self._caller = Caller(url, login)

    def push(
        self,
        dashboards: list[Json],
        folder: str,
        *,
        sources: list[Json] | None = None,
        new_secrets: bool = False,
        dry_run: bool = False,
    ) -> Iterator[Outcome]:
        """Create or update data sources, the folder and dashboards, saying what became of each.

        Secrets of a data source cannot be read back: one that is there keeps its own unless `new_secrets`.
        Raises UsageError (login, rights, provisioned dashboards) or LinkError (no Grafana there, or not ready).
        """
        would = "would be " if dry_run else ""
        for source in sources or []:
            yield self._source(source, new_secrets, would)
        given = {source["uid"] for source in sources or []}
        for uid in sorted(_asked(dashboards) - given):
            if self._is_missing(uid):
                yield Outcome(f"data source {uid}", "missing: see docs/how-to/grafana.md; panels stay empty")
        if self._caller.get(f"/folders/{FOLDER_UID}") is None:
            if not dry_run:
                self._caller.post("/folders", {"title": folder, "uid": FOLDER_UID})
            yield Outcome(f"folder {folder}", f"{would}created")
        for board in dashboards:
            yield self._dashboard(board, would)

    def _source(self, source: Json, new_secrets: bool, would: str) -> Outcome:
        what, uid = f"data source {source['uid']}", source["uid"]
        found = self._caller.get(f"/datasources/uid/{uid}")
        if found is None:
            if not would:
                self._caller.post("/datasources", source)
            return Outcome(what, f"{would}created", _diff({}, _open(source)) if would else "")
        if found.get("readOnly"):
            return Outcome(what, "provisioned from a file: left as it is")
        before = {key: found.get(key) for key in _open(source)}
        if before == _open(source) and not new_secrets:
            return Outcome(what, "unchanged")
        if not would and self._caller.put(f"/datasources/uid/{uid}", source) is None:
            raise UsageError(f"{self._caller.where} has no data source {uid} any more; run the push again")
        return Outcome(what, f"{would}updated", _diff(before, _open(source)) if would else "")

    def _is_missing(self, uid: str) -> bool:
        """Whether the data source is certainly missing; an Editor's token may not be allowed to look."""
        try:
            return self._caller.get(f"/datasources/uid/{uid}") is None
        except UsageError:
            return False

    def _dashboard(self, board: Json, would: str) -> Outcome:
        what = f"dashboard {board['title']}"
        found = self._caller.get(f"/dashboards/uid/{board['uid']}")
        before = _essence(found.get("dashboard", {})) if found else {}
        moved = found is not None and found.get("meta", {}).get("folderUid") != FOLDER_UID
        if before == _essence(board) and not moved:
            return Outcome(what, "unchanged")
        change = f"{would}{'updated' if found else 'created'}"
        if would:
            elsewhere = "it would move into the folder\n" if moved else ""
            return Outcome(what, change, elsewhere + (_diff(before, _essence(board)) if found else ""))
        body = {"dashboard": {**_essence(board), "id": None}, "folderUid": FOLDER_UID, "overwrite": True}
        if self._caller.post("/dashboards/db", {**body, "message": "wardline grafana push"}) is None:
            raise UsageError(f"{self._caller.where} has no folder {FOLDER_UID} any more; run the push again")
        return Outcome(what, change)


def _asked(dashboards: list[Json]) -> set[str]:
    """The data sources the dashboards need."""
    text = json.dumps(dashboards)
    return {uid for uid in SOURCES if f'"uid": "{uid}"' in text}


def _open(source: Json) -> Json:
    """A data source without what nobody may see."""
    return {key: value for key, value in source.items() if key != "secureJsonData"}


def _essence(board: Json) -> Json:
    return {key: value for key, value in board.items() if key not in _SERVERS_OWN}


def _diff(before: Json, after: Json) -> str:
    old, new = (json.dumps(one, indent=1, ensure_ascii=False, sort_keys=True).splitlines() for one in (before, after))
    lines = [line for line in difflib.unified_diff(old, new, "there", "here", lineterm="", n=1) if line[:3] != "+++"]
    rest = len(lines) - _DIFF_LINES
    return "\n".join([*lines[:_DIFF_LINES], *([f"and {rest} lines more"] if rest > 0 else [])]) + "\n"
