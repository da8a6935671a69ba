"""An Arduino-style device: signs in, one canonical JSON line with a CRC-8 out each second."""

from __future__ import annotations

import json
import random

from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Signs, Source

PERIOD_MS = 1_000
SEQ_WRAP = 65_536
CRC_POLYNOMIAL = 0x07

TITLE = "Arduino or ESP32 board, canonical JSON line"

# Key of the line and the parameter it shows, in the order they are written.
FIELDS = (
    ("hr", "hr"),
    ("spo2", "spo2"),
    ("rr", "rr"),
    ("temp_c", "temp"),
    ("sys", "nibp_sys"),
    ("dia", "nibp_dia"),
    ("map", "nibp_mean"),
)

_BOOT_TEXT = b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
_BOOT_GARBAGE_BYTES = 60  # the boot ROM speaks at another rate


def encode(*, device: str, seq: int, t_ms: int, signs: Signs) -> bytes:
    """One line, with its line feed. A parameter without a number is null."""
    fields = {
        "v": 1,
        "dev": device,
        "seq": seq,
        "t_ms": t_ms,
        **{key: _number(signs.get(parameter)) for key, parameter in FIELDS},
        "leads": "off" if "lead_off" in signs.states else "ok",
    }
    body = json.dumps(fields, separators=(",", ":"))[:-1].encode()
    return body + b',"ck":"%02X"}\n' % crc8(body)


def crc8(data: bytes) -> int:
    """CRC-8, polynomial 07h, starting at 0."""
    crc = 0
    for byte in data:
        crc = _CRC[crc ^ byte]
    return crc


def boot_noise(seed: int) -> bytes:
    """What a board prints before its program runs: another rate first, then the text of the boot ROM."""
    chance = random.Random(f"boot {seed}")  # noqa: S311 - repeatable noise, not a secret
    return chance.randbytes(_BOOT_GARBAGE_BYTES) + b"\r\n" + _BOOT_TEXT


class JsonLine:
    """One board on one patient."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "json-line"
        self.title = TITLE
        self._source = source
        self._device = options.device or f"sim-{options.seed:02d}"
        self._boot = boot_noise(options.seed) if options.boot_noise else b""
        self._sent = 0

    def step(self, t_ms: int) -> bytes:
        """The lines due by `t_ms`; the first is due a second after power-up."""
        if t_ms <= 0:
            return b""
        out, self._boot = [self._boot], b""
        while (self._sent + 1) * PERIOD_MS <= t_ms:
            self._sent += 1
            now = self._sent * PERIOD_MS
            seq = self._sent % SEQ_WRAP
            out.append(encode(device=self._device, seq=seq, t_ms=now, signs=self._source.at(now)))
        return b"".join(out)

    def receive(self, data: bytes) -> None:
        """The board listens to nobody."""


def _number(value: float | None) -> float | int | None:
    """As the board prints it: one decimal at most, none where it is whole."""
    if value is None:
        return None
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte << 1 ^ CRC_POLYNOMIAL if byte & 0x80 else byte << 1) & 0xFF
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]
