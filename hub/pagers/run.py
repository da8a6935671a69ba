"""Run the paging, or wait idly where no pagers file is named."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from chassis.clock import SystemClock
from chassis.settings import read_text
from hub.pagers.channels import channels_of
from hub.pagers.service import PagerService
from hub.settings import METRICS_PORTS, HubSettings
from rules.rotas import Plan, read_pagers, warnings

log = logging.getLogger(__name__)


async def run_pagers(settings: HubSettings, folder: Path, stop: asyncio.Event) -> None:
    """Page people until `stop`. Raises UsageError or DocumentError when the pagers file cannot be used."""
    plan = read_plan(settings, folder)
    if plan is None:
        log.info("no pagers file is named in the settings; nobody is paged")
        await stop.wait()
        return
    for sentence in warnings(plan, [ward.id for ward in settings.wards]):
        log.warning("pagers: %s", sentence)
    settings.broker.login(folder)  # a secret that cannot be read is said now, not in a retry loop
    service = PagerService(settings, plan, folder)
    with _metrics(service, settings, folder):
        await service.run(stop)


def _metrics(service: PagerService, settings: HubSettings, folder: Path) -> AbstractContextManager[None]:
    if settings.metrics is None:
        return nullcontext()
    from chassis.metrics import metrics_page  # slow to import, and needed only here
    from hub.pagers.metrics import PagingMetrics

    counting = PagingMetrics(folder / settings.pagers.path, lambda: service.failing, lambda: service.connected)
    return metrics_page(settings.metrics, counting, part=METRICS_PORTS["pagers"])


def check_pagers(settings: HubSettings, folder: Path) -> list[str]:
    """What may surprise in the pagers file. Raises UsageError or DocumentError when it, or a secret, cannot be used."""
    plan = read_plan(settings, folder)
    if plan is None:
        return []
    for recipient in plan.recipients.values():
        for make in channels_of(recipient, folder, settings.hub, SystemClock().wall_ms):
            make()
    return warnings(plan, [ward.id for ward in settings.wards])


def read_plan(settings: HubSettings, folder: Path) -> Plan | None:
    """The plan of the pagers file, None where none is named. Raises UsageError or DocumentError."""
    if settings.pagers.file is None:
        return None
    path = folder / settings.pagers.file
    return read_pagers(read_text(path), str(path))
