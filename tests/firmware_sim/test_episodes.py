"""Episodes: each shipped one parses, moves what it says it moves, and ends."""

import pytest

from firmware_sim.episode import FOLDER, Episode, Schedule, find_episode, shipped_episodes
from firmware_sim.patient import CUFF_INTERVAL_MS, Patient
from vitals.document import read_document
from vitals.errors import DocumentError, UsageError

TOLERANCE = {"hr": 3.0, "rr": 2.0, "spo2": 1.5, "nibp_sys": 6.0, "nibp_dia": 4.0, "temp": 0.2, "pi": 0.4}
CUFF = {"nibp_sys", "nibp_dia"}


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
            if parameter not in CUFF:
                assert signs.values[parameter] == pytest.approx(target, abs=TOLERANCE[parameter])


@pytest.mark.parametrize("name", sorted(shipped_episodes()))
def test_patient_after_an_episode_is_as_without_it(name):
    after = find_episode(name).length_ms + CUFF_INTERVAL_MS
    assert with_episode(name).at(after) == Patient(11).at(after)


def test_hypotension_shows_with_the_cuff():
    values = with_episode("hypotension").at(6 * 60_000).values
    assert values["nibp_sys"] == pytest.approx(78, abs=TOLERANCE["nibp_sys"])
    assert values["nibp_dia"] == pytest.approx(44, abs=TOLERANCE["nibp_dia"])


@pytest.mark.parametrize(
    ("name", "lost", "kept"),
    [
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
        ("[{at: 0s}]", "at least 2"),
    ],
)
def test_bad_episode_is_refused_with_its_line(timeline, text):
    with pytest.raises(DocumentError, match=text) as caught:
        read(f"id: bad\ntitle: Bad\ntimeline: {timeline}\n")
    assert all(problem.file == "e.yaml" and problem.line >= 1 for problem in caught.value.problems)
