"""`wardline replay`: be a monitor that repeats a recording."""

from __future__ import annotations

import argparse
from pathlib import Path

from firmware_sim.plan import PlayedRecording
from firmware_sim.recording import shipped_recordings
from vitals.durations import Duration
from vitals.errors import UsageError
from wardline.commands.sim import add_output, checked_speed, send, station_monitor

LONGEST_S = 1e10  # three centuries


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE.csv",
        help=f"the recording, or the name of a shipped one: {', '.join(shipped_recordings())}",
    )
    add_output(parser)
    parser.add_argument("--monitor", default="json-line", help="the kind of monitor that sends it (json-line)")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="60: a recorded minute each second; lines keep their rate"
    )
    parser.add_argument("--from", dest="start_s", type=float, default=0.0, metavar="S", help="begin so far into it")
    parser.add_argument("--loop", action="store_true", help="begin again at the end; without it the replay ends there")
    parser.add_argument("--seed", type=int, default=0, help="the noise; same seed, same bytes")


def run(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.start_s < LONGEST_S:
        raise UsageError(f"--from is a number of seconds from 0 on, not {arguments.start_s:g}")
    if not (arguments.pty or arguments.stdout or arguments.tcp is not None):
        arguments.stdout = True
    path = Path(arguments.file)
    shipped = arguments.file if not path.exists() and arguments.file in shipped_recordings() else None
    recording = PlayedRecording(
        name=shipped,
        file=None if shipped else path,
        speed=checked_speed(arguments.speed),
        start=Duration(round(arguments.start_s * 1_000)),
        repeat=arguments.loop,
    )
    item = station_monitor(
        link="replay", monitor=arguments.monitor, seed=arguments.seed, recording=recording, noise=arguments.noise
    )
    left_ms = None if arguments.loop else int(recording.player(Path()).left_ms / arguments.speed)
    send(arguments, [item], left_ms)
    return 0
