"""What holds for every monitor that speaks by itself, through every episode and on every line."""

from pathlib import Path

import pytest

from firmware_sim.clock import Clock
from firmware_sim.episode import Schedule, find_episode, shipped_episodes
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.registry import KINDS, find_kind
from firmware_sim.monitors.talking import TALKING
from firmware_sim.noise import KINDS as NOISES
from firmware_sim.noise import Noise, NoiseMix
from firmware_sim.patient import Patient
from firmware_sim.plan import StartedEpisode, StationMonitor
from firmware_sim.playback import bytes_until
from firmware_sim.signs import Later

SPEAKING = [kind for kind in KINDS if kind not in TALKING]
every_kind = pytest.mark.parametrize("kind", SPEAKING, ids=lambda kind: kind.name)
WAKE = {"contec-cms50-9byte": bytes.fromhex("7D81A1808080808080")}


def awake(kind, source, **options):
    monitor = kind.make(source, Options(seed=2, **options))
    monitor.receive(WAKE.get(kind.name, b""))
    return monitor


@every_kind
@pytest.mark.parametrize("slice_ms", [1, 40, 333, 1_999])
def test_bytes_do_not_depend_on_how_time_is_sliced(kind, slice_ms):
    schedule = Schedule(((3_000, find_episode("probe-off")), (6_000, find_episode("artefact"))))
    whole = awake(kind, Patient(2, schedule=schedule), boot_noise=kind.boots).step(15_000)
    sliced = awake(kind, Patient(2, schedule=schedule), boot_noise=kind.boots)
    times = [*range(0, 15_000, slice_ms), 15_000]
    assert b"".join(sliced.step(t_ms) for t_ms in times) == whole


@every_kind
def test_no_more_leaves_than_its_line_can_carry(kind):
    assert len(awake(kind, Patient(2)).step(60_000)) * 10 / 60 < kind.baud * 1.01


@every_kind
@pytest.mark.parametrize("episode", sorted(shipped_episodes()))
def test_monitor_speaks_on_through_every_episode(kind, episode):
    schedule = Schedule(((1_000, find_episode(episode)),))
    monitor = awake(kind, Patient(2, schedule=schedule))
    sent = [len(monitor.step(t_ms)) for t_ms in range(10_000, 31_000, 10_000)]
    if kind.name != "nonin-df13":  # a spot check has nothing to say while there is no finger
        assert all(sent)


@every_kind
@pytest.mark.parametrize("hr", [20.0, 300.0])
def test_numbers_at_the_edge_of_a_body_are_sent(kind, hr):
    source = Patient(2, held={"hr": hr, "spo2": 50.0, "rr": 60.0, "temp": 43.0, "pi": 20.0, "nibp_sys": 260.0})
    assert awake(kind, source).step(70_000)


@every_kind
def test_monitor_starts_again_from_its_power_up_output(kind):
    plugged_out = (StartedEpisode(episode="monitor-restart"),)
    monitor = StationMonitor(link="a", monitor=kind.name, seed=2, episodes=plugged_out).build(Path())
    assert monitor.step(19_999) == b""
    monitor.step(20_000)
    monitor.receive(WAKE.get(kind.name, b""))
    fresh = awake(kind, Later(Patient(2), 20_000), clock=Clock().later(20_000))
    assert monitor.step(35_000) == fresh.step(15_000) != b""


@every_kind
@pytest.mark.parametrize("noise", [*(f"{name}=0.01" for name in NOISES), "garbage", "skip=50", "one-byte", "0.001"])
def test_line_noise_reaches_every_monitor(kind, noise):
    clean = awake(kind, Patient(2)).step(60_000)
    spoilt = list(bytes_until(awake(kind, Patient(2)), Noise(NoiseMix.parse(noise), 4), 60_000))
    if noise == "one-byte":
        assert set(map(len, spoilt)) == {1}
        assert b"".join(spoilt) == clean
    elif len(clean) > 400:
        assert b"".join(spoilt) != clean


def test_names_and_aliases_are_given_once():
    names = [name for kind in KINDS for name in (kind.name, *kind.aliases)]
    assert len(set(names)) == len(names)
    assert all(find_kind(name) for name in names)


@every_kind
def test_monitor_calls_itself_what_the_list_calls_it(kind):
    monitor = kind.make(Patient(1), Options())
    assert (monitor.name, monitor.title) == (kind.name, kind.title)


@every_kind
def test_noise_from_the_host_does_no_harm(kind):
    monitor = kind.make(Patient(1), Options())
    monitor.receive(bytes(range(256)) * 8)
    monitor.step(5_000)
    monitor.receive(b"")
    monitor.step(10_000)
