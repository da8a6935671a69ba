"""The JSON Schemas of our documents, for editors: `python -m wardline.schemas` writes them into config/schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from edge_agent.settings import EdgeSettings
from hub.settings import HubSettings
from rules.documents import RuleSet
from rules.scenarios import ScenarioSet
from vitals.document import json_schema

FOLDER = Path("config/schema")

DOCUMENTS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "edge": (EdgeSettings, "Settings of a Wardline edge agent"),
    "hub": (HubSettings, "Settings of a Wardline hub"),
    "rules": (RuleSet, "A Wardline rule set"),
    "scenarios": (ScenarioSet, "The scenarios of a Wardline rule set"),
}


def schema_text(name: str) -> str:
    """The schema of one document, as it stands in its file."""
    type_, title = DOCUMENTS[name]
    return json.dumps(json_schema(type_, title), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write every schema into the folder named on the command line, or into config/schema."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in DOCUMENTS:
        (folder / f"{name}.schema.json").write_text(schema_text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
