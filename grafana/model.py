"""Dashboards against Grafana's own model of them: a key it does not know would be lost without a word."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

from grafana.sources import Json
from vitals.errors import UsageError

_OF_THE_SOURCE = ("query", "textColumn", "tagsColumn", "target")  # what an annotation asks is the data source's affair


def lost_keys(dashboards: dict[str, Json]) -> list[str]:
    """Where reading and writing with grafana-foundation-sdk loses or changes something, as `file: where`.

    Raises UsageError without the package; it comes with what developing Wardline needs.
    """
    try:
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins

        with warnings.catch_warnings():  # it would rather have schema v2, which Grafana 11 and 12 cannot load
            warnings.simplefilter("ignore", DeprecationWarning)
            from grafana_foundation_sdk.models.dashboard import Dashboard
    except ImportError as error:
        raise UsageError("grafana-foundation-sdk is not installed: pip install 'wardline[dev]'") from error
    register_default_plugins()
    found = []
    for name, board in dashboards.items():
        given = bare(board)
        back = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))
        found += [f"{name}: Grafana's model does not keep {path}" for path in _lost(given, back)]
    return found


def bare(board: Json) -> Json:
    """A copy without what belongs to the data source alone."""
    copy: Json = json.loads(json.dumps(board))
    for mark in copy.get("annotations", {}).get("list", []):
        for key in _OF_THE_SOURCE:
            mark.pop(key, None)
    return copy


def _lost(given: Any, back: Any, path: str = "$") -> Iterator[str]:
    """Where `back` lacks something of `given`; what the model adds does not matter."""
    if isinstance(given, dict) and isinstance(back, dict):
        for key, value in given.items():
            yield from _lost(value, back[key], f"{path}.{key}") if key in back else [f"{path}.{key}"]
    elif isinstance(given, list) and isinstance(back, list) and len(given) == len(back):
        for index, (one, other) in enumerate(zip(given, back, strict=True)):
            yield from _lost(one, other, f"{path}[{index}]")
    elif given != back:
        yield path
