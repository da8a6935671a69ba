"""The broker of the demo: mosquitto as a child process where there is one, amqtt in this process otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Literal, Protocol

from vitals.errors import LinkError, UsageError
from wardline.credentials import ACL_FILE, PASSWORD_FILE
from wardline.embedded import EmbeddedBroker
from wardline.processes import Child, Say

Choice = Literal["auto", "mosquitto", "embedded"]

CONFIG_FILE = Path("broker/mosquitto.conf")
START_TIMEOUT_S = 5.0
RESTART_LAST_S = 1.5
SBIN = ("/usr/sbin", "/usr/local/sbin")  # Debian puts mosquitto where a user's PATH does not look

# The receipts carry the guarantee; the broker is only kept bounded, private and quick.
_CONFIG = """\
# Written by wardline at each start.
per_listener_settings false
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/{passwords}
acl_file {folder}/{acl}
{user}persistence false
max_queued_messages 20000
max_queued_bytes 67108864
max_inflight_messages 200
max_packet_size 262144
max_keepalive 120
max_connections 200
retain_available true
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""


class RunningBroker(Protocol):
    """What the demo needs of either broker."""

    async def stop(self) -> None:
        """End it."""


class MosquittoBroker:
    """A mosquitto of our own, watched and started again when it dies."""

    def __init__(self, binary: str, folder: Path, port: int, log: Path, say: Say) -> None:
        self._port = port
        path = folder / CONFIG_FILE
        path.write_text(mosquitto_config(folder, port), encoding="utf-8")
        self.child = Child("broker", [binary, "-c", str(path)], log, say, last_s=RESTART_LAST_S)

    async def start(self) -> None:
        """Start it and wait until it takes connections. Raises LinkError."""
        await self.child.start()
        try:
            await asyncio.wait_for(_until_listening(self._port), START_TIMEOUT_S)
        except TimeoutError as error:
            raise LinkError(f"mosquitto does not listen on port {self._port}: {self.child.last_line}") from error

    async def stop(self) -> None:
        """End it in an orderly way, so that last wills are sent."""
        await self.child.stop(1.0)


async def start_broker(choice: Choice, folder: Path, port: int, logs: Path, say: Say) -> RunningBroker:
    """Start the broker for the clients enrolled in `folder` on a loopback port; it listens when this returns."""
    binary = find_mosquitto() if choice != "embedded" else None
    if binary is not None:
        mosquitto = MosquittoBroker(binary, folder, port, logs / "broker.log", say)
        try:
            await mosquitto.start()
        except BaseException:
            await mosquitto.stop()
            raise
        return mosquitto
    if choice == "mosquitto":
        raise UsageError("there is no mosquitto on the PATH; install it, or use --broker embedded")
    embedded = EmbeddedBroker(folder, port)
    await embedded.start()
    return embedded


def find_mosquitto() -> str | None:
    """The mosquitto binary, also where only root's PATH looks."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN]))


def mosquitto_config(folder: Path, port: int) -> str:
    """The text of a mosquitto.conf for the credentials in `folder`."""
    user = "user root\n" if os.geteuid() == 0 else ""  # it would drop to a user who cannot read our private files
    return _CONFIG.format(port=port, folder=folder, passwords=PASSWORD_FILE, acl=ACL_FILE, user=user)


async def _until_listening(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.02)
