"""Check sums against a library that knows nothing of us: drivers and simulators could share a mistake, this cannot."""

import pytest
from crc import Calculator, Configuration, Crc16
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.hobby_lines import crc8 as driver_crc8
from edge_agent.drivers.intellivue import framing
from firmware_sim.monitors import intellivue_frames, json_line

X25 = Calculator(Crc16.X25.value)
CRC8 = Calculator(Configuration(width=8, polynomial=0x07, init_value=0, final_xor_value=0))


def little(value: int) -> bytes:
    return value.to_bytes(2, "little")


@given(st.binary(max_size=300))
def test_the_intellivue_check_sequence_is_that_of_crc16_x25(data):
    expected = X25.checksum(data)
    assert framing.fcs(data) == little(expected)
    assert intellivue_frames.crc16(data) == expected


@pytest.mark.parametrize("crc8", [driver_crc8.crc8, json_line.crc8], ids=["driver", "simulator"])
@given(data=st.binary(max_size=300))
def test_the_check_of_a_canonical_line_is_crc8(crc8, data):
    assert crc8(data) == CRC8.checksum(data)
