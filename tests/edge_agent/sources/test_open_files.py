import subprocess
import sys

CODE = """
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (128, {hard}))
from edge_agent.sources.open_files import allow
allow({connections})
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits(connections, hard="hard"):
    code = CODE.format(connections=connections, hard=hard)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [int(number) for number in done.stdout.split()]


def test_room_is_made_for_the_connections_that_are_allowed():
    assert limits(1_000)[0] == 1_256


def test_no_more_than_the_machine_lets_us():
    assert limits(5_000, hard=600) == [600, 600]


def test_a_limit_that_is_high_enough_stays():
    assert limits(-200)[0] == 128
