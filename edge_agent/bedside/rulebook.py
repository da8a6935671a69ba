"""The rulebook: a signed bundle becomes rules ready to judge by, or the reason why the old ones stay.

Pure: bytes, the trusted key and `now` in; the caller keeps what was accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from chassis.signing import verified
from rules.book import Book, compile_book
from rules.compiled import compile_rules
from rules.documents import RuleSet, read_rules
from rules.engine import Bed
from vitals.bundles import MAX_BUNDLE_BYTES, BedRules, Bundle, SignedBundle
from vitals.errors import DocumentError, UsageError, WireError
from vitals.identity import BedKey
from vitals.readings import ClockQuality

EARLY_MS = 300_000  # clocks of hub and gateway may differ by this much

_T = TypeVar("_T")
_signed = msgspec.json.Decoder(SignedBundle)
_bundle = msgspec.json.Decoder(Bundle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """One accepted bundle, compiled. Beds change their book by themselves when a phase begins."""

    bundle: Bundle
    digest: str
    sets: dict[str, RuleSet]

    @property
    def beds(self) -> list[Bed]:
        """Its beds with the sources of this gateway that stand there."""
        gateway = self.bundle.gateway
        return [
            Bed(BedKey.parse(bed.bed), tuple(f"{gateway}/{device}" for device in bed.devices))
            for bed in self.bundle.beds
        ]

    def books(self, now: int) -> dict[BedKey, Book]:
        """The rules of each bed as they are at `now` (UTC milliseconds)."""
        return {BedKey.parse(bed.bed): self._book(bed, _bounds(bed, now)) for bed in self.bundle.beds}

    def next_phase(self, now: int) -> int | None:
        """When the rules of a bed change by themselves next."""
        begins = (phase.since for bed in self.bundle.beds for phase in bed.phases if phase.since > now)
        return min(begins, default=None)

    def check(self) -> None:
        """Compile every bed in every phase once. Raises UsageError, ValueError."""
        for bed in self.bundle.beds:
            for bounds in [phase.bounds for phase in bed.phases] or [{}]:
                self._book(bed, bounds)

    def _book(self, bed: BedRules, bounds: dict[str, float]) -> Book:
        sets = [self.sets[name] for name in bed.sets]
        return compile_book(compile_rules(sets, bounds, BedKey.parse(bed.bed), bed.tags, bed.profile))


def open_bundle(
    payload: bytes,
    *,
    gateway: str,
    believes: Callable[[str], bool],
    now: int,
    clock: ClockQuality,
    in_force: Rulebook | None = None,
) -> tuple[Rulebook, str]:
    """Read and check a bundle; also the key that signed it. Raises WireError saying why it is refused."""
    if len(payload) > MAX_BUNDLE_BYTES:
        raise WireError(f"the bundle has {len(payload)} bytes, at most {MAX_BUNDLE_BYTES} are read")
    signed = _decode(_signed, payload)
    if not believes(signed.key):
        raise WireError(f"the bundle is signed with a key this gateway does not trust (ed25519:{signed.key})")
    body = signed.bundle.encode()
    if not verified(signed.key, signed.signature, body):
        raise WireError("the signature of the bundle is wrong")
    bundle = _decode(_bundle, body)
    digest = hashlib.sha256(body).hexdigest()
    if bundle.gateway != gateway:
        raise WireError(f"the bundle is for gateway {bundle.gateway}")
    if in_force is not None:
        _require_newer(bundle, digest, in_force)
    if clock != "unsynced" and bundle.not_before > now + EARLY_MS:
        raise WireError("the bundle is not valid yet; check the clocks of hub and gateway")
    return _compile(bundle, digest), signed.key


def _require_newer(bundle: Bundle, digest: str, in_force: Rulebook) -> None:
    known = in_force.bundle.version
    if bundle.version < known:
        raise WireError(f"the bundle is older (version {bundle.version}) than the one in force (version {known})")
    if bundle.version == known and digest != in_force.digest:
        raise WireError(f"another bundle with the same version {known} is in force")


def _compile(bundle: Bundle, digest: str) -> Rulebook:
    sets: dict[str, RuleSet] = {}
    try:
        for text in bundle.sets:
            rule_set = read_rules(text, "bundle")
            sets[rule_set.id] = rule_set
        missing = sorted({name for bed in bundle.beds for name in bed.sets} - set(sets))
        if missing:
            raise WireError(f"the bundle names the rule sets {', '.join(missing)} and does not have them")
        rulebook = Rulebook(bundle=bundle, digest=digest, sets=sets)
        rulebook.check()
    except (DocumentError, UsageError, ValueError) as error:
        raise WireError(f"the rules of the bundle cannot be used: {str(error).splitlines()[0]}") from error
    return rulebook


def _bounds(bed: BedRules, now: int) -> dict[str, float]:
    """Of the phase that has begun last; before the first, of the first."""
    begun = [phase for phase in bed.phases if phase.since <= now] or bed.phases[:1]
    return begun[-1].bounds if begun else {}


def _decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"the bundle cannot be read: {error}") from error
