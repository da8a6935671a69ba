"""The FLOAT of the monitor (exponent and mantissa of ten) as a decimal number, or its word for no number."""

from __future__ import annotations

from decimal import Decimal

SPECIAL = {0x7FFFFF: "nan", 0x800000: "nres", 0x7FFFFE: "inf", 0x800002: "-inf", 0x800001: "reserved"}


def read_float(word: int) -> Decimal | str:
    """36.8 stays 36.8: the number is never put together from binary powers."""
    mantissa = word & 0xFFFFFF
    if mantissa in SPECIAL:
        return SPECIAL[mantissa]
    if mantissa & 0x800000:
        mantissa -= 1 << 24
    exponent = word >> 24
    if exponent & 0x80:
        exponent -= 1 << 8
    return Decimal(mantissa).scaleb(exponent)
