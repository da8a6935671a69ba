"""Capnostream 20: messages become observations, and the conversation that makes the monitor send them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.capnostream20.framing import FrameDecoder, encode
from edge_agent.drivers.registry import build
from vitals.errors import UsageError
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

ENABLE, START, ALIVE = bytes.fromhex("85010100"), bytes.fromhex("85010405"), bytes.fromhex("85010607")
INTERRUPTIONS = bytes.fromhex("85033c04023900")[:6]  # setup item 4 = 2
BEGIN = INTERRUPTIONS + START + ALIVE
IDENTITY = b"V45.67 02/24/2008 B355987654  "


def frame(code, payload=b""):
    """A frame by the rules of the sheet, byte by byte."""
    body = [1 + len(payload), code, *payload]
    check = 0
    for byte in body:
        check ^= byte
    out = [0x85]
    for byte in [*body, check]:
        out += [0x80, byte - 0x80] if byte in (0x80, 0x85) else [byte]
    return bytes(out)


def numerics(etco2=38, rr=16, spo2=97, pr=72, *, fico2=0, slow=0x80, co2=0, oxi=0, units=1, ext=0, time=0x6B00DC32):
    limits = [60, 15, 30, 5, 8, 100, 85, 140, 50]
    payload = [*time.to_bytes(4, "big"), etco2, fico2, rr, spo2, pr, slow, 0, 0, 0, co2, oxi, 0, *limits, units, ext]
    return frame(1, bytes(payload))


def wave(number=7, whole=38, part=128, status=0):
    return frame(0, bytes([number, whole, part, status]))


def one(listen, data, **options):
    (observation,) = listen("capnostream20", data, **options).observations
    return observation


# Numbers and states.


@pytest.mark.parametrize("rate", [1, 127, 128, 133, 185, 254])
def test_a_pulse_rate_has_eight_bits_escapes_included(rate, listen):
    assert one(listen, numerics(pr=rate)).values == {"etco2": 38, "rr": 16, "spo2": 97, "pr": rate}


@given(values=st.tuples(*[st.integers(0, 254)] * 4))
@settings(max_examples=200, deadline=None)
def test_every_number_arrives_or_says_why_not(values, listen):
    etco2, rr, spo2, pr = values
    seen = one(listen, numerics(etco2, rr, spo2, pr))
    sent = {"etco2": etco2, "rr": rr, "spo2": spo2, "pr": pr}
    ranges = {"etco2": (0, 150), "rr": (1, 200), "spo2": (1, 100), "pr": (1, 254)}
    for name, number in sent.items():
        low, high = ranges[name]
        assert seen.values.get(name) == (number if low <= number <= high else None)
        assert (name in seen.missing) != (name in seen.values)


def test_255_is_no_value_whatever_the_field(listen):
    seen = one(listen, numerics(255, 255, 255, 255, fico2=255))
    assert (seen.values, seen.device["fico2"]) == ({}, None)
    assert seen.missing == dict.fromkeys(["etco2", "rr", "spo2", "pr"], "invalid_code")


@pytest.mark.parametrize(
    ("fields", "missing", "flags"),
    [
        ({"co2": 1, "etco2": 255, "rr": 255}, {"etco2": "apnea", "rr": "apnea"}, ("apnea", "device_alarm")),
        ({"co2": 1, "etco2": 0, "rr": 0}, {"etco2": "apnea", "rr": "apnea"}, ("apnea", "device_alarm")),
        ({"co2": 4}, {}, ("device_alarm",)),
        ({"oxi": 0x20}, {"spo2": "sensor_off", "pr": "sensor_off"}, ("device_alarm", "sensor_off")),
        ({"oxi": 0x60}, {"spo2": "no_sensor", "pr": "no_sensor"}, ("device_alarm", "no_sensor", "sensor_off")),
        ({"oxi": 0x01}, {"spo2": "signal_lost", "pr": "signal_lost"}, ("device_alarm", "signal_lost")),
        ({"slow": 0x82}, {}, ("alarm_silenced",)),
        ({"slow": 0x04}, {}, ("alarm_silenced",)),
        ({"ext": 0x81}, {}, ("calibrating", "low_battery")),
    ],
)
def test_states_are_told_and_win_over_numbers(fields, missing, flags, listen):
    seen = one(listen, numerics(**fields))
    assert (seen.missing, seen.flags) == (missing, flags)
    assert set(seen.values) == {"etco2", "rr", "spo2", "pr"} - set(missing)


def test_what_is_no_vital_sign_goes_to_the_device(listen):
    seen = one(listen, numerics(fico2=2, slow=0x01))
    assert seen.device["fico2"] == 2
    assert (seen.device["oximeter"], seen.device["neonate"]) == ("Nellcor", True)
    assert seen.device["limits"]["spo2"] == (85, 100)
    assert seen.device["limits"]["fico2"] == (None, 8)


@pytest.mark.parametrize(
    ("units", "ambient", "etco2"),
    [(1, None, 50.0), (2, None, 37.503), (3, 760, 35.65), (3, 700, 32.65), (3, None, None)],
)
def test_the_unit_of_co2_is_turned_into_mmhg(units, ambient, etco2, listen):
    options = {"ambient_mmhg": ambient} if ambient else {}
    heard = listen("capnostream20", numerics(50, units=units) + wave(whole=50, part=0), **options)
    number, sample = heard.observations
    if etco2 is None:
        assert number.missing == {"etco2": "unit_unsupported"}
        assert sample.waves["co2_w"].samples == ()
    else:
        assert number.values["etco2"] == pytest.approx(etco2, abs=0.001)
        assert sample.waves["co2_w"].samples == (pytest.approx(etco2, abs=0.001),)


def test_an_air_pressure_nobody_breathes_at_is_refused():
    with pytest.raises(UsageError, match="ambient_mmhg"):
        build("capnostream20", {"ambient_mmhg": 1013})


@pytest.mark.parametrize("units", [0, 4, 50, 255])
def test_fields_that_are_shifted_as_the_unit_shows_are_refused(units, listen):
    heard = listen("capnostream20", numerics(units=units))
    assert (heard.observations, heard.good, heard.reasons()) == ([], 0, ["bad_frame"])


@pytest.mark.parametrize(
    ("status", "samples", "flags"),
    [
        (0x00, (38.5,), ()),
        (0x08, (38.5,), ()),
        (0x01, (), ()),
        (0x02, (), ("initialising",)),
        (0x04, (38.5,), ("occlusion",)),
        (0x40, (38.5,), ("no_line",)),
        (0x80, (), ("device_fault",)),
    ],
)
def test_a_sample_that_is_none_leaves_its_event(status, samples, flags, listen):
    seen = one(listen, wave(status=status))
    assert (seen.waves["co2_w"].samples, seen.waves["co2_w"].rate_hz, seen.flags) == (samples, 20, flags)
    assert seen.device == {"msg": 7, "end_of_breath": status == 8}


def test_states_of_both_messages_hold_side_by_side_and_end():
    driver = build("capnostream20", {})
    silent = numerics(255, 255, co2=1)
    seen = [driver.feed(piece, now).observations for now, piece in enumerate([silent, wave(status=4), silent, wave()])]
    flags = [observation.flags for part in seen for observation in part]
    assert flags == [("apnea", "device_alarm"), ("apnea", "device_alarm", "occlusion")] * 1 + [
        ("apnea", "device_alarm", "occlusion")
    ]
    assert driver.feed(wave(status=4) + numerics(), 5_000).observations[-1].flags == ("occlusion",)
    assert driver.feed(numerics(), 8_000).observations[-1].flags == ("occlusion",)
    assert driver.feed(numerics(), 8_001).observations[-1].flags == ()


def test_all_words_are_known(listen):
    heard = listen("capnostream20", numerics(255, 0, 255, 0, slow=6, co2=0xFF, oxi=0xFF, ext=0xFF) + wave(status=0xFF))
    for seen in heard.observations:
        assert set(seen.flags) <= DEVICE_STATES
        assert set(seen.missing.values()) <= MISSING_REASONS


# Shifted fields with a good checksum.


def test_a_saturation_that_falls_suddenly_is_believed_the_second_time(listen):
    heard = listen("capnostream20", b"".join(numerics(spo2=spo2) for spo2 in (97, 84, 83, 82, 97)))
    assert [seen.values.get("spo2") for seen in heard.observations] == [97, None, 83, 82, 97]
    doubted = heard.observations[1]
    assert doubted.missing == dict.fromkeys(["etco2", "rr", "spo2", "pr"], "questionable")
    assert doubted.flags == ("questionable",)


@pytest.mark.parametrize(
    ("said", "published"),
    [
        ((97, 84, 80, 76, 72), [97, None, 80, 76, 72]),
        ((97, 84, 70, 70), [97, None, None, 70]),
        ((97, 80, 60, 40, 20), [97, None, None, 40, None]),
        ((97, 16, 97, 16, 97), [97, None, 97, None, 97]),
        ((97, 16, 255, 16, 16), [97, None, None, None, 16]),
    ],
)
def test_a_fall_that_goes_on_is_not_doubted_for_long(said, published, listen):
    heard = listen("capnostream20", b"".join(numerics(spo2=spo2) for spo2 in said))
    assert [seen.values.get("spo2") for seen in heard.observations] == published


def test_fields_shifted_by_one_are_never_published(listen):
    shifted = numerics(etco2=2, rr=0, spo2=16, pr=97)
    heard = listen("capnostream20", numerics() + shifted + numerics() + shifted + numerics())
    assert [seen.values.get("spo2") for seen in heard.observations] == [97, None, 97, None, 97]
    assert [seen.values.get("pr") for seen in heard.observations] == [72, None, 72, None, 72]


def test_a_slow_fall_is_never_doubted(listen):
    heard = listen("capnostream20", b"".join(numerics(spo2=spo2) for spo2 in (97, 88, 79, 70)))
    assert [seen.values["spo2"] for seen in heard.observations] == [97, 88, 79, 70]


# Frames.


def test_the_frames_of_driver_and_test_are_the_same():
    for payload in (b"", b"\x80", b"\x85\x80\x85", bytes(range(256))[:254]):
        assert encode(60, payload) == frame(60, payload)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
def test_messages_do_not_depend_on_how_the_line_splits_them(size, listen):
    data = b"\x11\x80" + b"".join([wave(), numerics(pr=133), wave(5, 128, 133, 8), frame(4, IDENTITY), numerics()[:9]])
    data += numerics(pr=128) + wave(status=0x80) + b"\x80\x07" + wave()
    whole = listen("capnostream20", data)
    assert len(whole.observations) == 6
    assert listen("capnostream20", data, size=size) == whole
    for at in range(1, len(data)):
        driver = build("capnostream20", {})
        parts = [driver.feed(data[:at], 0), driver.feed(data[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole.observations
        assert [bad for part in parts for bad in part.bad] == whole.bad


@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.sampled_from([b"\x85", b"\x80", b"\x85\x00", b"\x85\x1c\x01", wave(), numerics(), frame(9, b"\x01")]),
            st.builds(frame, st.integers(0, 255), st.binary(max_size=40)),
        ),
        max_size=8,
    ),
    size=st.integers(1, 100),
)
@settings(max_examples=200, deadline=None)
def test_any_mixture_reads_the_same_however_it_is_split_and_stays_in_range(listen, pieces, size):
    data = b"".join(pieces)
    whole = listen("capnostream20", data)
    assert listen("capnostream20", data, size=size) == whole
    for seen in whole.observations:
        assert 0 <= seen.values.get("etco2", 0) <= 150
        assert 1 <= seen.values.get("rr", 1) <= 200
        assert 1 <= seen.values.get("spo2", 1) <= 100
        assert 1 <= seen.values.get("pr", 1) <= 254


@pytest.mark.parametrize(
    "victim",
    [
        numerics(),
        numerics(etco2=128, rr=133, pr=128, slow=0x85),
        numerics(pr=133, time=0x80858085),
        wave(),
        *[wave(number, whole, part) for number in (0x80, 0x85, 5) for whole in (0x80, 5) for part in (0x85, 0)],
    ],
    ids=lambda victim: victim.hex(),
)
def test_no_flipped_bit_is_believed(victim, listen):
    clean = [(dict(seen.values), seen.waves) for seen in listen("capnostream20", numerics() + wave()).observations]
    for bit in range(8 * len(victim)):
        hit = bytearray(victim)
        hit[bit // 8] ^= 1 << bit % 8
        heard = listen("capnostream20", numerics() + bytes(hit) + numerics() + wave())
        got = [(dict(seen.values), seen.waves) for seen in heard.observations]
        assert got == [clean[0], clean[0], clean[1]]
        assert heard.bad


def test_a_sample_whose_escape_is_damaged_is_not_believed_though_its_checksum_fits(listen):
    """80 00 became 00 00: the frame ends one byte early, and every byte of it fits."""
    clean = listen("capnostream20", numerics()).observations
    for number in range(0x20):
        whole = wave(number, 0x80, number ^ 5)
        hit = whole.replace(b"\x80\x00", b"\x00\x00", 1)
        alone = listen("capnostream20", hit[:8])
        assert (len(alone.observations), alone.bad) == (1, [])
        assert listen("capnostream20", hit + numerics()).observations == clean


def test_a_byte_lost_costs_one_frame(listen):
    for at in range(len(numerics())):
        hit = numerics(pr=90)[:at] + numerics(pr=90)[at + 1 :]
        heard = listen("capnostream20", numerics(pr=80) + hit + numerics(pr=100))
        assert [seen.values["pr"] for seen in heard.observations] == [80, 100]


@pytest.mark.parametrize("seed", range(20))
def test_after_a_burst_of_noise_the_next_frame_is_read(seed, listen):
    noise = random.Random(seed)
    heard = listen("capnostream20", numerics(pr=80) + noise.randbytes(noise.randrange(1, 300)) + numerics(pr=100))
    assert heard.observations[-1].values["pr"] == 100


def test_a_megabyte_of_noise_is_no_reading_and_no_conversation():
    driver = build("capnostream20", {})
    driver.start(0)
    heard = driver.feed(random.Random(20).randbytes(1_000_000), 0)
    assert (heard.observations, heard.good, heard.send) == ((), 0, b"")
    assert sum(bad.size for bad in heard.bad) > 900_000


def test_nothing_is_hoarded():
    decoder = FrameDecoder()
    for _ in range(200):
        decoder.feed(b"\x85\xff" + b"\x01" * 100)
        decoder.feed(b"\x80\x05" * 100)
        assert len(decoder._raw or b"") <= 2 * 257


def test_ten_minutes_of_a_bad_line_publish_nothing_wrong(damage, listen):
    said = [(30 + n % 20, 10 + n % 15, 90 + n % 8, 60 + n % 180) for n in range(600)]
    frames = [numerics(*numbers) + wave(n % 256) for n, numbers in enumerate(said)]
    parts = [damage(part, seed=n, rate=1e-3) for n, part in enumerate(frames)]
    heard = listen("capnostream20", b"".join(parts), size=37)
    got = [
        tuple(seen.values[name] for name in ("etco2", "rr", "spo2", "pr")) for seen in heard.observations if seen.values
    ]
    assert set(got) <= set(said)
    assert len(got) >= sum(part == whole for part, whole in zip(parts, frames, strict=True))


# The conversation.


def test_a_monitor_is_enabled_answers_who_it_is_and_is_started():
    driver = build("capnostream20", {})
    assert driver.start(0) == ENABLE
    heard = driver.feed(frame(4, IDENTITY), 200)
    assert (heard.send, heard.good) == (BEGIN, 1)
    assert heard.observations[0].device["serial"] == "B355987654"
    assert driver.feed(numerics(), 1_000).send == b""


def test_a_monitor_hears_that_somebody_listens_at_least_every_five_seconds():
    driver = build("capnostream20", {})
    driver.start(0)
    driver.feed(frame(4, IDENTITY), 200)
    sent = []
    for now in range(1_000, 60_000, 1_000):
        driver.feed(numerics() + wave(), now)
        if driver.tick(now) == ALIVE:
            sent.append(now)
    assert all(later - before < 5_000 for before, later in zip([200, *sent], sent, strict=False))
    assert len(sent) >= 14


def test_a_monitor_that_does_not_answer_is_enabled_again_and_then_started_anyway():
    driver = build("capnostream20", {})
    driver.start(0)
    sent = {now: said for now in range(1_000, 9_000, 1_000) if (said := driver.tick(now))}
    assert sent == {2_000: ENABLE, 4_000: ENABLE + BEGIN, 6_000: ENABLE + BEGIN, 8_000: ENABLE + BEGIN}


def test_a_monitor_that_sends_already_is_kept_sending():
    driver = build("capnostream20", {})
    driver.start(0)
    assert driver.feed(numerics(), 100).send == ALIVE
    assert driver.tick(3_000) == b""
    driver.feed(numerics(), 3_050)
    assert driver.tick(3_100) == ALIVE


def test_a_monitor_that_stopped_is_enabled_again():
    driver = build("capnostream20", {})
    driver.start(0)
    driver.feed(frame(4, IDENTITY) + numerics(), 200)
    assert [now for now in range(1_000, 6_000, 500) if driver.tick(now) == ENABLE] == [3_500, 5_500]
    assert driver.feed(frame(4, IDENTITY), 6_000).send == BEGIN


def test_a_monitor_that_was_switched_off_and_on_is_started_again():
    driver = build("capnostream20", {})
    driver.start(0)
    driver.feed(frame(4, IDENTITY) + numerics(), 200)
    assert driver.feed(frame(4, IDENTITY), 900).send == BEGIN


def test_a_recording_is_not_talked_to(listen):
    driver = build("capnostream20", {})
    assert driver.feed(frame(4, IDENTITY) + numerics(), 0).send == b""
    assert [driver.tick(now) for now in range(0, 20_000, 1_000)] == [b""] * 20


def test_on_a_live_line_a_sample_waits_for_its_unit():
    driver = build("capnostream20", {})
    driver.start(0)
    first = driver.feed(wave() + numerics(units=2) + wave(whole=50, part=0) + wave(), 0).observations
    assert [seen.waves["co2_w"].samples for seen in first if seen.waves] == [(), (37.503,)]


@pytest.mark.parametrize("identity", [b"V45.67 13/45/2008 B355987654  ", b"V9", b"Vx \xff"])
def test_an_identity_of_another_shape_still_starts_the_monitor(identity):
    driver = build("capnostream20", {})
    driver.start(0)
    heard = driver.feed(frame(4, identity), 0)
    assert (heard.observations, heard.send) == ((), BEGIN)
