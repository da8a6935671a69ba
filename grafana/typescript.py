"""Dashboards against the types Grafana itself is built with: npm's @grafana/schema and the TypeScript compiler."""

from __future__ import annotations

import json
import re
from pathlib import Path

from grafana.check import panels_of
from grafana.model import bare
from grafana.npm import fetched, run
from grafana.sources import Json
from vitals.errors import UsageError

PACKAGES = ("@grafana/schema@13.2.3", "typescript@5.9.3")
_KINDS = {
    "bargauge": "BarGauge",
    "piechart": "PieChart",
    "stat": "Stat",
    "state-timeline": "StateTimeline",
    "table": "Table",
    "text": "Text",
    "timeseries": "TimeSeries",
}
# The types have enums where JSON has their words.
_PLAIN = (
    "type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] :"
    " T extends object ? {[K in keyof T]: Plain<T[K]>} : T;"
)
_OPTIONS = "--noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext --target es2022".split()
_SAID = re.compile(r"^dashboards\.ts\((\d+),\d+\): error (?:TS\d+: )?(.*)$", flags=re.M)


def type_errors(dashboards: dict[str, Json], cache: Path | None = None) -> list[str]:
    """What the compiler says, as `file: part: what`.

    Raises UsageError without npm, LinkError when the two packages cannot be fetched into `cache`.
    """
    folder = fetched("grafana-types", PACKAGES, cache)
    lines, places = _program(dashboards)
    (folder / "dashboards.ts").write_text("\n".join(lines), encoding="utf-8")
    compiler = folder / "node_modules/typescript/bin/tsc"
    done = run(["node", str(compiler), *_OPTIONS, "dashboards.ts"], folder)
    found = [f"{places[int(number) - 1]}: {said}" for number, said in _SAID.findall(done.stdout)]
    if done.returncode != 0 and not found:
        raise UsageError(f"the TypeScript compiler failed: {(done.stdout + done.stderr).strip()[:300]}")
    return found


def _program(dashboards: dict[str, Json]) -> tuple[list[str], list[str]]:
    """The lines of a program that is well typed if the dashboards are, and what stands in each."""
    lines = ["import type {Dashboard} from '@grafana/schema';"]
    for name in _KINDS.values():
        path = f"dist/esm/raw/composable/{name.lower()}/panelcfg/x/{name}PanelCfg_types.gen"
        lines.append(f"import type * as {name} from '@grafana/schema/{path}';")
    lines.append(_PLAIN)
    places = ["the program"] * len(lines)

    def state(place: str, type_: str, value: object) -> None:
        lines.append(f"export const part{len(lines)}: Plain<{type_}> = {json.dumps(value)};")
        places.append(place)

    for file, board in dashboards.items():
        state(file, "Dashboard", bare(board))
        for panel in panels_of(board):
            kind = _KINDS.get(panel["type"])
            if kind is None:
                continue
            place = f"{file}: panel {panel.get('title') or panel['type']}"
            state(f"{place}, options", f"Partial<{kind}.Options>", panel.get("options", {}))
            if custom := panel.get("fieldConfig", {}).get("defaults", {}).get("custom"):
                state(f"{place}, custom", f"Partial<{kind}.FieldConfig>", custom)
    return lines, places
