"""`wardline decode` as a person runs it: bytes in, JSON lines out, a count at the end."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

WARDLINE = [sys.executable, "-m", "wardline", "decode"]
ROOT = Path(__file__).parents[2]


def decode(*words, data=b""):
    return subprocess.run([*WARDLINE, *words], input=data, capture_output=True, cwd=ROOT, timeout=60)


def test_each_observation_is_one_json_object_with_four_keys(packet, tmp_path):
    file = tmp_path / "capture.bin"
    file.write_bytes(packet(2, pr=72) + packet(2, pr=511, spo2=127, status=0x18))
    done = decode("nonin", str(file))
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert list(first) == ["values", "missing", "flags", "waves"]
    assert first["values"] == {"pr": 72, "spo2": 97}
    assert len(first["waves"]["pleth"]) == 25
    assert second["values"] == {}
    assert second["missing"] == {"pr": "sensor_off", "spo2": "sensor_off"}
    assert second["flags"] == ["artifact", "sensor_off"]
    assert done.stderr == b"frames: 50 good, 0 bad\n"
    assert done.returncode == 0


def test_the_count_names_the_reasons_and_can_be_json(packet):
    hit = bytearray(packet())
    hit[52] ^= 1
    words = decode("nonin", data=packet() + bytes(hit) + packet())
    assert words.stderr == b"frames: 50 good, 2 bad (1 bad_checksum, 1 resync)\n"
    as_json = decode("nonin", "--json", data=packet() + bytes(hit) + packet())
    assert json.loads(as_json.stderr) == {"good": 50, "bad": 2, "reasons": {"bad_checksum": 1, "resync": 1}}
    assert as_json.stdout == words.stdout


def test_options_are_written_as_in_settings():
    done = decode("hobby-lines", "--option", "columns=[hr, spo2]", "--option", "rate_source=optical", data=b"72,97\n")
    assert json.loads(done.stdout)["values"] == {"pr": 72, "spo2": 97}


def test_a_recording_keeps_its_first_line_and_a_live_line_does_not():
    data = b"HR=70\nHR=71\n"
    assert len(decode("hobby-lines", data=data).stdout.splitlines()) == 2
    assert len(decode("hobby-lines", "--live", "--option", "settle=0s", data=data).stdout.splitlines()) == 1


@pytest.mark.parametrize("driver", ["nonin", "hobby-lines"])
def test_noise_is_no_observation_and_no_failure(driver):
    done = decode(driver, "--json", data=random.Random(3).randbytes(1_000_000))
    assert (done.returncode, done.stdout) == (0, b"")
    count = json.loads(done.stderr)
    assert count["good"] == 0
    assert count["bad"] > 1000


def test_an_observation_is_printed_when_it_arrives_not_when_the_input_ends(packet):
    with subprocess.Popen(
        [*WARDLINE, "nonin", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        for rate in (70, 71):
            process.stdin.write(packet(7, pr=rate))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["values"]["pr"] == rate
        process.stdin.close()
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == b"frames: 50 good, 0 bad\n"


def test_a_reader_that_leaves_early_is_no_failure(packet):
    with subprocess.Popen(
        [*WARDLINE, "nonin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        process.stdout.close()
        process.stdin.write(packet())
        process.stdin.close()
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == b"frames: 25 good, 0 bad\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonim"], "did you mean 'nonin'"),
        (["nonin", "no-such-file.bin"], "cannot read no-such-file.bin"),
        (["nonin", os.curdir], "cannot read"),
        (["nonin", "--option", "format=df9"], "df9"),
        (["nonin", "--option", "formt=df2"], "did you mean 'format'"),
        (["nonin", "--option", "format"], "KEY=VALUE"),
        (["nonin", "--option", "format=[df2"], "not YAML"),
        ([], "DRIVER"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(words, said):
    done = decode(*words)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
