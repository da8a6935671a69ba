"""A terminal server with a monitor behind each connection: canonical lines at a rate, until it is told to stop.

One thread feeds every gateway of a rig, so that the processors are left to what is tested.
"""

import asyncio
import contextlib
import threading


class Feeder:
    """Serves 127.0.0.1:`port`; each connection hears `rate` lines a second, each with a number of its own."""

    def __init__(self, port: int, rate: float) -> None:
        self.port = port
        self.rate = rate
        self.lines = 0  # ever written
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> "Feeder":
        """Listen; returns when connections are taken."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def quiet(self) -> None:
        """Say no more; connections stay open."""
        self.rate = 0.0

    def stop(self) -> None:
        """Hang up."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        with contextlib.suppress(OSError, asyncio.CancelledError):
            writer.write(b"\n")  # the line that was under way when the port opened is dropped
            while not writer.is_closing():
                await asyncio.sleep(1 / self.rate if self.rate else 0.2)
                if self.rate:
                    number += 1
                    writer.write(b'{"hr":%d,"spo2":%d}\n' % (60 + number % 40, 95 + number % 5))
                    self.lines += 1
                    await writer.drain()
        writer.transport.abort()

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
