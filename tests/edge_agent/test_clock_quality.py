from edge_agent.clock_quality import ClockWatch, kernel_synced


def watch(*answers):
    answers = iter(answers)
    return ClockWatch(lambda: next(answers))


def test_a_disciplined_clock_is_synced():
    assert watch(True).quality == "synced"


def test_a_clock_nobody_ever_set_is_unsynced():
    assert watch(False).quality == "unsynced"


def test_a_good_clock_left_alone_holds_over_and_can_be_synced_again():
    clock = watch(True, False, True)
    assert [clock.look(), clock.look()] == ["holdover", "synced"]


def test_where_the_kernel_does_not_say_it_is_holdover():
    assert watch(None).quality == "holdover"


def test_the_kernel_of_this_machine_gives_an_answer_or_none():
    assert kernel_synced() in (True, False, None)
