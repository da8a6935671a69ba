"""Options of the driver `hobby-lines`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from edge_agent.drivers.hobby_lines.names import parameter_of
from edge_agent.drivers.hobby_lines.text_line import SKIP
from vitals.durations import Duration


class HobbyLinesOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the sketch on the other end prints."""

    mode: Annotated[
        Literal["text", "adc"],
        msgspec.Meta(description="text: lines with vital signs. adc: one ECG sample per line (AD8232)"),
    ] = "text"
    strict: Annotated[
        bool, msgspec.Meta(description="Take only canonical JSON lines that carry their check value (v and ck)")
    ] = False
    columns: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="What the columns of bare comma-separated numbers are; _ skips one. None: refused"),
    ] = ()
    rate_source: Annotated[
        Literal["ecg", "optical"],
        msgspec.Meta(description="optical: a key such as HR or BPM means the pulse rate of an optical sensor (pr)"),
    ] = "ecg"
    fahrenheit: Annotated[
        bool, msgspec.Meta(description="Temperatures above 45 are Fahrenheit, unless the key says temp_c")
    ] = False
    adc_rate_hz: Annotated[
        float | None, msgspec.Meta(description="Samples per second in mode adc, as the sketch delays them")
    ] = None
    settle: Annotated[
        Duration, msgspec.Meta(description="Ignore what arrives this long after the line opened: boards restart then")
    ] = msgspec.field(default_factory=lambda: Duration(3_000))
    period: Annotated[
        Duration | None, msgspec.Meta(description="Time between two lines; silence is three times this, or else 5 s")
    ] = None

    def __post_init__(self) -> None:
        for column in self.columns:
            if column != SKIP and parameter_of(column) is None:
                raise ValueError(f"columns: no parameter is called {column!r}; use hr, pr, spo2, temp, rr or {SKIP}")
        names = [parameter_of(column) for column in self.columns if column != SKIP]
        if len(set(names)) < len(names):
            raise ValueError("columns: a parameter stands there twice")
        if self.columns and not names:
            raise ValueError("columns: nothing is left when every column is skipped")
        if self.adc_rate_hz is not None and not 1 <= self.adc_rate_hz <= 10_000:
            raise ValueError("adc_rate_hz: expected 1 to 10000")
        if self.period is not None and not self.period:
            raise ValueError("period: expected more than 0s")
