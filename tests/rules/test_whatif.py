"""Old rules and new ones: which alarms only one side has."""

from rules.episodes import Episode
from rules.whatif import compare


def episode(onset, ended, *, rule="spo2-low", bed="1", subject=""):
    return Episode(
        alarm=f"{rule}-{bed}-{onset}",
        rule=rule,
        ward="icu",
        bed=bed,
        subject=subject,
        kind="physiological",
        priority="medium",
        message="",
        onset=onset,
        raised=onset,
        ended=ended,
        acknowledged=None,
        calls=1,
    )


def test_the_same_alarms_differ_in_nothing():
    alarms = [episode(0, 10), episode(20, None)]
    assert compare(alarms, alarms) == ((), ())


def test_an_alarm_that_begins_a_little_later_is_the_same():
    assert compare([episode(0, 100)], [episode(15, 90)]) == ((), ())


def test_one_long_alarm_and_the_pieces_of_it_are_the_same():
    assert compare([episode(0, 100)], [episode(5, 20), episode(40, 60)]) == ((), ())
    assert compare([episode(5, 20), episode(40, 60)], [episode(0, 100)]) == ((), ())


def test_an_alarm_of_another_bed_or_rule_or_time_is_another():
    old = [episode(0, 10)]
    for new in (episode(0, 10, bed="2"), episode(0, 10, rule="hr-low"), episode(11, 20)):
        assert compare(old, [new]) == ((old[0],), (new,))


def test_alarms_of_equipment_are_told_apart_by_what_they_are_about():
    one, other = (episode(0, 10, bed="", subject=f"gateway/gw-{n}") for n in (1, 2))
    assert compare([one], [other]) == ((one,), (other,))


def test_an_alarm_between_two_others_is_found_missing():
    old = [episode(0, 10), episode(20, 30), episode(40, 50)]
    assert compare(old, [old[2], old[0]]).only_old == (old[1],)
