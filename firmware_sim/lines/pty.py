"""A pseudo-terminal in raw mode: to a reader it is a serial port that may be unplugged."""

from __future__ import annotations

import contextlib
import os
import select
import tty
from pathlib import Path

from vitals.errors import UsageError

_READ_BYTES = 4_096


class PtyLine:
    """The master side stays here; readers open `address`, or `link` if a stable name was asked for.

    While nobody has the port open, bytes are lost: a reader who comes later must not find old ones and take
    them for new. A reader who does not read fills the kernel's buffer, and then bytes are lost too.
    """

    def __init__(self, link: Path | None = None) -> None:
        self._master, slave = os.openpty()
        try:
            self.port = os.ttyname(slave)
            tty.setraw(slave)
        finally:
            os.close(slave)  # from now on the kernel says whether somebody else has it open
        os.set_blocking(self._master, False)
        self.dropped = 0
        self.link = link
        self._closed = False
        if link is not None:
            try:
                _point(link, self.port)
            except BaseException:
                os.close(self._master)
                raise
        self.address = str(link or self.port)

    def write(self, data: bytes) -> None:
        """Send what fits."""
        sent = 0
        if data and self._is_open():
            with contextlib.suppress(BlockingIOError, OSError):
                sent = os.write(self._master, data)
        self.dropped += len(data) - sent

    def read(self) -> bytes:
        """What the reader wrote; empty when there is none."""
        try:
            return os.read(self._master, _READ_BYTES)
        except OSError:  # nothing there (EAGAIN), or nobody has the port open (EIO)
            return b""

    def close(self) -> None:
        """Unplug: the reader sees an error, the link goes. Twice is once."""
        if self._closed:
            return
        self._closed = True
        os.close(self._master)
        if self.link is not None and self.link.is_symlink() and os.readlink(self.link) == self.port:
            self.link.unlink()

    def _is_open(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))


def _point(link: Path, port: str) -> None:
    """Make `link` name `port`, also where an old link is left. Raises UsageError where something else stands."""
    if link.exists() and not link.is_symlink():
        raise UsageError(f"{link} exists and is no symbolic link; choose another name with --link")
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(port)
        fresh.replace(link)
    except OSError as error:
        raise UsageError(f"cannot make the link {link}: {error.strerror}") from error
