"""Plans: strict documents that become stations of monitors."""

from pathlib import Path

import pytest

from firmware_sim.plan import FOLDER, Plan, read_plan, shipped_plan
from vitals.document import read_document
from vitals.errors import DocumentError


def read(*monitors):
    return read_document("monitors:\n" + "".join(f"  - {entry}\n" for entry in monitors), "plan.yaml", Plan).monitors


def problems(*monitors):
    with pytest.raises(DocumentError) as caught:
        read(*monitors)
    return [str(problem) for problem in caught.value.problems]


def test_every_key_has_its_use():
    (item,) = read(
        "{link: mon-a, monitor: hobby-lines, seed: 4, device: board, noise: 0.001, boot_noise: true, speed: 2,"
        " held: {spo2: 95}, episodes: [{episode: desaturation, start: 20s}, {episode: lead_off}], repeat: 3min}"
    )
    assert item.schedule().repeat_ms == 180_000
    data = item.build(Path()).step(3_000)
    assert b'"dev":"board"' in data
    assert b'"spo2":95' in data


def test_noise_may_be_chosen_kind_by_kind():
    (item,) = read('{link: a, monitor: masimo, noise: "skip=20,one-byte"}')
    clean = item.build(Path()).step(5_000)
    cable = item.cable()
    assert cable.spoil(item.build(Path()).step(5_000)) == clean[20:]
    assert list(cable.pieces(b"ab")) == [b"a", b"b"]


def test_recording_is_looked_for_beside_the_plan(tmp_path):
    (tmp_path / "mine.csv").write_text("t_s,hr\n0,61\n60,62\n")
    (item,) = read("{link: a, monitor: json-line, recording: {file: mine.csv, speed: 60}}")
    assert b'"hr":62' in item.build(tmp_path).step(1_000)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("{link: a, monitor: nonin, sed: 1}", "unknown key 'sed'"),
        ("{link: a, monitor: pulse-o-matic}", "there is no monitor 'pulse-o-matic'"),
        ("{link: a, monitor: nonin, episodes: [{episode: nap}]}", "there is no episode 'nap'"),
        ("{link: a/b, monitor: nonin}", "link"),
        ("{link: .., monitor: nonin}", "link"),
        ("{link: a, monitor: nonin, noise: 2}", "noise rate"),
        ('{link: a, monitor: nonin, noise: "hum=0.1"}', "noise 'hum=0.1'"),
        ("{link: a, monitor: nonin, boot_noise: true}", "has no boot_noise"),
        ("{link: a, monitor: nonin, held: {hr: 0}}", "hr must be from 20"),
        ("{link: a, monitor: nonin, episodes: [{episode: fever}], repeat: 1min}", "repeat must be at least"),
        ("{link: a, monitor: nonin, recording: {}}", "either name"),
        ("{link: a, monitor: nonin, recording: {name: nobody}}", "there is no recording 'nobody'"),
        ("{link: a, monitor: nonin, recording: {file: x.csv, speed: 0}}", "speed"),
        ("{link: a, monitor: nonin, recording: {file: x.csv}, episodes: [{episode: motion}]}", "no episodes"),
    ],
)
def test_bad_plan_is_refused_with_its_line(entry, text):
    (problem,) = problems("{link: good, monitor: nonin}", entry)
    assert text in problem
    assert problem.startswith("plan.yaml:3:")


def test_two_monitors_cannot_share_a_link():
    assert "link 'a' is given twice" in problems("{link: a, monitor: nonin}", "{link: a, monitor: nonin}")[0]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_plans_run(path):
    for item in read_plan(path):
        assert len(item.build(path.parent).step(5_000)) > 100


def test_demo_has_a_desaturation_a_lost_probe_and_otherwise_quiet_patients():
    items = {item.link: item for item in read_plan(shipped_plan("demo"))}
    assert list(items) == [f"mon-{number}" for number in range(1, 9)]
    kinds = [item.monitor for item in items.values()]
    assert kinds == ["nonin-df2"] * 2 + ["nonin-df7"] * 2 + ["json-line"] * 4
    assert [link for link, item in items.items() if item.recording] == ["mon-7", "mon-8"]

    sources = {link: item.source(Path()) for link, item in items.items()}
    seen = {link: [source.at(second * 1_000) for second in range(600)] for link, source in sources.items()}
    low = [second for second, signs in enumerate(seen["mon-1"]) if (signs.get("spo2") or 100) < 85]
    assert 20 < low[0] < 35
    assert len([second for second in low if second < 300]) >= 30
    assert any(second > 380 for second in low)
    assert "sensor_off" in seen["mon-3"][41].states
    for link in ("mon-2", "mon-4", "mon-5", "mon-6", "mon-7", "mon-8"):
        first = seen[link][:120]
        assert all(signs.get("hr") and signs.get("rr") and signs.get("spo2") for signs in first), link
        assert all(50 < signs.get("hr") < 110 and signs.get("spo2") >= 94 for signs in first), link
        assert all(8 <= signs.get("rr") <= 24 for signs in first), link
