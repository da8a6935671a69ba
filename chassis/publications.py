"""The publications of one connection, numbered: whether the broker has acknowledged all up to a number."""

from __future__ import annotations

from gmqtt.storage import PersistentStorage


class Publications(PersistentStorage):
    """gmqtt's store of what is on its way, which also counts.

    On a busy connection something is always on its way: waiting until nothing is would be waiting for ever.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.said = 0  # the number of the last one
        self._waiting: dict[int, int] = {}  # packet id → number, oldest first

    @property
    def acknowledged(self) -> int:
        """The broker has taken everything up to this number."""
        return next(iter(self._waiting.values()), self.said + 1) - 1

    def push_message(self, mid: int, raw_package: bytes) -> None:
        """One more is on its way."""
        super().push_message(mid, raw_package)  # type: ignore[no-untyped-call]
        self.said += 1
        self._waiting.pop(mid, None)
        self._waiting[mid] = self.said

    def remove_message_by_mid(self, mid: int) -> None:
        """The broker has taken it."""
        self._waiting.pop(mid, None)
        super().remove_message_by_mid(mid)  # type: ignore[no-untyped-call]
