"""Every simulated monitor, heard by its driver: ten minutes of a patient go in as signs and come out as values.

Simulators and drivers are written by different people from the same sheets. Each kind of monitor in the registry is
tried with the driver whose name it carries; the talking ones talk. Time is simulated; the pty between them is real.
"""

import os
import select
import socket
import typing
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache

import pytest

from edge_agent.drivers.registry import build, find, names
from edge_agent.sources.serial import open_port
from firmware_sim.episode import Schedule, shipped_episodes
from firmware_sim.lines.pty import PtyLine
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.registry import KINDS, find_kind
from firmware_sim.noise import Noise, NoiseMix
from firmware_sim.patient import Patient
from firmware_sim.signs import Signs
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

END_MS = 600_000
SLICE_MS = 100  # as often as a gateway lets a driver speak
SEED = 11
PIECE = 1024  # what a pty surely takes at once
DEADLINE_S = 10.0
# How much older than its bytes a number may be: the slowest monitor says a line each two seconds.
LAG_MS = 4_000
NOISES = (0.0, 0.0001, 0.001, 0.01)

# Half of the smallest step a monitor shows, and a little for the rounding on the way.
HALF_STEP = defaultdict(lambda: 0.501, temp=0.051, temp_core=0.051, temp_skin=0.051, pi=0.051)

# What happens to the patient, each with its start in seconds.
EPISODES = (("probe-off", 120), ("lead-off", 200), ("tachycardia", 280), ("desaturation", 420))

# Boards that are not named after their driver, and the option without which it cannot know what it hears.
BOARDS = {
    "hobby-json": {},
    "hobby-json-snake": {},
    "hobby-csv": {"columns": ["hr", "spo2"]},
    "hobby-key-value": {},
    "sparkfun-spo2": {},
    "sparkfun-bpm": {},
    "max30100lib": {},
    "ad8232": {"mode": "adc", "adc_rate_hz": 100},
}
CHOSEN = {"json-line": {"strict": True}, **BOARDS}
# In the protocols of these monitors nothing tells a damaged number from a good one.
UNCHECKED = {"contec-cms50", "ivy450c", "masimo-ascii1", "nellcor-ascii", "nonin df1", "nonin df8", "nonin ascii"}
# What of the patient a driver must have told, at the least.
SHOWS = {
    "capnostream20": "etco2 rr spo2 pr",
    "contec-cms50": "spo2 pr",
    "hobby-lines": "hr spo2 rr temp nibp_sys nibp_dia nibp_mean",
    "ivy450c": "hr rr etco2 spo2 pr abp_sys abp_dia abp_mean nibp_sys nibp_dia nibp_mean temp",
    "masimo-ascii1": "spo2 pr pi",
    "nellcor-ascii": "spo2 pr",
    "nonin": "spo2 pr",
}
SHOWS |= dict.fromkeys(
    ("ge-datex-dri", "intellivue", "intellivue-udp", "medibus"),
    "hr spo2 pr rr etco2 fio2 abp_sys abp_dia abp_mean nibp_sys nibp_dia nibp_mean temp cvp icp",
)
SHOWS |= dict.fromkeys(("hobby-json", "hobby-json-snake", "hobby-csv"), "hr spo2")
SHOWS |= dict.fromkeys(("sparkfun-spo2", "max30100lib"), "pr spo2")
SHOWS |= {"hobby-key-value": "hr spo2 rr temp nibp_sys nibp_dia", "sparkfun-bpm": "pr", "ad8232": ""}
# A monitor whose fault is part of the play: its driver must see through it, and count it.
FAULTS = {"capnostream20-field-shift": {"bad_frame"}}
WAVES = {
    "ge-datex-dri": ["ecg1", "pleth", "co2"],
    "intellivue": ["ecg_ii", "pleth"],
    "intellivue-udp": ["ecg_ii", "pleth"],
    "medibus": ["paw", "flow"],
}


CUFF = ("nibp_sys", "nibp_dia", "nibp_mean")


class Bed:
    """A patient with everything a monitor may measure, and a memory of it."""

    def __init__(self):
        episodes = shipped_episodes()
        starts = tuple((start_s * 1_000, episodes[name]) for name, start_s in EPISODES)
        self._patient = Patient(SEED, schedule=Schedule(starts))
        self.past = {}

    def at(self, t_ms):
        t_ms = t_ms // 500 * 500
        while len(self.past) * 500 <= t_ms:
            self._remember(len(self.past) * 500)
        return self.past[t_ms]

    def _remember(self, t_ms):
        signs = self._patient.at(t_ms)
        values = dict(signs.values)
        sys, dia = 118 + t_ms // 9_000 % 7, 71 + t_ms // 7_000 % 5
        more = {"abp_sys": sys, "abp_dia": dia, "abp_mean": round(dia + (sys - dia) / 3), "cvp": 8, "icp": 12}
        more |= {"etco2": 36.0 + t_ms // 11_000 % 6, "fio2": 40, "temp_core": 37.4, "temp_skin": 34.2}
        self.past[t_ms] = Signs(values=more | values, states=signs.states)

    def ever(self, name, value, now):
        """Whether the patient had this number a moment ago."""
        grid = range(max(0, now - LAG_MS) // 500 * 500, now + 1, 500)
        near = (self.at(t_ms).get(name) for t_ms in grid)
        return any(there is not None and abs(there - value) <= HALF_STEP[name] for there in near)


@dataclass
class Heard:
    """What came out of a run."""

    observations: list = field(default_factory=list)  # with the time of each
    bad: Counter = field(default_factory=Counter)
    good: int = 0

    def add(self, part, now):
        self.observations += [(now, seen) for seen in part.observations]
        self.bad.update(bad.reason for bad in part.bad)
        self.good += part.good
        return part.send


@dataclass(frozen=True)
class Pair:
    """A kind of monitor, and the driver for it."""

    kind: str
    driver: str
    options: tuple  # of items

    def build(self, **more):
        options = {name: list(value) if isinstance(value, tuple) else value for name, value in self.options}
        return build(self.driver, {**options, **more})

    @property
    def shows(self):
        return set(SHOWS.get(self.kind, SHOWS.get(self.driver, "pr")).split())

    @property
    def checked(self):
        """Whether every number stands under a checksum."""
        return (
            self.kind not in BOARDS
            and not {self.driver, f"{self.driver} {dict(self.options).get('format')}"} & UNCHECKED
        )


def pair_of(kind):
    """The driver a kind of monitor is named after, and in its name the format if the driver must be told."""
    found = [name for name in names() for word in (kind.name, *kind.aliases) if f"{word}-".startswith(f"{name}-")]
    found += ["hobby-lines"] if kind.name in BOARDS else []
    if not found:
        return None
    driver = max(found, key=len)
    options = dict(CHOSEN.get(kind.name, {}))
    rest = kind.name.removeprefix(f"{driver}-")
    formats = typing.get_type_hints(find(driver).options).get("format")
    if rest in typing.get_args(formats):  # told in the name of the monitor
        options["format"] = rest
    return Pair(kind.name, driver, tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in options.items()))


PAIRS = [pair for kind in KINDS if (pair := pair_of(kind))]
# A monitor that also stands on networks is heard there by a driver of its own.
PAIRS += [replace(pair, driver=f"{pair.driver}-udp") for pair in PAIRS if find_kind(pair.kind).datagrams]
each_pair = pytest.mark.parametrize("pair", PAIRS, ids=[f"{pair.kind}-{pair.driver}" for pair in PAIRS])


class Cable:
    """A pty: the monitor at one end, a port opened as a gateway opens it at the other."""

    def __init__(self, plugin, noise):
        self._noise = noise
        self._line = PtyLine()
        self._port = open_port(self._line.address, plugin.line)

    def carry(self, data):
        """From the monitor to the driver."""
        data = self._noise.spoil(data)
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self._line.write(piece)
            while piece:
                assert select.select([self._port], [], [], DEADLINE_S)[0], "the pty swallowed bytes"
                arrived = os.read(self._port.fileno(), PIECE)
                assert piece.startswith(arrived)
                piece = piece[len(arrived) :]
                yield arrived

    def answer(self, data):
        """From the driver to the monitor."""
        os.write(self._port.fileno(), data)
        heard = b""
        while len(heard) < len(data):
            heard += self._line.read()
        return heard

    def close(self):
        self._port.close()
        self._line.close()


class Network:
    """Two sockets: a damaged datagram is lost, because each has a checksum of its own."""

    def __init__(self, kind, noise):
        self._noise = noise
        self._datagrams = kind.datagrams()
        self._monitor, self._gateway = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        for end in (self._monitor, self._gateway):
            end.bind(("127.0.0.1", 0))
            end.settimeout(DEADLINE_S)

    def carry(self, data):
        """From the monitor to the driver; what it tells to all goes elsewhere."""
        for datagram, announcement in self._datagrams.cut(data):
            if not announcement and self._noise.spoil(datagram) == datagram:
                self._monitor.sendto(datagram, self._gateway.getsockname())
                yield self._gateway.recv(65_536)

    def answer(self, data):
        """From the driver to the monitor."""
        self._gateway.sendto(data, self._monitor.getsockname())
        return self._datagrams.wrap(self._monitor.recv(65_536))

    def close(self):
        self._monitor.close()
        self._gateway.close()


def converse(pair, noise_rate, *, end_ms=END_MS, **options):
    """The monitor and its driver in one conversation, on a line that spoils what the monitor says."""
    bed, kind, plugin = Bed(), find_kind(pair.kind), find(pair.driver)
    noise = Noise(NoiseMix.of(noise_rate), SEED)
    monitor = kind.make(bed, Options(seed=SEED, udp_port=None if plugin.serial else 24_105))
    driver, heard = pair.build(**options), Heard()
    with closing(Cable(plugin, noise) if plugin.serial else Network(kind, noise)) as cable:
        monitor.receive(cable.answer(driver.start(0)))
        for now in range(SLICE_MS, end_ms + 1, SLICE_MS):
            said = [heard.add(driver.feed(data, now), now) for data in cable.carry(monitor.step(now))]
            for words in (*said, driver.tick(now)):
                if words:
                    monitor.receive(cable.answer(words))
    return bed, heard


@cache
def on_a_clean_line(pair):
    return converse(pair, 0.0)


def test_every_kind_of_monitor_has_a_driver():
    assert {kind.name for kind in KINDS} == {pair.kind for pair in PAIRS}


def test_every_driver_has_a_simulated_monitor():
    without = set(names()) - {pair.driver for pair in PAIRS}
    assert not without, f"nobody plays a monitor for {sorted(without)}"


@each_pair
def test_a_clean_line_gives_the_patient_back(pair):
    bed, heard = on_a_clean_line(pair)
    assert heard.observations
    assert set(heard.bad) == FAULTS.get(pair.kind, set())
    assert wrong(bed, heard) == []
    silent = pair.build().silence_s
    said = [now for now, seen in heard.observations if seen.values or seen.missing or seen.waves or seen.flags]
    if silent < float("inf"):
        pauses = [later - now for now, later in zip(said, [*said[1:], END_MS], strict=True)]
        assert max(pauses) <= silent * 1_000


@each_pair
def test_a_cuff_pressure_that_is_told_apart_is_told_once(pair):
    bed, heard = on_a_clean_line(pair)
    told = [seen.values["nibp_sys"] for _, seen in heard.observations if seen.aperiodic and "nibp_sys" in seen.values]
    measured = {tuple(signs.get(name) for name in CUFF) for signs in bed.past.values()}
    assert len(told) <= len(measured)
    assert told or not pair.shows & set(CUFF) or pair.driver == "hobby-lines"


@each_pair
def test_a_number_the_monitor_shows_is_never_lost_on_a_clean_line(pair):
    """Each parameter that was told once is told on, and follows the patient; without a sensor there is a reason."""
    _, heard = on_a_clean_line(pair)
    told = {name for _, seen in heard.observations for name in seen.values}
    assert told >= pair.shows
    last = {name: now for now, seen in heard.observations for name in (*seen.values, *seen.missing)}
    for name in told if pair.build().silence_s < float("inf") else ():
        stale_ms = min(PARAMETERS[name].stale_s * 1_000, END_MS)
        assert END_MS - last[name] <= stale_ms
    rates = {seen.values[name] for _, seen in heard.observations for name in ("hr", "pr") if name in seen.values}
    assert not rates or (min(rates) < 100 and max(rates) >= 157)


@each_pair
@pytest.mark.parametrize("noise", NOISES[1:])
def test_a_bad_line_gives_nothing_that_was_not_there(pair, noise):
    bed, heard = converse(pair, noise)
    # Of a frame of a thousand bytes nothing is left when each hundredth byte is spoiled.
    assert heard.good or noise == max(NOISES)
    assert heard.bad or noise == min(NOISES[1:]) or not find(pair.driver).serial
    assert impossible(heard) == []
    if pair.checked:
        assert wrong(bed, heard) == []


@each_pair
def test_states_are_words_of_ours(pair):
    _, heard = on_a_clean_line(pair)
    assert {flag for _, seen in heard.observations for flag in seen.flags} <= DEVICE_STATES
    assert {reason for _, seen in heard.observations for reason in seen.missing.values()} <= MISSING_REASONS


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.driver in WAVES], ids=lambda pair: pair.driver)
def test_waves_that_were_asked_for_come_without_holes(pair):
    bed, heard = converse(pair, 0.0, end_ms=60_000, waves=WAVES[pair.driver])
    samples, rates = Counter(), {}
    for _, seen in heard.observations:
        for name, wave in seen.waves.items():
            samples[name] += len(wave.samples)
            rates[name] = wave.rate_hz
    assert len(rates) == len(WAVES[pair.driver])
    for name, rate_hz in rates.items():
        assert samples[name] >= 50 * rate_hz, name
    assert wrong(bed, heard) == []


def wrong(bed, heard):
    """Numbers the patient did not have."""
    return [
        (now, name, value, [bed.at(max(0, t_ms)).get(name) for t_ms in (now - 1_000, now)])
        for now, seen in heard.observations
        for name, value in seen.values.items()
        if not bed.ever(name, value, now)
    ]


def impossible(heard):
    """Numbers no device can measure."""
    return [
        (now, name, value)
        for now, seen in heard.observations
        for name, value in seen.values.items()
        if not PARAMETERS[name].plausible(value)
    ]
