"""Text from settings and from the wire, made safe to show: composed, without control or direction characters."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """`text` in NFC on one line; characters that are invisible or turn the reading direction are left out."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(_shown(character) for character in composed).split())


def _shown(character: str) -> str:
    if character in "\t\r\n":
        return " "
    # The categories C*: control, format (bidi overrides, zero width), surrogate, private use, unassigned.
    return "" if unicodedata.category(character).startswith("C") else character
