"""Tidying: many small files of the lake become few large ones, and what is too old leaves."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from hub.projections.lake.files import SUFFIXES, checksum, count_rows, merge
from hub.projections.lake.lake import Lake, Place, locate
from hub.projections.lake.manifest import LakeFile
from hub.projections.lake.tables import TABLES
from hub.settings import LakeSettings

EACH_MS = 60_000  # how often it looks for something to do
PATIENCE_MS = 3_600_000  # the same after something prevented it
LARGE_BYTES = 128 << 20  # a file of this size is not merged any more
DAY_MS = 86_400_000

log = logging.getLogger(__name__)


class Tidy:
    """Used by the one writer. A kill at any moment leaves every row in the lake once."""

    def __init__(self, settings: LakeSettings) -> None:
        self._suffix = SUFFIXES[settings.format]
        self._age = int(settings.merge_after)
        self._keep = None if settings.keep is None else int(settings.keep)
        self._next = 0

    def run(self, lake: Lake, now: int, *, everything: bool = False) -> tuple[int, int]:
        """Expire what is too old, merge what is due, or everything; the files that left, and those that were merged.

        Raises OSError when the disk does not even take the manifest; then nothing has changed.
        """
        if now < self._next and not everything:
            return 0, 0
        self._next = now + EACH_MS
        old = [] if self._keep is None else expired(lake.manifest.contents.files.values(), now - self._keep)
        if old:
            with lake.undisturbed() as free:
                if free:
                    lake.commit("expire", now, remove=old)
                    log.info("%d files older than projections.lake.keep have left the lake", len(old))
                else:
                    old = []
        return len(old), sum(self._merge(lake, group, now) for group in self._due(lake, now, everything))

    def _due(self, lake: Lake, now: int, everything: bool) -> list[list[LakeFile]]:
        places: dict[Place, list[LakeFile]] = defaultdict(list)
        for file in lake.manifest.contents.files.values():
            if file.file.endswith(self._suffix):
                places[Place.of_file(file.file)].append(file)
        before = now if everything else now - self._age
        return [
            group
            for place, files in places.items()
            if any(not file.merged and file.written <= before for file in files)
            for group in groups(files, whole=everything or _end(place.date) + self._age <= now)
        ]

    def _merge(self, lake: Lake, group: Sequence[LakeFile], now: int) -> int:
        """One file instead of a group; how many have gone. Small files are no fault: what prevents it is only said."""
        place = Place.of_file(group[0].file)
        name, path = lake.stage(place, self._suffix, 0)
        try:
            merge(path, TABLES[place.table], (locate(lake.folder, file.file) for file in group))
            size, digest = checksum(path)
            rows = count_rows(path)
            if rows != sum(file.rows for file in group):
                raise ValueError(f"{rows} rows came of {sum(file.rows for file in group)}")
        except (OSError, ValueError) as error:
            lake.discard([path])
            log.warning("the files of %s stay small for now: %s", place.folder, error)
            self._next = now + PATIENCE_MS
            return 0
        made = LakeFile(
            file=name,
            rows=rows,
            bytes=size,
            sha256=digest,
            first=min(file.first for file in group),
            last=max(file.last for file in group),
            written=max(file.written for file in group),
            merged=True,
        )
        with lake.undisturbed() as free:
            if free:
                lake.commit("merge", now, [made], remove=[file.file for file in group])
                return len(group)
        lake.discard([path])  # somebody reads the small ones: another time
        return 0


def groups(files: Iterable[LakeFile], *, whole: bool) -> list[list[LakeFile]]:
    """Which files become one: while a date lasts those that never were merged, afterwards all of them, in order."""
    found: list[list[LakeFile]] = [[]]
    size = 0
    for file in sorted(files, key=lambda file: (file.first, file.file)):
        if file.bytes >= LARGE_BYTES or (file.merged and not whole):
            continue
        if size + file.bytes > LARGE_BYTES:
            found.append([])
            size = 0
        found[-1].append(file)
        size += file.bytes
    return [group for group in found if len(group) > 1]


def expired(files: Iterable[LakeFile], before: int) -> list[str]:
    """The files whose date was over, and which were written, before that time."""
    return [file.file for file in files if file.written < before and _end(Place.of_file(file.file).date) <= before]


def _end(date: str) -> int:
    """When a date ends, UTC ms."""
    return round(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() * 1_000) + DAY_MS
