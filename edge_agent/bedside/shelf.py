"""What the bedside keeps on the disk: the last good bundle, and the state of a silence that goes on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chassis.secrets import write_private
from rules.engine import SavedAlarm
from vitals.alarms import AlarmEvent

BUNDLE, STATE = "bundle.json", "state.json"
OLD_MS = 3_600_000  # an alarm of a gateway that was off for longer is history: it is not rung again


class KeptState(msgspec.Struct, frozen=True, kw_only=True):
    """A silence as it is kept over a restart of the agent. Times are UTC milliseconds."""

    time: int
    silent_since: int
    cases: list[tuple[str, str, str, bytes]]
    told: list[AlarmEvent]
    ended: list[AlarmEvent]

    @property
    def alarms(self) -> list[SavedAlarm]:
        """The cases as the engine takes them."""
        return [SavedAlarm(*case) for case in self.cases]


_state = msgspec.json.Decoder(KeptState)


class Shelf:
    """Files in one private folder; each is written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep_bundle(self, payload: bytes) -> None:
        """Raises OSError."""
        self._write(BUNDLE, payload)

    def bundle(self) -> bytes | None:
        """The last good bundle, if there is one."""
        return self._read(BUNDLE)

    def keep_state(self, state: KeptState | None) -> None:
        """None: there is no silence to go on with. Raises OSError."""
        if state is None:
            (self.folder / STATE).unlink(missing_ok=True)
        else:
            self._write(STATE, msgspec.json.encode(state))

    def state(self, now: int) -> KeptState | None:
        """The silence that was going on, unless it is too long ago or cannot be read."""
        body = self._read(STATE)
        try:
            state = _state.decode(body) if body else None
        except msgspec.MsgspecError:
            return None
        return state if state is not None and now - state.time <= OLD_MS else None

    def _write(self, name: str, body: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.folder / name, body.decode())

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None
