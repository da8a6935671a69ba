"""A Capnostream 20 at a bedside: silent until it is enabled and started, and while its link is kept active."""

from __future__ import annotations

from calendar import timegm

from firmware_sim.bedside import Bedside, Moment
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.capnostream20_frames import (
    CO2_WAVE,
    DEVICE_ID,
    DISABLE,
    ENABLE,
    LINK_IS_ACTIVE,
    MISSING,
    NUMERICS,
    SETUP,
    START_RT,
    STOP_RT,
    Command,
    Hearing,
    Numerics,
    encode_frame,
    encode_numerics,
    encode_wave,
)
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Source

TITLE = "Oridion Capnostream 20"
TITLE_FIELD_SHIFT = "Oridion Capnostream 20 with its field-shift fault"

NUMERICS_MS = 1_000
WAVE_MS = 50
LINK_MS = 5_500  # without LinkIsActive for 5 s the device declares an interruption; late by half a second is in time
SHIFT_EVERY = 17  # messages; only the device with the fault

IDENTITY = "V45.67 02/24/2008 B355{serial:06d}  "  # version, its date, oximeter and revision, serial number

# Bits.
INVALID_CO2 = 0x01  # fast status
INITIALISING = 0x02
OCCLUSION = 0x04
END_OF_BREATH = 0x08
NO_LINE = 0x40
SILENCED = 0x04  # slow status
MASIMO = 0x80
NO_BREATH = 0x01  # CO2 alarms
PULSE_NOT_FOUND = 0x01  # SpO2 alarms
HIGH, LOW = 0x02, 0x04
RATE_HIGH, RATE_LOW = 0x08, 0x10
SENSOR_OFF = 0x20
SENSOR_DISCONNECTED = 0x40
CHECK_CALIBRATION = 0x01  # extended status
BATTERY_LOW = 0x80
MMHG = 1

# Setup item and the limit it sets.
ETCO2_LOW, ETCO2_HIGH, FICO2_HIGH, RR_LOW, RR_HIGH, SPO2_LOW, SPO2_HIGH, PULSE_LOW, PULSE_HIGH = range(5, 14)
LIMITS = {
    ETCO2_LOW: 15,
    ETCO2_HIGH: 60,
    FICO2_HIGH: 8,
    RR_LOW: 5,
    RR_HIGH: 30,
    SPO2_LOW: 85,
    SPO2_HIGH: 100,
    PULSE_LOW: 50,
    PULSE_HIGH: 140,
}


class Capnostream20:
    """One device on one patient. With `field_shift` it sends a numerics message shifted by one field now and then."""

    def __init__(self, source: Source, options: Options, *, field_shift: bool = False) -> None:
        self.name = "capnostream20-field-shift" if field_shift else "capnostream20"
        self.title = TITLE_FIELD_SHIFT if field_shift else TITLE
        self._bedside = Bedside(source)
        self._agenda = Agenda(options.clock)
        self._hearing = Hearing()
        self._identity = IDENTITY.format(serial=options.seed % 1_000_000).encode()
        self._field_shift = field_shift
        self._enabled = False
        self._limits = dict(LIMITS)
        self._wave_number = 0
        self._numerics_sent = 0
        self._last_rr = 0
        self._exhaled = False

    def step(self, t_ms: int) -> bytes:
        """The messages due by `t_ms`."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """Commands of the host, in any pieces."""
        for command in self._hearing.feed(data):
            self._obey(command)

    def _obey(self, command: Command) -> None:
        if command.code == ENABLE:
            self._enabled = True
            self._agenda.say(encode_frame(DEVICE_ID, self._identity))
            self._keep_link()
        elif self._enabled and command.code in _OBEYED:
            _OBEYED[command.code](self, command.payload)

    def _start(self, _: bytes) -> None:
        self._agenda.every("a wave", WAVE_MS, self._wave)
        self._agenda.every("numerics", NUMERICS_MS, self._numerics)

    def _stop(self, _: bytes = b"") -> None:
        self._agenda.cancel("a wave", "numerics")

    def _disable(self, _: bytes = b"") -> None:
        self._stop()
        self._agenda.cancel("interruption")
        self._enabled = False

    def _keep_link(self, _: bytes = b"") -> None:
        self._agenda.once("interruption", LINK_MS, self._interrupt)

    def _interrupt(self) -> bytes:
        self._disable()
        return b""

    def _set_up(self, payload: bytes) -> None:
        """Take a setting and say it back."""
        if len(payload) != 2:
            return
        item, value = payload
        if item in self._limits:
            self._limits[item] = value
        self._agenda.say(encode_frame(SETUP, payload))

    def _wave(self) -> bytes:
        now_ms = self._agenda.now_ms
        level = self._bedside.wave("co2_w", now_ms)
        states = self._bedside.at(now_ms).signs.states
        exhales = not self._bedside.inhaling(now_ms)
        status = END_OF_BREATH if self._exhaled and not exhales else 0
        self._exhaled = exhales
        status |= NO_LINE if "no_line" in states else 0
        status |= OCCLUSION if "occlusion" in states else 0
        status |= INITIALISING if "initialising" in states else 0
        status |= INVALID_CO2 if level is None else 0
        self._wave_number = self._wave_number + 1 & 0xFF
        return encode_frame(CO2_WAVE, encode_wave(self._wave_number, level or 0.0, status))

    def _numerics(self) -> bytes:
        moment = self._bedside.at(self._agenda.now_ms)
        payload = encode_numerics(self._numbers(moment))
        self._numerics_sent += 1
        shifted = payload[:7] + bytes((self._last_rr,)) + payload[7:-1]
        self._last_rr = payload[6]
        if self._field_shift and self._numerics_sent % SHIFT_EVERY == 0:
            payload = shifted
        return encode_frame(NUMERICS, payload)

    def _numbers(self, moment: Moment) -> Numerics:
        signs, limits = moment.signs, self._limits
        breathing = not moment.apnoea and "no_line" not in signs.states
        etco2 = _whole(signs.get("etco2")) if breathing else None
        rr = _whole(signs.get("rr")) if breathing and etco2 is not None else None
        spo2 = None if moment.probe_off else _whole(signs.get("spo2"))
        pulse = None if moment.probe_off else _whole(signs.get("pr"))
        extended = BATTERY_LOW if "low_battery" in signs.states else 0
        extended |= CHECK_CALIBRATION if "calibrating" in signs.states else 0
        return Numerics(
            time_s=timegm(self._agenda.clock().timetuple()),
            etco2=etco2,
            fico2=None if etco2 is None else 0,
            rr=rr,
            spo2=spo2,
            pulse=pulse,
            slow_status=MASIMO | (SILENCED if "alarm_silenced" in signs.states else 0),
            co2_alarms=(NO_BREATH if moment.apnoea and "etco2" in moment.fitted else 0)
            | _outside(etco2, limits[ETCO2_HIGH], limits[ETCO2_LOW], HIGH, LOW)
            | _outside(rr, limits[RR_HIGH], limits[RR_LOW], RATE_HIGH, RATE_LOW),
            spo2_alarms=_sensor_alarm(moment, pulse)
            | _outside(spo2, limits[SPO2_HIGH], limits[SPO2_LOW], HIGH, LOW)
            | _outside(pulse, limits[PULSE_HIGH], limits[PULSE_LOW], RATE_HIGH, RATE_LOW),
            no_breath_s=moment.no_breath_ms // 1_000,
            etco2_limits=(limits[ETCO2_HIGH], limits[ETCO2_LOW]),
            rr_limits=(limits[RR_HIGH], limits[RR_LOW]),
            fico2_high=limits[FICO2_HIGH],
            spo2_limits=(limits[SPO2_HIGH], limits[SPO2_LOW]),
            pulse_limits=(limits[PULSE_HIGH], limits[PULSE_LOW]),
            units=MMHG,
            extended_status=extended,
        )


_OBEYED = {
    DISABLE: Capnostream20._disable,
    START_RT: Capnostream20._start,
    STOP_RT: Capnostream20._stop,
    LINK_IS_ACTIVE: Capnostream20._keep_link,
    SETUP: Capnostream20._set_up,
}


def _sensor_alarm(moment: Moment, pulse: int | None) -> int:
    if "no_sensor" in moment.signs.states:
        return SENSOR_DISCONNECTED
    if "sensor_off" in moment.signs.states:
        return SENSOR_OFF
    return PULSE_NOT_FOUND if pulse is None else 0


def _outside(value: int | None, high: int, low: int, high_bit: int, low_bit: int) -> int:
    if value is None:
        return 0
    return high_bit if value > high else low_bit if value < low else 0


def _whole(value: float | None) -> int | None:
    """A number the message can carry, or None."""
    return round(value) if value is not None and 0 < round(value) < MISSING else None
