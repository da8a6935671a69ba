"""A bad network and a hospital to torment, for the tests of this folder."""

import tempfile
from pathlib import Path

import pytest

from tests.chaos.forks import Forks
from tests.chaos.proxy import Proxy
from tests.chaos.rig import Rig
from tests.conftest import free_port


@pytest.fixture
def new_proxy():
    """Make proxies: `new_proxy(target_port)`, started."""
    made = []

    def make(target: int) -> Proxy:
        made.append(Proxy(free_port(), target).start())
        return made[-1]

    yield make
    for proxy in made:
        proxy.stop()


@pytest.fixture
def new_rig(new_broker, tmp_path):
    """Make rigs, not started: `new_rig(forget_on=…, rate=…)`. Their broker writes its file now and then."""
    made = []

    def make(**options) -> Rig:
        broker = new_broker("persistence true\nautosave_interval 1\nautosave_on_changes false")
        made.append(Rig(broker, tmp_path, **options))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture(scope="session")
def forks():
    """Where children come from."""
    made = Forks()
    yield made
    made.close()


@pytest.fixture
def quick_folder(tmp_path):
    """A folder in memory where there is one: a killed process leaves the same there, and fsync costs nothing."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="wardline-", dir=memory) as name:
        yield Path(name)
