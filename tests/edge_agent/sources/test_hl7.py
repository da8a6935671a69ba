import asyncio
import contextlib
import datetime
import json
from pathlib import Path

import hl7
import pytest
from hl7.mllp import open_hl7_connection
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sources.hl7 import Hl7Listener, acknowledge
from edge_agent.sources.hl7_message import escape, read_message
from edge_agent.sources.hl7_observations import iso_time, tell
from edge_agent.sources.json_stream import Broken
from edge_agent.sources.listener_settings import Hl7Settings
from edge_agent.sources.messages import Refused
from edge_agent.sources.mllp import MllpStream, frame

VECTORS = json.loads((Path(__file__).parent / "hl7-pcd.vectors.json").read_text())
PLACES = ("prt-10", "obx-18", "msh-3")
DEVICE = "B40_GE^080019FFFE0B4020^EUI-64"


def now(offset_s=0):
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=offset_s)
    return moment.strftime("%Y%m%d%H%M%S+0000")


def obx(code="147842^MDC_ECG_HEART_RATE^MDC", value="72", unit="264864^MDC_DIM_BEAT_PER_MIN^MDC", **more):
    fields = {
        1: "1",
        2: "NM",
        3: code,
        4: "1.1.1.1",
        5: value,
        6: unit,
        11: "R",
        **{int(k[1:]): v for k, v in more.items()},
    }
    return "OBX|" + "|".join(fields.get(number, "") for number in range(1, max(fields) + 1))


def oru(*observations, control="7", kind="ORU^R01^ORU_R01", sender=DEVICE, wish="", time=None, version="2.6"):
    head = f"MSH|^~\\&|{sender}|ICU|||{time or now()}||{kind}|{control}|P|{version}"
    return "\r".join(
        [
            f"{head}|||{wish}|{'NE' if wish else ''}||UNICODE UTF-8",
            "PID|||P-4711^^^Hospital^PI||Nobody^Atall",
            "PV1||I|W3^1^2",
            f"OBR|1|{control}|{control}|182777000^monitoring of patient^SCT|||{time or now()}",
            *(observations or [obx()]),
        ]
    ) + "\r"  # fmt: skip


def told(*observations, **more):
    return tell(read_message(oru(*observations, **more).encode()), PLACES)


@pytest.mark.parametrize(
    "vector", [one for one in VECTORS if one["format"] == "oru-r01"], ids=lambda vector: vector["name"]
)
def test_the_vectors_are_read_as_they_say(vector):
    message = read_message(vector["ascii"].encode())
    expected = [event for event in vector["expect"] if "values" in event]
    found = tell(message, PLACES)
    assert [one.values for one in found] == [event["values"] for event in expected]
    assert [one.missing for one in found] == [event["missing"] for event in expected]
    assert [sorted(one.states) for one in found] == [event["flags"] for event in expected]
    assert [one.time[:19] for one in found] == [event["device_time"] for event in expected]
    assert message.control_id == expected[0]["device"]["control_id"]


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["format"] == "mllp"], ids=lambda one: one["name"])
@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
def test_the_vectors_of_mllp_come_out_of_any_pieces(vector, size):
    data = bytes.fromhex(vector["hex"])
    stream = MllpStream(10_000)
    [message] = [found for place in range(0, len(data), size) for found in stream.feed(data[place : place + size])]
    assert frame(message) == data
    [expected] = vector["expect"]
    read = read_message(message)
    [msa] = [segment for segment in read.segments if segment.name == "MSA"]
    assert (msa.field(1), msa.field(2)) == (expected["device"]["ack"], expected["device"]["control_id"])


def answer_to(new_desk, data):
    """What a listener without a network says to one message."""
    from edge_agent.sources.hl7 import Hl7Taker

    desk = new_desk()
    message = None
    try:
        message = read_message(data)
        Hl7Taker(Hl7Settings(), desk.reception).take(message, data)
    except Refused as refused:
        return acknowledge(message, refused)
    return acknowledge(message, None)


@pytest.mark.parametrize(
    ("code", "unit", "value", "expected"),
    [
        ("147842^MDC_ECG_HEART_RATE^MDC", "264864^MDC_DIM_BEAT_PER_MIN^MDC", "185", {"hr": 185.0}),
        ("8867-4^Heart rate^LN", "/min", "72", {"hr": 72.0}),
        ("X1^local^99Z^150456^MDC_PULS_OXIM_SAT_O2^MDC", "%^percent^UCUM", "97", {"spo2": 97.0}),
        ("149522^MDC_BLD_PULS_RATE_INV^MDC", "264864^MDC_DIM_BEAT_PER_MIN^MDC", "76", {"pr": 76.0}),
        ("150033^MDC_PRESS_BLD_ART_SYS^MDC", "266016^MDC_DIM_MMHG^MDC", "112", {"abp_sys": 112.0}),
        ("150021^MDC_PRESS_BLD_NONINV_SYS^MDC", "265987^MDC_DIM_KILO_PASCAL^MDC", "16", {"nibp_sys": 120.0099}),
        ("150344^MDC_TEMP^MDC", "266560^MDC_DIM_FAHR^MDC", "98.6", {"temp": 37.0}),
        ("150364^MDC_TEMP_BODY^MDC", "Cel", "36.5", {"temp": 36.5}),
        ("2339-0^Glucose^LN", "mg/dL", "90.078", {"glucose": 5.0}),
    ],
)
def test_codes_and_units_of_all_kinds_become_ours(code, unit, value, expected):
    [found] = told(obx(code, value, unit))
    assert found.values == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"value": ""}, "not_measured"),
        ({"value": '""'}, "not_measured"),
        ({"_8": "NAV"}, "not_measured"),
        ({"_8": "INV"}, "device_invalid"),
        ({"_8": "H~QUES"}, "questionable"),
        ({"_8": "OFF"}, "inactive"),
        ({"_8": "CALB"}, "calibrating"),
        ({"_11": "X"}, "not_measured"),
        ({"_11": "W"}, "device_invalid"),
        ({"unit": ""}, "unit_unsupported"),
        ({"unit": "266016^MDC_DIM_MMHG^MDC"}, "unit_unsupported"),
        ({"value": "---"}, "device_invalid"),
        ({"value": "7e1"}, "device_invalid"),
        ({"value": "<50"}, "device_invalid"),
        ({"value": "1" * 400}, "device_invalid"),
        ({"_2": "SN"}, "device_invalid"),
        ({"_2": "CWE"}, "device_invalid"),
    ],
)
def test_what_is_no_value_says_why(more, reason):
    [found] = told(obx(**more))
    assert (found.values, found.missing) == ({}, {"hr": reason})


def test_flags_that_do_not_touch_the_value_leave_it():
    [found] = told(obx(_8="HH~DEMO"))
    assert (found.values, found.states) == ({"hr": 72.0}, {"demo"})


@pytest.mark.parametrize("first", [0, 1])
def test_the_catalogues_own_code_wins_over_an_alias(first):
    pair = [obx("147842^MDC_ECG_HEART_RATE^MDC", "72"), obx("0^MDC_ECG_CARD_BEAT_RATE^MDC", "70")]
    [found] = told(pair[first], pair[1 - first])
    assert found.values == {"hr": 72.0}


def test_each_time_is_an_observation_of_its_own():
    pressure = obx("150021^MDC_PRESS_BLD_NONINV_SYS^MDC", "120", "mm[Hg]", _14="20261120230000+0100")
    found = told(obx(), pressure, time="20261120230512.25-0500")
    assert [(sorted(one.values), one.time, one.single) for one in found] == [
        (["hr"], "2026-11-20T23:05:12.250-05:00", False),
        (["nibp_sys"], "2026-11-20T23:00:00+01:00", True),
    ]


@pytest.mark.parametrize("text", ["", "2026", "20261120", "yesterday", "2026-11-20T10:00:00"])
def test_a_time_that_is_not_exact_is_none(text):
    assert iso_time(text) == ""


def test_the_equipment_of_an_observation_wins_over_the_sender():
    [one, two] = told(obx(), obx("8889-8^x^LN", "70", "/min", _18="080019FFFE0B4020^B40_GE"))
    assert one.names == (DEVICE, "B40_GE", "080019FFFE0B4020")
    assert two.names == ("080019FFFE0B4020^B40_GE", "080019FFFE0B4020", "B40_GE")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no_msh"),
        (b"PID|1", "no_msh"),
        (b"MSH|", "no_msh"),
        (b"MSHAAAAAAAA", "no_msh"),
        (b"MSH|^~\\&|A|||||||1|P|2.6||||||UNICODE UTF-8\rPID|\xff", "bad_utf8"),
        (b"MSH|^~\\&|A|||||||1|P|2.6\r" + b"OBX|1\r" * 6_000, "too_many_items"),
    ],
)
def test_what_is_no_message_is_refused(data, reason):
    with pytest.raises(Refused) as caught:
        read_message(data)
    assert caught.value.reason == reason


def test_an_older_sender_may_write_latin_1():
    message = read_message("MSH|^~\\&|Übersee|||||||1|P|2.3".encode("latin-1"))
    assert message.head.part(3, 1) == "Übersee"


def test_other_encoding_characters_are_obeyed():
    message = read_message(b"MSH$*~\\&$NAME*ID$$$$$$ORU*R01$9$P$2.5\rOBX$1$NM$8867-4*x*LN$$72$/min$$$$$R\r")
    assert (message.control_id, message.head.parts(3)) == ("9", ["NAME", "ID"])
    assert tell(message, PLACES)[0].values == {"hr": 72.0}


@settings(deadline=None)
@given(st.text(alphabet="|^~\\&aE", max_size=20))
def test_escaped_text_reads_back(text):
    message = read_message(f"MSH|^~\\&|{escape(text)}|x".encode())
    assert message.head.parts(3) == [text]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise_anything_else(data):
    with contextlib.suppress(Refused):
        tell(read_message(b"MSH|^~\\&|A|B\r" + data), PLACES)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_make_the_framing_raise_or_grow(pieces):
    stream = MllpStream(100)
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    assert stream.feed(frame(b"MSH|")) == [b"MSH|"]


def test_frames_that_are_broken_off_cost_only_themselves():
    stream = MllpStream(100)
    assert stream.feed(b"noise" + frame(b"A") + b"\x0bhalf" + frame(b"B") + b"\r\n" + frame(b"C")) == [
        Broken("garbage", 5), b"A", Broken("incomplete", 5), b"B", b"C",
    ]  # fmt: skip
    assert stream.feed(b"\x0b" + b"x" * 200) == [Broken("oversized", 201)]


@pytest.fixture
def stand(new_desk, free_port, serve):
    """`stand(scene)`: run `scene(desk, port)` against a listening MLLP server."""

    def play(scene, known=None, **options):
        desk, port = new_desk(known or {"080019FFFE0B4020": "b40-1"}), free_port()
        listener = Hl7Listener(Hl7Settings(port=port, **options), desk.reception)
        serve(listener, desk.reception, lambda: scene(desk, port))
        return desk

    return play


async def answers(port, *messages, half_close=False):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for message in messages:
        writer.write(frame(message.encode()))
    if half_close:
        writer.write_eof()
    found = []
    for _ in messages:
        found.append((await reader.readuntil(b"\x1c\r"))[1:-2].decode())
    writer.close()
    return found


def msa(answer):
    return next(line for line in answer.split("\r") if line.startswith("MSA"))


def test_the_answer_comes_after_the_reading_is_on_the_disk(stand):
    async def scene(desk, port):
        [answer] = await answers(port, oru())
        assert msa(answer) == "MSA|AA|7"
        assert desk.settled == 1
        assert "|ACK^R01^ACK|" in answer

    desk = stand(scene)
    [(device, seen)] = desk.seen
    assert (device, seen.values, seen.untimed, seen.aperiodic) == ("b40-1", {"hr": 72.0}, False, True)
    assert "P-4711" not in repr(desk.seen)
    assert "Nobody" not in repr(desk.seen)


@pytest.mark.parametrize(("wish", "expected"), [("", "MSA|AA|7"), ("AL", "MSA|CA|7"), ("SU", "MSA|CA|7")])
def test_a_sender_of_enhanced_mode_gets_a_commit_accept(stand, wish, expected):
    async def scene(desk, port):
        [answer] = await answers(port, oru(wish=wish))
        assert msa(answer) == expected

    stand(scene)


@pytest.mark.parametrize("wish", ["NE", "ER"])
def test_a_sender_that_wants_no_answer_gets_none(stand, wish):
    async def scene(desk, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(oru(wish=wish).encode()))
        writer.close()
        [answer] = await answers(port, oru(control="8"))
        assert msa(answer) == "MSA|AA|8"

    assert len(stand(scene).seen) == 2


@pytest.mark.parametrize(
    ("changes", "expected", "code"),
    [
        ({"sender": "OTHER^0000000000000000^EUI-64"}, "MSA|AE|7", "204"),
        ({"sender": ""}, "MSA|AE|7", "101"),
        ({"kind": "ADT^A01"}, "MSA|AR|7", "200"),
        ({"kind": "ORU^R42^ORU_R40"}, "MSA|AR|7", "200"),
        ({"version": "3.0"}, "MSA|AR|7", "202"),
        ({"control": ""}, "MSA|AR|", "101"),
        ({"kind": "ADT^A01", "wish": "AL"}, "MSA|CR|7", "200"),
    ],
)
def test_a_refusal_says_why_and_whether_to_send_again(stand, changes, expected, code):
    async def scene(desk, port):
        [answer] = await answers(port, oru(**changes))
        assert msa(answer) == expected
        assert f"ERR|||{code}^" in answer
        assert "P-4711" not in answer

    desk = stand(scene)
    assert desk.seen == []
    assert sum(desk.refused.values()) == 1


def test_what_is_no_message_at_all_is_rejected(stand):
    async def scene(desk, port):
        [answer] = await answers(port, "EVN|nonsense")
        assert msa(answer) == "MSA|AR|"

    assert stand(scene).refused == {"no_msh": 1}


def test_while_the_disk_refuses_the_sender_is_told_and_its_resend_counts_once(stand):
    async def scene(desk, port):
        desk.disk_refuses = True
        message = oru()
        [answer] = await answers(port, message)
        assert msa(answer) == "MSA|AE|7"
        desk.disk_refuses = False
        [answer] = await answers(port, message)
        assert msa(answer) == "MSA|AA|7"

    assert len(stand(scene).seen) == 1


def test_a_message_resent_because_its_answer_was_lost_counts_once(stand):
    async def scene(desk, port):
        message = oru()
        for _ in range(3):
            [answer] = await answers(port, message)
            assert msa(answer) == "MSA|AA|7"
        [answer] = await answers(port, oru(obx(value="73")))  # another message under the same number
        assert msa(answer) == "MSA|AA|7"

    assert stand(scene).values() == [{"hr": 72.0}, {"hr": 73.0}]


def test_a_cuff_pressure_told_with_every_message_is_taken_once(stand):
    measured = now(-900)

    async def scene(desk, port):
        pressure = obx("150021^MDC_PRESS_BLD_NONINV_SYS^MDC", "120", "266016^MDC_DIM_MMHG^MDC", _14=measured)
        await answers(port, *[oru(obx(), pressure, control=str(number)) for number in range(3)])

    desk = stand(scene)
    assert desk.values() == [{"hr": 72.0}, {"nibp_sys": 120.0}, {"hr": 72.0}, {"hr": 72.0}]
    [pressure] = [seen for _, seen in desk.seen if "nibp_sys" in seen.values]
    assert pressure.untimed is False
    assert 899_000 < pressure.age_ms < 910_000


def test_a_message_about_nothing_we_know_is_accepted_and_counted(stand):
    async def scene(desk, port):
        [answer] = await answers(port, oru(obx("1^MDC_UNKNOWN^MDC")))
        assert msa(answer) == "MSA|AA|7"

    desk = stand(scene)
    assert (desk.seen, desk.refused) == ([], {"nothing_mapped": 1})


def test_answers_come_in_order_and_after_a_half_close(stand):
    async def scene(desk, port):
        found = await answers(port, *[oru(control=str(number)) for number in range(10)], half_close=True)
        assert [msa(answer) for answer in found] == [f"MSA|AA|{number}" for number in range(10)]

    stand(scene)


def test_a_time_without_an_offset_needs_the_zone_of_the_settings(stand):
    there = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=5, minutes=30))).strftime("%Y%m%d%H%M%S")

    async def scene(desk, port):
        await answers(port, oru(time=there))

    assert [seen.untimed for _, seen in stand(scene).seen] == [True]
    assert [seen.untimed for _, seen in stand(scene, zone="Asia/Kolkata").seen] == [False]


def test_a_disconnect_in_the_middle_of_a_message_is_counted(stand, soon):
    async def scene(desk, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(oru().encode())[:50])
        await writer.drain()
        writer.close()
        await soon(lambda: desk.refused == {"incomplete": 1})

    stand(scene)


def test_an_independent_peer_can_talk_to_us(stand):
    async def scene(desk, port):
        reader, writer = await open_hl7_connection("127.0.0.1", port)
        writer.writemessage(hl7.parse(oru(control="PEER-1")))
        await writer.drain()
        answer = await asyncio.wait_for(reader.readmessage(), 5)
        assert (str(answer.segment("MSA")[1]), str(answer.segment("MSA")[2])) == ("AA", "PEER-1")
        assert str(answer.segment("MSH")[9][0][0]) == "ACK"
        writer.close()

    assert stand(scene).values() == [{"hr": 72.0}]


SETTINGS = """\
gateway: gw-1
broker: {{host: 127.0.0.1, port: {broker}}}
spool: {{path: spool.db, commit_interval: 50ms}}
listeners:
  - id: central
    hl7: {{port: {port}}}
    devices: [{{id: b40-1, known_as: B40_GE}}]
"""


def test_what_was_acknowledged_survives_a_kill(whole_agent, free_port, until):
    port = free_port()
    agent = whole_agent(SETTINGS.format(broker=free_port(), port=port))
    until(lambda: f"listening on 127.0.0.1 port {port}" in agent.said())
    messages = [oru(obx(value=str(60 + number)), control=str(number)) for number in range(10)]
    found = asyncio.run(answers(port, *messages))
    agent.process.kill()
    agent.process.wait(timeout=30)
    assert [msa(answer) for answer in found] == [f"MSA|AA|{number}" for number in range(10)]
    assert [record.values for record in agent.records()] == [{"hr": 60.0 + number} for number in range(10)]
