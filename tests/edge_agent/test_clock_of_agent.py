"""A real agent whose wall clock is set by libfaketime: 1970 at boot, years ahead, an hour back."""

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

# What the kernel says about NTP is played too: the clock is synced while a file exists.
LAUNCH = """
import runpy, sys
from pathlib import Path
from edge_agent import clock_quality
clock_quality.kernel_synced = Path(sys.argv.pop(1)).exists
runpy.run_module("wardline", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def played(tmp_path, new_agent, broker):
    """(agent, set_clock): an agent under libfaketime; `set_clock(what, synced)` in the words of faketime."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        reason = "libfaketime is not installed (Debian: apt-get install faketime)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    shown, flag = tmp_path / "faketime", tmp_path / "synced"
    agent = new_agent(broker)

    def set_clock(what, *, synced):
        fresh = tmp_path / "faketime.new"
        fresh.write_text(what + "\n")
        if not synced:
            flag.unlink(missing_ok=True)
        fresh.replace(shown)
        if synced:
            flag.touch()

    def start():
        faked = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(shown),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # no real clock steps its steady time
        }
        command = [sys.executable, "-c", LAUNCH, str(flag), "edge", "run", "--config", str(agent.config)]
        with agent.log.open("ab") as log:
            agent.process = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, **faked})
        return agent

    agent.start = start
    return agent, set_clock


def test_an_agent_that_boots_in_1970_and_whose_clock_is_set_again_and_again_dates_every_reading_rightly(
    played, broker, line, new_small_hub, until
):
    agent, set_clock = played
    broker.stop()
    set_clock("@1970-01-01 00:00:10", synced=False)
    agent.start()
    until(lambda: agent.accepted() > 0 or line.say_json(hr=40), 20, step_s=0.2)
    numbers = itertools.count(50)
    told, stored = {}, {}  # when each number was said, and when it surely had been heard

    def talk():
        said = list(itertools.islice(numbers, 15))
        for number in said:
            told[float(number)] = time.time() * 1_000
            line.say_json(hr=number)
            time.sleep(0.02)
        until(lambda: agent.accepted() > len(told))
        stored.update(dict.fromkeys(map(float, said), time.time() * 1_000))

    talk()
    set_clock("+3650d", synced=False)
    talk()
    set_clock("+0", synced=True)
    until(lambda: "are put right" in agent.said())
    talk()
    set_clock("-3600", synced=False)  # somebody sets it wrongly: the agent knows better
    until(lambda: "is -3600 s wrong" in agent.said())
    talk()
    set_clock("+3650d", synced=False)
    talk()
    broker.start()
    hub = new_small_hub(broker)
    until(lambda: {record.values["hr"] for record in hub.rows.values()} >= told.keys(), 30)
    records = [record for _, record in sorted(hub.rows.items()) if record.values["hr"] in told]
    for record in records:
        number = record.values["hr"]
        assert told[number] - 1_000 < record.time < stored[number] + 1_000
    assert all(earlier.time < later.time for earlier, later in itertools.pairwise(records))
    qualities = [record.clock for record in records]
    assert (set(qualities[:45]), set(qualities[-15:])) == ({"synced"}, {"holdover"})
    status = until(lambda: next((s for s in hub.statuses if s.online and "clock:" in s.reason), None))
    assert "this machine's is +315360" in status.reason
