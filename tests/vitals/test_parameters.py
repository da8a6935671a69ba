"""The catalogue of vital signs agrees with itself."""

import pytest

from vitals.parameters import PARAMETERS, WAVEFORMS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda parameter: parameter.name)
def test_a_parameter_has_a_range_and_codes(parameter):
    assert parameter.low < parameter.high
    assert parameter.refid.startswith("MDC_")
    assert parameter.cf32 >> 16 == 2  # the SCADA partition of 11073-10101
    assert parameter.stale_s > 0
    assert parameter.plausible(parameter.low)
    assert parameter.plausible(parameter.high)
    assert not parameter.plausible(parameter.high + 1)
    assert not parameter.plausible(float("nan"))


def test_no_two_signals_share_a_name_or_a_code():
    signals = [*PARAMETERS.values(), *WAVEFORMS.values()]
    assert len({signal.name for signal in signals}) == len(signals)
    assert len({signal.cf32 for signal in signals}) == len(signals)
    assert len({signal.refid for signal in signals}) == len(signals)


def test_loinc_codes_carry_a_right_check_digit():
    for parameter in PARAMETERS.values():
        number, _, check = parameter.loinc.partition("-")
        doubled = str(int(number[::-1][::2][::-1]) * 2)
        rest = number[::-1][1::2][::-1]
        total = sum(map(int, doubled + rest))
        assert (10 - total % 10) % 10 == int(check), parameter.name


def test_every_word_of_the_vocabularies_is_snake_case():
    for word in MISSING_REASONS | DEVICE_STATES:
        assert word.replace("_", "").isalpha()
        assert word == word.lower()
