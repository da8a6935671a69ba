"""Logging set up once per process: one line per event on standard error, for a person at 3 a.m."""

from __future__ import annotations

import logging
import sys
from pathlib import Path


def set_up(level: str = "INFO", file: Path | None = None) -> None:
    """Send log lines to standard error, or to `file`."""
    logging.basicConfig(
        level=level,
        handlers=[logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, encoding="utf-8")],
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    for noisy in ("gmqtt", "amqtt", "transitions", "asyncio", "uvicorn.access", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
