"""Bundles: the rules in force at each gateway's beds, signed, for the time nobody hears the hub."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from chassis.secrets import write_private
from chassis.signing import open_signing_key
from rules.chain import InForce
from rules.documents import RuleSet
from rules.transcript import transcribe
from vitals import topics
from vitals.bundles import MAX_BUNDLE_BYTES, BedRules, Bundle, Phase, SignedBundle
from vitals.identity import BedKey

log = logging.getLogger(__name__)

KEY_FILE, VERSIONS_FILE = "hub.key", "bundles.json"
AT_ONCE = 16  # gateways per call, a few ms each: alarms must not wait for the rules of a whole hospital
PHASES = 16  # expiries a gateway is told of in advance; the hub sends a new bundle long before

Publish = Callable[[str, bytes], None]
"""Called with topic and payload of a message to retain."""


class _Sent(msgspec.Struct, frozen=True):
    """The last bundle of a gateway: its version, and what it said without it."""

    version: int
    said: str


class _Ready(NamedTuple):
    payload: bytes
    said: str


class Bundles:
    """One bundle per gateway with a device at a bed; made anew when a bed of it is touched, sent when it differs."""

    def __init__(
        self,
        folder: Path,
        hub: str,
        gateways: Mapping[str, Mapping[str, BedKey | None]],
        in_force: Callable[[BedKey, int], InForce],
        heartbeat_ms: int,
    ) -> None:
        """`folder` is the journal's. Raises UsageError, StorageError when there is no key to sign with."""
        self._key = open_signing_key(folder / KEY_FILE)
        self._file = folder / VERSIONS_FILE
        self._hub = hub
        self._gateways = gateways
        self._beds = {gateway: _by_bed(devices) for gateway, devices in gateways.items()}
        self._in_force = in_force
        self._heartbeat_ms = heartbeat_ms
        self._sent = _read(self._file)
        self._ready: dict[str, _Ready] = {}
        self._touched = set(self._beds)
        self._texts: dict[int, tuple[RuleSet, str]] = {}  # by identity; the set is kept so that it stays its own

    @property
    def public_key(self) -> str:
        """What gateways pin."""
        return self._key.shown

    def touch(self, beds: Iterable[BedKey]) -> None:
        """What is in force at these beds may have changed."""
        changed = set(beds)
        self._touched |= {gateway for gateway, own in self._beds.items() if not changed.isdisjoint(own)}

    def station(self, gateway: str) -> None:
        """A device of this gateway stands elsewhere now."""
        self._beds[gateway] = _by_bed(self._gateways[gateway])
        self._touched.add(gateway)

    def publish_if_changed(self, now: int, publish: Publish) -> None:
        """Send the bundles that say something new. Cheap while nothing was touched."""
        if not self._touched:
            return
        touched = sorted(self._touched)[:AT_ONCE]
        self._touched.difference_update(touched)
        before = dict(self._sent)
        renewed = [gateway for gateway in touched if self._renew(gateway, now)]
        if self._sent != before:
            self._keep()  # once, and before anything is sent: each write waits for the disk
        for gateway in renewed:
            publish(topics.bundle(gateway), self._ready[gateway].payload)
        if len(self._texts) > 200:
            self._texts.clear()

    def repeat(self, publish: Publish) -> None:
        """After a connect: every bundle, because a broker may have lost what it retained."""
        for gateway, ready in self._ready.items():
            publish(topics.bundle(gateway), ready.payload)

    def _renew(self, gateway: str, now: int) -> bool:
        """Make the bundle of a gateway; whether it says something else than the one before."""
        bundle = self._bundle(gateway, now)
        said = hashlib.sha256(msgspec.json.encode(bundle)).hexdigest()
        if gateway in self._ready and self._ready[gateway].said == said:
            return False
        known = self._sent.get(gateway)
        # Time, so that a hub that lost its files is believed again; one more, so that a clock set back is no return.
        version = known.version if known and known.said == said else max(now, known.version + 1 if known else 1)
        bundle = msgspec.structs.replace(bundle, version=version, not_before=min(now, version))
        text = msgspec.json.encode(bundle).decode()
        payload = msgspec.json.encode(
            SignedBundle(bundle=text, key=self._key.public, signature=self._key.sign(text.encode()))
        )
        if len(payload) > MAX_BUNDLE_BYTES:
            log.error(
                "the rules for gateway %s have %d bytes, at most %d fit a message: it keeps its old ones; give it "
                "fewer beds, or the beds fewer different profiles",
                gateway,
                len(payload),
                MAX_BUNDLE_BYTES,
            )
            return False
        if known is None or known.version != version:
            self._sent[gateway] = _Sent(version, said)
        self._ready[gateway] = _Ready(payload, said)
        return True

    def _bundle(self, gateway: str, now: int) -> Bundle:
        """The bundle without its version and date, so that it can be compared."""
        texts: dict[str, str] = {}
        beds: list[BedRules] = []
        for bed, devices in sorted(self._beds[gateway].items()):
            force = self._in_force(bed, now)
            for rule_set in force.sets:
                texts.setdefault(rule_set.id, self._text(rule_set))
            beds.append(
                BedRules(
                    bed=str(bed),
                    devices=devices,
                    sets=[rule_set.id for rule_set in force.sets],
                    profile=force.profile,
                    tags=list(force.tags),
                    phases=_phases(force),
                )
            )
        return Bundle(
            hub=self._hub,
            gateway=gateway,
            version=1,
            not_before=0,
            heartbeat_ms=self._heartbeat_ms,
            sets=list(texts.values()),
            beds=beds,
        )

    def _text(self, rule_set: RuleSet) -> str:
        known = self._texts.get(id(rule_set))
        if known is None:
            known = self._texts[id(rule_set)] = (rule_set, transcribe(rule_set))
        return known[1]

    def _keep(self) -> None:
        try:
            write_private(self._file, msgspec.json.encode(self._sent).decode())
        except OSError as error:
            log.error("cannot keep the versions of the bundles in %s: %s", self._file, error)


def _by_bed(devices: Mapping[str, BedKey | None]) -> dict[BedKey, list[str]]:
    beds: dict[BedKey, list[str]] = {}
    for device, bed in devices.items():
        if bed is not None:
            beds.setdefault(bed, []).append(device)
    return beds


def _phases(force: InForce) -> list[Phase]:
    """The first begins with the bundle, so that the same rules make the same bundle at any time."""
    first, *later = force.phases[:PHASES]
    phases = [Phase(bounds=first[1]), *(Phase(since=since, bounds=bounds) for since, bounds in later)]
    return phases if len(phases) > 1 or first[1] else []


def _read(path: Path) -> dict[str, _Sent]:
    """The versions sent so far; none when the file is not there or damaged: versions go by time then."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Sent])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("cannot read the versions of the bundles from %s: %s", path, error)
        return {}
