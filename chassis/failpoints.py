"""Named places in the code where a test can have the process killed, as a power cut would.

`WARDLINE_FAILPOINT=journal.commit.before:3` kills the process the third time it comes to that place. Without the
variable a fail point is one comparison. `WARDLINE_FAILPOINT_LOG=FILE` writes down which places were passed instead.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

_name, _, _count = os.environ.get("WARDLINE_FAILPOINT", "").partition(":")
_log = os.environ.get("WARDLINE_FAILPOINT_LOG", "")
_off = not _name and not _log
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Pass a named place, unless this is where the process is to die."""
    if _off:
        return
    _passed[name] += 1
    if _log and _passed[name] == 1:
        with Path(_log).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
    if name == _name and _passed[name] >= int(_count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
