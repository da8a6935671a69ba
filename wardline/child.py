"""Run a program that ends when its parent does: `python child.py PARENT_PID PROGRAM [ARGUMENT …]`.

Imports nothing of this project, so that it costs a few milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; survives exec


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    with contextlib.suppress(OSError, AttributeError):  # where there is no prctl, the parent's own stop must do
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")
    os.execv(program[0], program)  # noqa: S606 - the very program we were asked to run


if __name__ == "__main__":
    main()
