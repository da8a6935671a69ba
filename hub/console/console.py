"""The parts of a running console, as the routes see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from chassis.clock import Clock
from hub.adt.details import PatientFile
from hub.console.archive import Archive
from hub.console.chains import Chains
from hub.console.commands import Commands
from hub.console.people.people import People
from hub.console.streams import Streams
from hub.console.wards import Wards
from hub.console.waves import WaveRelay
from hub.pagers.book import PageBook
from hub.settings import NamesShown


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What a request may use."""

    wards: Wards
    streams: Streams
    waves: WaveRelay
    commands: Commands
    archive: Archive
    chains: Chains
    pages: PageBook
    people: People
    patients: PatientFile
    names: NamesShown  # how much of a patient's name a list or a board shows
    clock: Clock
    version: str
    connected: Callable[[], bool]  # to the broker

    def now(self) -> int:
        """Milliseconds that never step; what ages are counted by."""
        return self.clock.steady_ms()


def _console_of(connection: HTTPConnection) -> Console:
    console: Console = connection.app.state.console
    return console


Here = Annotated[Console, Depends(_console_of)]
