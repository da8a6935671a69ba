"""Chains of linked results: one reply in several messages, put together again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.intellivue.clock import ticks_between
from edge_agent.drivers.intellivue.messages import FIRST_LINK, LAST_LINK, PollReply

MAX_CHAINS = 4
MAX_LINKS = 32
PATIENCE_MS = 5_000
# The results of a periodic poll all have one invoke id; those of one period were read within this time, in 1/8 ms.
PERIOD = 800


@dataclass(slots=True)
class _Chain:
    links: list[PollReply]
    begun: int

    @property
    def closed(self) -> bool:
        """The last link has come; a plain result may still follow it."""
        return self.links[-1].link == LAST_LINK

    def goes_on_with(self, reply: PollReply) -> bool:
        """Whether this is the next link, or the plain result at the end."""
        first, last = self.links[0], self.links[-1]
        if reply.object_class != first.object_class or ticks_between(first.time, reply.time) > PERIOD:
            return False
        return reply.link is None or (not self.closed and reply.place == last.place + 1)


class Chains:
    """Collects links by invoke id. A chain with a missing link is given up: its next poll is a second away."""

    def __init__(self) -> None:
        self._chains: OrderedDict[int, _Chain] = OrderedDict()

    def add(self, reply: PollReply, now: int) -> list[PollReply | BadFrame]:
        """What is complete now that this has come."""
        found: list[PollReply | BadFrame] = []
        chain = self._chains.pop(reply.invoke_id, None)
        if chain is not None and chain.goes_on_with(reply) and len(chain.links) < MAX_LINKS:
            chain.links.append(reply)
        else:
            found += [_end(chain)] if chain is not None else []
            chain = _Chain([reply], now)
        if reply.link is None:
            return [*found, _join(chain.links)]
        if len(chain.links) == 1 and reply.link != FIRST_LINK and reply.place > 1:
            return [*found, _lost(chain)]
        self._chains[reply.invoke_id] = chain
        while len(self._chains) > MAX_CHAINS:
            found.append(_end(self._chains.popitem(last=False)[1]))
        return found

    def settle(self, now: int, but: int | None = None) -> list[PollReply | BadFrame]:
        """Another message has come: end every chain that is closed or too old, except the one of that invoke id."""
        ended = [
            invoke_id
            for invoke_id, chain in self._chains.items()
            if invoke_id != but and (chain.closed or now - chain.begun > PATIENCE_MS)
        ]
        return [_end(self._chains.pop(invoke_id)) for invoke_id in ended]

    def finish(self) -> list[PollReply | BadFrame]:
        """Nothing more will come."""
        found = [_end(chain) for chain in self._chains.values()]
        self._chains.clear()
        return found


def _end(chain: _Chain) -> PollReply | BadFrame:
    return _join(chain.links) if chain.closed else _lost(chain)


def _join(links: list[PollReply]) -> PollReply:
    return replace(links[0], objects=tuple(polled for link in links for polled in link.objects))


def _lost(chain: _Chain) -> BadFrame:
    objects = [polled for link in chain.links for polled in link.objects]
    size = sum(len(value) for polled in objects for value in polled.attributes.values())
    return BadFrame(reason="incomplete", size=max(1, size))
