"""Topic names: built here, read back here, nowhere else."""

from __future__ import annotations

PREFIX = "wardline/v1"

UP_CHANNELS = ("vitals", "backfill", "wave", "hello", "status", "bedside")


def up(gateway: str, channel: str) -> str:
    """Edge to hub: one of UP_CHANNELS."""
    return f"{PREFIX}/up/{gateway}/{channel}"


def receipt(gateway: str) -> str:
    """Hub to edge: what is committed."""
    return f"{PREFIX}/down/{gateway}/receipt"


def bundle(gateway: str) -> str:
    """Hub to edge, retained: the signed rules and limits of the gateway's beds."""
    return f"{PREFIX}/down/{gateway}/settings"


def drill(gateway: str) -> str:
    """Hub to edge: send a TEST record through the real path."""
    return f"{PREFIX}/down/{gateway}/drill"


def live(ward: str) -> str:
    """Hub to displays: the ward each second."""
    return f"{PREFIX}/ward/{ward}/live"


def event(ward: str) -> str:
    """Hub to pagers: every transition."""
    return f"{PREFIX}/ward/{ward}/event"


def alarm(ward: str, bed: str, rule: str) -> str:
    """Hub to pagers and displays: the retained state of one alarm."""
    return f"{PREFIX}/ward/{ward}/{bed}/alarm/{rule}"


def equipment_alarm(hub: str, subject: str, rule: str) -> str:
    """Hub to pagers and displays: the retained state of an alarm of equipment that stands at no bed."""
    return f"{PREFIX}/hub/{hub}/alarm/{subject}/{rule}"


def hub_event(hub: str) -> str:
    """Hub to pagers: transitions of alarms that concern no single ward."""
    return f"{PREFIX}/hub/{hub}/event"


def late(ward: str) -> str:
    """Hub to displays: one summary of the alarms found in late data."""
    return f"{PREFIX}/ward/{ward}/late"


def page(recipient: str) -> str:
    """Pager service to one recipient: a page."""
    return f"{PREFIX}/page/{recipient}"


def page_received(recipient: str) -> str:
    """A recipient's device to the pager service: the page has arrived."""
    return f"{PREFIX}/page/{recipient}/received"


def pagers_status(hub: str) -> str:
    """Pager service to hub and displays, retained, last will: how the paging is doing."""
    return f"{PREFIX}/hub/{hub}/pagers"


def projections_status(hub: str) -> str:
    """Projections to hub and displays, retained, last will: which copies of the journal need a person."""
    return f"{PREFIX}/hub/{hub}/projections"


def command(client: str, action: str) -> str:
    """People and pagers to hub."""
    return f"{PREFIX}/command/{client}/{action}"


def result(client: str, action: str) -> str:
    """Hub to people and pagers."""
    return f"{PREFIX}/result/{client}/{action}"


def hub_status(hub: str) -> str:
    """Hub to all, retained, last will."""
    return f"{PREFIX}/hub/{hub}/status"


def heartbeat(hub: str) -> str:
    """Hub to all, each 5 s."""
    return f"{PREFIX}/hub/{hub}/heartbeat"


ALL_UP = f"{PREFIX}/up/+/+"
ALL_GATEWAY_STATUS = f"{PREFIX}/up/+/status"
ALL_COMMANDS = f"{PREFIX}/command/+/+"
ALL_LIVE = f"{PREFIX}/ward/+/live"
ALL_EVENTS = f"{PREFIX}/ward/+/event"
ALL_ALARMS = f"{PREFIX}/ward/+/+/alarm/+"
ALL_PAGES_RECEIVED = f"{PREFIX}/page/+/received"
ALL_HUBS = f"{PREFIX}/hub/+/+"

_UP_HEAD = f"{PREFIX}/up/"


def parse_up(topic: str) -> tuple[str, str] | None:
    """(gateway, channel) of an `up` topic, or None if it is not one."""
    if not topic.startswith(_UP_HEAD):
        return None
    gateway, slash, channel = topic[len(_UP_HEAD) :].partition("/")
    return (gateway, channel) if gateway and slash and channel in UP_CHANNELS else None


def split(topic: str) -> list[str] | None:
    """The levels after the prefix, or None for a foreign topic."""
    return topic[len(PREFIX) + 1 :].split("/") if topic.startswith(f"{PREFIX}/") else None
