"""The wire codec: payload bytes in, checked messages out, and back."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

from vitals.errors import WireError
from vitals.parameters import PARAMETERS
from vitals.readings import GAP_DEVICE, Batch, Gap, Record
from vitals.vocabulary import DEVICE_STATES, GAP_REASONS, MISSING_REASONS

MAX_PAYLOAD_BYTES = 65_536  # the edge refuses larger batches before they are spooled; a ward snapshot may be larger

_T = TypeVar("_T")
_encoder = msgspec.json.Encoder()
_decoders: dict[object, msgspec.json.Decoder[object]] = {}
_RANGES = {name: (parameter.low, parameter.high) for name, parameter in PARAMETERS.items()}


def encode(message: msgspec.Struct) -> bytes:
    """JSON bytes of a message of this package."""
    return _encoder.encode(message)


def decode(payload: bytes, type_: type[_T]) -> _T:
    """Read `payload` as `type_`. Raises WireError with a short reason; unknown keys are let pass."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(f"oversized: {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES}")
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(type_)
    try:
        return decoder.decode(payload)  # type: ignore[return-value]
    except msgspec.ValidationError as error:
        raise WireError(f"invalid: {error}") from error
    except msgspec.DecodeError as error:
        raise WireError(f"not JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise WireError("not UTF-8") from error
    except RecursionError as error:
        raise WireError("nested too deeply") from error


def repeated_key(payload: bytes) -> str | None:
    """A key that an object of this JSON has twice, or None: which of the two was meant, nobody can know.

    Far slower than decoding: for payloads that `keys_are_plain` cannot vouch for.
    """
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            found.append(next(name for name in names if names.count(name) > 1))

    try:
        json.loads(payload, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return None  # not ours to judge: decoding says what is wrong
    return found[0] if found else None


def keys_are_plain(payload: bytes, batch: Batch) -> bool:
    """Whether `payload` has no more keys than `batch` needs, so that none can be there twice. False: look closer."""
    if len(payload.split(maxsplit=1)) != 1:
        return False  # a blank before a colon would hide a key from the count
    keys = 2 + (batch.gateway is not None)
    for record in batch.records:
        keys += 3 + (record.clock != "synced") + bool(record.states)
        if record.values:
            keys += 1 + len(record.values)
        if record.flags:
            keys += 1 + len(record.flags)
        if record.gap is not None:
            return False
    there = payload.count(b'":')
    # The clock may be said where it need not be; said twice so, it still means one thing.
    return there == keys or there == keys + payload.count(b'"clock":"synced"')


def decode_batch(payload: bytes, gateway: str) -> Batch:
    """Read a vitals or backfill payload that arrived on a topic of `gateway`."""
    batch = decode(payload, Batch)
    require_gateway(batch.gateway, gateway)
    return batch


def require_gateway(said: str | None, gateway: str) -> None:
    """Raises WireError if a payload on a topic of `gateway` names another; one that names none is the topic's."""
    if said is not None and said != gateway:
        raise WireError("identity: gateway in the payload is not the gateway of the topic")


def check_record(record: Record) -> str | None:
    """Why the hub must refuse this record, or None. Decoding has already made sure of types and finiteness."""
    for name, value in record.values.items():
        bounds = _RANGES.get(name)
        if bounds is None:
            return f"unknown parameter: {name[:40]}"
        if not bounds[0] <= value <= bounds[1]:
            return f"implausible: {name}={value:g}"
    for name, reason in record.flags.items():
        if name not in _RANGES:
            return f"unknown parameter: {name[:40]}"
        if reason not in MISSING_REASONS:
            return f"unknown reason: {reason[:40]}"
        if name in record.values:
            return f"contradiction: {name} has a value and a reason for having none"
    for state in record.states:
        if state not in DEVICE_STATES:
            return f"unknown state: {state[:40]}"
    return None if record.gap is None else _check_gap(record, record.gap)


def _check_gap(record: Record, gap: Gap) -> str | None:
    """A gap that does not add up would settle records that may still come."""
    if record.device != GAP_DEVICE or record.values or record.flags or record.states:
        return "contradiction: a gap is of the gateway and says nothing else"
    if gap.reason not in GAP_REASONS:
        return f"unknown gap reason: {gap.reason}"
    if not gap.first and not gap.last and not gap.ranges:
        return None
    before = 0
    for low, high in gap.spans():
        if not before < low <= high:
            return "invalid gap: its ranges are not in order"
        before = high
    spans = gap.spans()
    if not spans or (spans[0][0], spans[-1][1]) != (gap.first, gap.last):
        return "invalid gap: first and last are not those of its ranges"
    if sum(high - low + 1 for low, high in spans) != gap.count:
        return "invalid gap: the count is not that of its ranges"
    return None
