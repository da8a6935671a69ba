"""The Contec encoders against vectors and captured bytes, and their behaviour over time."""

from itertools import pairwise

import pytest

from firmware_sim.monitors.contec_cms50 import REPLIES, ContecLong, ContecShort
from firmware_sim.monitors.contec_cms50_packets import Sample, encode_long, encode_short, pack, unpack
from firmware_sim.monitors.monitor import Options
from firmware_sim.patient import Patient

START = bytes.fromhex("7D81A1808080808080")
STOP = bytes.fromhex("7D81A2808080808080")
KEEP_ALIVE = bytes.fromhex("7D81AF808080808080")

# States of vectors that their events do not name: raw bits of the bytes themselves.
HIDDEN = {
    "5b-finger-out-stale-numbers": {"pr": 74, "spo2": 96},
    "9b-searching": {"searching_long": True},
    "9b-pi-185": {"beep": True},
}


def sample_of(vector):
    event = vector["expect"][0]
    values, device = event["values"], event["device"]
    fields = {
        "pr": values.get("pr"),
        "spo2": values.get("spo2"),
        "pi": values.get("pi"),
        "pleth": event["waves"]["pleth"]["samples"][0],
        "bar": device["bar"],
        "signal": device["signal"],
        "beep": device.get("beep", False),
        "searching": "searching" in event["flags"],
        "probe_error": "sensor_off" in event["flags"],
    }
    return Sample(**fields | HIDDEN.get(vector["name"], {}))


@pytest.mark.parametrize(("format_", "encode", "count"), [("5byte", encode_short, 5), ("9byte", encode_long, 7)])
def test_packet_is_the_vector_byte_for_byte(vectors, format_, encode, count):
    entries = vectors("contec-cms50", format_)
    assert len(entries) == count
    for vector in entries.values():
        assert encode(sample_of(vector)).hex() == vector["hex"], vector["name"]


def shorts(data):
    assert len(data) % 5 == 0
    return [data[at : at + 5] for at in range(0, len(data), 5)]


def longs(data):
    """The data of each real-time package; replies between them are left out."""
    starts = [at for at, byte in enumerate(data) if byte < 0x80] + [len(data)]
    packages = [data[a:b] for a, b in pairwise(starts)]
    return [unpack(package) for package in packages if package[0] == 1]


def rate(packet):
    return (packet[2] & 0x40) << 1 | packet[3] & 0x7F


@pytest.fixture
def short(bed, signs):
    return lambda *changes: ContecShort(bed(*(changes or ((0, signs()),))), Options(seed=1))


@pytest.fixture
def long(bed, signs):
    def build(*changes):
        return ContecLong(bed(*(changes or ((0, signs()),))), Options(seed=1))

    return build


@pytest.fixture
def streaming(long):
    """What the device sends in so many seconds after it was told to start."""

    def run(*changes, seconds=10):
        device = long(*changes)
        device.receive(START)
        return longs(device.step(seconds * 1_000))

    return run


def test_older_device_streams_sixty_packets_a_second_by_itself(short):
    packets = shorts(short().step(10_000))
    assert len(packets) == 600
    assert all(packet[0] & 0x80 and not any(byte & 0x80 for byte in packet[1:]) for packet in packets)
    assert {(rate(packet), packet[4]) for packet in packets} == {(72, 97)}


@pytest.mark.parametrize("bpm", [127, 128, 185, 254])
def test_rates_use_all_eight_bits(short, streaming, signs, bpm):
    changes = (0, signs(pr=float(bpm)))
    assert rate(shorts(short(changes).step(100))[-1]) == bpm
    assert streaming(changes, seconds=1)[-1][3] == bpm


@pytest.mark.parametrize("bpm", [255.0, 300.0])
def test_rate_that_does_not_fit_is_missing(short, streaming, signs, bpm):
    assert rate(shorts(short((0, signs(pr=bpm))).step(100))[-1]) == 0xFF
    assert streaming((0, signs(pr=bpm)), seconds=1)[-1][3] == 0xFF


def test_finger_that_is_out_is_the_vector(short, streaming, signs, vectors):
    off = (0, signs("sensor_off"))
    assert shorts(short(off).step(100))[-1].hex() == vectors("contec-cms50", "5byte")["5b-finger-out"]["hex"]
    device_data = streaming(off, seconds=1)[-1]
    assert pack(1, device_data).hex() == vectors("contec-cms50", "9byte")["9b-finger-out"]["hex"]


def test_pulse_is_searched_after_the_finger_is_back(short, signs):
    packets = shorts(short((0, signs("sensor_off")), (2_000, signs())).step(8_000))
    states = [("off" if p[2] & 0x10 else "search" if p[2] & 0x20 else "seen") for p in packets]
    assert [states.count(state) for state in ("off", "search", "seen")] == [120, 240, 120]
    assert all((rate(p), p[4]) == (0xFF, 0x7F) for p, state in zip(packets, states, strict=True) if state != "seen")


def test_heart_that_stands_still_is_searched_too_long(short, signs):
    packets = shorts(short((0, signs("asystole", pr=None, spo2=None, pi=None))).step(20_000))
    assert all(packet[2] & 0x20 for packet in packets)
    assert [bool(packet[0] & 0x10) for packet in (packets[0], packets[-1])] == [False, True]


def test_beats_beep_as_often_as_the_heart(short, signs):
    beeps = [packet[0] & 0x40 for packet in shorts(short((0, signs(pr=90.0))).step(60_000))]
    assert sum(1 for before, now in pairwise(beeps) if now and not before) == pytest.approx(90, abs=2)


def test_low_saturation_sets_its_bit(short, signs):
    assert shorts(short((0, signs(spo2=84.0))).step(100))[-1][0] & 0x20
    assert not shorts(short().step(100))[-1][0] & 0x20


def test_newer_device_is_silent_until_it_is_told_to_start(long):
    device = long()
    assert device.step(5_000) == b""
    device.receive(START)
    assert len(longs(device.step(6_000))) == 60


def test_stream_tells_the_perfusion_index(streaming, signs):
    packet = streaming((0, signs(pi=2.35)), seconds=1)[-1]
    assert packet[5] | packet[6] << 8 == 235
    assert not packet[2] & 0x10


def test_stream_ends_on_command(long):
    device = long()
    device.receive(START)
    device.step(2_000)
    device.receive(STOP)
    assert device.step(9_000) == b"\x0c\x80"


def test_stream_ends_half_a_minute_after_the_last_word_of_the_host(long):
    device = long()
    device.receive(START)
    assert len(longs(device.step(90_000))) == 30 * 60


@pytest.mark.parametrize("word", [START, KEEP_ALIVE])
def test_stream_goes_on_while_the_host_talks(long, word):
    device = long()
    device.receive(START)
    sent = b""
    for t_ms in range(5_000, 125_000, 5_000):
        sent += device.step(t_ms)
        device.receive(word)
    assert len(longs(sent)) == 120 * 60


def test_keep_alive_starts_nothing(long):
    device = long()
    device.receive(KEEP_ALIVE)
    assert device.step(5_000) == b""
    device.receive(START)
    device.step(60_000)
    device.receive(KEEP_ALIVE)
    assert device.step(70_000) == b""


def test_commands_may_come_in_pieces_and_between_noise(long):
    device = long()
    device.receive(b"\xff\x00" + STOP[:4])
    for byte in START:
        device.receive(bytes((byte,)))
    device.receive(b"\x81\x82")
    assert len(longs(device.step(1_000))) == 60


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("cmd-undocumented-a0", "reply-068080"),
        ("cmd-stop-storage", "reply-0c80"),
        ("cmd-stop", "reply-0c80"),
        ("cmd-undocumented-a8", "reply-028080"),
    ],
)
def test_replies_are_those_of_a_captured_dialogue(vectors, long, command, reply):
    device = long()
    device.receive(bytes.fromhex(vectors("contec-cms50", "9byte-command")[command]["hex"]))
    assert device.step(100).hex().startswith(vectors("contec-cms50", "9byte-reply")[reply]["hex"])


def test_other_captured_replies_are_sent_too(vectors):
    replies = vectors("contec-cms50", "9byte-reply")
    assert REPLIES[0xA9].hex() == replies["reply-0380a0"]["hex"]
    assert REPLIES[0xB3].hex().endswith(replies["reply-1480a0"]["hex"])
    assert pack(0x0E, (1,)).hex() == replies["reply-0e8081"]["hex"]


def test_command_nobody_knows_is_refused(vectors, long):
    device = long()
    device.receive(bytes.fromhex("7D8199808080808080"))
    assert device.step(100).hex() == vectors("contec-cms50", "9byte-reply")["reply-command-rejected"]["hex"]


def test_clock_command_is_done(vectors, long):
    device = long()
    device.receive(bytes.fromhex(vectors("contec-cms50", "9byte-command")["cmd-set-time-23-48-02"]["hex"]))
    assert device.step(100) == pack(0x0B, (0xB1, 0))


def test_reply_stands_between_packages_of_the_stream(long):
    device = long()
    device.receive(START)
    sent = device.step(1_000)
    device.receive(bytes.fromhex("7D81AA808080808080"))
    sent += device.step(2_000)
    assert len(longs(sent)) == 120
    assert pack(0x04, b"CMS50  ") in sent


@pytest.mark.parametrize("slice_ms", [1, 40, 333])
def test_stream_does_not_depend_on_how_time_is_sliced(slice_ms):
    def stream(times):
        device = ContecLong(Patient(2), Options(seed=2))
        device.receive(START)
        return b"".join(device.step(t_ms) for t_ms in times)

    assert stream([*range(0, 3_000, slice_ms), 3_000]) == stream([3_000])
