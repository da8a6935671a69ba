"""An Ivy 450C: signs and waves in, one frame of samples and text lines a second out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware_sim.bedside import Bedside, Moment
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Source

TITLE = "Ivy 450C bedside monitor with ECG, breath, SpO2, CO2, two pressures and cuff"
PERIOD_MS = 1_000
HEAD = b"\xffANSAR-B "
END = b"\xfe"
CR = b"\r"

HIGHEST = 0xFD  # what lies above frames
FLAT = 0xFB  # no transducer
ECG_ZERO, ECG_MV = 100, 0.02  # byte of 0 mV, and mV per step
RESP_ZERO, RESP_PER_OHM = 125, 150
PLETH_ZERO, PLETH_PER_PERCENT = 20, 40

# Wave of the bedside, samples a second, byte of zero and bytes per physical unit, in the order of the frame.
WAVES = (
    ("ecg_ii", 200, ECG_ZERO, 1 / ECG_MV),
    ("resp", 50, RESP_ZERO, RESP_PER_OHM),
    ("pleth", 50, PLETH_ZERO, PLETH_PER_PERCENT),
    ("abp_w", 50, 0, 1),
)
P2_SAMPLES = 50
APNEA_DELAY = "APNEA: 20 SEC"  # a label: how the alarm is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line: its numbers (None is an empty field), its label and the text of its alarm."""

    key: str
    numbers: tuple[float | None, ...]
    label: str = ""
    alarm: str = ""


def encode(samples: bytes, texts: Sequence[Text]) -> bytes:
    """One frame: 400 samples in the order of WAVES and P2, then the lines."""
    return HEAD + samples + b"".join(encode_text(text) + CR for text in texts) + END


def encode_text(text: Text) -> bytes:
    """One line without its end."""
    fields = [*map(_number, text.numbers), text.label, text.alarm]
    return f"{text.key}={len(text.numbers)};{';'.join(fields)}".encode("ascii")


def encode_sample(value: float | None, zero: int, per_unit: float) -> int:
    """The byte of a sample; None is the flat line of a sensor that is not there."""
    return FLAT if value is None else max(0, min(HIGHEST, round(zero + value * per_unit)))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


class Ivy450c:
    """One monitor on one patient."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "ivy450c"
        self.title = TITLE
        self._bedside = Bedside(source)
        self._agenda = Agenda(options.clock)
        self._agenda.every("frame", PERIOD_MS, self._frame)
        self._cuff_ms: int | None = None
        self._cuff_pulse: float | None = None

    def step(self, t_ms: int) -> bytes:
        """The frames due by `t_ms`."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """It listens to nobody."""

    def _frame(self) -> bytes:
        """The second that ends now."""
        samples = self._samples(self._agenda.now_ms - PERIOD_MS)
        moment = self._bedside.at(self._agenda.now_ms)
        if moment.cuff_ms != self._cuff_ms:  # the pulse of a measurement stands as long as the measurement
            self._cuff_ms = moment.cuff_ms
            self._cuff_pulse = None if moment.cuff_ms is None else moment.signs.get("pr")
        return encode(samples, _texts(moment, self._cuff_pulse))

    def _samples(self, start_ms: int) -> bytes:
        out = bytearray()
        for name, rate_hz, zero, per_unit in WAVES:
            for index in range(rate_hz):
                value = self._bedside.wave(name, start_ms + index * PERIOD_MS / rate_hz)
                out.append(encode_sample(value, zero, per_unit))
        return bytes(out) + bytes((FLAT,)) * P2_SAMPLES


def _texts(moment: Moment, cuff_pulse: float | None) -> list[Text]:
    signs = moment.signs
    lead_off = "lead_off" in signs.states
    temp = signs.get("temp")
    return [
        Text(
            key="HR",
            numbers=(signs.get("hr"),),
            label="ECG-II-DIAG",
            alarm="LEAD OFF" if lead_off else "ASYSTOLE" if moment.asystole else "",
        ),
        Text(
            key="RR",
            numbers=(None if moment.apnoea else signs.get("rr"),),
            label=APNEA_DELAY,
            alarm="APNEA" if moment.apnoea else "",
        ),
        Text(key="ETCO2", numbers=(signs.get("etco2"),), alarm="LINE BLOCKED" if "occlusion" in signs.states else ""),
        Text(
            key="SPO2",
            numbers=(signs.get("spo2"),),
            label=f"PR={_number(signs.get('pr'))} ",
            alarm="SENSOR OFF" if moment.probe_off else "",
        ),
        Text(
            key="NIBP",
            numbers=(*_pressures(moment, "nibp"), cuff_pulse),
            alarm="CUFF LEAK" if "cuff_leak" in signs.states else "",
        ),
        Text(key="P1", numbers=_pressures(moment, "abp"), label="" if "abp_sys" in moment.fitted else "NO TRANSDUCER"),
        Text(key="P2", numbers=(None, None, None), label="NO TRANSDUCER"),
        Text(key="T1", numbers=(None if temp is None else round(temp, 1),)),
        Text(key="T2", numbers=(None,)),
    ]


def _pressures(moment: Moment, stem: str) -> tuple[float | None, float | None, float | None]:
    return (
        moment.signs.get(f"{stem}_sys"),
        moment.signs.get(f"{stem}_dia"),
        moment.signs.get(f"{stem}_mean"),
    )
