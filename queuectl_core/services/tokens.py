"""What people ask of tokens: make one, see which there are, take one back; who a secret belongs to.

A secret is 256 random bits and told once. What is kept is its SHA-256: nothing slower is needed
where there is nothing to guess.
"""

from __future__ import annotations

import os

from queuectl_core.errors import BadData, NotFound, WrongState
from queuectl_core.records import Record
from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.access_records import Audit, Token
    from queuectl_core.storage.store import Store

ROLES = ("read", "operate", "admin")
"""What a token may do, each what those before it may: look; act on jobs; run commands of its own,
which is what adding a job comes to."""
PREFIX = "qctl_"
SECRET_BYTES = 32
MAX_NAME_CHARACTERS = 64
MAX_SECRET_CHARACTERS = 200
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_USE_NOTED_MS = 60_000


class NewToken(Record):
    """A token that was made. `secret` is told this once."""

    name: str
    role: str
    secret: str


def add(store: Store, name: str, role: str, *, by: str, now_ms: int) -> NewToken:
    """Make a token; BadData for a wrong name or role, WrongState where the name is taken."""
    if not name or len(name) > MAX_NAME_CHARACTERS or not _LETTERS.issuperset(name):
        raise BadData(
            f'"{name[:60]}" can\'t be the name of a token',
            hint=f"1 to {MAX_NAME_CHARACTERS} letters, digits and . _ -",
        )
    if role not in ROLES:
        raise BadData(f'there is no role "{role[:60]}"', hint="the roles are " + ", ".join(ROLES))
    secret = PREFIX + os.urandom(SECRET_BYTES).hex()
    if not store.access().add_token(name, role, _hash(secret), now_ms=now_ms):
        raise WrongState(
            f'there is a token "{name}" already', hint=f"queuectl web token rm {name}, then again"
        )
    store.access().note(by, "token add", name, role, now_ms=now_ms)
    return NewToken(name, role, secret)


def remove(store: Store, name: str, *, by: str, now_ms: int) -> None:
    """Take a token back, and with it the sessions that it began; NotFound where there is none."""
    if not store.access().remove_token(name):
        raise NotFound(f'there is no token "{name[:60]}"', hint="queuectl web token list")
    store.access().note(by, "token rm", name, "", now_ms=now_ms)


def owner(store: Store, secret: str, *, now_ms: int) -> Token | None:
    """Return the token that a secret belongs to, or None; note its use, once a minute.

    The hash is looked up, not the secret: how long that takes tells nothing of it.
    """
    if not secret.startswith(PREFIX) or len(secret) > MAX_SECRET_CHARACTERS:
        return None
    token = store.access().token(_hash(secret))
    if token is not None and now_ms - (token.used_at_ms or 0) >= _USE_NOTED_MS:
        store.access().note_use(token.name, now_ms=now_ms)
    return token


def named(store: Store, name: str) -> Token | None:
    """Return the token of that name, or None."""
    return next((token for token in store.access().tokens() if token.name == name), None)


def record(token: Token) -> dict[str, object]:
    """Return what the world sees of a token."""
    return {
        "name": token.name,
        "role": token.role,
        "created_at": moment(token.created_at_ms),
        "used_at": moment(token.used_at_ms),
    }


def audit_record(audit: Audit) -> dict[str, object]:
    """Return what the world sees of an audit entry."""
    return {
        "number": audit.number,
        "at": moment(audit.at_ms),
        "actor": audit.actor,
        "action": audit.action,
        "subject": audit.subject,
        "detail": audit.detail,
    }


def _hash(secret: str) -> str:
    from hashlib import sha256  # noqa: PLC0415 - ten modules, which a list of tokens does without

    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
