"""The registry of drivers: a name and options become a driver, from this package or from an outside one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from edge_agent.drivers.driver import Driver, DriverPlugin
from vitals.document import convert
from vitals.errors import DocumentError, UsageError
from vitals.yamldoc import YamlDocument

GROUP = "wardline.drivers"
_OWN = "edge_agent.drivers."


def names() -> tuple[str, ...]:
    """The names of all installed drivers, sorted, whether or not they can be loaded."""
    return tuple(sorted(entry_points(group=GROUP).names))


def find(name: str) -> DriverPlugin:
    """The driver called `name`. Raises UsageError if there is none or it cannot be used."""
    point = _entry_point(name)
    try:
        plugin = point.load()
    except Exception as exc:  # importing somebody else's package can raise anything; it must not stop the others
        raise UsageError(f"driver {name!r} ({_origin(point)}) cannot be loaded: {type(exc).__name__}: {exc}") from exc
    if not isinstance(plugin, DriverPlugin):
        raise UsageError(f"driver {name!r} ({_origin(point)}) is of type {type(plugin).__name__}, not a DriverPlugin")
    if plugin.name != name:
        raise UsageError(f"driver {name!r} ({_origin(point)}) calls itself {plugin.name!r}; the two names must agree")
    return plugin


def build(name: str, options: Mapping[str, object]) -> Driver:
    """A driver with its options checked. Raises UsageError naming every option that is wrong."""
    plugin = find(name)
    try:
        checked = convert(YamlDocument("options", dict(options)), plugin.options)
    except DocumentError as exc:
        raise UsageError(f"driver {name!r}: " + "; ".join(problem.text for problem in exc.problems)) from exc
    driver: Driver = plugin.build(checked)
    return driver


def _entry_point(name: str) -> EntryPoint:
    points = list(entry_points(group=GROUP, name=name))
    own = [point for point in points if point.value.startswith(_OWN)]
    # An outside package never replaces a driver of ours by taking its name.
    if len(own or points) == 1:
        return (own or points)[0]
    if points:
        raise UsageError(f"several packages offer a driver {name!r} ({_origins(points)}); uninstall all but one")
    close = difflib.get_close_matches(name, names(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise UsageError(f"no driver is called {name!r}{hint} Installed drivers: {', '.join(names()) or 'none'}")


def _origins(points: list[EntryPoint]) -> str:
    return ", ".join(sorted(_origin(point) for point in points))


def _origin(point: EntryPoint) -> str:
    return f"{point.value} of {point.dist.name}" if point.dist else point.value
