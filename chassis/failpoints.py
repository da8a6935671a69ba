"""Named places in the code where a test can have the process killed, as a power cut would.

`WARDLINE_FAILPOINT=journal.commit.before:3` kills the process the third time it comes to that place. Without the
variable a fail point is one comparison. Every place has a story in the crash tests, which a test of theirs checks.
"""

from __future__ import annotations

import os
import signal


class _Trap:
    """One place and how many times it is passed before it kills."""

    def __init__(self, name: str, passes: int) -> None:
        self.name = name
        self.left = passes

    def pass_by(self, name: str) -> None:
        if name != self.name:
            return
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _trap(words: str) -> _Trap | None:
    name, _, passes = words.partition(":")
    return _Trap(name, int(passes or 1)) if name else None


_armed = _trap(os.environ.get("WARDLINE_FAILPOINT", ""))


def arm(words: str) -> None:
    """Set the trap `NAME` or `NAME:PASSES` in this process; empty takes it away."""
    global _armed
    _armed = _trap(words)


def failpoint(name: str) -> None:
    """Pass a named place, unless this is where the process is to die."""
    if _armed is not None:
        _armed.pass_by(name)
