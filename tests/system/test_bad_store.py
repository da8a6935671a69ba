"""A store that takes nothing is nobody's business at the bed: alarms and commits of a real hub go on as without it."""

import json
import socket
import time

import pytest

from tests.chaos.proxy import Proxy
from tests.conftest import free_port
from tests.fixtures_influx import wait_for

pytestmark = [pytest.mark.system, pytest.mark.broker, pytest.mark.timeout(120)]

HANGS_S = 30.0  # how long a request to the store waits for its answer
SOON_S = 10.0  # on any machine


@pytest.fixture
def line():
    """A way to nowhere: connections are taken and nothing passes."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        proxy = Proxy(free_port(), nobody.getsockname()[1]).start()
        proxy.blackhole = True
        yield proxy
        proxy.stop()


def test_alarms_and_commits_do_not_know_that_a_store_hangs_and_the_hub_is_told_that_another_refuses(bed, line):
    token = bed.folder / "token"
    token.write_text("admin:nobody")
    token.chmod(0o600)
    bed.settings(
        "projections: {path: hub/projections.db, influxdb: {timeout: 30s, token: 'file:token',"
        f" url: 'http://127.0.0.1:{line.port}'}}}}"
    )
    bed.run("projections", "hub", "run", "--part", "projections", "--config", str(bed.folder / "hub.yaml"))
    bed.start()
    ear = bed.ear("ward/icu/event", "hub/hub-1/projections")
    wait_for(lambda: line.connections, "the projection to try")
    before = bed.records()
    bed.patient(spo2=84)
    began = time.monotonic()
    bed.until(lambda: [event for event in bed.events() if event["change"] == "raised"], SOON_S)
    assert time.monotonic() - began < SOON_S < HANGS_S
    bed.until(lambda: bed.records() > before + 3)
    received = bed.rows("SELECT max(received - time) FROM record WHERE late = 0")[0][0]
    assert received < 1_000 * SOON_S, "a commit waits for nobody"
    (status,) = bed.until(lambda: ear.of("hub/hub-1/projections")[-1:])
    assert status["online"]
    token.unlink()
    line.refuse = True
    line.cut()
    told = bed.until(lambda: next((one for one in ear.of("projections") if one and one.get("faults")), None))
    assert "token" in json.dumps(told["faults"])
    bed.stop("projections")
    bed.until(lambda: any(one and not one["online"] for one in ear.of("projections")))
