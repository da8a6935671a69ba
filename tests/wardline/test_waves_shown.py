"""Wave frames as a person sees them: `wardline decode wave` and `wardline topics tail`."""

import json
import threading

import pytest

from tests.wardline.test_topics import login
from vitals.waves import WaveFrame, encode_frame
from wardline.cli import main

TOPIC = "wardline/v1/up/gw-a/wave"
FRAME = encode_frame(
    WaveFrame(3, 42, "mon-a", "pleth", 1_763_682_504_123, "synced", 75.0, 1.0, 0.0, "raw", b"\1\0\0\x80\7\0")
)
SHOWN = {
    "epoch": 3, "seq": 42, "device": "mon-a", "channel": "pleth", "time": 1_763_682_504_123, "clock": "synced",
    "rate_hz": 75.0, "unit": "raw", "values": [1.0, None, 7.0],
}  # fmt: skip
WORDS = "mon-a pleth 23:48:24.123Z 3 samples at 75 Hz, 1 to 7 raw (epoch 3, seq 42)"


@pytest.fixture
def said(enrolled, run_broker, port, listener):
    """A broker on which a gateway says a payload now and then, as `said(payload)` was told."""
    run_broker("embedded", enrolled, port)
    gateway = listener(enrolled, "gw-a", port)
    stop = threading.Event()
    speakers = []

    def say(payload):
        def speak():
            while not stop.wait(0.05):
                gateway.client.publish(TOPIC, payload, qos=1)

        speakers.append(threading.Thread(target=speak))
        speakers[-1].start()

    yield say
    stop.set()
    for speaker in speakers:
        speaker.join()


def test_decode_shows_each_frame_of_a_payload(tmp_path, capfdbinary):
    file = tmp_path / "payload.bin"
    file.write_bytes(FRAME + FRAME)
    assert main(["decode", "wave", str(file)]) == 0
    said = capfdbinary.readouterr()
    assert [json.loads(line) for line in said.out.splitlines()] == [SHOWN, SHOWN]
    assert said.err == b"frames: 2 good, 0 bad\n"


def test_decode_counts_a_frame_that_cannot_be_used_and_shows_the_others(tmp_path, capfdbinary):
    file = tmp_path / "payload.bin"
    file.write_bytes(FRAME + b"\x03\x00abc")
    assert main(["decode", "wave", str(file), "--json"]) == 1
    said = capfdbinary.readouterr()
    assert json.loads(said.out) == SHOWN
    assert json.loads(said.err) == {"good": 1, "bad": 1, "reasons": {"wave: a frame is shorter than its head": 1}}


def test_an_empty_file_is_said_to_be_none(tmp_path, capsys):
    (tmp_path / "payload.bin").touch()
    assert main(["decode", "wave", str(tmp_path / "payload.bin")]) == 2
    assert "holds no wave frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("payload", "shown"),
    [(FRAME, WORDS), (b"\xff\x00", "(2 bytes) ff00: wave: the payload ends inside a frame")],
    ids=["frames", "rubbish"],
)
def test_tail_shows_frames_in_words(enrolled, said, port, capsys, payload, shown):
    said(payload)
    assert main(["topics", "tail", *login(enrolled, port, "console"), "--filter", TOPIC, "--count", "1"]) == 0
    assert capsys.readouterr().out == f"{TOPIC} {shown}\n"


def test_tail_shows_every_sample_as_json(enrolled, said, port, capsys):
    said(FRAME)
    words = ["topics", "tail", *login(enrolled, port, "console"), "--filter", TOPIC, "--count", "1", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["payload"] == [SHOWN]
