"""A GE or Datex-Ohmeda patient monitor on its computer interface (DRI): silent until it is asked."""

from __future__ import annotations

from calendar import timegm

from firmware_sim.bedside import Bedside, Moment
from firmware_sim.monitors import datex_dri_values as words
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.datex_dri_frames import (
    DISPLAYED_VALUES,
    PHYSIOLOGICAL,
    WAVEFORM,
    Hearing,
    Request,
    ValuesRequest,
    WaveRequest,
    encode_frame,
    encode_record,
)
from firmware_sim.monitors.datex_dri_values import ACTIVE, PRESENT, Group, encode_class, scaled
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Source

TITLE = "GE/Datex-Ohmeda S/5 or CARESCAPE, DRI level 9"
LEVEL = 9
SECOND_MS = 1_000
SHORTEST_INTERVAL_S = 5  # of displayed values; the monitor does not serve shorter ones
OLD_CUFF_MS = 60_000
AMBIENT_MMHG = 760.0
RAW_AMBIENT = 7_600
ROOM_CO2 = 3  # 0.01 %: what there is to inhale

ONCE, CANCEL = -1, 0  # intervals
START, STOP, TIMED = 0, 1, 2  # wave requests
DENY_BASIC = 0x0001
MOST_SAMPLES = 600  # a second, over all waves
LEAD_OFF = 1 << 3  # wave status

# Wave type: samples a second, wave of the bedside, and counts per physical unit.
WAVES = {
    1: (300, "ecg_ii", 1_000.0),
    2: (300, "ecg_ii", 600.0),  # lead I; with III it adds up to II
    3: (300, "ecg_ii", 400.0),
    4: (100, "abp_w", 100.0),
    8: (100, "pleth", 100.0),
    9: (25, "co2_w", 10_000.0 / AMBIENT_MMHG),
    15: (25, "resp", 100.0),
}
_NEEDS = {"abp_w": "abp_sys", "co2_w": "etco2"}  # a wave of a module that may not be there

_CLASSES = ((1, 0x0002), (2, 0x0004), (3, 0x0008))


class DatexDri:
    """One monitor on one patient."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "ge-datex-dri"
        self.title = TITLE
        self._bedside = Bedside(source)
        self._agenda = Agenda(options.clock)
        self._hearing = Hearing()
        self._number = 0
        self._waves: tuple[int, ...] = ()

    def step(self, t_ms: int) -> bytes:
        """The records due by `t_ms`."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """Requests of the host, in any pieces."""
        for request in self._hearing.feed(data):
            self._obey(request)

    def _obey(self, request: Request) -> None:
        if request.level not in (0, LEVEL):
            return
        if isinstance(request, WaveRequest):
            self._obey_wave_request(request)
        elif request.type == DISPLAYED_VALUES:
            self._obey_values_request(request)

    def _obey_values_request(self, request: ValuesRequest) -> None:
        def act() -> bytes:
            return self._values(request.classes)

        if request.interval_s == CANCEL:
            self._agenda.cancel("values")
        elif request.interval_s == ONCE:
            self._agenda.once("values once", 0, act)
        elif request.interval_s >= SHORTEST_INTERVAL_S:
            self._agenda.every("values", request.interval_s * SECOND_MS, act, after_ms=0)

    def _obey_wave_request(self, request: WaveRequest) -> None:
        self._agenda.cancel("waves", "waves over")
        if request.req_type not in (START, TIMED):
            return
        self._waves = _affordable(request.types)
        self._agenda.every("waves", SECOND_MS, self._wave_record)
        if request.req_type == TIMED:
            self._agenda.once("waves over", max(0, request.seconds) * SECOND_MS, self._end_waves)

    def _end_waves(self) -> bytes:
        self._agenda.cancel("waves")
        return b""

    def _values(self, classes: int) -> bytes:
        moment = self._bedside.at(self._agenda.now_ms)
        time_s = self._time_s()
        subrecords = []
        if not classes & DENY_BASIC:
            rates = (scaled(moment.signs.get("hr")),)
            subrecords.append(encode_class(0, time_s, words.encode_basic(groups(moment, self._agenda.now_ms), rates)))
        for number, bit in _CLASSES:
            if classes & bit:
                subrecords.append(encode_class(number, time_s, words.encode_extended(number)))
        return self._record(PHYSIOLOGICAL, [(DISPLAYED_VALUES, data) for data in subrecords])

    def _wave_record(self) -> bytes:
        """The samples of the second that ends now."""
        start_ms = self._agenda.now_ms - SECOND_MS
        moment = self._bedside.at(self._agenda.now_ms)
        subrecords = []
        for type_ in self._waves:
            rate_hz, name, factor = WAVES[type_]
            if _NEEDS.get(name, name) in moment.fitted or name not in _NEEDS:
                samples = [
                    scaled(self._bedside.wave(name, start_ms + index * SECOND_MS / rate_hz), factor)
                    for index in range(rate_hz)
                ]
                off = name in ("ecg_ii", "resp") and None in samples
                subrecords.append((type_, words.encode_wave(samples, status=LEAD_OFF if off else 0)))
        return self._record(WAVEFORM, subrecords)

    def _record(self, maintype: int, subrecords: list[tuple[int, bytes]]) -> bytes:
        if not subrecords:
            return b""
        self._number += 1
        return encode_frame(
            encode_record(
                number=self._number, level=LEVEL, time_s=self._time_s(), maintype=maintype, subrecords=subrecords
            )
        )

    def _time_s(self) -> int:
        return timegm(self._agenda.clock().timetuple())


def groups(moment: Moment, now_ms: int) -> dict[str, Group]:
    """The groups of the basic class. A module nobody ever saw a number from is absent."""
    signs = moment.signs
    found = {
        "ecg": _ecg(moment),
        "nibp": _nibp(moment, now_ms),
        "spo2": _spo2(moment),
        "co2": _co2(moment),
    }
    if "fio2" in moment.fitted:
        found["o2"] = Group(PRESENT | ACTIVE, 0, (None, scaled(signs.get("fio2"), 100)))
    pressures = [name for name in words.PRESSURE_LABELS if {name, f"{name}_mean", f"{name}_sys"} & moment.fitted]
    for place, name in enumerate(pressures, start=1):
        values = (f"{name}_sys", f"{name}_dia", f"{name}_mean" if name == "abp" else name)
        found[f"p{place}"] = Group(
            PRESENT | ACTIVE, words.PRESSURE_LABELS[name], tuple(scaled(signs.get(value), 100) for value in values)
        )
    temperatures = [name for name in words.TEMPERATURE_LABELS if name in moment.fitted]
    for place, name in enumerate(temperatures, start=1):
        found[f"t{place}"] = Group(PRESENT | ACTIVE, words.TEMPERATURE_LABELS[name], (scaled(signs.get(name), 100),))
    return found


def _ecg(moment: Moment) -> Group:
    signs = moment.signs
    status = PRESENT | ACTIVE | words.RATE_FROM_ECG
    if "lead_off" in signs.states:
        status |= words.CHANNELS_OFF
    if "artifact" in signs.states:
        status |= words.ARTIFACT | words.NOISE
    if moment.asystole:
        status |= words.ASYSTOLE
    return Group(status, words.LEAD_II, (scaled(signs.get("hr")), None, None, None, scaled(signs.get("rr"))))


def _nibp(moment: Moment, now_ms: int) -> Group:
    signs = moment.signs
    if "nibp_sys" not in moment.fitted and "nibp_mean" not in moment.fitted:
        return words.ABSENT
    label = words.CUFF_ADULT | words.CUFF_AUTO
    if moment.cuff_ms is not None and now_ms - moment.cuff_ms > OLD_CUFF_MS:
        label |= words.CUFF_OLD
    values = tuple(scaled(signs.get(name), 100) for name in ("nibp_sys", "nibp_dia", "nibp_mean"))
    return Group(PRESENT | ACTIVE, label, values)


def _spo2(moment: Moment) -> Group:
    signs = moment.signs
    if "no_sensor" in signs.states:
        return Group(PRESENT)
    return Group(
        PRESENT | ACTIVE, 0, (scaled(signs.get("spo2"), 100), scaled(signs.get("pr")), scaled(signs.get("pi"), 10))
    )


def _co2(moment: Moment) -> Group:
    signs = moment.signs
    if "etco2" not in moment.fitted:
        return words.ABSENT
    status = PRESENT | ACTIVE
    if "occlusion" in signs.states:
        status |= words.OCCLUSION
    if moment.apnoea:
        return Group(status | words.APNEA, words.RATE_FROM_CO2, (None, None, None, RAW_AMBIENT))
    et, rr = signs.get("etco2"), signs.get("rr")
    if et is None:
        return Group(status, words.RATE_FROM_IMPEDANCE, (None, None, scaled(rr), RAW_AMBIENT))
    return Group(status, words.RATE_FROM_CO2, (scaled(et, 10_000 / AMBIENT_MMHG), ROOM_CO2, scaled(rr), RAW_AMBIENT))


def _affordable(types: tuple[int, ...]) -> tuple[int, ...]:
    """The waves of a request that fit on the line; the rest is dropped without a word."""
    chosen: list[int] = []
    for type_ in types:
        used = sum(WAVES[other][0] for other in chosen)
        if type_ in WAVES and type_ not in chosen and used + WAVES[type_][0] <= MOST_SAMPLES:
            chosen.append(type_)
    return tuple(chosen)
