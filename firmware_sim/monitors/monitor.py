"""What every simulated monitor is: bytes over simulated time, and how one is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from firmware_sim.clock import Clock
from firmware_sim.signs import Source


class Monitor(Protocol):
    """A monitor on a patient. It has no clock: whoever plays it says what time it is."""

    name: str
    title: str

    def step(self, t_ms: int) -> bytes:
        """Everything it sends from the last step until `t_ms`; the bytes do not depend on how time is sliced."""

    def receive(self, data: bytes) -> None:
        """Bytes the host wrote to it; the answer comes with the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What tells two monitors of one kind apart."""

    seed: int = 0
    device: str | None = None  # the name it gives itself, where its protocol has one
    boot_noise: bool = False  # what a board prints before its program runs
    clock: Clock = field(default_factory=Clock)  # the monitor's own
    udp_port: int | None = None  # it stands on a network, where it is heard at this port


class Datagrams(Protocol):
    """How a conversation of serial frames is carried over UDP."""

    def cut(self, data: bytes) -> list[tuple[bytes, bool]]:
        """The datagrams in what a monitor sends, and whether each is an announcement to all."""

    def wrap(self, datagram: bytes) -> bytes:
        """What a monitor hears of a datagram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorKind:
    """One entry of the registry."""

    name: str
    title: str
    baud: int
    make: Callable[[Source, Options], Monitor]
    aliases: tuple[str, ...] = ()
    boots: bool = False  # knows the option boot_noise
    datagrams: Callable[[], Datagrams] | None = None  # of a monitor that also stands on networks
