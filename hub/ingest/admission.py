"""Admission: a message from a gateway becomes records the hub trusts, or refusals with a reason. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from vitals.codec import check_record, decode, decode_batch, keys_are_plain, repeated_key, require_gateway
from vitals.errors import WireError
from vitals.identity import is_gateway_id
from vitals.readings import Batch, Epoch, Record, Seq


class Rejected(NamedTuple):
    """One record that is refused for good."""

    seq: int
    reason: str
    payload: bytes


class Admitted(NamedTuple):
    """A message that could be read: its good records, and those that were not."""

    epoch: int
    records: list[Record]
    rejected: Sequence[Rejected] = ()


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    epoch: Epoch
    records: list[msgspec.Raw]
    gateway: str | None = None


class _Numbered(msgspec.Struct, frozen=True):
    seq: Seq


def admit(gateway: str, payload: bytes, registered: Collection[str]) -> Admitted:
    """Read a vitals or backfill payload of `gateway`.

    Raises WireError when nothing of it can be used: not JSON, too large, wrong identity. One bad record does
    not take its neighbours along: it is listed in `rejected` and the rest are admitted.
    """
    if gateway not in registered:
        known = "" if is_gateway_id(gateway) else " and not a valid gateway id"
        raise WireError(f"identity: gateway is not registered{known}")
    try:
        batch = decode_batch(payload, gateway)
    except WireError as error:
        return _salvage(gateway, payload, error)
    if not keys_are_plain(payload, batch) and (key := repeated_key(payload)) is not None:
        return _salvage(gateway, payload, _ambiguous(key))
    if not any(map(check_record, batch.records)):
        return Admitted(epoch=batch.epoch, records=batch.records)
    return _sift(batch)


def _sift(batch: Batch) -> Admitted:
    records: list[Record] = []
    rejected: list[Rejected] = []
    for record in batch.records:
        reason = check_record(record)
        if reason is None:
            records.append(record)
        else:
            rejected.append(Rejected(record.seq, reason, msgspec.json.encode(record)))
    return Admitted(epoch=batch.epoch, records=records, rejected=rejected)


def _salvage(gateway: str, payload: bytes, cause: WireError) -> Admitted:
    """Take a batch apart that could not be decoded whole. Raises WireError if its parts have no numbers either."""
    # Never raise `cause` itself again: it would hold this frame, which holds it and the payload, in a cycle.
    if cause.reason.startswith(("identity", "oversized")):
        raise WireError(cause.reason)
    try:
        envelope = decode(payload, _Envelope)
    except WireError as error:
        raise WireError(cause.reason) from error
    require_gateway(envelope.gateway, gateway)
    records: list[Record] = []
    rejected: list[Rejected] = []
    parts = [bytes(raw) for raw in envelope.records]
    twice = [repeated_key(part) for part in parts]
    whole = None if any(twice) else repeated_key(payload)
    if whole is not None or "seq" in twice:  # nothing says which records are meant
        raise _ambiguous(whole or "seq")
    for part, key in zip(parts, twice, strict=True):
        try:
            record = decode(part, Record)
        except WireError as error:
            try:
                seq = decode(part, _Numbered).seq
            except WireError as unnumbered:
                raise WireError(cause.reason) from unnumbered
            rejected.append(Rejected(seq, error.reason, part))
            continue
        reason = check_record(record) if key is None else _ambiguous(key).reason
        if reason is None:
            records.append(record)
        else:
            rejected.append(Rejected(record.seq, reason, part))
    return Admitted(epoch=envelope.epoch, records=records, rejected=rejected)


def _ambiguous(key: str) -> WireError:
    return WireError(f"ambiguous: {key[:40]} is said twice")
