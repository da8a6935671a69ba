"""The limit of open files, raised for a listener with many connections: the usual 1,024 are fewer than it may have."""

from __future__ import annotations

import contextlib
import resource

SPARE = 256  # spool, broker, ports, and what the interpreter needs


def allow(connections: int) -> None:
    """Let this process hold so many more connections, as far as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
