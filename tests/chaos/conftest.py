"""A bad network for the tests of this folder."""

import pytest

from tests.chaos.proxy import Proxy
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
