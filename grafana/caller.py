"""One request to a Grafana's HTTP API, through grafana-client where it is installed, else through grafana-api."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from vitals.errors import LinkError, UsageError, WardlineError

TIMEOUT_S = 10.0

Login = str | tuple[str, str]
"""The token of a service account, or (user, password)."""

# (module, class of the whole API, its requester, module of its exception); the first that is there is taken
_LIBRARIES = (
    ("grafana_client", "GrafanaApi", "client", "grafana_client.client"),
    ("grafana_api.grafana_face", "GrafanaFace", "api", "grafana_api.grafana_api"),
)


class _Library(NamedTuple):
    """What both libraries have in common: one calls itself the successor of the other."""

    api: Any
    requester: str
    refusal: type[Exception]


class Caller:
    """A Grafana with a login."""

    def __init__(self, url: str, login: Login) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is no address of a Grafana; give one such as http://127.0.0.1:3000")
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{url!r} has no valid port") from error
        path = parts.path.strip("/")
        library = _library()
        self.where = f"Grafana at {url}"
        self._refusal = library.refusal
        face = library.api(
            auth=login,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=TIMEOUT_S,
        )
        self._requester: Any = getattr(face, library.requester)

    def get(self, path: str) -> dict[str, Any] | None:
        """What is there; None when nothing is."""
        return self._ask("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Make it, or make it so; None when something it needs is not there."""
        return self._ask("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Make it so; None when it is not there."""
        return self._ask("PUT", path, body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The answer, None for 404. Everything else that is no answer becomes one sentence.

        Raises UsageError (login, rights, refusals, no Grafana at all) or LinkError (away, or not ready).
        """
        try:
            answer = getattr(self._requester, method)(path, json=body)
        except self._refusal as error:
            status = int(getattr(error, "status_code", 0))
            if status == 404:
                return None
            raise _sentence(error, status, self.where) from error
        except ValueError as error:  # before OSError: the library's own error for a body that is no JSON is both
            raise UsageError(f"what answers for {self.where} is no Grafana: it speaks no JSON") from error
        except OSError as error:
            raise LinkError(f"{self.where} does not answer: {error}; check the address and that it runs") from error
        if not isinstance(answer, dict):
            raise UsageError(f"what answers for {self.where} is no Grafana: it speaks no JSON")
        return answer


def _library() -> _Library:
    for module, name, requester, errors in _LIBRARIES:
        try:
            api = getattr(importlib.import_module(module), name)
            return _Library(api, requester, importlib.import_module(errors).GrafanaException)
        except ImportError:
            continue
    raise UsageError("neither grafana-client nor grafana-api is installed: pip install grafana-client")


def _sentence(error: Exception, status: int, where: str) -> WardlineError:
    response = getattr(error, "response", None)
    said = response.get("message", "") if isinstance(response, dict) else ""
    said = said or str(error)
    if status == 401:
        return UsageError(
            f"{where} refuses the login ({said}); make a new token under Administration, Service accounts"
        )
    if status == 403:
        return UsageError(
            f"{where} does not let this login do that ({said}); its role must be Editor, for data sources Admin"
        )
    if status == 412:
        return UsageError(
            f"{where} has another version of this dashboard ({said}); push again, or remove the other one"
        )
    if status == 0 or status >= 500:
        return LinkError(f"{where} is not ready ({status or 'no answer'}: {said}); try again")
    return UsageError(f"{where} refuses ({status}: {said})")
