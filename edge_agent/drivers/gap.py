"""Bytes given up between two packets, told as bad frames of a bounded size."""

from __future__ import annotations

from typing import NamedTuple

from edge_agent.drivers.driver import BadFrame

REPORT_EVERY = 64  # bytes that make no sense are told each time so many of them were given up


class Gap(NamedTuple):
    """The stretch since the last packet. A value: a decoder that is copied keeps its own."""

    size: int = 0  # bytes given up and not yet told
    forgiven: int = 0  # so many to come are no fault: the tail of a packet we came too late for

    def widened(self, size: int) -> tuple[Gap, list[BadFrame]]:
        """The gap after `size` more bytes, and what to tell of it now."""
        forgiven = min(size, self.forgiven)
        times, rest = divmod(self.size + size - forgiven, REPORT_EVERY)
        return Gap(rest, self.forgiven - forgiven), [BadFrame(reason="resync", size=REPORT_EVERY)] * times

    def closed(self) -> list[BadFrame]:
        """A packet stands here, or the stream ends: what is left to tell."""
        return [BadFrame(reason="resync", size=self.size)] if self.size else []
