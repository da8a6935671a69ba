"""Answers: what an error of a server or its driver means, and so who must act."""

from __future__ import annotations

import re

from hub.projections.sink import PoisonError
from vitals.errors import LinkError, UsageError, WardlineError

_LONGEST = 300  # characters of what the server said

# PostgreSQL: SQLSTATE, or its class. https://www.postgresql.org/docs/15/errcodes-appendix.html
_STATES: dict[str, type[WardlineError]] = {
    "08": LinkError,  # connection
    "40": LinkError,  # deadlock, serialization
    "53": LinkError,  # disk full, out of memory, too many connections
    "55": LinkError,  # lock not available
    "57": LinkError,  # shutdown, cancelled, starting up
    "58": LinkError,  # the server's own disk
    "XX": LinkError,  # a damaged block
    "25P03": LinkError,  # idle too long
    "21": PoisonError,
    "22": PoisonError,  # a value does not fit
    "23": PoisonError,  # a constraint
    "54": PoisonError,  # too long for an index
}

# MariaDB and MySQL: error numbers. https://mariadb.com/kb/en/mariadb-error-codes/
_NUMBERS: dict[type[WardlineError], frozenset[int]] = {
    LinkError: frozenset(
        {
            *(3, 5, 9, 28, 1021, 1026, 1030, 1114),  # full disk, out of memory
            *(1040, 1041, 1037, 1038, 1203, 1226),  # too many connections, no memory
            *(1053, 1077, 1079, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 1969, 3024),  # shutdown, killed, cancelled
            *(1180, 1205, 1206, 1213, 1222, 1412, 1614, 1637),  # locks, deadlock, commit
            *(2002, 2003, 2006, 2013, 2014, 2055),  # connection
        }
    ),
    PoisonError: frozenset(
        {
            *(1048, 1062, 1071, 1118, 1153, 1162, 1264, 1265, 1292, 1300, 1364, 1365, 1366, 1367, 1390),
            *(1406, 1411, 1416, 1441, 1452, 1690, 3140, 3988, 4025),
        }
    ),
}
_RIGHTS = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|not permitted to log in|permission denied"
    r"|(database|role) \".*\" does not exist|certificate|does not support SSL|requires? SSL|Access denied|denied"
)
_READ_ONLY_STATES = frozenset({"25006"})
_READ_ONLY_NUMBERS = frozenset({1290, 1792, 1836})


def judge(error: Exception, where: str) -> WardlineError:
    """The error as one sentence, by whose fault it is. `error` is the driver's, or SQLAlchemy's around it."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None) or ""
    number = _number(cause)
    said = _said(cause)
    kind = _kind(code, number, said)
    if code in _READ_ONLY_STATES or number in _READ_ONLY_NUMBERS:
        return UsageError(f"{where} is read-only ({said}); point projections.sql.url to the server that may be written")
    if kind is PoisonError:
        return PoisonError(said)
    if kind is LinkError:
        return LinkError(f"{where} is not ready ({said})")
    return UsageError(f"{where} refuses ({said}); check projections.sql, its password and the rights of its role")


def _kind(code: str, number: int | None, said: str) -> type[WardlineError]:
    if number is not None:
        return next((kind for kind, numbers in _NUMBERS.items() if number in numbers), UsageError)
    if code:
        return _STATES.get(code) or _STATES.get(code[:2], UsageError)
    # Without a code the connection was never made, or is lost; PostgreSQL says why only in words.
    return UsageError if _RIGHTS.search(said) else LinkError


def _number(cause: BaseException) -> int | None:
    """The error number of MariaDB; 0 is the driver's own word for a lost connection."""
    if type(cause).__module__.startswith("pymysql") and cause.args and isinstance(cause.args[0], int):
        return cause.args[0] or 2006
    return None


def _said(cause: BaseException) -> str:
    text = str(cause.args[1]) if _number(cause) is not None and len(cause.args) > 1 else str(cause)
    return " ".join(text.split())[:_LONGEST] or type(cause).__name__
