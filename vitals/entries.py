"""What staff enter by hand: consciousness, oxygen, the SpO2 scale, and numbers measured without a device."""

from __future__ import annotations

from dataclasses import dataclass

from vitals.parameters import PARAMETERS

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One coded observation: the letters staff choose from, each with the number rules see."""

    name: str
    label: str
    loinc: str
    codes: dict[str, int]
    valid_ms: int | None  # how long it stays true after it was seen; None: until it is entered anew


# NEWS2 asks for a new round of observations at least each 12 h, even of the healthiest.
CHOICES: dict[str, Choice] = {
    choice.name: choice
    for choice in (
        Choice(
            name="acvpu",
            label="Consciousness",
            loinc="80288-4",
            codes={"A": 0, "C": 1, "V": 2, "P": 3, "U": 4},
            valid_ms=12 * HOUR_MS,
        ),
        Choice(name="oxygen", label="Oxygen", loinc="", codes={"air": 0, "oxygen": 1}, valid_ms=12 * HOUR_MS),
        # A clinician's decision for hypercapnic failure: it stands until somebody takes it back.
        Choice(name="spo2_scale", label="SpO2 scale", loinc="", codes={"1": 1, "2": 2}, valid_ms=None),
    )
}

MEASURED = frozenset("hr pr spo2 rr nibp_sys nibp_dia nibp_mean temp temp_core temp_skin glucose weight".split())
"""Parameters staff may measure without a device."""

MEASURED_VALID_MS = 4 * HOUR_MS  # the shortest interval NEWS2 asks for below a score that asks for hourly rounds


def read_entry(name: str, value: float | str) -> float:
    """The number of one entry. Raises ValueError with a sentence for the person who entered it."""
    choice = CHOICES.get(name)
    if choice is not None:
        code = choice.codes.get(str(value))
        if code is None:
            raise ValueError(f"{choice.label} is one of {', '.join(choice.codes)}, not {value!r}")
        return float(code)
    if name not in MEASURED:
        raise ValueError(f"{name!r} cannot be entered; use one of {', '.join((*CHOICES, *sorted(MEASURED)))}")
    parameter = PARAMETERS[name]
    if isinstance(value, str) or not parameter.plausible(value):
        span = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}"
        raise ValueError(f"{parameter.label} must be a number from {span}, not {value!r}")
    return float(value)


def valid_until(name: str, time: int) -> int | None:
    """Until when an entry seen at `time` (UTC ms) holds; None: until it is entered anew."""
    choice = CHOICES.get(name)
    if choice is None:
        return time + max(MEASURED_VALID_MS, PARAMETERS[name].stale_s * 1_000)
    return None if choice.valid_ms is None else time + choice.valid_ms
