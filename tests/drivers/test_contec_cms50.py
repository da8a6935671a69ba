"""Contec CMS50: packets of both formats become observations, and a device that stops is woken up."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.contec_cms50.packing import unpack
from edge_agent.drivers.contec_cms50.stream import GIVE_UP
from edge_agent.drivers.registry import build

VECTORS = json.loads((Path(__file__).parent / "vectors" / "contec-cms50.json").read_text())
START = bytes.fromhex("7d81a1808080808080")
KEEP_ALIVE = bytes.fromhex("7d81af808080808080")


def five(pr=72, spo2=97, pleth=60, *, state=5, more=6):
    return bytes([0x80 | state, pleth, more | (pr >> 7) << 6, pr & 0x7F, spo2])


def nine(pr=72, spo2=97, pleth=60, *, state=5, more=6, pi=235, kind=1):
    """The packing spelled out: one bit of the second byte for each byte that follows."""
    data = [state, pleth, more, pr, spo2, pi & 0xFF, pi >> 8]
    high = 0x80 + sum(2**place for place, byte in enumerate(data) if byte >= 128)
    return bytes([kind, high] + [128 + byte % 128 for byte in data])


PACKETS = {"5byte": five, "9byte": nine}
both = pytest.mark.parametrize("format_", ["5byte", "9byte"])
told_or_not = pytest.mark.parametrize("told", [True, False], ids=["told", "auto"])


def option(format_, told=True):
    return {"format": format_ if told else "auto"}


def rates(heard):
    return [seen.values["pr"] for seen in heard.observations if "pr" in seen.values]


@pytest.fixture
def live():
    """A driver on a line that was opened just now: `live("auto")` gives what it heard of a stream."""

    def opened(data, format_="auto"):
        driver = build("contec-cms50", {"format": format_})
        driver.start(0)
        return driver.feed(data, 0)

    return opened


@both
@told_or_not
@pytest.mark.parametrize("rate", [1, 57, 127, 128, 129, 185, 254])
def test_a_rate_has_eight_bits(format_, told, rate, listen):
    (observation,) = listen("contec-cms50", PACKETS[format_](pr=rate), **option(format_, told)).observations
    assert (observation.values["pr"], observation.values["spo2"]) == (rate, 97)


@both
def test_the_code_for_no_number_is_no_number(format_, listen):
    (observation,) = listen("contec-cms50", PACKETS[format_](pr=255, spo2=127), **option(format_)).observations
    assert {observation.missing["pr"], observation.missing["spo2"]} == {"invalid_code"}


@both
@pytest.mark.parametrize("spo2", [101, 126])
def test_a_saturation_over_100_is_out_of_range(format_, spo2, listen):
    (observation,) = listen("contec-cms50", PACKETS[format_](spo2=spo2), **option(format_)).observations
    assert observation.missing == {"spo2": "out_of_range"}


def test_zero_is_the_code_of_the_one_format_and_no_measurement_in_the_other(listen):
    assert listen("contec-cms50", five(0, 0)).observations[0].missing == {"pr": "invalid_code", "spo2": "invalid_code"}
    assert listen("contec-cms50", nine(0, 0)).observations[0].missing == {"pr": "out_of_range", "spo2": "out_of_range"}


@pytest.mark.parametrize(
    ("format_", "fields", "flags"),
    [
        ("5byte", {"more": 0x10}, ("sensor_off",)),
        ("5byte", {"more": 0x20}, ("searching",)),
        ("5byte", {"state": 0x10}, ("searching",)),
        ("5byte", {"more": 0x30}, ("searching", "sensor_off")),
        ("9byte", {"state": 0x80}, ("sensor_off",)),
        ("9byte", {"pleth": 0x80}, ("searching",)),
        ("9byte", {"state": 0x10}, ("searching",)),
        ("9byte", {"state": 0x90}, ("searching", "sensor_off")),
    ],
)
def test_a_probe_that_is_off_or_searching_wins_over_numbers(format_, fields, flags, listen):
    (observation,) = listen("contec-cms50", PACKETS[format_](**fields), **option(format_)).observations
    assert (observation.values, observation.flags) == ({}, flags)
    assert set(observation.missing.values()) == {flags[-1]}


@pytest.mark.parametrize(
    ("pi", "more", "value", "reason"),
    [
        (0, 0, 0.0, None),
        (2200, 0, 22.0, None),
        (2201, 0, None, "out_of_range"),
        (0xFFFF, 0, None, "not_measured"),
        (235, 0x10, None, "not_measured"),
    ],
)
def test_the_perfusion_index_is_in_hundredths(pi, more, value, reason, listen):
    (observation,) = listen("contec-cms50", nine(pi=pi, more=more)).observations
    assert (observation.values.get("pi"), observation.missing.get("pi")) == (value, reason)
    assert observation.values["pr"] == 72


def test_what_is_no_vital_sign_goes_to_the_device(listen):
    (old,) = listen("contec-cms50", five(state=0x6F, more=0x0C)).observations
    assert old.device == {"format": 5, "signal": None, "bar": 12, "beep": True, "spo2_falling": True}
    (new,) = listen("contec-cms50", nine(state=0x6F, more=0x0C)).observations
    assert new.device == {"format": 9, "signal": 8, "bar": 12, "beep": True, "spo2_low": True, "pi_valid": True}


def test_answers_between_packages_are_stepped_over_and_told(listen):
    data = nine(70) + bytes.fromhex("0c80") + bytes.fromhex("0e8080") + nine(71) + bytes.fromhex("0d8081") + nine(72)
    heard = listen("contec-cms50", data)
    assert (rates(heard), heard.bad) == ([70, 71, 72], [])
    replies = [seen.device for seen in heard.observations if "reply" in seen.device]
    assert replies == [
        {"reply": "idle"},
        {"reply": "pi_support", "pi_supported": True},
        {"reply": "disconnecting", "reason": 1},
    ]


def test_the_device_id_is_read(listen):
    package = bytes([0x04, 0x80]) + bytes(0x80 | byte for byte in b"CMS50E ")
    assert listen("contec-cms50", package).observations[0].device == {"reply": "device_id", "id": "CMS50E"}
    assert unpack(package) == b"CMS50E "


# Telling the formats apart.


@both
def test_auto_takes_whichever_format_arrives(format_, live):
    driver = build("contec-cms50", {})
    driver.start(0)
    data = b"".join(PACKETS[format_](pr=pr) for pr in range(60, 70))
    seen = driver.feed(data[3:], 0).observations
    assert [observation.values["pr"] for observation in seen] == list(range(62, 70))
    assert {observation.device["format"] for observation in seen} == {int(format_[0])}


@both
def test_a_named_format_refuses_the_other(format_, live):
    other = "9byte" if format_ == "5byte" else "5byte"
    assert live(PACKETS[other]() * 100, format_).observations == ()


def test_auto_finds_the_other_format_when_the_first_stops_making_sense(listen):
    heard = listen("contec-cms50", five(70) * 20 + nine(80) * 100 + five(90) * 200)
    assert sorted(set(rates(heard))) == [70, 80, 90]
    assert rates(heard).count(80) > 60
    assert rates(heard).count(90) > 120


def test_a_named_format_is_never_given_up(live):
    heard = live(five(70) * 3 + b"\x01" * 10 * GIVE_UP + five(71) * 3, "5byte")
    assert rates(heard) == [70, 70, 71, 71]


# Splits, noise and damage.


@told_or_not
@pytest.mark.parametrize("name", ["5byte", "9byte", "9b-stream-resync"])
def test_packets_do_not_depend_on_how_the_line_splits_them(name, told, listen):
    if name in PACKETS:
        data = b"\x33\x85" + b"".join(PACKETS[name](pr=pr) for pr in range(60, 66)) + b"\x85\x91" + PACKETS[name]() * 3
    else:
        (data,) = [bytes.fromhex(vector["hex"]) for vector in VECTORS if vector["name"] == name]
    chosen = option(name if name in PACKETS else "9byte", told)
    whole = listen("contec-cms50", data, **chosen)
    assert whole.observations
    for size in (1, 2, 3, 5, 9, 64):
        assert listen("contec-cms50", data, size=size, **chosen) == whole
    for at in range(1, len(data)):
        driver = build("contec-cms50", chosen)
        parts = [driver.feed(data[:at], 0), driver.feed(data[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole.observations
        assert [bad for part in parts for bad in part.bad] == whole.bad


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.builds(lambda count, pr: five(pr) * count, st.integers(1, 5), st.integers(0, 255)),
        st.builds(lambda count, pr: nine(pr) * count, st.integers(1, 5), st.integers(0, 255)),
        st.sampled_from([b"\x0c\x80", b"\x01" * 260, b"\x81" * 260]),
    ),
    max_size=8,
)


@given(pieces=PIECES, size=st.integers(1, 300), format_=st.sampled_from(["auto", "5byte", "9byte"]))
@settings(max_examples=200, deadline=None)
def test_any_mixture_of_packets_and_noise_reads_the_same_however_it_is_split(listen, pieces, size, format_):
    data = b"".join(pieces)
    assert listen("contec-cms50", data, size=size, format=format_) == listen("contec-cms50", data, format=format_)


@given(data=st.binary(max_size=600), format_=st.sampled_from(["auto", "5byte", "9byte"]))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_raise_and_no_value_leaves_its_range(listen, data, format_):
    for seen in listen("contec-cms50", data, format=format_).observations:
        assert 1 <= seen.values.get("pr", 1) <= 254
        assert 1 <= seen.values.get("spo2", 1) <= 100
        assert 0 <= seen.values.get("pi", 0) <= 22
        assert not set(seen.values) & set(seen.missing)


@both
@told_or_not
def test_the_first_packet_of_a_live_line_only_arms(format_, told, live):
    data = b"".join(PACKETS[format_](pr=pr) for pr in (70, 71, 72))
    heard = live(data, format_ if told else "auto")
    assert (rates(heard), heard.bad) == ([71, 72], ())


@both
@told_or_not
@pytest.mark.parametrize("seed", range(40))
def test_after_a_burst_of_noise_the_second_packet_is_published_again(format_, told, seed, live):
    noise = random.Random(seed)
    # Half a packet at the end of the noise that could swallow the beginning of the next one.
    burst = noise.randbytes(noise.randrange(1, 200)) + (b"\x80" if format_ == "5byte" else b"\x01")
    packet = PACKETS[format_]
    heard = live(packet(60) * 4 + burst + b"".join(packet(pr) for pr in range(70, 78)), format_ if told else "auto")
    assert rates(heard)[-7:] == list(range(71, 78))


@both
@pytest.mark.parametrize("at", range(9))
def test_a_lost_byte_costs_its_packet_and_the_next(format_, at, live):
    packets = [PACKETS[format_](pr=pr) for pr in range(70, 78)]
    packets[3] = packets[3][:at] + packets[3][at + 1 :]
    heard = live(b"".join(packets), format_)
    if at < len(PACKETS[format_]()):
        assert rates(heard) in ([71, 72, 75, 76, 77], [71, 72, 76, 77])
        assert heard.bad


@both
def test_neighbours_that_contradict_each_other_arm_nothing(format_, live):
    packet = PACKETS[format_]
    assert rates(live(packet(60) + packet(150) + packet(149) + packet(30), format_)) == [149, 30]
    assert rates(live(packet(spo2=60) + packet(spo2=97) + packet(spo2=90), format_)) == [72]
    assert rates(live(packet(spo2=101) * 2 + packet(spo2=97) * 2, format_)) == [72]


def test_a_megabyte_of_noise_is_no_package_of_nine_bytes(live):
    heard = live(random.Random(20).randbytes(1_000_000), "9byte")
    assert (heard.observations, heard.good) == ((), 0)
    assert sum(bad.size for bad in heard.bad) > 900_000


@pytest.mark.parametrize("format_", ["auto", "5byte"])
def test_noise_alone_seldom_looks_like_packets_of_five_bytes(format_, live):
    """No checksum: what is left over are packets that say the probe is off, and next to none with a number."""
    heard = live(random.Random(20).randbytes(1_000_000), format_)
    assert len(heard.observations) < 1_000
    assert len(rates(heard)) < 10
    assert sum(bad.size for bad in heard.bad) > 800_000


def test_nothing_is_hoarded():
    driver = build("contec-cms50", {})
    driver.start(0)
    for _ in range(500):
        driver.feed(b"\x85" * 50 + b"\x01" * 50, 0)
        for candidate in driver._stream._candidates:
            assert len(candidate.decoder._rest) < 9
            assert len(candidate.heard) < GIVE_UP


@both
def test_two_minutes_of_a_bad_line_stay_in_range_and_go_on(format_, damage, listen):
    """Without a checksum a flipped bit can pass; each packet says its own number in the pleth, so it would be seen."""
    said = [(40 + n // 4 % 200, n % 128) for n in range(7_200)]
    packets = [PACKETS[format_](pr=pr, pleth=pleth) for pr, pleth in said]
    parts = [damage(packet, seed=n, rate=1e-3) for n, packet in enumerate(packets)]
    heard = listen("contec-cms50", b"".join(parts), size=37, format=format_)
    untouched = sum(part == packet for part, packet in zip(parts, packets, strict=True))
    assert len(heard.observations) > 0.97 * untouched
    got = [(seen.values.get("pr"), seen.waves["pleth"].samples[0]) for seen in heard.observations]
    assert sum(pair not in set(said) for pair in got) < 0.005 * len(got)
    assert {bad.reason for bad in heard.bad} == {"resync"}


# Talking.


def test_a_device_is_asked_for_data_when_the_line_opens():
    assert build("contec-cms50", {}).start(0) == START
    assert build("contec-cms50", {"format": "9byte"}).start(0) == START
    assert build("contec-cms50", {"format": "5byte"}).start(0) == b""


def test_a_recording_is_not_talked_to():
    assert [build("contec-cms50", {}).tick(now) for now in range(0, 60_000, 1_000)] == [b""] * 60


def test_a_device_that_sends_is_kept_sending():
    driver = build("contec-cms50", {})
    driver.start(0)
    said = {}
    for now in range(100, 40_000, 100):
        driver.feed(nine() * 6, now)
        if sent := driver.tick(now):
            said[now] = sent
    assert said == {
        5_000: KEEP_ALIVE,
        10_000: KEEP_ALIVE,
        15_000: START,
        20_000: KEEP_ALIVE,
        25_000: KEEP_ALIVE,
        30_000: START,
        35_000: KEEP_ALIVE,
    }


def test_a_device_that_stopped_is_asked_again_each_second():
    driver = build("contec-cms50", {})
    driver.start(0)
    driver.feed(nine() * 6, 900)
    assert [now for now in range(1_000, 5_000, 100) if driver.tick(now)] == [1_900, 2_900, 3_900, 4_900]


def test_noise_does_not_count_as_sending():
    driver = build("contec-cms50", {})
    driver.start(0)
    driver.feed(b"\xff\x00" * 100, 900)
    assert driver.tick(1_000) == START


def test_an_older_device_that_was_recognised_is_left_alone():
    driver = build("contec-cms50", {})
    driver.start(0)
    driver.feed(five() * 3, 500)
    assert [driver.tick(now) for now in range(1_000, 40_000, 1_000)] == [b""] * 39
    assert driver.start(40_000) == START
