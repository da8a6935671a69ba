"""Listening at a serial port: its settings are tried one after the other until a driver makes sense of what arrives."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import serial
from serial.tools import list_ports

from edge_agent.detection import Candidate, Detection, Verdict, candidates, families
from edge_agent.drivers.driver import DriverPlugin, SerialLine
from edge_agent.sources.serial import open_port
from vitals.errors import LinkError

BY_ID = Path("/dev/serial/by-id")
SLICE_S = 0.1
READ_BYTES = 4096
# A device that seems to be understood gets this many times as long to say it twice: some speak each five seconds.
PATIENCE = 3

Found = Literal["recognised", "unknown", "silent", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What stands at a port."""

    port: str
    found: Found
    text: str  # one sentence, for people
    driver: str | None = None
    options: Mapping[str, str] | None = None
    line: SerialLine | None = None
    good: int = 0
    bad: int = 0
    heard_bytes: int = 0
    says: tuple[str, ...] = ()
    in_use: bool = False


def ports(folder: Path = BY_ID) -> list[str]:
    """The serial ports of this machine, each once, by the name that survives replugging if it has one."""
    stable: dict[str, str] = {}
    if folder.is_dir():
        stable = {os.path.realpath(path): str(path) for path in sorted(folder.iterdir())}
    found = {os.path.realpath(port.device) for port in list_ports.comports()}
    return sorted(stable.get(path, path) for path in found | stable.keys())


def listen(port: str, plugins: Sequence[DriverPlugin], *, seconds: float, talk: bool) -> Report:
    """Try all settings, and with `talk` each driver that has something to say; the first that is understood ends it."""
    heard_bytes = 0
    for line, family in families(plugins).items():
        try:
            report = _listen_with(port, line, candidates(family), seconds)
        except LinkError as exc:
            return Report(port=port, found="closed", text=f"{exc}.", in_use="in use by" in str(exc))
        if report.found == "recognised":
            return report
        heard_bytes += report.heard_bytes
    for plugin in plugins if talk and not heard_bytes else ():
        for line in (plugin.line, *plugin.other_lines):
            with contextlib.suppress(LinkError):
                report = _talk_with(port, line, plugin, seconds)
                if report.found == "recognised":
                    return report
                heard_bytes += report.heard_bytes
    return _nothing(port, heard_bytes, talk=talk)


def _nothing(port: str, heard_bytes: int, *, talk: bool) -> Report:
    if heard_bytes:
        text = (
            f"{heard_bytes} bytes that no driver understands; check speed and parity, and the device's output format."
        )
        return Report(port=port, found="unknown", text=text, heard_bytes=heard_bytes)
    hint = (
        "check power, cable and the device's port settings" if talk else "a device that waits to be asked needs --talk"
    )
    return Report(port=port, found="silent", text=f"nothing arrives; {hint}.")


def _listen_with(port: str, line: SerialLine, among: list[Candidate], seconds: float) -> Report:
    detection = Detection(among)

    def take(data: bytes, now: int) -> bytes:
        detection.feed(data, now)
        return b""

    with closing(open_port(port, line)) as opened:
        best = _until_understood(opened, take, detection, seconds)
    return _report(port, line, best, detection.bytes)


def _talk_with(port: str, line: SerialLine, plugin: DriverPlugin, seconds: float) -> Report:
    """Let one driver hold its conversation, as a gateway would."""
    if not plugin.build(plugin.options()).start(0):
        return Report(port=port, found="silent", text="")
    driver = plugin.build(plugin.options())
    detection = Detection([Candidate(plugin=plugin, options=plugin.options())])
    with closing(open_port(port, line)) as opened:

        def take(data: bytes, now: int) -> bytes:
            detection.feed(data, now)
            return driver.feed(data, now).send + driver.tick(now) if data else driver.tick(now)

        _write(opened, driver.start(_now()))
        best = _until_understood(opened, take, detection, seconds)
        _write(opened, driver.finish(_now()).send)
    return _report(port, line, best, detection.bytes)


def _until_understood(
    port: serial.Serial, take: Callable[[bytes, int], bytes], detection: Detection, seconds: float
) -> Verdict | None:
    """Read until the time is over. A device that says something is heard out for longer."""
    begun = time.monotonic()
    while True:
        spent = time.monotonic() - begun
        best = next(iter(detection.verdicts()), None)
        if spent >= seconds and (spent >= PATIENCE * seconds or best is None or best.recognised or not best.promising):
            return best
        ready, _, _ = select.select([port], [], [], SLICE_S)
        data = b""
        if ready:
            try:
                data = os.read(port.fileno(), READ_BYTES)
            except OSError:  # unplugged while we listened
                return best
            if not data:
                return best
        _write(port, take(data, _now()))


def _report(port: str, line: SerialLine, best: Verdict | None, heard_bytes: int) -> Report:
    if best is None or not best.recognised:
        return Report(port=port, found="unknown" if heard_bytes else "silent", text="", heard_bytes=heard_bytes)
    plugin = best.candidate.plugin
    chosen = dict(best.candidate.chosen)
    with_options = "".join(f" with {name}: {value}" for name, value in chosen.items())
    says = f"; it tells {', '.join(best.says)}" if best.says else ""
    frames = f"{best.good} good and {best.bad} bad frames"
    text = f"{plugin.name}{with_options} ({plugin.title}) at {spelled(line)}: {frames}{says}."
    return Report(
        port=port,
        found="recognised",
        text=text,
        driver=plugin.name,
        options=chosen,
        line=line,
        good=best.good,
        bad=best.bad,
        heard_bytes=heard_bytes,
        says=best.says,
    )


def spelled(line: SerialLine) -> str:
    """The settings of a line as they are written on devices: 9600 8N1."""
    return f"{line.baud} {line.bits}{line.parity}{line.stop}"


def _write(port: serial.Serial, data: bytes) -> None:
    with contextlib.suppress(OSError):  # a line that takes no bytes is heard anyway
        if data:
            os.write(port.fileno(), data)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
