"""A process that copies a journal into a lake until it has all of it: what a test kills."""

import json
import sys
import threading
from contextlib import closing
from pathlib import Path

import msgspec

from hub.projections.cursors import Cursors
from hub.projections.feed import Feed
from hub.projections.lake.sink import LakeSink
from hub.projections.passage import Passage
from hub.settings import LakeSettings
from vitals.durations import Duration

LAKE = [
    "lake.staged",
    "lake.manifest.replace",
    "lake.commit.before",
    "lake.commit.after",
    "lake.publish.each",
    "lake.unlink.each",
]
"""Every fail point of the lake; tests/chaos/test_crash_ward.py compares them with the code."""


def copy(folder: Path, settings: LakeSettings) -> None:
    """Move everything from `journal.db` into the lake, batch by batch, then merge what can be merged."""
    with closing(Cursors(folder / "projections.db", "lake")) as cursors, closing(Feed(folder / "journal.db")) as feed:
        sink = LakeSink(settings, folder, folder / "projections.db")
        cursors.begin(sink.streams)
        with closing(sink):
            passage = Passage(feed, sink, cursors, threading.Event())
            sink.open()
            while passage.step().moved:
                pass
            sink._tidy.run(sink._lake, 2**50, everything=True)


def settings_of(given: dict) -> LakeSettings:
    return msgspec.convert(
        {"folder": "lake"} | given,
        LakeSettings,
        dec_hook=lambda type_, value: Duration.parse(value) if type_ is Duration else type_(value),
    )


if __name__ == "__main__":
    copy(Path(sys.argv[1]), settings_of(json.loads(sys.argv[2])))
