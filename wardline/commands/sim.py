"""`wardline sim`: be a bedside monitor on a pty, a TCP port or standard output."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from chassis.tasks import stop_on_signals
from firmware_sim.episode import shipped_episodes
from firmware_sim.monitors.monitor import Datagrams
from firmware_sim.monitors.registry import KINDS, find_kind
from firmware_sim.output import Plugged, run_on_ptys, run_on_stream, run_on_tcp, run_on_udp
from firmware_sim.plan import MAX_SPEED, HeldValues, PlayedRecording, StartedEpisode, StationMonitor, read_plan
from firmware_sim.playback import Outlet
from firmware_sim.recording import shipped_recordings
from firmware_sim.station import run_station
from vitals.durations import Duration
from vitals.errors import UsageError

_SHORT_NAMES = {"pr": "hr", "sys": "nibp_sys", "dia": "nibp_dia", "temp_c": "temp"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("monitor", nargs="?", metavar="MONITOR", help="kind of monitor; --list shows all")
    add_output(parser)
    parser.add_argument("--seed", type=int, default=0, help="the patient and the noise; same seed, same bytes")
    parser.add_argument(
        "--episode", action="append", default=[], metavar="NAME[@START_S]", help="what happens to the patient, and when"
    )
    parser.add_argument("--set", dest="held", metavar="hr=185,spo2=92", help="numbers the patient stays at")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="a recorded patient instead; begins again at its end")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="how fast the patient lives; the monitor keeps its rate"
    )
    parser.add_argument("--count", type=int, default=1, metavar="N", help="many monitors, with the seeds that follow")
    parser.add_argument("--device", help="the name it gives itself, where its protocol has one")
    parser.add_argument("--boot-noise", action="store_true", help="begin with what a board prints while it boots")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="run the monitors of a plan on ptys in --folder")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the links of a plan go")
    parser.add_argument("--list", action="store_true", help="show monitors, episodes and recordings")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Where the bytes go: what `sim` and `replay` share."""
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--pty", action="store_true", help="a pseudo-terminal; its path is printed")
    output.add_argument("--tcp", type=int, metavar="PORT", help="a TCP server on 127.0.0.1 (0: a free port)")
    output.add_argument("--udp", type=int, metavar="PORT", help="UDP on 127.0.0.1 (0: a free port; intellivue only)")
    output.add_argument("--stdout", action="store_true", help="standard output; with --seconds as fast as possible")
    parser.add_argument("--link", type=Path, metavar="PATH", help="with --pty: a symbolic link that keeps its name")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after so many seconds of the monitor")
    parser.add_argument(
        "--noise",
        default="0",
        metavar="NOISE",
        help="share of bytes the line spoils (0.001: the mix), or what exactly: "
        "loss=0.01,flips=0.001,strays=0.001,bursts=0.001,silence=0.0001,garbage=37,skip=50,one-byte",
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        _print_list(as_json=arguments.json)
        return 0
    if arguments.plan is not None:
        return _run_plan(arguments)
    if arguments.monitor is None:
        raise UsageError("name a monitor, such as nonin-df2; wardline sim --list shows all")
    if not 1 <= arguments.count <= 1_000:
        raise UsageError(f"--count is from 1 to 1000, not {arguments.count}")
    send(arguments, [_monitor(arguments, index) for index in range(arguments.count)])
    return 0


def send(arguments: argparse.Namespace, items: Sequence[StationMonitor], end_ms: int | None = None) -> None:
    """Run monitors where `arguments` say, until `end_ms` or --seconds, whichever is less."""
    end_ms = _end(arguments.seconds, end_ms)
    if arguments.link is not None and not arguments.pty:
        raise UsageError("--link names a pty; add --pty")
    if arguments.udp is not None:
        asyncio.run(_on_udp(items, _port("--udp", arguments.udp, len(items)), end_ms))
        return
    plugged: list[Plugged] = [(item.build(Path()), item.cable()) for item in items]
    if arguments.stdout:
        if len(plugged) > 1:
            raise UsageError("standard output carries one monitor; use --pty or --tcp with --count")
        run_on_stream(plugged[0], sys.stdout.buffer, end_ms)
    elif arguments.pty:
        links = [_link(arguments.link, index, len(items)) for index in range(len(items))]
        asyncio.run(_on_ptys(plugged, links, items, end_ms))
    elif arguments.tcp is not None:
        asyncio.run(_on_tcp(plugged, _port("--tcp", arguments.tcp, len(items)), items, end_ms))
    else:
        raise UsageError("say where the bytes go: --pty, --tcp PORT or --stdout")


def _port(word: str, port: int, count: int) -> int:
    """The first of `count` ports, or 0. Raises UsageError."""
    if port and not 1_024 <= port <= 65_536 - count:
        raise UsageError(f"{word} {port} is no port; use 1024 to 65535, or 0 for a free one")
    return port


def station_monitor(**fields: object) -> StationMonitor:
    """A monitor made from the command line. Raises UsageError where a plan would be a DocumentError."""
    try:
        return StationMonitor(**fields)  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(str(error)) from error


def checked_speed(speed: float) -> float:
    """The speed if it is one."""
    if not 0 < speed <= MAX_SPEED:
        raise UsageError(f"--speed is above 0 and at most {MAX_SPEED}, not {speed:g}")
    return speed


def _monitor(arguments: argparse.Namespace, index: int) -> StationMonitor:
    recording = None
    if arguments.csv is not None:
        recording = PlayedRecording(file=arguments.csv, speed=checked_speed(arguments.speed))
    return station_monitor(
        link=f"sim-{index + 1}",
        monitor=arguments.monitor,
        seed=arguments.seed + index,
        device=arguments.device,
        held=_held(arguments.held),
        episodes=tuple(_episode(text) for text in arguments.episode),
        recording=recording,
        speed=checked_speed(arguments.speed),
        noise=arguments.noise,
        boot_noise=arguments.boot_noise,
    )


def _held(text: str | None) -> HeldValues:
    """`hr=185,spo2=92` as values."""
    values: dict[str, float] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        name, _, number = (word.strip() for word in part.partition("="))
        name = _SHORT_NAMES.get(name, name)
        if name not in HeldValues.__struct_fields__:
            raise UsageError(f"--set knows {', '.join(HeldValues.__struct_fields__)}, not {name!r}")
        try:
            values[name] = float(number)
        except ValueError as error:
            raise UsageError(f"--set {part.strip()}: expected a number, as in hr=185") from error
    try:
        return HeldValues(**values)
    except ValueError as error:
        raise UsageError(f"--set: {error}") from error


def _episode(text: str) -> StartedEpisode:
    """`desaturation@20` as an episode and its start."""
    name, at, start = text.partition("@")
    try:
        return StartedEpisode(episode=name, start=Duration.parse(f"{start or 0}s") if at else Duration(0))
    except ValueError as error:
        raise UsageError(f"--episode {text}: {error}") from error


def _end(seconds: float | None, end_ms: int | None) -> int | None:
    if seconds is None:
        return end_ms
    if not 0 < seconds <= 10_000_000:
        raise UsageError(f"--seconds is above 0, not {seconds:g}")
    asked_ms = round(seconds * 1_000)
    return asked_ms if end_ms is None else min(asked_ms, end_ms)


def _link(link: Path | None, index: int, count: int) -> Path | None:
    if link is None or count == 1:
        return link
    return link.with_name(f"{link.name}-{index + 1}")


async def _on_ptys(
    plugged: Sequence[Plugged], links: Sequence[Path | None], items: Sequence[StationMonitor], end_ms: int | None
) -> None:
    await run_on_ptys(plugged, links, lambda outlets: _announce(outlets, items), stop_on_signals(), end_ms)


async def _on_tcp(plugged: Sequence[Plugged], port: int, items: Sequence[StationMonitor], end_ms: int | None) -> None:
    await run_on_tcp(plugged, port, lambda outlets: _announce(outlets, items), stop_on_signals(), end_ms)


async def _on_udp(items: Sequence[StationMonitor], port: int, end_ms: int | None) -> None:
    await run_on_udp(
        [_on_network(item) for item in items],
        port,
        lambda outlets: _announce(outlets, items),
        stop_on_signals(),
        end_ms,
    )


def _on_network(item: StationMonitor) -> tuple[Callable[[int], Plugged], Datagrams]:
    """How to make a monitor for the UDP port it gets. Raises UsageError for one that has no network."""
    kind = find_kind(item.monitor)
    if kind.datagrams is None:
        known = ", ".join(kind.name for kind in KINDS if kind.datagrams is not None)
        raise UsageError(f"{kind.name} does not speak UDP; use --pty or --tcp PORT, or choose {known}")
    return lambda port: (item.build(Path(), udp_port=port), item.cable()), kind.datagrams()


def _run_plan(arguments: argparse.Namespace) -> int:
    """Many monitors in one process, as a plan says."""
    if arguments.folder is None:
        raise UsageError("say with --folder DIR where the links of the plan go")
    if arguments.monitor is not None:
        raise UsageError("give either a monitor or --plan FILE, not both")
    asyncio.run(_on_plan(arguments, read_plan(arguments.plan)))
    return 0


async def _on_plan(arguments: argparse.Namespace, items: Sequence[StationMonitor]) -> None:
    await run_station(
        items,
        arguments.folder,
        stop_on_signals(),
        files=arguments.plan.parent,
        end_ms=_end(arguments.seconds, None),
        ready=lambda outlets: _announce(outlets, items),
    )


def _announce(outlets: Sequence[Outlet], items: Sequence[StationMonitor]) -> None:
    """One address alone on its line, for scripts; several as a table."""
    if len(outlets) == 1:
        print(outlets[0].line.address, flush=True)
        return
    width = max(len(outlet.line.address) for outlet in outlets)
    name_width = max(len(outlet.monitor.name) for outlet in outlets)
    for outlet, item in zip(outlets, items, strict=True):
        print(f"{outlet.line.address:<{width}}  {outlet.monitor.name:<{name_width}}  seed {item.seed}", flush=True)


def _print_list(*, as_json: bool) -> None:
    episodes = shipped_episodes()
    if as_json:
        listing = {
            "monitors": [{"name": k.name, "title": k.title, "aliases": k.aliases, "baud": k.baud} for k in KINDS],
            "episodes": [{"id": e.id, "title": e.title, "seconds": e.length_ms / 1_000} for e in episodes.values()],
            "recordings": shipped_recordings(),
        }
        print(json.dumps(listing, ensure_ascii=False))
        return
    print("Monitors")
    for kind in KINDS:
        also = f" (also: {', '.join(kind.aliases)})" if kind.aliases else ""
        print(f"  {kind.name:<26} {kind.title}, {kind.baud} baud{also}")
    print("Episodes")
    for episode in episodes.values():
        print(f"  {episode.id:<26} {episode.title}")
    print("Recordings")
    for name in shipped_recordings():
        print(f"  {name}")
