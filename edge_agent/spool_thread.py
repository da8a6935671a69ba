"""The one thread that touches the spool: the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from edge_agent.spool import Spool

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SpoolThread:
    """Runs calls on the spool one after the other."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")

    async def call(self, function: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs) -> _T:
        """Run `function` in the spool's thread. Once begun it is carried through, even if we are cancelled."""
        future = self._executor.submit(function, *arguments, **keywords)
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Close the spool after everything asked for before."""
        await self.call(self.spool.close)
        self._executor.shutdown(wait=False)
