"""The paging: alarm events from the journal become pages to people, until one of them answers."""

from hub.pagers.run import run_pagers

__all__ = ["run_pagers"]
