"""A serial port that comes and goes: bytes to the driver, its answers to the line, and the state of the link."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import stat
import termios
from collections.abc import Callable

import serial

from chassis.clock import Clock
from edge_agent.drivers.driver import Driver, SerialLine
from edge_agent.link import LinkState
from edge_agent.sources.driver_line import DriverLine, Observed
from vitals.errors import LinkError
from vitals.sessions import Link

RETRY_S = 0.5  # between looks for a port that is not there; a re-plugged one is back well within 2 s
TICK_S = 0.2
CHECK_S = 1.0  # how often the path is compared with what is open: another device may have taken the name
READ_BYTES = 4096

_ABSENT = {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO, errno.ENOTDIR, errno.ELOOP}
_BUSY = {errno.EAGAIN, errno.EBUSY}


class SerialSource:
    """Keeps one port open as long as it exists; each opening gets a new driver, so no half frame survives."""

    def __init__(
        self,
        path: str,
        line: SerialLine,
        build: Callable[[], Driver],
        link: LinkState,
        clock: Clock,
        observed: Observed,
    ) -> None:
        self._path = path
        self._line = line
        self._build = build
        self._link = link
        self._clock = clock
        self._observed = observed

    async def run(self) -> None:
        """Open, read until the port goes away, and again, for ever."""
        while True:
            try:
                port = await asyncio.to_thread(open_port, self._path, self._line)
            except _RefusedError as exc:
                self._link.enter(exc.link, str(exc))
            else:
                try:
                    await self._serve(port)
                except LinkError as exc:
                    self._link.enter("down", str(exc))
                finally:
                    _close(port)
            await asyncio.sleep(RETRY_S)

    async def _serve(self, port: serial.Serial) -> None:
        """Read until the line breaks. Raises LinkError."""
        loop = asyncio.get_running_loop()
        descriptor = port.fileno()
        line = DriverLine(self._build(), self._link, self._clock, self._observed, functools.partial(_write, descriptor))
        lost: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            try:
                line.feed(_read(descriptor))
            except Exception as exc:  # carried into the task, whose supervisor says what happened
                loop.remove_reader(descriptor)
                if not lost.done():
                    lost.set_exception(exc)

        line.start()
        loop.add_reader(descriptor, readable)
        try:
            checked = loop.time()
            while not lost.done():
                await asyncio.wait([lost], timeout=TICK_S)
                if lost.done():
                    break
                line.tick()
                if loop.time() - checked >= CHECK_S:
                    checked = loop.time()
                    _require_same(self._path, descriptor)
            lost.result()
        finally:
            loop.remove_reader(descriptor)
            if lost.done():
                lost.exception()  # seen, whichever way we leave
            else:
                line.close()


def _read(descriptor: int) -> bytes:
    """What has arrived, perhaps nothing. Raises LinkError when the port is gone."""
    try:
        data = os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return b""
    except OSError as exc:
        raise LinkError(f"the line broke: {exc.strerror}") from exc
    if not data:
        raise LinkError("the line was hung up")
    return data


def _write(descriptor: int, data: bytes) -> None:
    """Send what fits: a line that takes no bytes is not worth waiting for, the driver asks again at its next tick."""
    try:
        os.write(descriptor, data)
    except BlockingIOError:
        pass
    except OSError as exc:
        raise LinkError(f"the line broke: {exc.strerror}") from exc


class _RefusedError(LinkError):
    """The port cannot be opened; `link` says whether it is not there or does not let us."""

    def __init__(self, link: Link, text: str) -> None:
        self.link = link
        super().__init__(text)


def open_port(path: str, line: SerialLine) -> serial.Serial:
    """Open `path` for us alone, never waiting for a carrier. Raises LinkError."""
    port = serial.Serial(
        baudrate=line.baud,
        bytesize=line.bits,
        parity=line.parity,
        stopbits=line.stop,
        rtscts=line.rtscts,
        timeout=0,
        write_timeout=0,
        exclusive=True,
    )
    port.port = path
    if line.dtr is not None:
        port.dtr = line.dtr  # set before the port opens: many boards restart on a rising DTR
    try:
        if not stat.S_ISCHR(os.stat(path).st_mode):
            raise _RefusedError("error", f"{path} is not a serial port")
        port.open()
    except OSError as exc:
        raise _refusal(path, exc) from exc
    except (termios.error, ValueError) as exc:
        raise _RefusedError("error", f"{path} is not a serial port that can be set up so: {exc}") from exc
    return port


def _refusal(path: str, exc: OSError) -> _RefusedError:
    number = exc.errno
    if number in _ABSENT:
        return _RefusedError("down", f"{path} is not there")
    if number in _BUSY or "exclusively lock" in str(exc):
        return _RefusedError("error", f"{path} is in use by another program")
    if number in (errno.EACCES, errno.EPERM):
        return _RefusedError("error", f"no permission to open {path}; add this user to the group of the port (dialout)")
    return _RefusedError("error", f"{path} cannot be opened: {os.strerror(number) if number else exc}")


def _require_same(path: str, descriptor: int) -> None:
    """Raises LinkError when `path` leads to another device than the one that is open."""
    try:
        there = os.stat(path)
    except OSError as exc:
        raise LinkError(f"{path} is not there") from exc
    if there.st_rdev != os.fstat(descriptor).st_rdev:
        raise LinkError(f"{path} leads to another device now")


def _close(port: serial.Serial) -> None:
    with contextlib.suppress(OSError, termios.error, serial.SerialException):
        port.reset_output_buffer()  # otherwise closing waits for a device that no longer reads
    with contextlib.suppress(OSError, termios.error, serial.SerialException):
        port.close()
