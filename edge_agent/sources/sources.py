"""Which source serves a device: chosen by its settings, all of them ending in the recorder."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from chassis.clock import Clock
from edge_agent.drivers import registry
from edge_agent.drivers.driver import Driver
from edge_agent.link import LinkState
from edge_agent.recorder import Recorder
from edge_agent.settings import CSV_DRIVER, DeviceSettings
from edge_agent.sources.replay import ReplaySource
from edge_agent.sources.serial import SerialSource
from edge_agent.sources.tcp_client import TcpClientSource
from edge_agent.sources.udp import UdpSource
from vitals.readings import Observation

BITS_PER_BYTE = 10  # with start and stop bit


class Source(Protocol):
    """A way to one device."""

    async def run(self) -> None:
        """Serve for ever."""


def build_source(device: DeviceSettings, folder: Path, link: LinkState, clock: Clock, recorder: Recorder) -> Source:
    """The source of a device whose settings are checked; paths are relative to `folder`."""

    def observed(observation: Observation, steady: int) -> None:
        recorder.observe(device.id, observation, steady)

    def build() -> Driver:
        return registry.build(device.driver, device.options)

    if device.serial is not None:
        line = device.serial.line(registry.find(device.driver).line)
        return SerialSource(device.serial.path, line, build, link, clock, observed)
    if device.tcp_client is not None:
        return TcpClientSource(device.tcp_client.host, device.tcp_client.port, build, link, clock, observed)
    if device.udp is not None:
        return UdpSource(device.udp.host, device.udp.port, device.udp.local_port, build, link, clock, observed)
    assert device.replay is not None
    replay, raw = device.replay, device.driver != CSV_DRIVER
    rate = replay.bytes_per_s or (registry.find(device.driver).line.baud / BITS_PER_BYTE if raw else 1)
    return ReplaySource(
        folder / replay.file,
        replay.speed,
        link,
        clock,
        observed,
        loop=replay.loop,
        build=build if raw else None,
        bytes_per_s=rate,
    )
