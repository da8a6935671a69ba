"""Real stores for tests: Debian's influxd behind an nginx that speaks the v2 write endpoint, and victoria-metrics.

A conftest imports the fixtures it needs by name.
"""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

START_TIMEOUT_S = 40.0
PASSWORD = "ward-test"  # travels as a query parameter: URL-safe
TOKEN = f"admin:{PASSWORD}"

_NGINX = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 50m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  map $arg_bucket    $v1db {{ "~^(?<d>[^/%]+)" $d; }}
  map $arg_bucket    $v1rp {{ "~^[^/%]+(/|%2F)(?<r>.+)$" $r; default ""; }}
  map $arg_precision $v1p  {{ ns n; us u; ms ms; s s; default n; }}
  map $http_authorization $v1u {{ "~^Token (?<u>[^:]+):(?<w>.*)$"  $u;  default ""; }}
  map $http_authorization $v1w {{ "~^Token (?<uu>[^:]+):(?<ww>.*)$" $ww; default ""; }}
  server {{
    listen 127.0.0.1:{port};
    location = /api/v2/write {{
      rewrite ^ /write?db=$v1db&rp=$v1rp&precision=$v1p&u=$v1u&p=$v1w? break;
      proxy_set_header Authorization "";
      proxy_pass http://127.0.0.1:{influx};
    }}
    location / {{ proxy_pass http://127.0.0.1:{influx}; }}
  }}
}}
"""

_INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  enabled = true
  auth-enabled = true
  log-enabled = false
  bind-address = "127.0.0.1:{port}"
"""


class Influx:
    """One influxd and its nginx; `url` is what a v2 client writes to and what InfluxQL is read from."""

    def __init__(self, influxd: str, nginx: str, folder: Path) -> None:
        self.folder = folder
        self._influx_port, self._port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        (folder / "influxd.conf").write_text(_INFLUXD.format(folder=folder, rpc=free_port(), port=self._influx_port))
        user = "user root;" if os.geteuid() == 0 else ""  # its workers must be able to write in our folder
        (folder / "nginx.conf").write_text(
            _NGINX.format(folder=folder, port=self._port, influx=self._influx_port, user=user)
        )
        self._commands = (
            [influxd, "-config", str(folder / "influxd.conf")],
            [nginx, "-p", str(folder), "-e", str(folder / "nginx.log"), "-c", str(folder / "nginx.conf")],
        )
        self._processes: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start both and wait until they answer."""
        with (self.folder / "log").open("ab") as log:
            self._processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in self._commands]
        for port in (self._influx_port, self._port):
            wait_for(lambda port=port: _answers(port), f"influxd or nginx: {(self.folder / 'log').read_text()[-2000:]}")
        wait_for(lambda: self._ping() == 204, "influxd")

    @property
    def pid(self) -> int:
        """The process id of influxd."""
        return self._processes[0].pid

    def stop(self) -> None:
        """Stop both by their own ids."""
        stop_all(self._processes)

    def kill(self) -> None:
        """End influxd as the power does; its proxy goes as well."""
        self._processes[0].kill()
        stop_all(self._processes)

    def create(self, database: str) -> str:
        """Make the first user, if need be, and a database; its name."""
        if not (self.folder / "user").exists():
            self._post(f"CREATE USER admin WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES", database="", login=False)
            (self.folder / "user").touch()
        self.query(f'CREATE DATABASE "{database}"', "")
        return database

    def query(self, query: str, database: str) -> list[dict]:
        """The series of one InfluxQL statement: name, tags, columns, values."""
        result = self._post(query, database, login=True)["results"][0]
        assert "error" not in result, f"{query}: {result['error']}"
        return result.get("series", [])

    def count(self, database: str, field: str = "seq", measurement: str = "vitals") -> int:
        """How many points of `measurement` have `field`."""
        series = self.query(f'SELECT count("{field}") FROM "{measurement}"', database)
        return series[0]["values"][0][1] if series else 0

    def _post(self, query: str, database: str, login: bool) -> dict:
        words = {"db": database, "epoch": "ns"} | ({"u": "admin", "p": PASSWORD} if login else {})
        data = urllib.parse.urlencode({"q": query}).encode()
        url = f"{self.url}/query?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(url, data=data, timeout=30) as answer:
            return json.load(answer)

    def _ping(self) -> int:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/ping", timeout=2) as answer:
            return answer.status
        return 0


class Victoria:
    """One victoria-metrics: takes the same writes without any shim, and shares no code with InfluxDB."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._command = [
            binary,
            f"-httpListenAddr=127.0.0.1:{self._port}",
            f"-storageDataPath={folder}",
            "-dedup.minScrapeInterval=1ms",  # it keeps milliseconds, and two equal samples unless told so
            "-retentionPeriod=100y",
        ]
        self._log = folder / "log"
        self._processes: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._processes = [subprocess.Popen(self._command, stdout=log, stderr=log)]
        wait_for(lambda: _answers(self._port), "victoria-metrics")

    def stop(self) -> None:
        """Stop it by its own id."""
        stop_all(self._processes)

    def export(self, metric: str) -> list[dict]:
        """Every series of a metric: labels, values, timestamps in ms."""
        urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=30).close()
        words = urllib.parse.urlencode({"match[]": metric, "reduce_mem_usage": "0"})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{words}", timeout=30) as answer:
            return [json.loads(line) for line in answer]


def wait_for(condition, what: str, timeout_s: float = START_TIMEOUT_S):
    """Poll until `condition` is true; its value."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"gave up waiting for {what}"
        time.sleep(0.02)
    return value


def free_port() -> int:
    """A port nobody listens on, below the ephemeral range so that no client takes it meanwhile."""
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port between 20000 and 32000")


def find_binary(name: str, package: str) -> str:
    """The path of a server; without it the test is skipped, in CI it fails."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    binary = shutil.which(name, path=path)
    if binary is None:
        reason = f"{name} is not installed (Debian: apt-get install {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return binary


def stop_all(processes: list[subprocess.Popen]) -> None:
    """End processes we started, kindly, then not."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory):
    """One influxd for the whole session; tests take a database of their own."""
    server = Influx(
        find_binary("influxd", "influxdb"), find_binary("nginx", "nginx-light"), tmp_path_factory.mktemp("influx")
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stoppable_influx(tmp_path):
    """An influxd of the test's own, to be stopped and started."""
    folder = tmp_path / "influx"
    folder.mkdir()
    server = Influx(find_binary("influxd", "influxdb"), find_binary("nginx", "nginx-light"), folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def victoria_server(tmp_path_factory):
    """One victoria-metrics for the whole session."""
    server = Victoria(find_binary("victoria-metrics", "victoria-metrics"), tmp_path_factory.mktemp("victoria"))
    server.start()
    yield server
    server.stop()
