"""The watch: one gateway that is gone is one fault, and nobody is judged while the broker is lost."""

from rules.faults import FAULTS
from rules.watch import FOUND, REASONS, SILENT_MS, SUSPECT_MS, Fault, Outage, Watch
from vitals.identity import BedKey

START = 1_000_000


def watch(**gateways) -> Watch:
    beds = gateways or {"gw-a": [BedKey("icu", "1"), BedKey("icu", "2"), BedKey("ccu", "1")]}
    watch = Watch("hub-1", {name.replace("_", "-"): beds for name, beds in beds.items()}, START)
    watch.broker(True, START)
    return watch


def run(watch, until, start=START, hear=(), step=250):
    """Everything the watch says until then; the gateways in `hear` speak each second."""
    told = []
    for now in range(start, until + 1, step):
        for gateway in hear if (now - start) % 1_000 == 0 else ():
            watch.heard(gateway, now)
        told += [(now, news) for news in watch.advance(now)]
    return told


def faults(told, rule="gateway-silent"):
    return [(now, news.holds) for now, news in told if isinstance(news, Fault) and news.rule == rule]


def outages(told):
    return [(now, news.gateway, news.down) for now, news in told if isinstance(news, Outage)]


def test_every_fault_it_can_name_is_in_the_catalogue():
    assert {"gateway-silent", "broker-lost", *REASONS.values(), *FOUND} <= set(FAULTS)


def test_a_gateway_that_stops_is_out_of_reach_before_its_devices_are_late_and_then_one_fault():
    gateways = watch()
    last = START + 20_000
    run(gateways, last, hear=["gw-a"])
    told = run(gateways, last + 60_000, start=last + 250)
    assert outages(told) == [(last + SUSPECT_MS, "gw-a", True)]
    assert faults(told) == [(last + SILENT_MS, True)]
    (fault,) = [news for _, news in told if isinstance(news, Fault)]
    assert fault.place == BedKey("icu", "gateway/gw-a")  # the ward most of its devices stand in
    assert "3 devices" in fault.message
    told = run(gateways, last + 70_000, start=last + 61_000, hear=["gw-a"])
    assert outages(told) == [(last + 61_000, "gw-a", False)]
    assert faults(told) == [(last + 61_000, False)]


def test_a_last_will_is_believed_at_once_and_a_retained_word_of_health_never():
    gateways = watch()
    run(gateways, START + 5_000, hear=["gw-a"])
    gateways.status("gw-a", online=False, reason="connection lost", retained=False, now=START + 5_100)
    gateways.status("gw-a", online=True, reason="", retained=True, now=START + 5_200)
    told = run(gateways, START + 6_000, start=START + 5_250)
    assert faults(told) == [(START + 5_250, True)]
    gateways.status("gw-a", online=True, reason="", retained=False, now=START + 7_000)
    assert faults(run(gateways, START + 8_000, start=START + 7_000)) == [(START + 7_000, False)]


def test_a_gateway_never_seen_is_one_fault_fifteen_seconds_after_the_start():
    told = run(watch(), START + 60_000)
    assert faults(told) == [(START, None), (START + SILENT_MS, True)]


def test_a_gateway_without_beds_is_missed_only_after_it_was_seen_once():
    gateways = watch(gw_a=[])
    assert faults(run(gateways, START + 60_000)) == []
    run(gateways, START + 61_000, start=START + 60_250, hear=["gw-a"])
    told = run(gateways, START + 90_000, start=START + 61_250)
    assert faults(told)[-1][1] is True


def test_while_the_broker_is_lost_no_gateway_is_judged_and_afterwards_each_has_its_time_to_come_back():
    gateways = watch(gw_a=[BedKey("icu", "1")], gw_b=[BedKey("icu", "2")])
    run(gateways, START + 10_000, hear=["gw-a", "gw-b"])
    lost = START + 10_250
    gateways.broker(False, lost)
    told = run(gateways, lost + 60_000, start=lost)
    assert faults(told, "broker-lost") == [(lost, True)]
    assert faults(told) == [(lost, None)] * 2
    assert [(name, down) for _, name, down in outages(told)] == [("gw-a", True), ("gw-b", True)]
    back = lost + 60_250
    gateways.broker(True, back)
    told = run(gateways, back + 30_000, start=back, hear=["gw-a"])
    assert faults(told, "broker-lost") == [(back, False)]
    silent = [(now, news.subject, news.holds) for now, news in told if getattr(news, "rule", "") == "gateway-silent"]
    assert silent == [(back + 250 - 250 + 1_000, "gateway/gw-a", False), (back + SILENT_MS, "gateway/gw-b", True)]


def test_what_a_gateway_says_is_wrong_with_it_is_a_fault_until_it_says_otherwise():
    gateways = watch()
    say = lambda reason, now: gateways.status("gw-a", online=True, reason=reason, retained=False, now=now)  # noqa: E731
    say("spool_full: 12 records pruned so far; clock: the hub's is +40 s from ours", START)
    told = run(gateways, START)
    assert faults(told, "spool-full") == [(START, True)]
    assert faults(told, "clock-offset") == [(START, True)]
    assert faults(told, "identity-conflict") == [(START, False)]
    say("spool_full: 13 records pruned so far", START + 5_000)
    told = run(gateways, START + 5_000, start=START + 5_000)
    assert faults(told, "spool-full") == []
    assert faults(told, "clock-offset") == [(START + 5_000, False)]
    told = run(gateways, START + 60_000, start=START + 5_250)
    assert [holds for _, holds in faults(told, "spool-full")] == [None]  # gone, and nobody knows what became of it


def test_what_others_find_out_about_a_gateway_is_a_fault_until_they_say_it_is_over():
    gateways = watch()
    for rule, message in (("bookkeeping-mismatch", "4 records are nowhere"), ("clock-offset", "5 s ahead")):
        gateways.found("gw-a", rule, message)
        gateways.found("gw-none", rule, message)
    gateways.status("gw-a", online=True, reason="", retained=False, now=START)
    told = run(gateways, START + 2_000, hear=["gw-a"])
    assert faults(told, "bookkeeping-mismatch") == [(START, True)]
    assert faults(told, "clock-offset") == [(START, True)]
    gateways.status("gw-a", online=True, reason="clock: 5 s", retained=False, now=START + 2_000)
    gateways.found("gw-a", "bookkeeping-mismatch", "")
    gateways.found("gw-a", "clock-offset", "")
    told = run(gateways, START + 4_000, start=START + 2_250, hear=["gw-a"])
    assert faults(told, "bookkeeping-mismatch") == [(START + 2_250, False)]
    assert faults(told, "clock-offset") == []  # the gateway says so itself


def test_a_gateway_whose_devices_were_moved_to_another_ward_is_missed_there():
    moved = watch(gw_1=[BedKey("icu", "7")])

    def missed(until, start=START):
        told = [news for _, news in run(moved, until, start) if isinstance(news, Fault)]
        return [(fault.place.ward, fault.holds) for fault in told if fault.rule == "gateway-silent"]

    assert missed(START + 20_000)[-1] == ("icu", True)
    moved.station("gw-1", [BedKey("imc", "2")])
    assert missed(START + 21_000, START + 20_250) == [("imc", True)]
