"""Children are kept running, say why they ended, stop in time, and never outlive their parent."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from wardline.processes import Child

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def python(code):
    return [sys.executable, "-c", textwrap.dedent(code)]


def is_gone(process):
    """Ended, even if a lazy init has not buried it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until(what):
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.01)


@pytest.fixture
def said():
    return []


@pytest.fixture
def log(tmp_path):
    return tmp_path / "child.log"


def test_a_child_that_ends_is_started_again_with_its_last_words(log, said):
    async def story():
        child = Child("edge", python("print('starting'); raise SystemExit('no such port')"), log, said.append)
        await child.start()
        await until(lambda: child.restarts == 1)
        await child.stop(1.0)

    asyncio.run(story())
    assert said[0].startswith("edge ended with code 1; starting it again in ")
    assert said[0].endswith("; its last words: no such port")


def test_a_child_that_ignores_sigterm_is_killed_with_its_own_children(log, said):
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {STUBBORN}"

    async def story():
        child = Child("hub", python(code), log, said.append)
        await child.start()
        await until(lambda: log.read_text().count("up") == 2)
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children()]
        await child.stop(0.2)
        return family

    family = asyncio.run(story())
    assert len(family) == 2
    asyncio.run(until(lambda: all(is_gone(process) for process in family)))
    assert said == []


def test_the_log_of_the_last_run_stays_beside_the_new_one(log, said):
    async def story(word):
        child = Child("sim", python(f"import time; print({word!r}, flush=True); time.sleep(60)"), log, said.append)
        await child.start()
        await until(lambda: child.last_line == word)
        await child.stop(1.0)

    for word in ("one", "two", "three"):
        asyncio.run(story(word))
    assert log.read_text() == "three\n"
    assert log.with_name("child.log.1").read_text() == "two\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_killed_parent_takes_its_children_along(log):
    parent = subprocess.Popen(
        python(
            f"""
            import asyncio, pathlib, sys
            from wardline.processes import Child

            async def main():
                child = Child("sleeper", ["/bin/sleep", "60"], pathlib.Path({str(log)!r}), print)
                await child.start()
                print(child.pid, flush=True)
                await asyncio.sleep(60)

            asyncio.run(main())
            """
        ),
        stdout=subprocess.PIPE,
    )
    with parent:
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        asyncio.run(until(lambda: is_gone(child)))
