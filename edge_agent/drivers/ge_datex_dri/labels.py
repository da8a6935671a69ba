"""What a pressure or temperature channel measures goes by the label the staff gave it, never by its number."""

from __future__ import annotations

from collections.abc import Mapping

PRESSURES = dict(
    enumerate(
        "ART CVP PA RAP RVP LAP ICP ABP P1 P2 P3 P4 P5 P6 SP FEM UAC UVC ICP2 P7 P8 FEMV".split(),
        start=1,
    )
)
TEMPERATURES = dict(enumerate("ESO NASO TYMP RECT BLAD AXIL SKIN AIRW ROOM MYO T1 T2 T3 T4 CORE SURF".split(), start=1))

NOTHING = "none"  # the option's word for: do not publish this channel
PRESSURE_NAMES = ("abp", "cvp", "icp", NOTHING)
TEMPERATURE_NAMES = ("temp", "temp_core", "temp_skin", NOTHING)

_NAMES = {
    **dict.fromkeys("ART ABP FEM UAC".split(), "abp"),
    **dict.fromkeys("CVP RAP UVC FEMV".split(), "cvp"),
    **dict.fromkeys("ICP ICP2".split(), "icp"),
    **dict.fromkeys(TEMPERATURES.values(), "temp"),
    **dict.fromkeys("ESO CORE MYO".split(), "temp_core"),
    "SKIN": "temp_skin",
    # Gas in the airway and the air of the room are no temperature of the patient.
    **dict.fromkeys("AIRW ROOM".split(), NOTHING),
}


def name_of(label: str, chosen: Mapping[str, str]) -> str | None:
    """Our name for a channel with this label, `chosen` first; None if it is not published."""
    name = chosen.get(label, _NAMES.get(label, NOTHING))
    return None if name == NOTHING else name


def check(chosen: Mapping[str, str]) -> None:
    """Raises ValueError if a label is unknown or cannot carry that name."""
    for label, name in chosen.items():
        if label in PRESSURES.values():
            names = PRESSURE_NAMES
        elif label in TEMPERATURES.values():
            names = TEMPERATURE_NAMES
        else:
            known = " ".join((*PRESSURES.values(), *TEMPERATURES.values()))
            raise ValueError(f"labels: no channel is labelled {label!r}; labels are {known}")
        if name not in names:
            raise ValueError(f"labels: {label} cannot be {name!r}; use one of {', '.join(names)}")
