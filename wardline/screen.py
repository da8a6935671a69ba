"""What the demo shows on the terminal: a line per step, what to do next, and a line per alarm transition."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable

from vitals import topics
from vitals.alarms import PRIORITY_MARK, Alarm, AlarmEvent
from vitals.parameters import PARAMETERS

GUIDE = """
  Ward board      http://127.0.0.1:{port}/
  API             http://127.0.0.1:{port}/openapi.json
  Alarm states    {alarms}
  Transitions     {events}
  Live picture    {live}

  Watch the alarms as a pager would (another terminal):
    mosquitto_sub -h 127.0.0.1 -p {broker_port} -u {pager} -P '{secret}' -v -t '{alarms}'
  the same without the mosquitto clients:
    {command_line} topics tail --port {broker_port} --user {pager} --password 'file:{secret_file}' --filter '{alarms}'
  Acknowledge one on the board, or so (put in its id):
    mosquitto_pub -h 127.0.0.1 -p {broker_port} -u {pager} -P '{secret}' -t '{command}' \\
      -m '{{"request":"1","alarm":"ID","by":"your name"}}'

  Every monitor here is simulated or replays a de-identified recording. Wardline is a secondary notification
  system: it is never the primary alarm of a monitor.
  Logs are in {logs}. Ctrl-C stops everything.
"""


class Screen:
    """Standard output, line by line; `on_gone` is called when nobody reads it any more."""

    def __init__(self, on_gone: Callable[[], None]) -> None:
        self._on_gone = on_gone
        self._started = time.monotonic()

    def restart_clock(self) -> None:
        """Count the seconds from now."""
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the clock was started."""
        return time.monotonic() - self._started

    def step(self, part: str, text: str) -> None:
        """One step of the start or the stop, with the seconds it came at."""
        self.say(f"{self.elapsed_s:6.1f} s  {part:<8} {text}")

    def alarm(self, event: AlarmEvent) -> None:
        """One transition of one alarm, in the order a nurse asks: when, how urgent, what, where."""
        alarm = event.alarm
        clock = time.strftime("%H:%M:%S", time.localtime(event.time / 1_000))
        by = f" by {event.by}" if event.by else ""
        self.say(
            f"{clock}  {PRIORITY_MARK[alarm.priority]:<3}  {event.change + by:<12}  {_place(alarm)}  "
            f"{alarm.message}{_numbers(alarm)}  [{alarm.id}]"
        )

    def guide(self, **places: object) -> None:
        """Where to look and what to paste."""
        filters = {"alarms": topics.ALL_ALARMS, "events": topics.ALL_EVENTS, "live": topics.ALL_LIVE}
        self.say(GUIDE.format(**filters, **places, command_line=own_command()))

    def say(self, text: str) -> None:
        """Print at once. A reader who left (a closed pipe or terminal) ends the demo, not its clean stop."""
        try:
            print(text, flush=True)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._on_gone()


def own_command() -> str:
    """How to call this very `wardline` from here, wherever it is installed."""
    program = sys.argv[0]
    if os.path.basename(program) != "wardline":
        return f"{os.path.relpath(sys.executable)} -m wardline"
    found = shutil.which("wardline")
    return "wardline" if found and os.path.samefile(found, program) else os.path.relpath(program)


def _place(alarm: Alarm) -> str:
    """The bed, or the equipment that stands at none."""
    return alarm.subject.replace("/", " ") if alarm.subject else f"{alarm.ward}/{alarm.bed}"


def _numbers(alarm: Alarm) -> str:
    """What the rule saw and its limit, where the alarm is about one number."""
    parameter = PARAMETERS.get(alarm.parameter or "")
    if parameter is None or alarm.value is None:
        return ""
    limit = "" if alarm.limit is None else f" (limit {alarm.limit:g})"
    return f": {parameter.label} {alarm.value:.{parameter.decimals}f} {parameter.unit}{limit}"
