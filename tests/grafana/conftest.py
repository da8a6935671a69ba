"""One ward for all tests here: a real hub with everything around it, and the servers its dashboards ask."""

import os
import shutil
from pathlib import Path

import pytest
import yaml

from tests.fixtures_influx import influx_server  # noqa: F401
from tests.grafana.played import Ward

SHIPPED = Path(__file__).parents[2] / "config/prometheus"


def pytest_collection_modifyitems(items):
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "ward" in names:
            item.add_marker(pytest.mark.influx)
            item.add_marker(pytest.mark.broker)
        if "watched_ward" in names:
            item.add_marker(pytest.mark.prometheus)


@pytest.fixture(scope="session")
def ward(influx_server, tmp_path_factory):  # noqa: F811
    """A ward whose work has arrived in InfluxDB, and in Prometheus where there is one."""
    played = Ward(tmp_path_factory.mktemp("ward"), influx_server, "dashboards")
    try:
        played.play()
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
        if shutil.which("prometheus", path=path) or os.environ.get("CI") == "true":
            played.watch(yaml.safe_load((SHIPPED / "prometheus.yml").read_text()), SHIPPED / "alerts.yml")
        played.settle()
        yield played
    finally:
        played.close()


@pytest.fixture(scope="session")
def watched_ward(ward):
    """The same, read by a Prometheus."""
    if ward.prometheus is None:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    return ward
