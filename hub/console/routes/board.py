"""The board's own files, read once: the page, its style and its modules."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

from hub.console.answers import Refusal

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

router = APIRouter(include_in_schema=False)

_FILES = {
    file.name: (_TYPES[file.name.rpartition(".")[2]], file.read_bytes())
    for file in files("hub.console").joinpath("static").iterdir()
    if file.name.rpartition(".")[2] in _TYPES
}


@router.get("/")
async def page() -> Response:
    """The ward board."""
    return static("index.html")


@router.get("/static/{name}")
async def static_file(name: str) -> Response:
    """A file of the board."""
    return static(name)


def static(name: str) -> Response:
    """One of the board's files, by name alone: there is no path to wander off on."""
    if name not in _FILES:
        raise Refusal(404, "there is no such file")
    kind, body = _FILES[name]
    return Response(body, media_type=kind)
