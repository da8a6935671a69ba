from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.lanes import BACKFILL_BATCH, LIVE_AGE_MS, PATIENCE_MS, WINDOW, Lanes


def send(lanes, now, token=1):
    plan = lanes.plan(now)
    lanes.sent(plan, plan.ranges, token, now)
    return plan


def test_a_fresh_record_goes_the_live_lane():
    lanes = Lanes()
    lanes.committed(1, 3, 1_000)
    plan = lanes.plan(1_010)
    assert (plan.lane, plan.ranges) == ("vitals", [(1, 3)])


def test_a_record_older_than_ten_seconds_is_backfill():
    lanes = Lanes()
    lanes.committed(1, 3, 1_000)
    assert lanes.plan(1_000 + LIVE_AGE_MS).lane == "vitals"
    assert lanes.plan(1_001 + LIVE_AGE_MS).lane == "backfill"


def test_rows_of_an_earlier_boot_are_backfill_and_young_rows_of_this_boot_are_live():
    lanes = Lanes(held=[(1, 10)], accepted=10, young=[(8, 500), (9, 600), (10, 700)])
    assert lanes.plan(1_000).ranges == [(8, 10)]
    send(lanes, 1_000)
    plan = lanes.plan(1_000)
    assert (plan.lane, plan.ranges) == ("backfill", [(1, 7)])


def test_an_eight_hour_backlog_never_stands_before_a_live_record():
    lanes = Lanes(held=[(1, 288_000)], accepted=288_000)
    lanes.connected(0)
    send(lanes, 0)
    lanes.committed(288_001, 288_002, 10)
    assert lanes.plan(10).ranges == [(288_001, 288_002)]


def test_backfill_leaves_room_in_the_credit_for_live_records_to_come():
    lanes = Lanes(held=[(1, 10_000)], accepted=10_000)
    lanes.receipt([], [], 1_000, 0)
    token = 0
    while (plan := lanes.plan(0)) is not None:
        token += 1
        lanes.sent(plan, plan.ranges, token, 0)
        lanes.acknowledged(token, 0)
    assert lanes.outstanding == 700


def test_a_flood_of_live_records_leaves_three_messages_in_ten_to_the_backfill():
    lanes = Lanes(held=[(1, 50_000)], accepted=50_000)
    lanes.receipt([], [], 1_000_000, 0)
    lanes.committed(50_001, 60_000, 0)
    chosen = []
    for token in range(1, 51):
        chosen.append(send(lanes, 0, token).lane)
        lanes.acknowledged(token, 0)
    assert chosen.count("backfill") == 15


def test_outstanding_records_never_exceed_the_credit():
    lanes = Lanes()
    lanes.receipt([], [], 30, 0)
    lanes.committed(1, 1_000, 0)
    assert send(lanes, 0).ranges == [(1, 30)]
    assert lanes.plan(0) is None


def test_the_window_of_unacknowledged_messages_is_bounded():
    lanes = Lanes()
    for token in range(1, WINDOW + 1):
        lanes.committed(token, token, 0)
        send(lanes, 0, token)
    lanes.committed(WINDOW + 1, WINDOW + 1, 0)
    assert lanes.plan(0) is None
    lanes.acknowledged(1, 5)
    assert lanes.plan(5).ranges == [(WINDOW + 1, WINDOW + 1)]


def test_at_most_two_backfill_messages_are_under_way():
    lanes = Lanes(held=[(1, 50_000)], accepted=50_000)
    lanes.receipt([], [], 50_000, 0)
    send(lanes, 0, 1)
    send(lanes, 0, 2)
    assert lanes.plan(0) is None


def test_an_acknowledgement_of_the_broker_lets_nothing_be_forgotten():
    lanes = Lanes()
    lanes.committed(1, 3, 0)
    send(lanes, 0)
    lanes.acknowledged(1, 5)
    assert lanes.settled() == ([], [])
    assert lanes.waiting == 3


def test_a_receipt_lets_go_of_what_it_names_and_nothing_else():
    lanes = Lanes()
    lanes.committed(1, 10, 0)
    send(lanes, 0)
    assert lanes.receipt([(1, 4), (7, 8)], [9], 2000, 5) == 7
    assert lanes.settled() == ([(1, 4), (7, 8)], [(9, 9)])
    lanes.noted([(1, 4), (7, 9)])
    assert lanes.settled() == ([], [])
    assert lanes.outstanding == 3


def test_a_receipt_for_seqs_never_given_out_changes_nothing():
    lanes = Lanes()
    lanes.committed(1, 3, 0)
    lanes.receipt([(50, 60)], [], 2000, 5)
    assert lanes.settled() == ([], [])


def test_what_has_no_receipt_after_two_seconds_is_sent_again():
    lanes = Lanes()
    lanes.committed(1, 3, 1_000)
    send(lanes, 1_000)
    assert lanes.rewind_at() == 1_000 + PATIENCE_MS
    assert lanes.rewind(3_000) == 3
    assert lanes.plan(3_000).ranges == [(1, 3)]
    assert lanes.plan(3_000).lane == "vitals"


def test_records_the_hub_never_got_are_sent_again_although_receipts_for_younger_ones_keep_coming():
    lanes = Lanes()
    lanes.connected(0)
    lanes.committed(1, 3, 0)
    send(lanes, 0, token=1)  # the hub is away for a moment
    lanes.acknowledged(1, 1)
    now, seq = 0, 3
    while now < PATIENCE_MS:
        now, seq = now + 500, seq + 1
        lanes.committed(seq, seq, now)
        plan = send(lanes, now, token=seq)
        if now < PATIENCE_MS:
            assert plan.ranges == [(seq, seq)]
        lanes.acknowledged(seq, now)
        lanes.receipt([(4, seq)], [], 1_000, now)
    assert plan.ranges == [(1, 3), (7, 7)]
    assert lanes.rewinds == 1


def test_the_rest_of_a_message_is_sent_again_although_the_hub_has_its_first_records_from_before():
    lanes = Lanes()
    lanes.connected(0)
    lanes.committed(1, 5, 0)
    send(lanes, 0, token=1)
    lanes.acknowledged(1, 1)
    lanes.committed(6, 9, 1_000)
    lanes.rewind(2_000)
    send(lanes, 2_000, token=2)  # 1 to 9 in one message, which the hub never gets
    lanes.acknowledged(2, 2_001)
    lanes.receipt([(1, 5)], [], 1_000, 2_100)  # the first message was on its way all the time
    now, seq = 2_100, 9
    while now < 2_000 + PATIENCE_MS:
        now, seq = now + 500, seq + 1
        lanes.committed(seq, seq, now)
        plan = send(lanes, now, token=seq)
        lanes.acknowledged(seq, now)
        lanes.receipt([(1, 5), (10, seq)], [], 1_000, now)
    assert plan.ranges[0] == (6, 9)


def test_on_a_slow_line_nothing_is_sent_twice_while_receipts_come_in_their_order():
    lanes = Lanes()
    lanes.connected(0)
    for seq in range(1, 11):
        lanes.committed(seq, seq, 0)
        send(lanes, 0, token=seq)
        lanes.acknowledged(seq, 1)
    for seq in range(1, 11):
        lanes.receipt([(1, seq)], [], 1_000, 1_900 * seq)
        assert lanes.plan(1_900 * seq) is None


def test_patience_doubles_and_is_bounded():
    lanes = Lanes()
    lanes.committed(1, 3, 0)
    waits, now = [], 0
    for token in range(6):
        send(lanes, now, token)
        lanes.acknowledged(token, now)
        waits.append(lanes.rewind_at() - now)
        now = lanes.rewind_at()
        lanes.rewind(now)
    assert waits == [2_000, 4_000, 8_000, 10_000, 10_000, 10_000]


def test_a_slow_hub_gets_four_round_trips_of_patience():
    lanes = Lanes()
    lanes.committed(1, 1, 0)
    send(lanes, 0)
    lanes.receipt([(1, 1)], [], 2000, 1_500)
    lanes.committed(2, 2, 1_500)
    send(lanes, 1_500, 2)
    assert lanes.rewind_at() == 1_500 + 6_000


def test_batches_shrink_while_nothing_comes_through_and_grow_again():
    lanes = Lanes(held=[(1, 5_000)], accepted=5_000)
    send(lanes, 0)
    lanes.rewind(2_000)
    assert lanes.batch == BACKFILL_BATCH // 2
    send(lanes, 2_000, 2)
    lanes.acknowledged(2, 2_010)
    assert lanes.batch == BACKFILL_BATCH


def test_a_line_that_breaks_before_a_batch_is_through_gets_down_to_single_records():
    lanes = Lanes(held=[(1, 5_000)], accepted=5_000)
    for now in range(10):
        lanes.connected(now)
        send(lanes, now)
        lanes.disconnected()
    lanes.connected(11)
    assert lanes.plan(11).ranges == [(1, 1)]


def test_a_line_that_breaks_under_a_small_batch_gets_a_smaller_one_at_once():
    lanes = Lanes(held=[(1, 40)], accepted=40)
    lanes.connected(0)
    send(lanes, 0)
    lanes.disconnected()
    lanes.connected(1)
    assert lanes.plan(1).ranges == [(1, 10)]


def test_after_a_line_broke_under_what_was_sent_at_once_one_message_goes_at_a_time_until_one_is_through():
    lanes = Lanes()
    lanes.committed(1, 400, 0)
    lanes.connected(0)
    for token in range(4):
        send(lanes, 0, token)
    lanes.disconnected()
    lanes.connected(1)
    assert send(lanes, 1).ranges == [(1, 25)]
    assert lanes.plan(2) is None
    lanes.acknowledged(1, 100)
    send(lanes, 100, 2)
    assert lanes.plan(101) is None
    lanes.receipt([(1, 25)], [], 2000, 150)
    assert lanes.plan(150) is not None


def test_everything_unconfirmed_is_sendable_after_a_new_connection():
    lanes = Lanes()
    lanes.committed(1, 5, 0)
    send(lanes, 0)
    lanes.disconnected()
    lanes.connected(10)
    assert lanes.plan(10).ranges == [(1, 5)]
    assert lanes.outstanding == 0


def test_a_late_acknowledgement_of_an_older_connection_is_ignored():
    lanes = Lanes()
    lanes.committed(1, 5, 0)
    send(lanes, 0, 7)
    lanes.connected(10)
    lanes.acknowledged(7, 20)
    assert lanes.plan(20).ranges == [(1, 5)]


def test_pruned_rows_are_asked_for_no_more():
    lanes = Lanes(held=[(1, 10)], accepted=10)
    lanes.gone([(1, 4)])
    assert lanes.plan(0).ranges == [(5, 10)]
    assert lanes.span() == (5, 10)


def test_an_empty_spool_has_the_span_zero_zero():
    assert Lanes(accepted=70).span() == (0, 0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 40)),
        st.tuples(st.just("send"), st.integers(1, 8)),
        st.tuples(st.just("ack"), st.integers(0, 30)),
        st.tuples(st.just("receipt"), st.integers(0, 99)),
        st.tuples(st.just("lose"), st.just(0)),
        st.tuples(st.just("reconnect"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 12_000)),
        st.tuples(st.just("forget"), st.just(0)),
    ),
    max_size=60,
)


class World:
    """A spool, a network that loses, and a hub: what the lanes do is judged against the plain sets here."""

    def __init__(self):
        self.now = 0
        self.token = 0
        self.spool = set()
        self.accepted = 0
        self.hub = set()
        self.air = {}  # token -> seqs on the way to the hub
        self.lanes = Lanes()
        self.before_restart = 0  # settled then; the new lanes begin to count at nothing

    def commit(self, count):
        first, self.accepted = self.accepted + 1, self.accepted + count
        self.spool |= set(range(first, self.accepted + 1))
        self.lanes.committed(first, self.accepted, self.now)

    def send(self, fits):
        plan = self.lanes.plan(self.now)
        if plan is None:
            return False
        wanted = [seq for low, high in plan.ranges for seq in range(low, high + 1)]
        assert set(wanted) <= self.spool, "asked for a row that is forgotten"
        chosen = wanted[: max(1, fits * 5)]
        self.token += 1
        self.air[self.token] = chosen
        self.lanes.sent(plan, [(seq, seq) for seq in chosen], self.token, self.now)
        assert self.lanes.outstanding <= self.lanes.credit
        return True

    def ack(self, which):
        self.lanes.acknowledged(which, self.now)

    def receipt(self, portion):
        for token in list(self.air)[: 1 + portion % 3]:
            self.hub |= set(self.air.pop(token))
        told = sorted(self.hub)[: len(self.hub) * (portion + 1) // 100 + 1]
        self.lanes.receipt([(seq, seq) for seq in told], [], 20 + portion * 10, self.now)

    def lose(self, _):
        self.air.clear()

    def reconnect(self, _):
        self.air.clear()
        self.lanes.disconnected()
        self.lanes.connected(self.now)

    def restart(self, _):
        self.air.clear()
        held = sorted(self.spool)
        self.lanes = Lanes(held=[(held[0], held[-1])] if held else [], accepted=self.accepted)
        missing = set(range(held[0], held[-1] + 1)) - self.spool if held else set()
        self.lanes.gone([(seq, seq) for seq in missing])
        self.lanes.pruned = 0
        self.before_restart = self.accepted - len(held)
        self.lanes.connected(self.now)

    def wait(self, milliseconds):
        self.now += milliseconds
        due = self.lanes.rewind_at()
        if due is not None and due <= self.now:
            self.lanes.rewind(self.now)

    def forget(self, _):
        ranges = self.lanes.settled()[0]
        gone = {seq for low, high in ranges for seq in range(low, high + 1)}
        assert gone <= self.hub, "forgotten without a receipt"
        self.spool -= gone
        self.lanes.noted(ranges)


@settings(max_examples=150, deadline=None)
@given(steps)
@example([("commit", 11), ("restart", 0), ("send", 1), ("send", 1)])
def test_whatever_gets_lost_everything_arrives_and_nothing_is_forgotten_without_a_receipt(script):
    world = World()
    for name, argument in script:
        getattr(world, name)(argument)
        assert world.spool | world.hub == set(range(1, world.accepted + 1))
        lanes = world.lanes
        assert lanes.waiting + lanes.receipted + lanes.pruned == world.accepted - world.before_restart
    for _ in range(2_000):
        if world.hub >= set(range(1, world.accepted + 1)) and not world.lanes.waiting:
            break
        for token in range(world.token + 1):  # a living broker answers everything in the end, lost or not
            world.ack(token)
        while world.send(100):
            world.ack(world.token)
        for token in list(world.air):
            world.hub |= set(world.air.pop(token))
        world.lanes.receipt([(seq, seq) for seq in sorted(world.hub)], [], 2000, world.now)
        world.wait(500)
    world.forget(0)
    assert world.hub == set(range(1, world.accepted + 1))
    assert world.spool == set()
