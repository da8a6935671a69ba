"""The supervisor: the parts of the hub, each in a process of its own, so that a slow one cannot delay an alarm."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence

from chassis.tasks import stop_on_signals
from wardline.processes import Child

GRACE_S = 3.0  # from SIGTERM to SIGKILL

log = logging.getLogger(__name__)


async def run_parts(parts: Mapping[str, Sequence[str]]) -> int:
    """Run each part (name to words of a `wardline` command) until SIGTERM or SIGINT; stop all of them together."""
    stop = stop_on_signals()
    children = [
        Child(name, [sys.executable, "-m", "wardline", *words], None, log.error) for name, words in parts.items()
    ]
    for child in children:
        await child.start()
    await stop.wait()
    await asyncio.gather(*(child.stop(GRACE_S) for child in children))
    return 0
