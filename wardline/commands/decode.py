"""`wardline decode`: raw bytes of a monitor in, one JSON object per observation out, and a count of the frames."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from edge_agent.drivers.driver import Heard
from edge_agent.drivers.registry import build, names
from vitals.errors import DocumentError, UsageError, WireError
from vitals.readings import Observation
from vitals.waves import sift_frames
from vitals.yamldoc import load
from wardline.wave_lines import document

WAVE = "wave"  # in the place of a driver: frames as gateways send them
PIECE = 65_536  # bytes read at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "driver", metavar="DRIVER", help=f"one of: {', '.join(names())}; or {WAVE}: frames of up/<gateway>/wave"
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="raw bytes; standard input if left out")
    parser.add_argument("--json", action="store_true", help="print the final count as JSON too")
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an option of the driver, written as in settings: format=df7, columns=[hr, spo2]; may be repeated",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="the input is a line that was opened just now: drop what a gateway would drop after opening it",
    )


def run(arguments: argparse.Namespace) -> int:
    """Decode until the input ends. Observations go to standard output, the count to standard error."""
    if arguments.driver == WAVE:
        return _wave_frames(arguments)
    driver = build(arguments.driver, _options(arguments.option))
    tally = _Tally()
    with _opened(arguments.file) as file:
        if arguments.live:
            driver.start(_now())
        try:
            for data in _pieces(file, arguments.file):
                _print(tally.add(driver.feed(data, _now())))
            _print(tally.add(driver.finish(_now())))
        finally:  # also when the reader of our output has gone or somebody presses Ctrl-C
            print(tally.as_json() if arguments.json else tally, file=sys.stderr)
    return 0


def _wave_frames(arguments: argparse.Namespace) -> int:
    """A payload of `up/<gateway>/wave`, as a broker or a capture has it: one JSON object per frame."""
    with _opened(arguments.file) as file:
        payload = b"".join(_pieces(file, arguments.file))
    try:
        frames, bad = sift_frames(payload)
    except WireError as error:
        raise UsageError(f"{arguments.file} holds no wave frames: {error.reason}") from error
    for frame in frames:
        sys.stdout.buffer.write(msgspec.json.encode(document(frame)) + b"\n")
    sys.stdout.buffer.flush()
    count = {"good": len(frames), "bad": len(bad), "reasons": dict(Counter(one.reason for one in bad))}
    text = f"frames: {len(frames)} good, {len(bad)} bad" + "".join(f"; {reason}" for reason in count["reasons"])  # type: ignore[attr-defined]
    print(msgspec.json.encode(count).decode() if arguments.json else text, file=sys.stderr)
    return 1 if bad else 0


class _Tally:
    """How many frames were good and how many were bad, and why."""

    def __init__(self) -> None:
        self.good = 0
        self.reasons: Counter[str] = Counter()

    def add(self, heard: Heard) -> tuple[Observation, ...]:
        self.good += heard.good
        self.reasons.update(bad.reason for bad in heard.bad)
        return heard.observations

    def as_json(self) -> str:
        count = {"good": self.good, "bad": self.reasons.total(), "reasons": dict(sorted(self.reasons.items()))}
        return msgspec.json.encode(count).decode()

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
        return f"frames: {self.good} good, {self.reasons.total()} bad" + (f" ({reasons})" if reasons else "")


def _print(observations: tuple[Observation, ...]) -> None:
    if not observations:
        return
    lines = [msgspec.json.encode(_document(observation)) for observation in observations]
    sys.stdout.buffer.write(b"\n".join(lines) + b"\n")
    sys.stdout.buffer.flush()


def _document(observation: Observation) -> dict[str, object]:
    return {
        "values": observation.values,
        "missing": observation.missing,
        "flags": sorted(observation.flags),
        "waves": {name: wave.samples for name, wave in observation.waves.items()},
    }


def _options(words: list[str]) -> dict[str, object]:
    options: dict[str, object] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not key or not equals:
            raise UsageError(f"--option {word!r}: expected KEY=VALUE such as format=df7")
        try:
            options[key] = load(text, "option").data if text else ""
        except DocumentError as exc:
            raise UsageError(f"--option {word!r}: {exc.problems[0].text}") from exc
    return options


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115  (closed by the `with` below)
    except OSError as exc:
        raise UsageError(f"cannot read {name}: {exc.strerror}") from exc
    with file:
        yield file


def _pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    """What there is, as soon as it is there."""
    read = getattr(file, "read1", file.read)
    while True:
        try:
            data: bytes = read(PIECE)
        except OSError as exc:
            raise UsageError(f"cannot read {name}: {exc.strerror}") from exc
        if not data:
            return
        yield data


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
