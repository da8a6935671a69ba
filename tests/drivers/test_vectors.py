"""Every published example of every protocol is read, or said, as its sheet says.

`pytest tests/drivers/test_vectors.py --vectors DIR` runs the JSON files of another folder in the same format, one case
per example. A failing case prints what was expected and what came instead.
"""

import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from edge_agent.drivers import capnostream20, contec_cms50, ge_datex_dri, intellivue, ivy450c, medibus
from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.ge_datex_dri import frames as datex_frames
from edge_agent.drivers.intellivue.decimal_float import read_float
from edge_agent.drivers.nonin import commands as nonin_commands
from edge_agent.drivers.nonin import decoder as nonin_decoder
from edge_agent.drivers.nonin.readings import status_flags
from edge_agent.drivers.registry import build
from edge_agent.sources.hl7_alerts import read_alerts
from edge_agent.sources.hl7_message import read_message
from edge_agent.sources.hl7_observations import tell
from edge_agent.sources.mllp import MllpStream

OWN = Path(__file__).parent / "vectors"
TOLERANCE = 0.001


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """One example; keys that only people read are left out."""

    protocol: str
    format: str
    name: str
    direction: Literal["from_device", "to_device"]
    expect: list[dict]
    hex: str | None = None
    ascii: str | None = None
    link: dict[str, int] | None = None
    note: str = ""

    def __post_init__(self):
        if (self.hex is None) == (self.ascii is None):
            raise ValueError("one of hex and ascii is needed")
        self.data  # noqa: B018  (must be readable)
        for event in self.expect:
            if unknown := set(event) - EVENT_KEYS:
                raise ValueError(f"nobody compares {', '.join(sorted(unknown))} of an event")

    @property
    def data(self):
        return bytes.fromhex(self.hex) if self.ascii is None else self.ascii.encode("ascii")


EVENT_KEYS = {"values", "missing", "flags", "waves", "device", "device_time", "command"}


@dataclass
class Got:
    """What came of an example, each event in the form of the vectors, and how many frames were bad for which reason."""

    events: list = field(default_factory=list)
    bad: Counter = field(default_factory=Counter)


# --- from what drivers say to what vectors say


def event(*observations):
    """What a frame says. Drivers tell single measurements, such as a cuff pressure, apart from the rest."""
    merged = {"values": {}, "missing": {}, "flags": set(), "waves": {}, "device": {}, "device_time": None}
    for seen in observations:
        for key in ("values", "missing"):
            assert not set(merged[key]) & set(getattr(seen, key)), "two parts of one frame say the same thing"
        for key in ("values", "missing", "waves", "device"):
            merged[key] |= getattr(seen, key)
        merged["flags"] |= set(seen.flags)
        # The time of a single measurement is its own, not that of the frame.
        if merged["device_time"] is None or not seen.aperiodic:
            merged["device_time"] = seen.device_time
    return merged


def reasons(found):
    return Counter(item.reason for item in found if isinstance(item, BadFrame))


def heard(name, data, **options):
    """A fresh driver, the bytes of a recording, and its end."""
    driver = build(name, options)
    parts = [driver.feed(data, 0), driver.finish(0)]
    return Got(
        [event(seen) for part in parts for seen in part.observations],
        reasons(bad for part in parts for bad in part.bad),
    )


def read_hobby(vector, others):
    counts = vector.name.startswith("ad8232") or "adc" in vector.note.lower()
    return [heard("hobby-lines", vector.data, mode="adc" if counts else "text", columns=["hr", "spo2"])]


def read_nonin(vector, others):
    if vector.format.endswith("-frame"):
        return [nonin_frame(vector.data, nonin_decoder.Format[vector.format.removesuffix("-frame").upper()])]
    name = vector.format.removesuffix("-stream")
    # The note names the model where it matters; a Bluetooth model has undefined bits.
    bluetooth = any(f"model={model}" in vector.note for model in ("9560", "3150"))
    names = [name, "auto"] if name in ("df2", "df7") else [name]
    return [heard("nonin", vector.data, format=name, model="bluetooth" if bluetooth else "wired") for name in names]


def nonin_frame(data, format_):
    """One of the 25 frames of a packet: no driver publishes it, the decoder reads it."""
    if reason := nonin_decoder.fault(format_, data):
        return Got(bad=Counter([reason]))
    frame = nonin_decoder.unpack(format_, data)
    device = {"sync": bool(frame.statuses[0] & 1), "pleth": frame.pleth[0], "var": frame.variables[0]}
    return Got([{"values": {}, "missing": {}, "flags": status_flags(frame.statuses), "device": device}])


def read_contec(vector, others):
    named = vector.format.split("-")[0]
    return [heard("contec-cms50", vector.data, format=name) for name in (named, "auto")]


def read_datex(vector, others):
    """Each record by a driver of its own: a driver tells a cuff pressure once, records repeat it."""
    found = datex_frames.FrameDecoder().feed(vector.data)
    payloads = [datex_frames.enclose(item) for item in found if isinstance(item, bytes)]
    assert heard("ge-datex-dri", vector.data).bad == reasons(found)
    return [Got([event(*alone("ge-datex-dri", payload)) for payload in payloads], reasons(found))]


def alone(name, data):
    return build(name, {}).feed(data, 0).observations


def read_ivy(vector, others):
    """A driver says which frames are published, each frame says what it carries: the cuff pressure each time."""
    driver, decoder = build("ivy450c", {}), ivy450c.FrameDecoder()
    got = Got()
    for byte in vector.data:
        part = driver.feed(bytes([byte]), 0)
        frames = [item for item in decoder.feed(bytes([byte])) if isinstance(item, ivy450c.Frame)]
        got.bad += reasons(part.bad)
        if part.observations:
            got.events += [event(ivy450c.observe(frame, ivy450c.IvyOptions())) for frame in frames]
    got.bad += reasons(driver.finish(0).bad)
    return [got]


def read_intellivue(vector, others):
    if vector.format == "float":
        number = read_float(int.from_bytes(vector.data, "big"))
        said = {"special": number} if isinstance(number, str) else {"decimal": f"{number:f}"}
        return [Got([{"device": said}])]
    if vector.format == "rs232" and (body := not_a_message(vector.data)) is not None:
        return [Got([{"device": {"payload": body.hex()}}])]
    if vector.format.startswith("rs232"):
        found = intellivue.FrameDecoder().feed(vector.data)
        messages = [item for item in found if isinstance(item, bytes)]
        return [Got(spoken(messages), heard("intellivue", vector.data).bad)]
    return [Got(spoken([vector.data]), heard("intellivue-udp", vector.data).bad)]


def spoken(messages):
    """A message says what it says, whatever was told before; only of a chain of messages the last one does."""
    running = build("intellivue-udp", {})
    said = [(alone("intellivue-udp", message), running.feed(message, 0).observations) for message in messages]
    return [event(*(by_itself or in_turn)) for by_itself, in_turn in said if by_itself or in_turn]


def not_a_message(frame):
    """What a good frame holds that is too short for a message: an example of the check sequence alone."""
    body = intellivue.framing.disclose(frame[1:-1])
    return body if isinstance(body, bytes) and body[:2] != intellivue.framing.HEADER else None


def read_medibus(vector, others):
    """Realtime bytes mean nothing without the configuration the note names."""
    if vector.format != "realtime":
        return [heard("medibus", vector.data)]
    named = [other for other in others if other.name in vector.note.split() or f"{other.name}." in vector.note]
    before = [other.data for other in named or others if other.name == "rt-config-two-streams" or other in named]
    got = heard("medibus", before[0] + vector.data)
    got.events = got.events[1:]
    return [got]


PLACES = ("prt-10", "obx-18", "msh-3")


def read_hl7(vector, others):
    """No driver, but a way in with vectors of the same form."""
    data = vector.data
    if vector.format == "mllp":
        (data,) = MllpStream(len(data)).feed(data)
    message = read_message(data)
    told = [
        {
            "values": one.values,
            "missing": one.missing,
            "flags": one.states,
            "device": {"control_id": message.control_id},
            "device_time": one.time[:19],
        }
        for one in tell(message, PLACES)
        if message.head.part(9, 2) == "R01"
    ]
    if message.head.part(9, 2) == "R40":
        told += [{"device": alert.fields()} for alert in read_alerts(message, PLACES)]
    return [Got(told + [acknowledged(message, part) for part in message.segments if part.name == "MSA"])]


def acknowledged(message, part):
    device = {"ack": part.field(1), "control_id": part.field(2), "success": part.field(1)[1:] == "A"}
    # E may go better another time, R never will.
    device["retry"] = part.field(1)[1:] == "E"
    errors = [segment.part(3, 1) for segment in message.segments if segment.name == "ERR"]
    return {"device": device | ({"error": errors[0]} if errors else {})}


def plain(name):
    return lambda vector, others: [heard(name, vector.data)]


READ: dict[str, Callable] = {
    "capnostream20": plain("capnostream20"),
    "contec-cms50": read_contec,
    "ge-datex-dri": read_datex,
    "hl7-pcd": read_hl7,
    "hobby-lines": read_hobby,
    "intellivue": read_intellivue,
    "ivy450c": read_ivy,
    "masimo-ascii1": plain("masimo-ascii1"),
    "medibus": read_medibus,
    "nellcor-ascii": plain("nellcor-ascii"),
    "nonin": read_nonin,
}


# --- from what vectors ask for to what drivers send


def say_capnostream(said, vector):
    return capnostream20.encode(said["code"])


def say_contec(said, vector):
    return contec_cms50.command(said["code"], *[said[key] for key in ("hh", "mm", "ss") if key in said])


def say_datex(said, vector):
    level = said.get("level", 9)
    if said.get("maintype") == 1:
        return ge_datex_dri.requests.waveforms(said["types"], level=level)
    return ge_datex_dri.requests.displayed_values(
        level=level, interval_s=said["interval_s"], classes=said.get("classes", 0)
    )


def say_intellivue(said, vector):
    requests = intellivue.conversation.requests
    match said["name"]:
        case "single_poll":
            number = said["poll_number"]
            message = requests.single_poll(said["object_class"], said["attr_group"], number=number, invoke_id=1)
        case "release":
            message = requests.release_request()
        case "abort":
            message = requests.abort()
        case "association_request":
            message = requests.association_request(int(said["ext_options"], 16))
    return intellivue.wrap(message) if vector.format == "rs232" else message


def say_medibus(said, vector):
    match said["name"]:
        case "enable-rt":
            return medibus.enable(len(said["streams"]))
        case "disable-rt":
            return medibus.disable(len(said["streams"]))
        case "configure-rt":
            return medibus.command(0x54, b"".join(b"%s%02X" % (code.encode(), n) for code, n in said["streams"]))
    return medibus.command(int(said["code"], 16))


def say_nonin(said, vector):
    match said["name"]:
        case "set_format":
            return nonin_commands.set_format(said["format"])
        case "get_datetime":
            return nonin_commands.get_datetime()
        case "set_datetime":
            return nonin_commands.set_datetime(datetime.fromisoformat(said["datetime"]))
        case "get_serial":
            return nonin_commands.get_serial()


SAY: dict[str, Callable] = {
    "capnostream20": say_capnostream,
    "contec-cms50": say_contec,
    "ge-datex-dri": say_datex,
    "intellivue": say_intellivue,
    "medibus": say_medibus,
    "nonin": say_nonin,
}


# --- comparing


def same(got, wanted):
    """Equal; numbers within the tolerance, whatever they are nested in."""
    if isinstance(wanted, bool) or isinstance(got, bool) or wanted is None or got is None:
        return got is wanted
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return math.isclose(got, wanted, rel_tol=0, abs_tol=TOLERANCE)
    if isinstance(wanted, dict) and isinstance(got, dict):
        return got.keys() == wanted.keys() and all(same(got[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(got, list | tuple):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    return got == wanted


def as_said(wave):
    """A wave in the words of the vectors."""
    samples = list(wave.samples)
    ends = {"first": samples[0], "last": samples[-1]} if samples else {}
    return {"rate_hz": wave.rate_hz, "n": len(samples), "samples": samples, "unit": wave.unit, **ends}


def shown(got, wanted):
    """Of what came, the part that this event compares."""
    part = {}
    for key, value in wanted.items():
        found = got.get(key)
        if key == "flags":
            part[key] = sorted(found or ())
        elif key == "device":
            part[key] = {name: found[name] for name in value if name in (found or {})}
        elif key == "waves":
            part[key] = {
                name: {word: as_said(found[name]).get(word) for word in shape}
                for name, shape in value.items()
                if name in (found or {})
            }
        else:
            part[key] = found
    return part


def assert_events(vector, got):
    wanted = [{**event, "flags": sorted(event["flags"])} if "flags" in event else event for event in vector.expect]
    pairs = zip(got.events, wanted, strict=False)
    part = [shown(*pair) for pair in pairs] + got.events[len(wanted) :]
    if not same(part, wanted):
        differs(vector, wanted, part)


def differs(vector, wanted, got):
    text = f"{vector.protocol} {vector.format} {vector.name}\n  expected: {wanted}\n  got:      {got}"
    pytest.fail(f"{text}\n  note:     {vector.note}" if vector.note else text, pytrace=False)


# --- the cases


@dataclass(frozen=True)
class Unreadable:
    """A file, or an entry of one, that is no vector."""

    where: str
    why: str


def load(folder):
    """Every vector of the folder, or of a single file; what cannot be read stands in its place."""
    files = [folder] if folder.is_file() else sorted(folder.glob("*.json"))
    return [case for file in files for case in load_file(file)] or [Unreadable(str(folder), "holds no *.json file")]


def load_file(file):
    try:
        entries = json.loads(file.read_text())
    except (OSError, ValueError) as exc:
        return [Unreadable(str(file), f"is no JSON text: {exc}")]
    if not isinstance(entries, list) or not entries:
        return [Unreadable(str(file), "expected a JSON array of vectors")]
    return [convert(f"{file}[{number}]", entry) for number, entry in enumerate(entries)]


def convert(where, entry):
    try:
        return msgspec.convert(entry, Vector)
    except (msgspec.ValidationError, ValueError) as exc:
        return Unreadable(where, f"is no vector: {exc}")


def label(case):
    return case.where if isinstance(case, Unreadable) else f"{case.protocol}-{case.name}"


def pytest_generate_tests(metafunc):
    if "vector" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--vectors")
        cases = load(Path(chosen) if chosen else OWN)
        metafunc.parametrize("vector", cases, ids=[label(case) for case in cases])


@pytest.fixture(scope="session")
def siblings(pytestconfig):
    """All vectors of this run and those of the repository, of one protocol."""
    chosen = pytestconfig.getoption("--vectors")
    known = [*(load(Path(chosen)) if chosen else ()), *load(OWN)]
    return lambda protocol: [case for case in known if isinstance(case, Vector) and case.protocol == protocol]


def test_vector(vector, siblings, pytestconfig):
    if isinstance(vector, Unreadable):
        pytest.fail(f"{vector.where} {vector.why}", pytrace=False)
    if vector.protocol not in READ:
        known = ", ".join(READ)
        pytest.fail(f"{vector.name}: no driver reads the protocol {vector.protocol!r}; known: {known}", pytrace=False)
    if vector.direction == "to_device":
        assert_said(vector)
        return
    for got in READ[vector.protocol](vector, siblings(vector.protocol)):
        assert_events(vector, got)
        assert_link(vector, got.bad, ours=not pytestconfig.getoption("--vectors"))


def assert_link(vector, bad, *, ours):
    """What the example says was bad is counted as bad; in streams there may be more. The names are informative."""
    wanted = vector.link or {}
    if ours:
        counted = {name: bad[name] for name in wanted} if vector.format.endswith("stream") else dict(bad)
    else:
        counted = {name: bad.total() >= 1 for name in wanted}
        wanted = dict.fromkeys(wanted, True)
    if counted != wanted:
        differs(vector, {"link": wanted}, {"link": counted})


def assert_said(vector):
    said = [event["command"] for event in vector.expect if "command" in event]
    if vector.protocol not in SAY or len(said) != 1:
        pytest.fail(f"{vector.name}: expected one command of a driver that says something", pytrace=False)
    data = SAY[vector.protocol](said[0], vector)
    if data is None:
        pytest.fail(f"{vector.name}: the driver {vector.protocol} never says {said[0]}", pytrace=False)
    if data != vector.data:
        differs(vector, vector.data.hex(), data.hex())


COUNTS = {
    "capnostream20": 11,
    "contec-cms50": 29,
    "ge-datex-dri": 14,
    "hobby-lines": 14,
    "intellivue": 15,
    "ivy450c": 5,
    "masimo-ascii1": 9,
    "medibus": 27,
    "nellcor-ascii": 9,
    "nonin": 36,
}


def test_no_example_has_gone_missing():
    assert Counter(vector.protocol for vector in load(OWN)) == COUNTS
    assert set(READ) - {"hl7-pcd"} == set(COUNTS)  # whose examples stand beside the tests of that way in


# --- further vectors


def entry(**changes):
    known = {"protocol": "nonin", "format": "df1", "name": "x", "direction": "from_device", "hex": "804861"}
    return {**known, "expect": [{"values": {"pr": 72, "spo2": 97}, "missing": {}, "flags": []}], **changes}


FURTHER = {
    "good": [entry(name="good")],
    "wrong-number": [entry(name="wrong", expect=[{"values": {"pr": 73, "spo2": 97}, "missing": {}, "flags": []}])],
    "too-many": [entry(name="many", expect=[])],
    "stranger": [entry(name="far", protocol="abacus")],
    "no-bytes": [entry(name="empty", hex=None)],
    "odd": [entry(name="odd", expect=[{"colour": "red"}])],
    "command": [entry(name="sing", format="command", direction="to_device", expect=[{"command": {"name": "sing"}}])],
}
SAID = {
    "wrong-number": "expected: [{'values': {'pr': 73",
    "too-many": "got:      [{'values': {'pr': 72",
    "stranger": "no driver reads the protocol 'abacus'; known: capnostream20, contec",
    "no-bytes": "one of hex and ascii is needed",
    "odd": "nobody compares colour",
    "command": "never says {'name': 'sing'}",
    "broken": "is no JSON text",
}


def test_further_vectors_are_run_and_what_is_wrong_with_them_is_said(tmp_path):
    for name, entries in FURTHER.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    (tmp_path / "broken.json").write_text("[{")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            f"{__file__}::test_vector",
            "--vectors",
            str(tmp_path),
            "-p",
            "no:cacheprovider",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "7 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    for said in SAID.values():
        assert said in done.stdout


def test_a_folder_without_vectors_is_a_failure(tmp_path):
    assert load(tmp_path) == [Unreadable(str(tmp_path), "holds no *.json file")]
    assert isinstance(load(tmp_path / "not-there")[0], Unreadable)
