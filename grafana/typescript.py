"""Dashboards against the types Grafana itself is built with: npm's @grafana/schema and the TypeScript compiler."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from grafana.check import panels_of
from grafana.model import bare
from grafana.sources import Json
from vitals.errors import LinkError, UsageError

PACKAGES = ("@grafana/schema@13.2.3", "typescript@5.9.3")
INSTALL_S = 120.0
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
    folder = _installed(cache or _cache())
    lines, places = _program(dashboards)
    (folder / "dashboards.ts").write_text("\n".join(lines), encoding="utf-8")
    compiler = folder / "node_modules/typescript/bin/tsc"
    done = _run(["node", str(compiler), *_OPTIONS, "dashboards.ts"], folder)
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


def _installed(folder: Path) -> Path:
    """The folder with both packages in it, fetched once."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise UsageError("npm is not installed (Debian: apt-get install npm)")
    stamp = folder / ".installed"
    if not stamp.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
        try:
            done = _run(words, folder)
        except subprocess.TimeoutExpired as error:
            raise LinkError(f"npm did not fetch {' and '.join(PACKAGES)} in {INSTALL_S:g} s; try again") from error
        if done.returncode != 0:
            raise LinkError(f"npm cannot fetch {' and '.join(PACKAGES)}: {done.stderr.strip()[-300:]}")
        stamp.touch()
    return folder


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    version = "-".join(re.sub(r"\W+", "-", package.rpartition("@")[2]) for package in PACKAGES)
    return Path(home) / "wardline" / f"grafana-types-{version}"


def _run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # npm and node, with words of our own
        words, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
