"""Which rule sets a hub applies: shipped ones by name, its own by path, read again when they change on the disk."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from chassis.secrets import write_private
from chassis.settings import read_text
from hub.settings import HubSettings
from rules.documents import RuleSet, read_rules
from rules.library import profiles, read_set, shipped_sets
from rules.profiles import Profiles, bed_scope
from vitals.errors import DocumentError, UsageError
from vitals.identity import BedKey

_ENDINGS = (".yaml", ".yml")
TROUBLE_LENGTH = 200  # of a sentence that becomes the message of an alarm

log = logging.getLogger(__name__)


def read_rule_sets(names: Sequence[str], folder: Path) -> list[RuleSet]:
    """The rule sets in the order given. Raises UsageError or DocumentError."""
    return [_read(name, folder) for name in names]


def read_profiles(settings: HubSettings, folder: Path) -> Profiles:
    """What the settings of a hub say of rules. Raises UsageError or DocumentError."""
    return _profiles(settings, folder, _texts(settings, folder))


def profiles_in_force(settings: HubSettings, folder: Path) -> Profiles:
    """What a hub with these settings judges by: the texts it keeps, or the files before its first start."""
    try:
        return _profiles(settings, folder, _kept_texts(kept_path(settings, folder)))
    except (UsageError, DocumentError, KeyError, OSError, msgspec.MsgspecError):
        return read_profiles(settings, folder)


class Rulebook:
    """The profiles in force. What is wrong on the disk never replaces what was good.

    The texts in force are kept beside the journal: a hub that starts again while somebody edits a file goes on with
    them, because a ward without rules is worse than one with yesterday's.
    """

    def __init__(self, settings: HubSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._kept = kept_path(settings, folder)
        self._read = self._seen = self._look()
        self._texts: dict[str, str] = {}
        self.trouble = ""
        self.profiles = self._first()

    def poll(self) -> Profiles | None:
        """New profiles, if a file has changed and all of them are good. To be answered by `accept` or `refuse`."""
        seen, self._seen = self._seen, self._look()
        # A file somebody is writing at this moment may read well and be half of what it will be.
        if self._seen != seen or self._seen == self._read:
            return None
        self._read = self._seen
        try:
            self._texts = _texts(self._settings, self._folder)
            return _profiles(self._settings, self._folder, self._texts)
        except (UsageError, DocumentError) as error:
            self.refuse(str(error))
            return None

    def accept(self, new: Profiles) -> None:
        """The new profiles are in force."""
        self.profiles, self.trouble = new, ""
        log.info("the rule files were read again and are in force")
        self._keep()

    def refuse(self, why: str) -> None:
        """The new profiles are not taken."""
        first, *more = why.splitlines()
        first = f"{first} (and {len(more)} more)" if more else first
        self.trouble = first if len(first) <= TROUBLE_LENGTH else f"{first[: TROUBLE_LENGTH - 1]}…"
        log.warning("the rule files were not taken, the rules from before stay in force: %s", why)

    def _first(self) -> Profiles:
        try:
            self._texts = _texts(self._settings, self._folder)
            found = _profiles(self._settings, self._folder, self._texts)
        except (UsageError, DocumentError) as error:
            try:
                found = _profiles(self._settings, self._folder, _kept_texts(self._kept))
            except (UsageError, DocumentError, KeyError, OSError, msgspec.MsgspecError):
                raise error from None
            self.refuse(str(error))
            return found
        self._keep()
        return found

    def _keep(self) -> None:
        """Remember the texts in force. That it fails must not stop the hub: the files themselves are good."""
        if not self._texts:
            return
        try:
            write_private(self._kept, msgspec.json.encode(self._texts).decode())
        except OSError as error:
            log.warning("cannot keep a copy of the rules in force: %s", error)

    def _look(self) -> dict[str, tuple[int, int] | None]:
        return {name: _stamp(self._folder / name) for name in _files(self._settings)}


def kept_path(settings: HubSettings, folder: Path) -> Path:
    """Where the texts of the rules in force are kept."""
    return (folder / settings.journal.path).with_suffix(".rules.json")


def _kept_texts(path: Path) -> dict[str, str]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _files(settings: HubSettings) -> list[str]:
    """The rule documents of the settings that are files of the hub's own."""
    named = [*settings.rules, *_placed(settings).values()]
    return [name for name in dict.fromkeys(named) if name.endswith(_ENDINGS)]


def _placed(settings: HubSettings) -> dict[str, str]:
    """scope → what its settings name as profile."""
    found = {f"ward/{ward.id}": ward.profile for ward in settings.wards}
    found |= {bed_scope(BedKey(ward.id, bed.id)): bed.profile for ward in settings.wards for bed in ward.beds}
    return {scope: name for scope, name in found.items() if name}


def _texts(settings: HubSettings, folder: Path) -> dict[str, str]:
    return {name: read_text(folder / name) for name in _files(settings)}


def _profiles(settings: HubSettings, folder: Path, texts: Mapping[str, str]) -> Profiles:
    """Profiles of the settings, their own files read from `texts`. Of `rules` the first is the default profile."""
    own = {name: read_rules(texts[name], str(folder / name)) for name in _files(settings)}

    def named(name: str) -> RuleSet:
        return own[name] if name in own else _shipped(name)

    first, *further = (named(name) for name in settings.rules)
    placed = {scope: named(name) for scope, name in _placed(settings).items()}
    used: dict[str, RuleSet] = {}
    for rule_set in (first, *placed.values()):
        if used.setdefault(rule_set.id, rule_set) is not rule_set:
            raise UsageError(f"two rule documents have the id {rule_set.id}; give one of them another")
    found = Profiles(
        sets=used,
        default=first.id,
        everywhere=tuple(further),
        placed={scope: rule_set.id for scope, rule_set in placed.items()},
        beds={BedKey(ward.id, bed.id): tuple(bed.tags) for ward in settings.wards for bed in ward.beds},
    )
    problems = found.problems()
    if problems:
        raise UsageError(f"{problems[0]}; rename one, or use one of the sets only")
    # Whoever changes a profile may choose each shipped one, except where a rule for every bed has the same name.
    shipped = {name: _shipped(name) for name in profiles() if name not in used}
    return replace(found, sets=used | {name: rule_set for name, rule_set in shipped.items() if found.fits(rule_set)})


@functools.cache
def _shipped(name: str) -> RuleSet:
    if name in shipped_sets():
        return read_set(name)
    raise UsageError(f"there is no rule set {name!r}; shipped: {', '.join(shipped_sets())}, or give a .yaml file")


def _read(name: str, folder: Path) -> RuleSet:
    return read_rules(read_text(folder / name), str(folder / name)) if name.endswith(_ENDINGS) else _shipped(name)
