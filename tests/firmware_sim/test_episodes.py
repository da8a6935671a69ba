"""Episodes: each shipped one parses, moves what it says it moves, and ends."""

import pytest

from firmware_sim.episode import FOLDER, Episode, Schedule, find_episode, shipped_episodes
from firmware_sim.patient import CUFF_INTERVAL_MS, Patient
from vitals.document import read_document
from vitals.errors import DocumentError, UsageError

TOLERANCE = {"hr": 3.0, "rr": 2.0, "spo2": 1.5, "nibp_sys": 6.0, "nibp_dia": 4.0, "temp": 0.2, "pi": 0.4, "etco2": 2.0}
CUFF = {"nibp_sys": "abp_sys", "nibp_dia": "abp_dia"}  # the artery shows at once what the cuff shows later
STOPPED = {"hr", "pr", "spo2", "pi", "nibp_sys", "nibp_dia"}  # where no heart beats


def with_episode(name, start_ms=0, seed=11):
    return Patient(seed, schedule=Schedule(((start_ms, find_episode(name)),)))


def read(text):
    return read_document(text, "e.yaml", Episode)


@pytest.mark.parametrize("name", sorted(shipped_episodes()))
def test_every_point_of_an_episode_is_reached(name):
    episode = find_episode(name)
    assert episode.id == name
    for point in episode.timeline:
        signs = with_episode(name).at(point.at)
        assert signs.states == frozenset(point.states)
        for parameter, target in point.targets.given().items():
            if "asystole" not in point.states or parameter not in STOPPED:
                value = signs.values[CUFF.get(parameter, parameter)]
                assert value == pytest.approx(target, abs=TOLERANCE[parameter])


@pytest.mark.parametrize("name", sorted(shipped_episodes()))
def test_patient_after_an_episode_is_as_without_it(name):
    after = find_episode(name).length_ms + CUFF_INTERVAL_MS
    assert with_episode(name).at(after) == Patient(11).at(after)


def test_hypotension_shows_with_the_cuff():
    values = with_episode("hypotension").at(6 * 60_000).values
    assert values["nibp_sys"] == pytest.approx(78, abs=TOLERANCE["nibp_sys"])
    assert values["nibp_dia"] == pytest.approx(44, abs=TOLERANCE["nibp_dia"])


@pytest.mark.parametrize(
    ("name", "at_s", "expected"),
    [
        ("desaturation", 40, {"spo2": (0, 84), "hr": (98, 120)}),
        ("apnoea", 40, {"rr": (0, 3), "spo2": (0, 94)}),
        ("apnoea", 75, {"rr": (22, 26), "hr": (90, 102)}),
        ("bradycardia", 40, {"hr": (30, 40), "pr": (30, 40), "abp_sys": (80, 104)}),
        ("asystole", 20, {"hr": (30, 45)}),
        ("asystole", 70, {"hr": (100, 130)}),
        ("ventricular-tachycardia", 20, {"hr": (180, 200), "abp_sys": (60, 95), "pi": (0, 1.0)}),
        ("tachycardia", 50, {"hr": (150, 166), "pr": (150, 166)}),
        ("hypertension", 400, {"nibp_sys": (185, 225), "abp_sys": (185, 225), "nibp_dia": (100, 122)}),
        ("sepsis", 130 * 60, {"hr": (115, 132), "rr": (26, 32), "temp": (38.9, 39.7), "nibp_sys": (70, 96)}),
        ("sepsis", 130 * 60, {"spo2": (86, 92)}),
        ("artefact", 10, {"hr": (150, 180), "spo2": (80, 90)}),
        ("cold-hand", 60, {"pi": (0, 0.4)}),
        ("fever", 30 * 60, {"temp": (39.2, 39.6)}),
    ],
)
def test_episode_moves_what_it_says_and_the_quiet_patient_was_not_there(name, at_s, expected):
    moved, quiet = with_episode(name).at(at_s * 1_000), Patient(11).at(at_s * 1_000)
    for parameter, (low, high) in expected.items():
        assert low < moved.values[parameter] < high
        assert not low < quiet.values[parameter] < high


def test_heart_that_stands_still_has_no_rate_and_no_pulse():
    signs = with_episode("asystole").at(40_000)
    assert "asystole" in signs.states
    assert not {"hr", "pr", "spo2", "pi", "etco2"} & signs.values.keys()
    assert signs.values["abp_sys"] < 20


def test_cuff_that_leaks_measures_nothing_until_it_is_tight():
    values = [with_episode("cuff-leak", start_ms=60_000).at(t_s * 1_000).values for t_s in (90, 150, 330, 490)]
    assert ["nibp_sys" in entry for entry in values] == [True, False, False, True]
    assert all("abp_sys" in entry for entry in values)


@pytest.mark.parametrize(("name", "state"), [("motion", "artifact"), ("low-battery", "low_battery")])
def test_state_of_the_monitor_changes_no_number(name, state):
    moved, quiet = with_episode(name).at(10_000), Patient(11).at(10_000)
    assert moved.states == {state}
    assert moved.values == quiet.values


@pytest.mark.parametrize("name", ["monitor-restart", "clock-step"])
def test_what_happens_to_the_monitor_does_not_happen_to_the_patient(name):
    assert with_episode(name).at(10_000) == Patient(11).at(10_000)


def test_every_episode_of_the_ward_is_there():
    wanted = "desaturation apnoea bradycardia asystole ventricular-tachycardia tachycardia hypertension sepsis"
    wanted += " probe-off lead-off cuff-leak low-battery artefact monitor-restart clock-step"
    assert set(wanted.split()) <= shipped_episodes().keys()


@pytest.mark.parametrize(
    ("name", "lost", "kept"),
    [
        ("occlusion", {"etco2"}, {"rr", "spo2"}),
        ("probe-off", {"spo2", "pr"}, {"hr", "rr"}),
        ("unplugged", {"spo2", "pr"}, {"hr", "rr"}),
        ("lead-off", {"hr", "rr"}, {"spo2", "pr"}),
    ],
)
def test_sensor_that_is_off_delivers_no_number(name, lost, kept):
    values = with_episode(name).at(1_000).values
    assert not lost & values.keys()
    assert kept <= values.keys()


def test_targets_are_reached_on_a_straight_way():
    patient = Patient(12, held={"spo2": 97.0}, schedule=Schedule(((10_000, find_episode("desaturation")),)))
    assert [patient.at(t_ms).values["spo2"] for t_ms in (10_000, 16_000, 22_000, 60_000)] == [97, 89, 81, 81]


def test_schedule_repeats():
    patient = Patient(1, schedule=Schedule(((20_000, find_episode("probe-off")),), repeat_ms=100_000))
    off = [bool(patient.at(t_ms).states) for t_ms in (0, 30_000, 80_000, 110_000, 130_000, 180_000, 230_000)]
    assert off == [False, True, False, False, True, False, True]


def test_schedule_cannot_repeat_before_it_is_over():
    with pytest.raises(ValueError, match="at least 65s"):
        Schedule(((20_000, find_episode("probe-off")),), repeat_ms=64_000)


def test_two_episodes_run_together():
    both = Schedule(((0, find_episode("desaturation")), (0, find_episode("lead-off"))))
    signs = Patient(1, schedule=both).at(30_000)
    assert "lead_off" in signs.states
    assert signs.values["spo2"] < 85


def test_file_names_are_the_ids():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {episode.id for episode in shipped_episodes().values()}


def test_underscore_and_hyphen_are_one():
    assert find_episode("probe_off") is find_episode("probe-off")


@pytest.mark.parametrize("name", ["nothing", "../plans/demo", "", "/etc/passwd"])
def test_unknown_episode_says_which_there_are(name):
    with pytest.raises(UsageError, match="desaturation"):
        find_episode(name)


@pytest.mark.parametrize(
    ("timeline", "text"),
    [
        ("[{at: 0s}, {at: 5s, targets: {sp02: 80}}, {at: 9s}]", "unknown key 'sp02'"),
        ("[{at: 0s}, {at: 5s, targets: {spo2: 180}}, {at: 9s}]", "outside what a monitor can measure"),
        ("[{at: 0s}, {at: 5s, targets: {hr: 0}}, {at: 9s}]", "outside what a monitor can measure"),
        ("[{at: 0s}, {at: 5s, targets: {nibp_sys: 60, nibp_dia: 80}}, {at: 9s}]", "below nibp_sys"),
        ("[{at: 0s}, {at: 5s, states: [asleep]}, {at: 9s}]", "states"),
        ("[{at: 2s}, {at: 5s}]", "starts at 0s"),
        ("[{at: 0s}, {at: 5s}, {at: 5s}]", "times grow"),
        ("[{at: 0s}, {at: 5s, targets: {hr: 40}}]", "recovers"),
        ("[{at: 0s}, {at: 5s, monitor_off: true}]", "recovers"),
        ("[{at: 0s}, {at: 5s, clock_ahead_s: -60}]", "recovers"),
        ("[{at: 0s, monitor_off: maybe}, {at: 5s}]", "monitor_off"),
        ("[{at: 0s}]", "at least 2"),
    ],
)
def test_bad_episode_is_refused_with_its_line(timeline, text):
    with pytest.raises(DocumentError, match=text) as caught:
        read(f"id: bad\ntitle: Bad\ntimeline: {timeline}\n")
    assert all(problem.file == "e.yaml" and problem.line >= 1 for problem in caught.value.problems)
