"""Ed25519 keys and signatures: who holds the private file has said it, and nobody else."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.secrets import write_private
from vitals.errors import StorageError, UsageError

KEY_BYTES = 32
PREFIX = "ed25519:"


class SigningKey:
    """A private key that never leaves its file. `public` is what others pin: `ed25519:` and 32 bytes in base64."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    @property
    def shown(self) -> str:
        """The public key as it is written into files and settings."""
        return PREFIX + self.public

    def sign(self, message: bytes) -> str:
        """The signature of `message`, in base64."""
        return base64.b64encode(self._key.sign(message)).decode()


def open_signing_key(path: Path) -> SigningKey:
    """The key in the private file `path`, made there at the first start. Its public half is kept beside it.

    Raises UsageError for a file others can read or that holds no key, StorageError where none can be written.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_private(path, base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"the signing key {path} is open to other users; run: chmod 600 {path}")
        text = path.read_text(encoding="ascii").strip()
        key = SigningKey(_decode(text))
        public = path.with_suffix(".pub")
        if not public.exists() or public.read_text(encoding="ascii").strip() != key.shown:
            public.write_text(key.shown + "\n", encoding="ascii")
    except (ValueError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} holds no signing key; put the file back from a copy, or remove it and pin the new key at the "
            "gateways"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot read or write the signing key {path}: {error}") from error
    return key


def read_public_key(text: str) -> str:
    """The base64 of a public key written as `ed25519:…`. Raises ValueError saying what was expected."""
    text = text.strip()
    if not text.startswith(PREFIX):
        raise ValueError(f"a public key is written {PREFIX} and 44 characters, not {text[:60]!r}")
    _decode(text.removeprefix(PREFIX))
    return text.removeprefix(PREFIX)


def verified(public: str, signature: str, message: bytes) -> bool:
    """Whether the holder of `public` (base64) has signed `message`."""
    try:
        key = Ed25519PublicKey.from_public_bytes(_decode(public))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decode(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"expected base64, not {text[:60]!r}") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected {KEY_BYTES} bytes, not {len(key)}")
    return key
