"""The loss of any one component is found by another within 30 seconds, with everything real and frozen or cut.

The hub is in test_bedside.py, the screens are in tests/browser, the pagers in tests/hub/pagers.
"""

import signal
import time

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

FOUND_S = 30.0


def found_after(bed, condition, since):
    """How long it took until somebody noticed."""
    bed.until(condition, FOUND_S + 5)
    return time.time() - since


def standing(ear, rule):
    """Whether the last word on the alarm of a rule is that it stands."""
    words = ear.of(f"alarm/{rule}") + [payload for _, topic, payload in ear.heard if topic.endswith(f"/{rule}")]
    return bool(words and words[-1])


def test_a_monitor_that_is_unplugged_and_a_gateway_that_freezes_are_found_by_the_hub(bed):
    bed.add_rules("conditions:\n  - {id: device-silent, kind: technical, priority: low, when: silent(15s), for: 0ms, "
                  "message: Device silent}\n")  # fmt: skip
    bed.start()
    ear = bed.ear("ward/icu/7/alarm/#", "hub/hub-1/alarm/#")
    unplugged = time.time()
    bed.stop("sim")
    assert found_after(bed, lambda: standing(ear, "device-silent"), unplugged) <= FOUND_S
    bed.patient()
    bed.until(lambda: not standing(ear, "device-silent"))
    frozen = time.time()
    bed.freeze("edge")
    assert found_after(bed, lambda: standing(ear, "gateway-silent"), frozen) <= FOUND_S
    assert not standing(ear, "device-silent")  # one cause, one notice
    bed.thaw("edge")
    bed.until(lambda: not standing(ear, "gateway-silent"), 40)


def test_a_broker_that_freezes_is_found_by_the_gateway_and_by_the_hub(bed):
    bed.start()
    frozen = time.time()
    bed.broker.process.send_signal(signal.SIGSTOP)
    try:
        assert found_after(bed, lambda: bed.picture()["silent_since"], frozen) <= FOUND_S
        assert found_after(bed, lambda: bed.events("broker-lost"), frozen) <= FOUND_S
    finally:
        bed.broker.process.send_signal(signal.SIGCONT)
    bed.until(lambda: bed.picture()["silent_since"] is None, 40)
