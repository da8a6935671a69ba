"""The cookies of the console: HttpOnly, SameSite=Strict, and with https Secure and bound to this host."""

from __future__ import annotations

from fastapi import Response
from starlette.requests import HTTPConnection

from hub.console.people.people import SESSION, WORD
from hub.console.people.secrets import page_word

SCREEN_S = 400 * 24 * 3_600  # the longest a browser keeps one; a bound screen renews it whenever it starts


def give(response: Response, connection: HTTPConnection, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie no script can read. Without `seconds` it goes with the browser."""
    secure = _over_https(connection)
    response.set_cookie(
        f"__Host-{name}" if secure else name, value, seconds, httponly=True, samesite="strict", secure=secure
    )


def take(response: Response, name: str) -> None:
    """Take a cookie back, in both its names."""
    response.delete_cookie(name, httponly=True, samesite="strict")
    response.delete_cookie(f"__Host-{name}", httponly=True, samesite="strict", secure=True)


def sign_in(response: Response, connection: HTTPConnection, secret: str) -> None:
    """The session, and the word its pages say back, which their scripts read."""
    give(response, connection, SESSION, secret)
    response.set_cookie(WORD, page_word(secret), samesite="strict", secure=_over_https(connection))


def sign_out(response: Response) -> None:
    """Neither any more."""
    take(response, SESSION)
    response.delete_cookie(WORD, samesite="strict")


def _over_https(connection: HTTPConnection) -> bool:
    """Whether the browser speaks https, to us or to a proxy before us: it says so itself with each POST."""
    return connection.headers.get("origin", "").startswith("https:")
