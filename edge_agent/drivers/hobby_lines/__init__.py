"""Driver for Arduino and ESP32 sketches that print lines: JSON, key=value, CSV, MAX3010x and AD8232 examples."""

from __future__ import annotations

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.hobby_lines.options import HobbyLinesOptions
from edge_agent.drivers.hobby_lines.readings import GRADE, ecg, read_line
from edge_agent.drivers.lines import LineDecoder
from vitals.readings import Observation

SILENCE_S = 5.0
BLOCK = 25  # samples per observation in mode adc, so that 250 lines a second do not become 250 records


class HobbyLinesDriver:
    """One board that prints lines."""

    def __init__(self, options: HobbyLinesOptions) -> None:
        self._options = options
        self._decoder = LineDecoder()
        self._settled_at: int | None = None
        self._samples: list[float] = []
        self._leads_off = 0  # lines in a row that said so, in mode adc
        self.silence_s = 3 * options.period.seconds if options.period else SILENCE_S

    def start(self, now: int) -> bytes:
        """The port opened, which restarts most boards: ignore boot text, and the line that is under way."""
        self._decoder.reset(whole=False)
        self._settled_at = now + self._options.settle
        self._samples, self._leads_off = [], 0
        return b""

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per line; in mode adc one per block of samples."""
        return self._heard(self._decoder.feed(data), now)

    def tick(self, now: int) -> bytes:
        """The board needs no keep-alive."""
        return b""

    def finish(self, now: int) -> Heard:
        """The last line, if it lacks its line feed, and the samples of an unfinished block."""
        heard = self._heard(self._decoder.finish(), now)
        return Heard(observations=(*heard.observations, *self._flush()), good=heard.good, bad=heard.bad)

    def _heard(self, lines: list[bytes | BadFrame], now: int) -> Heard:
        if self._settled_at is not None and now < self._settled_at:
            return Heard()
        observations: list[Observation] = []
        bad: list[BadFrame] = []
        good = 0
        for line in lines:
            read = line if isinstance(line, BadFrame) else read_line(line, self._options)
            if isinstance(read, BadFrame):
                bad.append(read)
                observations += self._flush()  # a block of samples has no hole
                continue
            good += 1
            if read is not None:
                observations += self._join(read) if self._options.mode == "adc" else (read,)
        return Heard(observations=tuple(observations), good=good, bad=tuple(bad))

    def _join(self, read: Observation) -> list[Observation]:
        """Samples wait until their block is full; electrodes that are off are told at once, then once a block."""
        if "lead_off" in read.flags:
            told = self._leads_off % BLOCK == 0
            self._leads_off += 1
            return [*self._flush(), *([read] if told else [])]
        self._leads_off = 0
        self._samples += read.waves["ecg"].samples
        return self._flush() if len(self._samples) >= BLOCK else []

    def _flush(self) -> list[Observation]:
        if not self._samples:
            return []
        samples, self._samples = tuple(self._samples), []
        return [Observation(flags=(GRADE,), waves={"ecg": ecg(samples, self._options)})]


driver = DriverPlugin(
    name="hobby-lines",
    title="Arduino and ESP32 sketches that print lines (consumer grade)",
    options=HobbyLinesOptions,
    line=SerialLine(baud=115200, dtr=False),
    other_lines=(SerialLine(baud=9600, dtr=False),),
    build=HobbyLinesDriver,
)
