"""A place in a stretch of big-endian bytes: whatever a length field claims, nothing outside the stretch is read."""

from __future__ import annotations


class TruncatedError(Exception):
    """More was claimed than there is. Never leaves this package."""


class Cursor:
    """Reads from `data`, in order, up to its end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises TruncatedError."""
        if size > self.left:
            raise TruncatedError
        start = self._at
        self._at += size
        return self._data[start : self._at]

    def u8(self) -> int:
        """One byte. Raises TruncatedError."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Two bytes. Raises TruncatedError."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """Four bytes. Raises TruncatedError."""
        return int.from_bytes(self.take(4), "big")

    def inner(self) -> Cursor:
        """What a 16-bit length says comes next. Raises TruncatedError."""
        return Cursor(self.take(self.u16()))

    def listed(self) -> tuple[int, Cursor]:
        """A count and the bytes that hold so many items. Raises TruncatedError."""
        return self.u16(), self.inner()
