"""What if: the alarms of old rules and of new ones side by side, with those that only one of them would have raised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rules.episodes import Episode

_EVER = 2**62


class Difference(NamedTuple):
    """Alarms of the one side that the other had not, while they stood, at the same bed by the same rule."""

    only_old: tuple[Episode, ...]
    only_new: tuple[Episode, ...]


def compare(old: Sequence[Episode], new: Sequence[Episode]) -> Difference:
    """Alarms count as the same when their times overlap: a changed limit or delay moves them a little."""
    return Difference(tuple(_missing(old, new)), tuple(_missing(new, old)))


def _missing(ours: Iterable[Episode], theirs: Iterable[Episode]) -> Iterable[Episode]:
    stretches: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for episode in theirs:
        stretches[_place(episode)].append(_stretch(episode))
    for place in stretches.values():
        place.sort()
    nexts: dict[tuple[str, str, str], int] = defaultdict(int)
    for episode in sorted(ours, key=lambda e: (e.onset, e.raised, e.alarm)):
        begin, end = _stretch(episode)
        others, at = stretches.get(_place(episode), []), nexts[_place(episode)]
        # Alarms of one rule at one bed never overlap each other, so what ended before stays behind.
        while at < len(others) and others[at][1] < begin:
            at += 1
        nexts[_place(episode)] = at
        if at == len(others) or others[at][0] > end:
            yield episode


def _place(episode: Episode) -> tuple[str, str, str]:
    return episode.ward, episode.bed or episode.subject, episode.rule


def _stretch(episode: Episode) -> tuple[int, int]:
    return episode.onset, _EVER if episode.ended is None else episode.ended
