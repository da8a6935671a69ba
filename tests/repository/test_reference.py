"""The reference is complete: every setting, command, option and test it names is there, and the reverse."""

import argparse
import ast
import re

import pytest
from msgspec import inspect

from edge_agent.settings import EdgeSettings
from hub.settings import HubSettings
from vitals.errors import WardlineError
from wardline.cli import COMMANDS, _parser


def keys(info: inspect.Type, prefix: str = "") -> set[str]:
    """Every dotted key of a document type; entries of lists have no index."""
    if isinstance(info, inspect.Metadata):
        return keys(info.type, prefix)
    if isinstance(info, inspect.UnionType):
        return set().union(*(keys(option, prefix) for option in info.types))
    if isinstance(info, inspect.ListType | inspect.VarTupleType):
        return keys(info.item_type, prefix)
    if not isinstance(info, inspect.StructType):
        return set()
    found = set()
    for field in info.fields:
        name = f"{prefix}{field.encode_name}"
        found |= {name} | keys(field.type, f"{name}.")
    return found


def rows(page: str, title: str) -> set[str]:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S)
    assert found is not None, title
    return set(re.findall(r"^\| `([a-z0-9_.]+)` \|", found[1], flags=re.M))


@pytest.mark.parametrize(("title", "type_"), [("Edge agent", EdgeSettings), ("Hub", HubSettings)])
def test_every_setting_is_in_the_reference_and_no_other(root, title, type_):
    page = (root / "docs/reference/settings.md").read_text()
    written = rows(page, title) | rows(page, "Broker")
    assert written == keys(inspect.type_info(type_))


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def options(parser: argparse.ArgumentParser) -> set[str]:
    own = {name for action in parser._actions for name in action.option_strings if name.startswith("--")}
    return own.union(*(options(sub) for sub in subparsers(parser).values())) - {"--help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_action_and_option_is_in_the_reference_and_no_other(root, command):
    page = (root / "docs/reference/commands.md").read_text()
    found = re.search(rf"^## `wardline {command}`\n(.*?)(?=^## |\Z)", page, flags=re.M | re.S)
    assert found is not None, "no section"
    parser = subparsers(_parser([command]))[command]
    for action in subparsers(parser):
        assert f"`wardline {command} {action}`" in found[1]
    table = "\n".join(line.split("|")[1] for line in found[1].splitlines() if line.startswith("| `"))
    assert set(re.findall(r"(--[a-z-]+)", table)) == options(parser)


def test_every_section_of_the_commands_is_a_command(root):
    page = (root / "docs/reference/commands.md").read_text()
    assert re.findall(r"^## `wardline (\w+)`", page, flags=re.M) == list(COMMANDS)


def test_every_type_of_error_is_in_the_reference(root):
    page = (root / "docs/reference/errors.md").read_text()
    for error in WardlineError.__subclasses__():
        if error.__module__ == "vitals.errors":
            assert f"`{error.__name__}`" in page


def test_every_reason_of_a_refusal_is_in_the_reference(root):
    page = (root / "docs/reference/errors.md").read_text()
    for line in re.findall(
        r'(?:WireError\(f?"|return f")([a-zA-Z]+(?:[ -][a-zA-Z0-9]+)*)', (root / "vitals/codec.py").read_text()
    ):
        assert f"`{line}`" in page, line


def known_tests(root) -> set[str]:
    """The name of every test there is."""
    return {
        node.name
        for path in (root / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_hazard_has_a_control_and_tests_that_exist(root):
    page = (root / "docs/safety/hazards.md").read_text()
    hazards = re.findall(r"^\| (H\d+) \| (.+?) \| (.+?) \| (.+?) \|$", page, flags=re.M)
    assert [identity for identity, *_ in hazards] == [f"H{number:02}" for number in range(1, len(hazards) + 1)]
    there = known_tests(root)
    for identity, _, control, named in hazards:
        names = re.findall(r"`(test_\w+)`", named)
        assert control, identity
        assert names, identity
        assert set(names) <= there, f"{identity}: {set(names) - there}"


def test_decisions_are_numbered_without_gaps(root):
    names = sorted(path.name for path in (root / "docs/adr").glob("*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        text = (root / "docs/adr" / name).read_text()
        assert text.startswith(f"# {name[:4]} ")
        assert text.count("\n") < 60, f"{name} is more than a page"


def test_every_make_target_the_documents_name_exists(root, pages):
    targets = set(re.findall(r"^([a-z-]+):.*##", (root / "Makefile").read_text(), flags=re.M))
    for page, text in pages.items():
        for target in re.findall(r"(?m)(?:^|`)make ([a-z-]+)(?=[ `\n])", text):
            assert target in targets, f"{page.name}: make {target}"
