"""A process that has imported everything once and forks: a start costs milliseconds, so thousands of kills are quick.

Run as a program it takes one JSON command a line. A child it makes sets its trap (chassis/failpoints.py) and is then
`wardline WORDS`, or a story of tests/chaos/stories.py.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Forks:
    """The other end, in the test: starts children, waits for their end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def wardline(self, *words: str, log: Path, trap: str = "") -> int:
        """`wardline WORDS` as a child; its process id."""
        return self._ask(do="wardline", words=words, log=str(log), trap=trap)

    def story(self, name: str, *, log: Path, trap: str = "", **arguments: object) -> int:
        """A story as a child; its process id."""
        return self._ask(do="story", name=name, arguments=arguments, log=str(log), trap=trap)

    def wait(self, pid: int, seconds: float = 30.0) -> int | None:
        """How a child ended: its exit code, or minus the signal. None: it still runs."""
        return self._ask(do="wait", pid=pid, seconds=seconds)

    def kill(self, pid: int) -> None:
        """SIGKILL, and wait."""
        os.kill(pid, signal.SIGKILL)
        assert self.wait(pid) is not None

    def close(self) -> None:
        """End all children."""
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def _ask(self, **command: object):
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended"
        return json.loads(answer)


def serve() -> None:
    """Do what each line says, until there are no more."""
    for name in ("wardline.commands.edge", "wardline.commands.hub", "hub.hub", "hub.pagers.run", "stories"):
        importlib.import_module(name)  # whatever a child may need is there before it exists
    # What waits for seconds for the sake of the card, or for the end of a backlog, need not here.
    publisher = sys.modules["edge_agent.publisher"]
    publisher.LOOK_S = publisher.QUIET_S = publisher.TELL_S = 0.1
    sys.modules["hub.late"].QUIET_MS = 300
    sys.modules["hub.lookback"].LOOK_S = 0.1
    alive: set[int] = set()
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "wait":
            answer = _wait(command["pid"], command["seconds"])
            if answer is not None:
                alive.discard(command["pid"])
        else:
            answer = _fork(command)
            alive.add(answer)
        print(json.dumps(answer), flush=True)
    for pid in alive:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _wait(pid: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.002)


def _fork(command: dict) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, target)
        code = _live(command)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _live(command: dict) -> int:
    from chassis.failpoints import arm

    arm(command["trap"])
    if command["do"] == "story":
        stories = importlib.import_module("stories")  # beside this file, which is a program here and no package
        stories.STORIES[command["name"]](**command["arguments"])
        return 0
    from wardline.cli import main

    return main(command["words"])


if __name__ == "__main__":
    serve()
