"""Logging set up once per process: one line per event on standard error, for a person at 3 a.m."""

from __future__ import annotations

import logging
import sys


def set_up(level: str = "INFO") -> None:
    """Send log lines to standard error; the journal of the host adds the time zone."""
    logging.basicConfig(
        level=level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    for noisy in ("gmqtt", "amqtt", "transitions", "asyncio", "uvicorn.access", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
