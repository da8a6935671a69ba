"""The speaker: tells the hub over the broker how the copies are doing, so that it raises the alarm for those that fail.

The copies need no broker; without one they go on and nobody is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from chassis.clock import SystemClock
from chassis.session import Session, Will
from chassis.tasks import supervise
from hub.projections.copier import Copier
from hub.settings import HubSettings
from vitals import topics
from vitals.codec import encode
from vitals.projections import ProjectionFault, ProjectionsStatus

STATUS_S = 5.0
LOOK_S = 0.5


class Speaker:
    """Says each 5 s and at each change of a fault what the hub must know."""

    def __init__(self, settings: HubSettings, folder: Path, copiers: Sequence[Copier]) -> None:
        self._hub = settings.hub
        self._copiers = copiers
        self._clock = SystemClock()
        self._told: list[ProjectionFault] | None = None
        self._topic = topics.projections_status(settings.hub)
        self._session = Session(
            settings.broker,
            folder,
            client_id=f"{settings.hub[:20]}-projections",
            subscriptions=(),
            on_message=lambda *_: None,
            on_connect=self._say,
            will=Will(self._topic, encode(ProjectionsStatus(hub=settings.hub, online=False))),
        )

    async def run(self) -> None:
        """Speak for ever; cancelled, say goodbye."""
        session = asyncio.create_task(supervise("projection session", self._session.run), name="projection session")
        looks = round(STATUS_S / LOOK_S)
        try:
            while True:
                for look in range(looks):
                    if look == 0 or self._faults() != self._told:
                        self._say()
                    await asyncio.sleep(LOOK_S)
        finally:
            if self._session.connected:
                self._say(online=False)
                await asyncio.sleep(0.1)
            session.cancel()
            await asyncio.gather(session, return_exceptions=True)

    def _say(self, *, online: bool = True) -> None:
        faults = self._faults()
        status = ProjectionsStatus(
            hub=self._hub,
            online=online,
            time=self._clock.wall_ms(),
            sinks=[copier.name for copier in self._copiers],
            faults=faults,
        )
        if self._session.publish(self._topic, encode(status), retain=True):
            self._told = faults

    def _faults(self) -> list[ProjectionFault]:
        now = self._clock.wall_ms()
        return [fault for copier in self._copiers if (fault := copier.fault(now)) is not None]
