"""Rows read straight off the pages of a database file whose tree is broken: for the salvage of a spool.

A page of rows describes itself (sqlite.org/fileformat2.html, 1.6): what is left of the file is enough to find them. It
may be a page that was free already, so what is found may be old; the caller knows what it needs.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge_agent.seqset import SeqSet

LEAF = 0x0D  # the type byte of a page with rows of a table
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_CONSTANTS = {8: 0, 9: 1}
_HEAD = 100  # the first page begins with the head of the file
_LOG_HEAD, _FRAME_HEAD = 32, 24


class Row(NamedTuple):
    """One row as its table has it: number, then columns; the first is empty where it is the number itself."""

    number: int
    columns: tuple[int | str | bytes | None, ...]


def rows_of_pages(path: Path, page_bytes: int, wanted: SeqSet) -> Iterator[Row]:
    """The rows of `wanted` numbers on any page of the file or its write-ahead log. Nonsense is left out."""
    data = _mapped(path)
    for at in range(0, len(data) - page_bytes + 1, page_bytes):
        yield from _rows(data, data[at : at + page_bytes], _HEAD if at == 0 else 0, wanted)
    log = _mapped(path.with_name(path.name + "-wal"))
    for at in range(_LOG_HEAD + _FRAME_HEAD, len(log) - page_bytes + 1, _FRAME_HEAD + page_bytes):
        yield from _rows(data, log[at : at + page_bytes], 0, wanted)


def page_bytes(path: Path) -> int:
    """The page size the head of the file names; 0 if it makes no sense."""
    size = int.from_bytes(_mapped(path)[16:18], "big")
    size = 65_536 if size == 1 else size
    return size if size >= 512 and not size & (size - 1) else 0


def _mapped(path: Path) -> mmap.mmap | bytes:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # not there, or empty
        return b""


def _rows(data: mmap.mmap | bytes, page: bytes, head: int, wanted: SeqSet) -> Iterator[Row]:
    if page[head] != LEAF:
        return
    count = int.from_bytes(page[head + 3 : head + 5], "big")
    if not count or head + 8 + 2 * count > len(page):
        return
    places = [int.from_bytes(page[at : at + 2], "big") for at in range(head + 8, head + 8 + 2 * count, 2)]
    with contextlib.suppress(IndexError):
        # Numbers ascend within a page: most pages need no closer look.
        if not wanted.within(_number(page, places[0]), _number(page, places[-1])):
            return
    for place in places:
        with contextlib.suppress(IndexError, ValueError):
            if _number(page, place) in wanted and (row := _row(data, page, place)) is not None:
                yield row


def _number(page: bytes, at: int) -> int:
    _, at = _varint(page, at)
    return _varint(page, at)[0]


def _row(data: mmap.mmap | bytes, page: bytes, at: int) -> Row | None:
    size, at = _varint(page, at)
    number, at = _varint(page, at)
    payload = _payload(data, page, at, size)
    length, at = _varint(payload, 0)
    types: list[int] = []
    while at < length:
        type_, at = _varint(payload, at)
        types.append(type_)
    columns: list[int | str | bytes | None] = []
    for type_ in types:
        wide = _INTEGERS.get(type_) or (8 if type_ == 7 else max(0, type_ - 12) // 2)
        piece = payload[at : at + wide]
        if len(piece) < wide:
            return None
        at += wide
        if type_ in _INTEGERS:
            columns.append(int.from_bytes(piece, "big", signed=True))
        elif type_ >= 12:
            columns.append(piece.decode() if type_ % 2 else piece)
        else:
            columns.append(_CONSTANTS.get(type_))
    return Row(number, tuple(columns))


def _payload(data: mmap.mmap | bytes, page: bytes, at: int, size: int) -> bytes:
    """The content of a row; what does not fit its page stands on others, chained."""
    usable = len(page)
    if size <= usable - 35:
        return page[at : at + size]
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (usable - 4)
    if local > usable - 35:
        local = least
    pieces = [page[at : at + local]]
    rest = size - local
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while rest > 0 and 0 < following <= len(data) // usable and len(pieces) <= len(data) // usable:
        start = (following - 1) * usable
        pieces.append(data[start + 4 : start + 4 + min(rest, usable - 4)])
        rest -= len(pieces[-1])
        following = int.from_bytes(data[start : start + 4], "big")
    return b"".join(pieces)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for index in range(8):
        byte = data[at + index]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + index + 1
    return number << 8 | data[at + 8], at + 9
