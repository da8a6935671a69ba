"""Paths into a message, `a.b[0].c`: read once in the settings, followed in every message."""

from __future__ import annotations

import functools
import re

WHOLE = "$"  # the message itself, where it is one bare number
ABSENT = object()

Path = tuple[str | int, ...]

_STEP = re.compile(r"([^.\[\]]+)((?:\[\d{1,4}\])*)")


@functools.lru_cache(maxsize=4_096)
def parse_path(text: str) -> Path:
    """The steps of a path. Raises ValueError saying what was expected."""
    if text == WHOLE:
        return ()
    steps: list[str | int] = []
    for part in text.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            raise ValueError(f"{text!r} is not a path; write it such as heart_rate, vitals.hr or samples[0].value")
        steps.append(match[1])
        steps += [int(index) for index in re.findall(r"\d+", match[2])]
    return tuple(steps)


def follow(message: object, path: Path) -> object:
    """What stands at `path`, or ABSENT."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(message, dict) or step not in message:
                return ABSENT
            message = message[step]
        else:
            if not isinstance(message, list) or step >= len(message):
                return ABSENT
            message = message[step]
    return message
