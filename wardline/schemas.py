"""Descriptions made from the code: `python -m wardline.schemas` writes the JSON Schemas of our documents, for editors,
into config/schema, and the AsyncAPI description of the topics into docs/reference."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from edge_agent.settings import EdgeSettings
from hub.settings import HubSettings
from rules.documents import RuleSet
from rules.rotas import PagerDocument
from rules.scenarios import ScenarioSet
from vitals.document import json_schema
from wardline.asyncapi import asyncapi_text

FOLDER = Path("config/schema")
ASYNCAPI = Path("docs/reference/asyncapi.yaml")

DOCUMENTS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "edge": (EdgeSettings, "Settings of a Wardline edge agent"),
    "hub": (HubSettings, "Settings of a Wardline hub"),
    "pagers": (PagerDocument, "Who is paged by a Wardline hub, when, and who next"),
    "rules": (RuleSet, "A Wardline rule set"),
    "scenarios": (ScenarioSet, "The scenarios of a Wardline rule set"),
}


def schema_text(name: str) -> str:
    """The schema of one document, as it stands in its file."""
    type_, title = DOCUMENTS[name]
    return json.dumps(json_schema(type_, title), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write every description below the folder named on the command line, or below this one."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for name in DOCUMENTS:
        _write(root / FOLDER / f"{name}.schema.json", schema_text(name))
    _write(root / ASYNCAPI, asyncapi_text())
    return 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
