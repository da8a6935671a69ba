"""Arduino and ESP32 sketches: signs in, the lines such a sketch prints out, one shape for each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from firmware_sim.bedside import Bedside, Moment
from firmware_sim.finger import whole
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.json_line import boot_noise
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Signs, Source

PERIOD_MS = 1_000
CRLF = b"\r\n"
NO_NUMBER = -999

BEAT_GRID_MS = 20
ADC_MS = 10  # a hundred counts a second
ADC_ZERO, ADC_PER_MV, ADC_MOST = 512, 180, 1_023

WORN_IR, BARE_IR = 110_000, 1_200  # counts of light
GARBAGE_RATE = 214  # what the mathematics of these libraries makes of a moving finger


def encode_json(signs: Signs) -> bytes:
    """`{"heartRate":72,"spo2":97}`; null is a missing number."""
    fields = {"heartRate": whole(signs.get("hr"), 1, 999), "spo2": whole(signs.get("spo2"), 1, 100)}
    return json.dumps(fields, separators=(",", ":")).encode() + CRLF


def encode_json_snake(signs: Signs) -> bytes:
    """`{"heart_rate": 72.0, "spo2": 97.0}`; null is a missing number."""
    return json.dumps({"heart_rate": signs.get("hr"), "spo2": signs.get("spo2")}).encode() + CRLF


def encode_csv(signs: Signs) -> bytes:
    """`72.00,97.00`; these sketches know no other missing number than 0.00."""
    return b"%.2f,%.2f" % (signs.get("hr") or 0.0, signs.get("spo2") or 0.0) + CRLF


def encode_key_value(signs: Signs) -> bytes:
    """`HR=72;SPO2=97;TEMP=36.8;RR=16;SYS=120;DIA=80`; -999 is a missing number."""
    keys = (("HR", "hr"), ("SPO2", "spo2"), ("TEMP", "temp"), ("RR", "rr"), ("SYS", "nibp_sys"), ("DIA", "nibp_dia"))
    return ";".join(f"{key}={_short(signs.get(name))}" for key, name in keys).encode() + CRLF


def encode_sparkfun_spo2(signs: Signs, *, red: int, ir: int) -> bytes:
    """`red=123456, ir=110021, HR=75, HRvalid=1, SPO2=98, SPO2Valid=1`."""
    rate, saturation = whole(signs.get("pr"), 1, 999), whole(signs.get("spo2"), 1, 100)
    shaken = "artifact" in signs.states
    shown = GARBAGE_RATE if shaken else NO_NUMBER if rate is None else rate
    return (
        f"red={red}, ir={ir}, HR={shown}, HRvalid={int(rate is not None and not shaken)},"
        f" SPO2={NO_NUMBER if saturation is None else saturation}, SPO2Valid={int(saturation is not None)}"
    ).encode() + CRLF


def encode_sparkfun_bpm(*, ir: int, bpm: float | None, average: int | None) -> bytes:
    """`IR=112345, BPM=71.43, Avg BPM=70`; without a finger it says so."""
    line = f"IR={ir}, BPM={bpm or 0.0:.2f}, Avg BPM={average or 0}"
    return (line + (" No finger?" if ir < 50_000 else "")).encode() + CRLF


def encode_max30100(signs: Signs) -> bytes:
    """`Heart rate:72bpm / SpO2:97%`; this library knows no other missing number than 0."""
    rate, saturation = whole(signs.get("pr"), 1, 999) or 0, whole(signs.get("spo2"), 1, 100) or 0
    return f"Heart rate:{rate}bpm / SpO2:{saturation}%".encode() + CRLF


def encode_adc(millivolts: float | None) -> bytes:
    """One count of the converter; an exclamation mark while a lead is off."""
    if millivolts is None:
        return b"!" + CRLF
    return b"%d" % max(0, min(ADC_MOST, round(ADC_ZERO + millivolts * ADC_PER_MV))) + CRLF


def _short(value: float | None) -> str:
    return str(NO_NUMBER) if value is None else f"{value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a sketch prints."""

    name: str
    title: str
    baud: int = 115_200


SHAPES = (
    Shape(name="hobby-json", title='Arduino sketch, {"heartRate":72,"spo2":97}'),
    Shape(name="hobby-json-snake", title='ESP32 sketch, {"heart_rate": 72.0, "spo2": 97.0}'),
    Shape(name="hobby-csv", title="Arduino sketch, 72.00,97.00 (heart rate, SpO2)"),
    Shape(name="hobby-key-value", title="Arduino sketch, HR=72;SPO2=97;TEMP=36.8;RR=16;SYS=120;DIA=80"),
    Shape(name="sparkfun-spo2", title="SparkFun MAX3010x library, example for SpO2"),
    Shape(name="sparkfun-bpm", title="SparkFun MAX3010x library, example for the heart rate"),
    Shape(name="max30100lib", title="MAX30100lib, with a line for each beat"),
    Shape(name="ad8232", title="AD8232 example, one count of the ECG a line, 100 a second", baud=9_600),
)

_PLAIN: dict[str, Callable[[Signs], bytes]] = {
    "hobby-json": encode_json,
    "hobby-json-snake": encode_json_snake,
    "hobby-csv": encode_csv,
    "hobby-key-value": encode_key_value,
    "max30100lib": encode_max30100,
}


class HobbyBoard:
    """One board on one patient."""

    def __init__(self, shape: Shape, source: Source, options: Options) -> None:
        self.name = shape.name
        self.title = shape.title
        self._bedside = Bedside(source)
        self._agenda = Agenda(options.clock)
        self._boot = boot_noise(options.seed) if options.boot_noise else b""
        self._beat = 0.0
        if shape.name == "ad8232":
            self._agenda.every("line", ADC_MS, self._count)
        else:
            self._agenda.every("line", PERIOD_MS, self._line)
        if shape.name == "max30100lib":
            self._agenda.every("beat", BEAT_GRID_MS, self._beats)

    def step(self, t_ms: int) -> bytes:
        """The lines due by `t_ms`."""
        if t_ms <= 0:
            return b""
        boot, self._boot = self._boot, b""
        return boot + self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """The board listens to nobody."""

    def _line(self) -> bytes:
        moment = self._bedside.at(self._agenda.now_ms)
        if (encode := _PLAIN.get(self.name)) is not None:
            return encode(moment.signs)
        ir = self._light(moment)
        if self.name == "sparkfun-spo2":
            return encode_sparkfun_spo2(moment.signs, red=round(ir * 1.12), ir=ir)
        rate = moment.signs.get("pr")
        return encode_sparkfun_bpm(ir=ir, bpm=rate, average=whole(rate, 1, 999))

    def _light(self, moment: Moment) -> int:
        pleth = self._bedside.wave("pleth", self._agenda.now_ms)
        if pleth is None or moment.probe_off:
            return BARE_IR
        return round(WORN_IR * (1.0 - pleth / 100))

    def _count(self) -> bytes:
        return encode_adc(self._bedside.wave("ecg_ii", self._agenda.now_ms))

    def _beats(self) -> bytes:
        self._beat += (self._bedside.at(self._agenda.now_ms).signs.get("pr") or 0.0) * BEAT_GRID_MS / 60_000
        if self._beat < 1.0:
            return b""
        self._beat -= 1.0
        return b"Beat!" + CRLF
