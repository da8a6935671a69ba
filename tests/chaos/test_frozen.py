"""Frozen processes and a bad network: nothing is lost, what is stored only grows, and memory stays where it was.

WARDLINE_CHAOS_FREEZE_S says how long each process is frozen.
"""

import os
import time

import pytest

from tests.chaos.oracle import artefact
from tests.chaos.rig import GATEWAYS

FREEZE_S = float(os.environ.get("WARDLINE_CHAOS_FREEZE_S", "4"))
MORE_MB = 25.0  # what a gateway or the hub may need on top while others are away

pytestmark = [pytest.mark.system, pytest.mark.timeout(200 + 6 * FREEZE_S)]


def grows(rig, gateways=GATEWAYS, seconds=30.0):
    """Wait until the hub has more of each of these than it has now."""
    before = {gateway: rig.watermark(gateway) for gateway in gateways}
    rig.until(lambda: all(rig.watermark(gateway) > before[gateway] for gateway in gateways), seconds)


def even(rig) -> None:
    rig.settle()
    artefact(0, rig.kills, rig.balances())
    assert all(one.is_even for one in rig.balances()), rig.words()


def test_every_process_may_freeze_and_the_broker_be_away_and_nothing_is_lost(new_rig):
    rig = new_rig(rate=20.0)
    rig.start_all()
    grows(rig)
    memory = {name: rig.rss_mb(name) for name in ("hub", *GATEWAYS)}
    marks = dict.fromkeys(GATEWAYS, 0)
    for name in ("broker", "hub", GATEWAYS[0]):
        rig.freeze(name)
        time.sleep(FREEZE_S)
        rig.thaw(name)
        grows(rig)
        for gateway in GATEWAYS:
            assert rig.watermark(gateway) > marks[gateway], "what is stored has shrunk"
            marks[gateway] = rig.watermark(gateway)
    rig.kill("broker")
    accepted = {gateway: rig.accepted(gateway) for gateway in GATEWAYS}
    time.sleep(FREEZE_S)
    assert all(rig.accepted(gateway) > accepted[gateway] for gateway in GATEWAYS), "sampling has waited for the network"
    rig.start("broker")
    grows(rig)
    for name, before in memory.items():
        assert rig.rss_mb(name) < before + MORE_MB, name
    even(rig)


def test_over_a_bad_network_what_is_stored_grows_all_the_same(new_rig, new_proxy):
    rig = new_rig()
    bad = GATEWAYS[1:3]
    proxies = {gateway: new_proxy(rig.broker.port) for gateway in bad}
    for gateway, proxy in proxies.items():
        rig.through(gateway, proxy.port)
    rig.start_all()
    grows(rig, bad)
    for weather in ({"delay_s": 0.2}, {"one_byte": True}, {"bytes_per_s": 1_000}, {"close_after": 3_000}):
        for proxy in proxies.values():
            for name, value in weather.items():
                setattr(proxy, name, value)
        if "close_after" in weather:
            for proxy in proxies.values():
                proxy.cut()
        grows(rig, bad, 60.0)
        for proxy in proxies.values():
            proxy.calm()
    for proxy in proxies.values():
        proxy.cut()
        proxy.blackhole = True
    time.sleep(FREEZE_S)
    for proxy in proxies.values():
        proxy.calm()
    grows(rig, GATEWAYS, 60.0)
    even(rig)


def test_what_a_hub_missed_while_it_was_cut_off_comes_although_younger_readings_never_stop(new_rig, new_proxy):
    rig = new_rig()
    proxy = new_proxy(rig.broker.port)
    config = rig.folder / "hub/hub.yaml"
    config.write_text(config.read_text().replace(f"port: {rig.broker.port}", f"port: {proxy.port}"))
    rig.start_all()
    for _ in range(2):
        grows(rig)
        proxy.refuse = True
        proxy.cut()
        before = {gateway: rig.accepted(gateway) for gateway in GATEWAYS}
        rig.until(lambda before=before: all(rig.accepted(name) > before[name] + 10 for name in GATEWAYS), 30.0)
        proxy.refuse = False
        marks = {gateway: rig.accepted(gateway) for gateway in GATEWAYS}
        rig.until(lambda marks=marks: all(rig.watermark(name) >= marks[name] for name in GATEWAYS), 40.0)
    even(rig)
