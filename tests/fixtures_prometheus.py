"""Debian's prometheus and promtool, for tests that read our pages and judge our alerts with the real thing."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from tests.conftest import free_port
from tests.fixtures_influx import find_binary

START_TIMEOUT_S = 40.0


def promtool(*words: str, folder: Path, typed: str | None = None) -> str:
    """What promtool says of its words and of what it is typed; fails with it when it is not content."""
    binary = find_binary("promtool", "prometheus")
    done = subprocess.run([binary, *words], cwd=folder, input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Prometheus:
    """One server with a settings file, in a folder of its own."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.log = folder / "prometheus.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    find_binary("prometheus", "prometheus"),
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder / 'tsdb'}",
                    f"--web.listen-address={self.address}",
                ],
                stdout=log,
                stderr=log,
            )

    def ask(self, expression: str) -> dict[tuple[str, ...], float]:
        """The instant value of an expression, by its label values in the order of their names."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{query}", timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        return {
            tuple(value for name, value in sorted(sample["metric"].items()) if name != "__name__"): float(
                sample["value"][1]
            )
            for sample in result
        }

    def until(self, expression: str, fits, timeout_s: float = START_TIMEOUT_S) -> dict[tuple[str, ...], float]:
        """Ask until `fits(answer)`."""
        deadline = time.monotonic() + timeout_s
        found: object = None
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                found = self.ask(expression)
            except (urllib.error.URLError, ConnectionError) as error:
                found = error
            else:
                if fits(found):
                    return found
            time.sleep(0.1)
        raise AssertionError(f"{expression}: {found}")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)
