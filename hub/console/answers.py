"""Answers: msgspec values as JSON, and refusals as one sentence with a status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import Response


class Answer(Response):
    """Any value of ours as JSON."""

    media_type = "application/json"

    def __init__(self, value: object, status: int = 200) -> None:
        super().__init__(msgspec.json.encode(value), status_code=status, media_type=self.media_type)


class Refusal(Exception):  # noqa: N818 - what we say, not what went wrong
    """The request cannot be served; `sentence` says why and what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        self.sentence = sentence
        super().__init__(sentence)


def refusal(status: int, sentence: str) -> Answer:
    """The answer of a refusal."""
    return Answer({"error": sentence}, status)


def says(view: object, description: str, *refusals: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for the OpenAPI document: what it answers, and which refusals to expect."""
    return {200: _content(view, description), **refuses(*refusals)}


def refuses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route to expect, where there is nothing to answer but that it is done."""
    schema = {"$ref": "#/components/schemas/ErrorView"}
    why = {"description": "Why not, in one sentence", "content": {"application/json": {"schema": schema}}}
    return {status: dict(why) for status in statuses}


def _content(view: object, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": reference(view)}}}


def reference(view: object) -> dict[str, Any]:
    """The JSON Schema that stands for `view` inside the OpenAPI document."""
    return schemas([view])[0][0]


def schemas(views: Sequence[object]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """The schemas of `views`, and of all they are made of, by name."""
    return msgspec.json.schema_components(views, ref_template="#/components/schemas/{name}")
