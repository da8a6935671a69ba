"""The lane of waves: behind every reading, small on a thin line, and nothing of it forgotten without a receipt."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.lanes import LIVE_AGE_MS, PATIENCE_MS, WAVE_BATCH, WINDOW, Lanes
from edge_agent.sendable import Sendable
from edge_agent.seqset import SeqSet
from edge_agent.spool_file import open_spool
from vitals.waves import WaveFrame, decode_frames, encode_frame, renumbered

FRAME = encode_frame(WaveFrame(1, 1, "mon-a", "pleth", 5, "synced", 75.0, 1.0, 0.0, "raw", b"\1\0" * 75))


def send(lanes, now=0, token=1):
    plan = lanes.plan(now)
    lanes.sent(plan, plan.ranges, token, now)
    return plan


def mixed(readings, waves, now=0):
    lanes = Lanes()
    lanes.are_waves([(readings + 1, readings + waves)])
    lanes.committed(1, readings + waves, now)
    return lanes


def test_a_wave_goes_when_no_reading_waits():
    lanes = mixed(2, 3)
    assert (send(lanes).lane, send(lanes, token=2).lane) == ("vitals", "wave")
    assert lanes.plan(0) is None


def test_neither_a_live_nor_an_old_reading_waits_for_a_wave():
    lanes = Lanes(held=[(1, 50)], waves=[(1, 20)], accepted=50)
    lanes.committed(51, 51, 0)
    assert [send(lanes, token=token).lane for token in (1, 2, 3)] == ["vitals", "backfill", "wave"]


def test_while_readings_have_no_credit_no_wave_takes_it():
    lanes = mixed(50, 50)
    lanes.receipt([], [], 10, 0)
    assert send(lanes).ranges == [(1, 10)]
    assert lanes.plan(0) is None
    lanes.receipt([(1, 10)], [], 10, 0)
    assert lanes.plan(0).lane == "vitals"


def test_one_message_of_waves_is_on_its_way_and_the_window_is_never_full_of_them():
    lanes = mixed(0, 500)
    assert send(lanes).lane == "wave"
    assert lanes.plan(0) is None
    lanes.acknowledged(1, 0)
    assert send(lanes, token=2).lane == "wave"
    full = mixed(0, 500)
    for token in range(1, WINDOW - 3):
        full.committed(500 + token, 500 + token, 0)
        assert send(full, token=token).lane == "vitals"
    assert full.plan(0) is None


def test_messages_of_waves_grow_on_a_quick_line_and_shrink_to_one_frame_on_a_thin_one():
    lanes = mixed(0, 5_000)
    lanes.receipt([], [], 100_000, 0)
    sizes = []
    for token in range(1, 10):
        send(lanes, token=token)
        lanes.acknowledged(token, 10)
        sizes.append(lanes.wave_batch)
    assert sizes[-1] == WAVE_BATCH
    for token in range(10, 20):
        send(lanes, token=token)
        lanes.acknowledged(token, 900)
        sizes.append(lanes.wave_batch)
    assert sizes[-1] == 1


def test_the_waves_of_now_go_before_those_of_an_hour_ago():
    lanes = Lanes(held=[(1, 5_000)], waves=[(1, 5_000)], accepted=5_000)
    lanes.are_waves([(5_001, 5_002)])
    lanes.committed(5_001, 5_002, 0)
    assert send(lanes).ranges == [(5_001, 5_002)]
    lanes.acknowledged(1, 10)
    assert send(lanes, 10, token=2).ranges[0][0] == 1


def test_a_wave_without_a_receipt_is_sent_again_as_a_wave():
    lanes = mixed(0, 3)
    send(lanes)
    lanes.acknowledged(1, 5)
    assert lanes.rewind_at() == PATIENCE_MS
    lanes.rewind(PATIENCE_MS)
    assert send(lanes, PATIENCE_MS, token=2).lane == "wave"
    lanes.receipt([(1, 3)], [], 2_000, PATIENCE_MS)
    assert (lanes.waiting, lanes.settled()) == (0, ([(1, 3)], []))


def test_what_a_hub_has_lost_is_sent_again_on_its_own_lane():
    lanes = mixed(1, 1)
    for token in (1, 2):
        send(lanes, token=token)
        lanes.acknowledged(token, 5)
    lanes.receipt([(1, 2)], [], 2_000, 0)
    lanes.are_waves([(2, 2)])
    lanes.again([(1, 2)], 0)
    now = LIVE_AGE_MS + 1
    assert [(send(lanes, now, token).lane) for token in (3, 4)] == ["backfill", "wave"]


@given(
    st.lists(st.tuples(st.sampled_from(["put", "discard"]), st.integers(1, 40), st.integers(0, 9)), max_size=30),
    st.sets(st.integers(1, 50)),
)
def test_the_two_parts_together_are_one_set(steps, waves):
    both, plain = Sendable(waves=[(seq, seq) for seq in sorted(waves)]), SeqSet()
    for word, low, more in steps:
        if word == "put":
            both.put(low, low + more)
            plain.put(low, low + more)
        else:
            taken = {seq for start, end in both.discard(low, low + more) for seq in range(start, end + 1)}
            assert taken == {seq for start, end in plain.discard(low, low + more) for seq in range(start, end + 1)}
    assert both.count() == plain.count()
    assert all((seq in both) == (seq in plain) for seq in range(1, 60))
    assert not any(seq in both.readings for seq in waves)


# On the disk


def test_frames_keep_their_samples_in_the_spool_and_get_their_number_on_the_way_out(tmp_path, draft):
    spool = open_spool(tmp_path / "spool.db", 10 << 20)
    done = spool.append([draft(1), draft(2, kind="wave", wave=FRAME), draft(3), draft(4, kind="wave", wave=FRAME)])
    assert (done.first, done.last, done.waves) == (1, 4, ((2, 2), (4, 4)))
    assert spool.waves() == [(2, 2), (4, 4)]
    ((seq, body),) = spool.read([(4, 4)])
    (frame,) = decode_frames(renumbered(body, 7, seq))
    assert (frame.epoch, frame.seq, frame.samples) == (7, 4, b"\1\0" * 75)
    spool.close()


def test_a_damaged_spool_gives_back_its_waves_too(tmp_path, draft):
    path = tmp_path / "spool.db"
    spool = open_spool(path, 10 << 20)
    spool.append([draft(n, kind="wave", wave=FRAME) if n % 2 else draft(n) for n in range(200)])
    spool.close()
    with path.open("r+b") as file:
        file.seek(4096 * (path.stat().st_size // 4096 // 2))
        file.write(b"\xff" * 4096)
    spool = open_spool(path, 10 << 20)
    assert spool.note.startswith("spool_damaged")
    found = [seq for low, high in spool.waves() for seq in range(low, high + 1)]
    assert len(found) > 20
    assert {body for _, body in spool.read([(seq, seq) for seq in found], 1 << 20)} == {FRAME}
    spool.close()
