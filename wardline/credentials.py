"""Who may log in to the broker and what each may say and hear: secrets, the password file and the ACL file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import msgspec

from chassis.secrets import write_private
from vitals.errors import StorageError, UsageError
from vitals.identity import is_gateway_id
from vitals.topics import PREFIX

Role = Literal["gateway", "hub", "display", "pager"]
ROLES: tuple[Role, ...] = get_args(Role)

PASSWORD_FILE = Path("broker/passwd")
ACL_FILE = Path("broker/acl")
CLIENTS_FILE = Path("broker/clients.json")
SECRETS_FOLDER = Path("secrets")

SECRET_BYTES = 24
HASH_ROUNDS = 101  # mosquitto's own default; the secrets are random, so there is nothing to guess


class Client(NamedTuple):
    """One MQTT login."""

    name: str
    role: Role


class Access(NamedTuple):
    """Topic filters a client may publish to, and those it may receive from."""

    write: tuple[str, ...]
    read: tuple[str, ...]


_ROLES: Mapping[Role, Access] = {
    "gateway": Access(write=("up/{name}/#",), read=("down/{name}/#", "hub/+/status", "hub/+/heartbeat")),
    # The hub reads its own retained alarms, to take back those it no longer stands by.
    # Its paging writes pages and reads the receipts of the devices.
    "hub": Access(
        write=("down/#", "ward/#", "result/#", "hub/#", "page/+"),
        read=(
            "up/#",
            "command/#",
            "ward/+/+/alarm/+",
            "hub/+/alarm/#",
            "hub/+/pagers",
            "hub/+/projections",
            "page/+/received",
        ),
    ),
    # What gateways alarm by themselves is for everybody near the bed, as long as the broker is there.
    "display": Access(
        write=("command/{name}/#",),
        read=("ward/#", "hub/#", "up/+/wave", "up/+/status", "up/+/bedside", "result/{name}/#"),
    ),
    "pager": Access(
        write=("command/{name}/#", "page/{name}/received"),
        read=("ward/#", "hub/#", "up/+/bedside", "result/{name}/#", "page/{name}"),
    ),
}


def access(client: Client) -> Access:
    """What `client` may write and read; both brokers are set up from this one table."""
    table = _ROLES[client.role]
    return Access(*(tuple(f"{PREFIX}/{rule.format(name=client.name)}" for rule in rules) for rules in table))


def covers(rule: str, topic_filter: str) -> bool:
    """Whether every topic that `topic_filter` (or the plain topic) names is also named by `rule`."""
    rule_levels, levels = rule.split("/"), topic_filter.split("/")
    for allowed, asked in zip(rule_levels, levels, strict=False):
        if allowed == "#":
            return True
        if asked == "#" or allowed not in ("+", asked):
            return False
    return len(rule_levels) == len(levels)


def write_broker_files(folder: Path, clients: Iterable[Client]) -> None:
    """Enrol `clients` in `folder`: one secret each, and the password and ACL files of the broker.

    Who is enrolled already stays so and keeps its secret. Raises UsageError for a name that cannot be one.
    """
    enrolled = {client.name: client for client in read_clients(folder)}
    for client in clients:
        known = enrolled.setdefault(client.name, client)
        _check(client, known)
    everyone = sorted(enrolled.values())
    try:
        for part in (SECRETS_FOLDER, PASSWORD_FILE.parent):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / part).chmod(0o700)
        for client in everyone:
            _make_secret(folder / SECRETS_FOLDER / client.name)
        hashes = _read_hashes(folder / PASSWORD_FILE)
        lines = [_password_line(name, read_secret(folder, name), hashes.get(name)) for name, _ in everyone]
        _replace(folder / PASSWORD_FILE, "".join(lines))
        _replace(folder / ACL_FILE, "\n".join(_acl_section(client) for client in everyone))
        _replace(folder / CLIENTS_FILE, msgspec.json.encode(dict(everyone)).decode() + "\n")
    except OSError as error:
        raise StorageError(f"cannot write the credentials in {folder}: {error}") from error


def read_clients(folder: Path) -> list[Client]:
    """Everyone enrolled in `folder`, by name; nobody in a folder without credentials."""
    path = folder / CLIENTS_FILE
    try:
        roles = msgspec.json.decode(path.read_bytes(), type=dict[str, Role])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(f"cannot read who is enrolled from {path}: {error}") from error
    return [Client(name, role) for name, role in sorted(roles.items())]


def read_secret(folder: Path, name: str) -> str:
    """The secret of one enrolled client. Raises StorageError."""
    path = folder / SECRETS_FOLDER / name
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read the secret of {name} from {path}: {error}") from error


def _check(client: Client, known: Client) -> None:
    if not is_gateway_id(client.name):
        raise UsageError(
            f"{client.name!r} cannot be a client name; use 2 to 31 lower-case letters, digits and hyphens, "
            "beginning with a letter or digit"
        )
    if client.role not in ROLES:
        raise UsageError(f"{client.role!r} is not a role; use one of {', '.join(ROLES)}")
    if known.role != client.role:
        raise UsageError(
            f"{client.name} is already enrolled as {known.role}; choose another name for the {client.role}"
        )


def _make_secret(path: Path) -> None:
    if path.exists() and path.stat().st_size > 0:
        path.chmod(0o600)
    else:
        _replace(path, secrets.token_urlsafe(SECRET_BYTES) + "\n")


def _acl_section(client: Client) -> str:
    write, read = access(client)
    rules = [f"topic write {rule}" for rule in write] + [f"topic read {rule}" for rule in read]
    return "\n".join([f"user {client.name}", *rules, ""])


def _read_hashes(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: stored for name, _, stored in pairs}


def _password_line(name: str, secret: str, stored: str | None) -> str:
    """A line of the password file; a hash that still fits is kept, so that nothing changes without need."""
    if stored is None or not _fits(secret, stored):
        stored = _hash(secret, secrets.token_bytes(12), HASH_ROUNDS)
    return f"{name}:{stored}\n"


def _hash(secret: str, salt: bytes, rounds: int) -> str:
    """PBKDF2 with SHA-512 in mosquitto's spelling: `$7$rounds$salt$hash`."""
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _fits(secret: str, stored: str) -> bool:
    try:
        _, kind, rounds, salt, _ = stored.split("$")
        return kind == "7" and hmac.compare_digest(_hash(secret, base64.b64decode(salt), int(rounds)), stored)
    except ValueError:
        return False


def _replace(path: Path, text: str) -> None:
    """Write a private file whole or not at all; leave it alone when it says the same already."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        path.chmod(0o600)
        return
    write_private(path, text)
