"""Strict YAML: text in, plain data with the line of every node out; every trap of the format is a problem."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from vitals.errors import DocumentError, Problem

MAX_DOCUMENT_BYTES = 1_048_576
MAX_SETTINGS_BYTES = 8_388_608  # those of a hub of 20,000 beds take 2 MB
MAX_DEPTH = 40

Path = tuple[str | int, ...]

# YAML 1.1 reads these plain scalars as something else than what stands there.
_TRAPS = (
    (re.compile(r"^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+$"), "is read as a base-60 number"),
    (re.compile(r"^[-+]?0[0-9_]+$"), "is read as an octal number"),
    (re.compile(r"^(yes|no|on|off|y|n)$", re.IGNORECASE), "is read as true or false"),
)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Plain data (dict, list, str, int, float, bool, None) and where each part stands."""

    file: str
    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of `path`, or of its nearest parent that is written down."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(text: str, file: str, max_bytes: int = MAX_DOCUMENT_BYTES) -> YamlDocument:
    """Parse one YAML document. Raises DocumentError with every problem found."""
    if len(text.encode("utf-8", "replace")) > max_bytes:
        raise DocumentError([Problem(file, 1, f"document is larger than {max_bytes} bytes")])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError([Problem(file, mark.line + 1 if mark else 1, f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError([Problem(file, 1, f"not YAML: {error}")]) from error
    if node is None:
        raise DocumentError([Problem(file, 1, "document is empty")])
    reader = _Reader(file)
    data = reader.read(node, ())
    if reader.problems:
        raise DocumentError(reader.problems)
    return YamlDocument(file, data, reader.lines)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._open: set[int] = set()
        self._seen: set[int] = set()

    def read(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if len(path) > MAX_DEPTH or id(node) in self._open:
            self._problem(line, "nested too deeply")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        if id(node) in self._seen:  # an alias: refused, since a few lines of them unfold to gigabytes
            self._problem(line, "anchors and aliases are not supported; write the value out")
            return None
        self._seen.add(id(node))
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(line, "a key must be plain text")
                continue
            key = key_node.value
            if key in result:
                self._problem(line, f"duplicate key {key!r} (first on line {self.lines[(*path, key)]})")
                continue
            self.lines[(*path, key)] = line
            result[key] = self.read(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Any:
        text = node.value
        if node.style is not None:
            return text
        for pattern, trap in _TRAPS:
            if pattern.match(text):
                self._problem(line, f"{text!r} {trap}; write it in quotes, or as true, false or a plain number")
                return None
        if node.tag == "tag:yaml.org,2002:null":
            return None
        if node.tag == "tag:yaml.org,2002:bool":
            return text.lower() == "true"
        if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
            return self._number(text, line)
        if node.tag in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"):
            return text
        self._problem(line, f"tag {node.tag} is not supported")
        return None

    def _number(self, text: str, line: int) -> int | float | None:
        try:
            return int(text)
        except ValueError:
            pass
        try:
            value = float(text)
        except ValueError:
            value = float("inf")
        if value in (float("inf"), float("-inf")) or value != value:
            self._problem(line, f"{text!r} is not a finite decimal number")
            return None
        return value

    def _problem(self, line: int, text: str) -> None:
        self.problems.append(Problem(self.file, line, text))
