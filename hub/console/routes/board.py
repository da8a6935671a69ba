"""The pages and their files, read once: documents, styles, modules, catalogues of texts, icons."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from hub.console.answers import Refusal
from hub.console.rights import open_to_all
from hub.settings import ConsoleSettings

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}

PAGES = {
    "/": "index.html",
    "/bed/{ward}/{bed}": "bed.html",
    "/alarms": "alarms.html",
    "/devices": "devices.html",
    "/tickets": "tickets.html",
    "/patients": "patients.html",
    "/people": "people.html",
    "/login": "login.html",
    "/tv": "tv.html",
}
_ROOT = b'<html lang="en">'  # how every document begins; what the site has chosen is written into it


class _File(NamedTuple):
    kind: str
    body: bytes
    tag: str


def _file(name: str, body: bytes) -> _File:
    return _File(_TYPES[name.rpartition(".")[2]], body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, _File]]:
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            yield from _walk(entry, f"{name}/")
        elif name.rpartition(".")[2] in _TYPES:
            yield name, _file(name, entry.read_bytes())


_FILES = dict(_walk(files("hub.console").joinpath("static")))

router = APIRouter(include_in_schema=False)


def root_of(settings: ConsoleSettings) -> bytes:
    """The first tag of every document: the language, theme and units of the site, and which pages there are."""
    look = settings.look
    there = [name.removesuffix(".html").replace("index", "board") for name in PAGES.values() if name in _FILES]
    return (
        f'<html lang="{look.language}" data-theme="{look.theme}" data-pressure="{look.pressure}"'
        f' data-temperature="{look.temperature}" data-names="{look.names}" data-signs="{" ".join(look.signs)}"'
        f' data-waves="{" ".join(look.waves)}" data-pages="{" ".join(there)}">'
    ).encode()


def _add_page(path: str, name: str) -> None:
    # Documents hold no data: whoever may not see any gets an empty page, which leads to the login.
    async def page(request: Request) -> Response:
        if name not in _FILES:
            raise Refusal(404, "there is no such page yet")
        body = _FILES[name].body.replace(_ROOT, request.app.state.root, 1)
        return _answer(request, _file(name, body))

    router.add_api_route(path, page, methods=["GET"], dependencies=[open_to_all()], name=f"page {path}")


for _path, _name in PAGES.items():
    _add_page(_path, _name)


@router.get("/static/{name:path}", dependencies=[open_to_all()])
async def static_file(request: Request, name: str) -> Response:
    """A file of the pages, by its known name: there is no path to wander off on."""
    if name not in _FILES:
        raise Refusal(404, "there is no such file")
    return _answer(request, _FILES[name])


def _answer(request: Request, file: _File) -> Response:
    """The file, or that what the browser has is still it: a renewed console is seen at once, and asked little."""
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.kind, headers=headers)
