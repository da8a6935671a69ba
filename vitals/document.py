"""Typed documents: strict YAML into frozen structs, with every problem at its line, all at once."""

from __future__ import annotations

import difflib
import functools
import operator
from collections.abc import Iterable
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import inspect

from vitals.durations import PATTERN as DURATION_PATTERN
from vitals.durations import Duration
from vitals.errors import DocumentError, Problem
from vitals.yamldoc import MAX_DOCUMENT_BYTES, Path, YamlDocument, load

_T = TypeVar("_T", bound=msgspec.Struct)


def read_document(text: str, file: str, type_: type[_T], max_bytes: int = MAX_DOCUMENT_BYTES) -> _T:
    """Read YAML `text` as `type_`. Raises DocumentError carrying every problem with file and line.

    Structs may check themselves in `__post_init__` by raising ValueError; the message is reported at the line
    where the struct stands.
    """
    return convert(load(text, file, max_bytes), type_)


def convert(document: YamlDocument, type_: type[_T]) -> _T:
    """Check a loaded document against `type_`. Raises DocumentError."""
    walker = _Walker(document)
    result = walker.build(inspect.type_info(type_), document.data, ())
    if walker.problems:
        raise DocumentError(walker.problems)
    assert isinstance(result, type_)
    return result


def json_schema(type_: type[msgspec.Struct], title: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document type, for editors."""
    schema = msgspec.json.schema(type_, schema_hook=_schema_hook)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def _schema_hook(type_: type) -> dict[str, Any]:
    if type_ is Duration:
        return {"type": "string", "pattern": DURATION_PATTERN, "description": "a duration such as 250ms, 15s, 2min, 1h"}
    if issubclass(type_, PurePath):
        return {"type": "string", "description": "a path, relative to the folder of this file"}
    raise NotImplementedError


def _leaf_hook(type_: type, value: Any) -> Any:
    if type_ is Duration:
        return Duration.parse(value)
    if issubclass(type_, PurePath):
        if not isinstance(value, str) or not value:
            raise ValueError(f"expected a path as text, got {value!r}")
        return type_(value)
    raise NotImplementedError(f"no way to read {type_.__name__}")


_BAD = object()


class _Walker:
    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def build(self, info: inspect.Type, data: Any, path: Path) -> Any:
        if isinstance(info, inspect.Metadata):
            return self._leaf(info, data, path) if _is_leaf(info.type) else self.build(info.type, data, path)
        if isinstance(info, inspect.UnionType) and data is not None:
            options = [option for option in info.types if not isinstance(option, inspect.NoneType)]
            if len(options) == 1:
                return self.build(options[0], data, path)
            lists = [option for option in options if isinstance(option, inspect.ListType)]
            if lists:  # a list, or a word in its place
                words = inspect.UnionType(tuple(option for option in info.types if option not in lists))
                return self.build(lists[0] if isinstance(data, list) else words, data, path)
        if isinstance(info, inspect.StructType):
            return self._struct(info, data, path)
        if isinstance(info, inspect.ListType | inspect.VarTupleType):
            return self._list(info, data, path)
        if isinstance(info, inspect.DictType):
            return self._dict(info, data, path)
        return self._leaf(info, data, path)

    def _struct(self, info: inspect.StructType, data: Any, path: Path) -> Any:
        if not isinstance(data, dict):
            return self._problem(path, f"expected keys and values, got {_kind(data)}")
        fields = {field.encode_name: field for field in info.fields}
        for key in data:
            if key not in fields:
                self._problem((*path, key), f"unknown key {key!r}{_suggest(key, fields)}")
        values: dict[str, Any] = {}
        missing = [name for name, field in fields.items() if field.required and name not in data]
        for name in missing:
            self._problem(path, f"missing key {name!r}")
        for name, field in fields.items():
            if name in data:
                values[field.name] = self.build(field.type, data[name], (*path, name))
        if missing or any(value is _BAD for value in values.values()):
            return _BAD
        try:
            return info.cls(**values)
        except ValueError as error:
            return self._problem(path, str(error))

    def _list(self, info: inspect.ListType | inspect.VarTupleType, data: Any, path: Path) -> Any:
        if not isinstance(data, list):
            return self._problem(path, f"expected a list, got {_kind(data)}")
        items = [self.build(info.item_type, item, (*path, index)) for index, item in enumerate(data)]
        if info.min_length and len(items) < info.min_length:
            return self._problem(path, f"expected at least {info.min_length} entries, got {len(items)}")
        if any(item is _BAD for item in items):
            return _BAD
        return items if isinstance(info, inspect.ListType) else tuple(items)

    def _dict(self, info: inspect.DictType, data: Any, path: Path) -> Any:
        if not isinstance(data, dict):
            return self._problem(path, f"expected keys and values, got {_kind(data)}")
        result = {key: self.build(info.value_type, value, (*path, key)) for key, value in data.items()}
        for key in data:
            if self._leaf(info.key_type, key, (*path, key)) is _BAD:
                result[key] = _BAD
        return _BAD if any(value is _BAD for value in result.values()) else result

    def _leaf(self, info: inspect.Type, data: Any, path: Path) -> Any:
        annotation = _annotation(info)
        try:
            return msgspec.convert(data, annotation, dec_hook=_leaf_hook)
        except (msgspec.ValidationError, ValueError) as error:
            return self._problem(path, str(error).removesuffix(" - at `$`"))

    def _problem(self, path: Path, text: str) -> Any:
        where = ".".join(str(part) for part in path)
        line = self.document.line(path)
        self.problems.append(Problem(self.document.file, line, f"{where}: {text}" if where else text))
        return _BAD


def _is_leaf(info: inspect.Type) -> bool:
    return not isinstance(
        info, inspect.StructType | inspect.ListType | inspect.VarTupleType | inspect.DictType | inspect.UnionType
    )


def _annotation(info: inspect.Type) -> Any:
    """The type a leaf was declared with, as msgspec.convert wants it."""
    match info:
        case inspect.Metadata():
            return _annotation(info.type)
        case inspect.IntType() | inspect.FloatType():
            bounds = {key: getattr(info, key) for key in ("gt", "ge", "lt", "le", "multiple_of")}
            return Annotated[int if isinstance(info, inspect.IntType) else float, msgspec.Meta(**bounds)]
        case inspect.StrType():
            limits = {key: getattr(info, key) for key in ("min_length", "max_length", "pattern")}
            return Annotated[str, msgspec.Meta(**limits)]
        case inspect.BoolType():
            return bool
        case inspect.NoneType():
            return None
        case inspect.AnyType():
            return Any
        case inspect.LiteralType():
            return Literal[info.values]
        case inspect.CustomType():
            return info.cls
        case inspect.UnionType():
            return functools.reduce(operator.or_, (_annotation(option) for option in info.types))
        case _:
            raise TypeError(f"documents cannot hold {info!r}")


def _suggest(key: str, fields: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(sorted(fields))}"


def _kind(data: Any) -> str:
    if data is None:
        return "nothing"
    return {dict: "keys and values", list: "a list", str: "text", bool: "true/false"}.get(type(data), "a number")
