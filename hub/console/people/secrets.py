"""Secrets of the console: what is given out once, and the hash that is kept of it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

SHORTEST, LONGEST = 12, 256  # characters; NIST SP 800-63B asks for 8 at least, and for no rules of composition
KNOWN_WORDS = (
    *("password", "passwort", "wardline", "hospital", "letmein", "welcome", "admin"),
    *("qwertyuiop", "qwertz", "qwerty", "abcdef", "1234567890", "123456789", "12345678", "123456", "12345", "1234"),
)
_LEFT = 5  # characters that must be left when words anybody would guess are taken out

_hasher = PasswordHasher()  # argon2id as RFC 9106 has it for machines with little memory: 64 MiB, 3 passes
_NOBODY = _hasher.hash(secrets.token_urlsafe())


def new_secret() -> str:
    """256 bits to give out."""
    return secrets.token_urlsafe(32)


def kept(secret: str) -> bytes:
    """What is kept of a secret of ours. It has 256 bits, so one pass is enough."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def page_word(secret: str) -> str:
    """The word a page says back with each change: it shows that the page is ours, and does not show the session."""
    return hmac.new(secret.encode(errors="surrogatepass"), b"page", hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Whether two words are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(left.encode(errors="replace"), right.encode(errors="replace"))


def hash_password(password: str) -> str:
    """The hash to keep. Takes a while and 64 MiB, on purpose."""
    return _hasher.hash(_normal(password))


def is_password(hashed: str, password: str) -> bool:
    """Whether `password` is the one of `hashed`; without a hash it takes as long, and is not."""
    try:
        return _hasher.verify(hashed or _NOBODY, _normal(password)) and bool(hashed)
    except (Argon2Error, InvalidHashError):
        return False


def objection(password: str, words: Iterable[str]) -> str:
    """Why this is no good password; '' when it is one. `words` are those of the place: names, wards."""
    normal = _normal(password)
    if len(normal) < SHORTEST:
        return f"a password has at least {SHORTEST} characters; a few words in a row are easy to keep in mind"
    if len(normal) > LONGEST:
        return f"a password has at most {LONGEST} characters"
    left = _letters(normal)
    for word in sorted(map(_letters, (*KNOWN_WORDS, *words)), key=len, reverse=True):
        if len(word) > 2:
            left = left.replace(word, "")
    if len(left) < _LEFT or len(set(left)) < _LEFT:
        return "this password is one that others would guess: it is made of known words, names or repeats"
    return ""


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum() or not letter.isascii())


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
