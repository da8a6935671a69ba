"""Push: put dashboards into a running Grafana through its HTTP API. Doing it twice changes nothing the second time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace

from grafana.panels import Json
from grafana.queries import SOURCE
from vitals.errors import LinkError, UsageError, WardlineError

FOLDER_UID = "wardline"
TIMEOUT_S = 10.0

_T = TypeVar("_T")
_SERVERS_OWN = ("id", "version")  # what Grafana writes into a dashboard by itself


class Outcome(NamedTuple):
    """What became of one thing."""

    what: str
    change: str  # created, updated, unchanged, missing; with --dry-run the same in the conditional


class Grafana:
    """A Grafana with a login: a service-account token, or (user, password)."""

    def __init__(self, url: str, login: str | tuple[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is no address of a Grafana; give one such as http://127.0.0.1:3000")
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{url!r} has no valid port") from error
        path = parts.path.strip("/")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._url = url
        self._face: Any = GrafanaFace(
            auth=login,
            host=host,
            port=port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=TIMEOUT_S,
        )

    def push(self, dashboards: list[Json], folder: str, *, dry_run: bool = False) -> Iterator[Outcome]:
        """Create the folder and create or update each dashboard, saying what became of each.

        Raises UsageError (login, rights, provisioned dashboards) or LinkError (no Grafana there, or not ready).
        """
        would = "would be " if dry_run else ""
        if self._ask(lambda: self._face.folder.get_folder(FOLDER_UID)) is None:
            if not dry_run:
                self._ask(lambda: self._face.folder.create_folder(folder, FOLDER_UID))
            yield Outcome(f"folder {folder}", f"{would}created")
        if self._has_no_source():
            yield Outcome(f"data source {SOURCE['uid']}", "missing: see docs/how-to/grafana.md; panels stay empty")
        for board in dashboards:
            change = self._change(board)
            if change != "unchanged" and not dry_run:
                self._save(board)
            yield Outcome(f"dashboard {board['title']}", change if change == "unchanged" else f"{would}{change}")

    def _has_no_source(self) -> bool:
        """Whether the data source is certainly missing; an Editor's token may not be allowed to look."""
        try:
            return self._ask(lambda: self._face.api.GET(f"/datasources/uid/{SOURCE['uid']}")) is None
        except UsageError:
            return False

    def _change(self, board: Json) -> str:
        found = self._ask(lambda: self._face.dashboard.get_dashboard(board["uid"]))
        if found is None:
            return "created"
        same = _essence(found.get("dashboard", {})) == _essence(board)
        return "unchanged" if same and found.get("meta", {}).get("folderUid") == FOLDER_UID else "updated"

    def _save(self, board: Json) -> None:
        body = {"dashboard": {**_essence(board), "id": None}, "folderUid": FOLDER_UID, "overwrite": True}
        message = {"message": "wardline grafana push"}
        if self._ask(lambda: self._face.dashboard.update_dashboard(body | message)) is None:
            raise UsageError(f"Grafana at {self._url} has no folder {FOLDER_UID} any more; run the push again")

    def _ask(self, request: Callable[[], _T]) -> _T | None:
        """The answer, None for 404. Everything else that is no answer becomes one sentence."""
        where = f"Grafana at {self._url}"
        try:
            return request()
        except GrafanaException as error:
            if error.status_code == 404:
                return None
            raise _sentence(error, where) from error
        except ValueError as error:  # requests' own error for a body that is no JSON is an OSError too
            raise UsageError(f"what answers at {self._url} is no Grafana: it speaks no JSON") from error
        except OSError as error:
            raise LinkError(f"{where} does not answer: {error}; check the address and that it runs") from error


def _sentence(error: Any, where: str) -> WardlineError:
    said = error.response.get("message", "") if isinstance(error.response, dict) else ""
    status, said = error.status_code, said or str(error.message)
    if status == 401:
        return UsageError(
            f"{where} refuses the login ({said}); make a new token under Administration, Service accounts"
        )
    if status == 403:
        return UsageError(f"{where} does not let this login do that ({said}); its role must be Editor")
    if status == 412:
        return UsageError(
            f"{where} has another version of this dashboard ({said}); push again, or remove the other one"
        )
    if status >= 500:
        return LinkError(f"{where} is not ready ({status}: {said}); try again")
    return UsageError(f"{where} refuses ({status}: {said})")


def _essence(board: Json) -> Json:
    return {key: value for key, value in board.items() if key not in _SERVERS_OWN}
