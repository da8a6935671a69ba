"""The account of a silence: what was raised at the bed, what stands, what is over; one message always holds it."""

from msgspec.structs import replace

from edge_agent.bedside.account import Account
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.bundles import BedsideReport
from vitals.codec import MAX_PAYLOAD_BYTES, decode, encode

NOW = 1_763_682_504_000


def alarm(number=0, **fields):
    onset = NOW + number * 1_000
    defaults = {
        "id": alarm_id("spo2-low", "icu", "7", onset),
        "rule": "spo2-low", "ward": "icu", "bed": "7", "kind": "physiological", "priority": "high", "state": "active",
        "rev": 1, "message": "SpO2 low", "onset": onset, "raised": onset, "changed": onset,
    }  # fmt: skip
    return Alarm(**{**defaults, **fields})


def event(change, of, **fields):
    return AlarmEvent(change=change, time=of.changed, alarm=of, **fields)


def test_an_alarm_raised_in_the_silence_is_the_bedsides_own():
    account = Account()
    told = account.add(event("raised", alarm()))
    assert told.alarm.bedside
    report = account.report([alarm()], "gw-1", NOW, NOW - 20_000, 5)
    assert [a.bedside for a in report.standing] == [True]
    assert (report.silent_since, report.version, report.ended) == (NOW - 20_000, 5, [])


def test_an_alarm_the_hub_has_announced_stays_the_hubs():
    account = Account()
    old = alarm(-60)
    account.begin([old], heard_at=NOW)
    assert not account.add(event("escalated", old)).alarm.bedside
    assert [a.bedside for a in account.report([old], "gw-1", NOW, NOW, 1).standing] == [False]
    account.add(event("cleared", old))
    assert account.ended == []


def test_an_alarm_raised_after_the_last_beat_may_be_known_to_nobody():
    account = Account()
    account.begin([alarm(-60), alarm(3)], heard_at=NOW)
    assert account.is_own(alarm(3))
    assert not account.is_own(alarm(-60))


def test_an_alarm_that_comes_and_goes_in_the_silence_is_told_with_all_its_transitions():
    account = Account()
    account.add(event("raised", alarm()))
    gone = replace(alarm(), rev=2, changed=NOW + 5_000)
    account.add(event("cleared", gone))
    assert [(e.change, e.alarm.bedside) for e in account.ended] == [("raised", True), ("cleared", True)]
    assert account.told == []


def test_when_the_hub_has_had_it_all_nothing_is_left():
    account = Account()
    account.add(event("raised", alarm(1)))
    account.add(event("raised", alarm(2)))
    account.add(event("cleared", alarm(2)))
    account.close()
    assert (account.told, account.ended) == ([], [])


def test_a_report_always_fits_one_message_and_the_standing_go_before_the_ended():
    account = Account()
    standing = [alarm(n, message="M" * 100) for n in range(60)]
    for one in standing:
        account.add(event("raised", one))
    for number in range(1_000, 1_400):
        account.add(event("raised", alarm(number)))
        account.add(event("cleared", alarm(number)))
    report = account.report(standing, "gw-1", NOW, NOW, 1)
    body = encode(report)
    assert len(body) < MAX_PAYLOAD_BYTES
    assert decode(body, BedsideReport) == report
    assert len(report.standing) == 60
    assert report.ended
    assert report.ended[-1].alarm.onset == alarm(1_399).onset  # the newest
