"""Broker settings: the section every process that speaks MQTT has in its settings file."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from chassis.secrets import resolve
from vitals.errors import UsageError

KEEPALIVE_S = 15  # peers notice a frozen partner within 1.5 times this


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Certificates for the broker connection; the host name is always verified."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together: give both or neither")

    def context(self, folder: Path) -> ssl.SSLContext:
        """An SSL context for these files. Raises UsageError if one cannot be read."""
        try:
            context = ssl.create_default_context(cafile=str(folder / self.ca))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert and self.key:
                context.load_cert_chain(str(folder / self.cert), str(folder / self.key))
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"cannot use the TLS files of the broker section: {error}") from error
        return context


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is and how to log in. `password` is a reference: file:PATH or env:NAME."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password: str | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"  # auto: 5, and 3.1.1 where the broker knows no better
    tls: TlsSettings | None = None

    def login(self, folder: Path) -> tuple[str | None, str | None]:
        """(user name, password) with the reference resolved. Raises UsageError."""
        return self.username, resolve(self.password, folder) if self.password else None
