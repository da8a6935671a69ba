"""Cuff pressures: a measurement is told once, with the time it was made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from edge_agent.drivers.intellivue import codes
from edge_agent.drivers.intellivue.clock import clock_ms_between, read_clock, ticks_between
from edge_agent.drivers.intellivue.messages import Polled, PollReply
from edge_agent.drivers.intellivue.numerics import Numeric, judge
from vitals.readings import Observation

MAX_CUFFS = 16


class CuffLog:
    """Remembers the last measurement of each cuff, so that a repeated one is known."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[int, int], object] = OrderedDict()

    def new(self, numerics: Sequence[Numeric], reply: PollReply, flags: tuple[str, ...]) -> list[Observation]:
        """An observation for each cuff that has something new to say."""
        cuffs: dict[tuple[int, int], list[Numeric]] = {}
        for numeric in numerics:
            cuffs.setdefault((numeric.of.context, numeric.of.handle), []).append(numeric)
        found = []
        for key, said in cuffs.items():
            judged = judge(said)
            # Without a stamp only another result can be told from a repeated one.
            mark = _stamps(said[0].of) or (tuple(judged.values.items()), tuple(judged.missing.items()))
            if self._told.get(key) == mark:
                continue
            self._remember(key, mark)
            age = _age_ms(said[0].of, reply)
            found.append(
                Observation(
                    values=judged.values,
                    missing=judged.missing,
                    flags=flags,
                    device=judged.device,
                    aperiodic=True,
                    age_ms=age or 0,
                    untimed=age is None,
                    device_time=read_clock(said[0].of.attributes.get(codes.ABSOLUTE_STAMP, b"")),
                )
            )
        return found

    def _remember(self, key: tuple[int, int], mark: object) -> None:
        self._told[key] = mark
        self._told.move_to_end(key)
        while len(self._told) > MAX_CUFFS:
            self._told.popitem(last=False)


def _stamps(of: Polled) -> object:
    """The clock if it was set: it survives a restart of the monitor, its relative time does not."""
    clock = read_clock(of.attributes.get(codes.ABSOLUTE_STAMP, b""))
    return clock or of.attributes.get(codes.RELATIVE_STAMP)


def _age_ms(of: Polled, reply: PollReply) -> int | None:
    stamp = of.attributes.get(codes.RELATIVE_STAMP, b"")
    if len(stamp) == 4:
        return ticks_between(int.from_bytes(stamp, "big"), reply.time) // 8
    return clock_ms_between(of.attributes.get(codes.ABSOLUTE_STAMP, b""), reply.clock)
