"""Cookies that only we can have made, and the link that lets the first person in.

A session is not kept anywhere: the cookie says who it is and is sealed with a key from the home
(HMAC-SHA-256). It holds as long as its token does, 12 hours after its last use at most.
"""

from __future__ import annotations

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from threading import Lock
from urllib.parse import quote

from queuectl_core.home import access_error
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.home import Home

IDLE_MS = 12 * 3_600_000
LONGEST_MS = 7 * 86_400_000
RENEW_MS = 600_000
KEY_FILE = "web.key"
KEY_BYTES = 32
_BETWEEN = "|"


class Session(Record):
    """Somebody logged in. `token` is the name of the token, empty for the login link."""

    id: str
    token: str
    role: str
    began_at_ms: int
    seen_at_ms: int


def read_key(home: Home) -> bytes:
    """Return the key of the home, made at the first need, 0600. Removing it ends all sessions."""
    path = os.path.join(home.path, KEY_FILE)
    try:
        if not os.path.lexists(path):
            _make_key(path)
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return file.read(KEY_BYTES)
    except OSError as error:
        raise access_error(error, path) from error


def _make_key(path: str) -> None:
    """Put a key there, whole or not at all; whoever is faster wins."""
    draft = f"{path}.{os.getpid()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(draft, flags, 0o600), "wb") as file:
        file.write(os.urandom(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        os.unlink(draft)


def seal(key: bytes, purpose: str, text: str) -> str:
    """Return text that nobody else can have made for that purpose, fit for a cookie."""
    body = urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"{body}.{mac(key, purpose, body)}"


def unseal(key: bytes, purpose: str, sealed: str) -> str | None:
    """Return the text, or None where it was not sealed by us for that purpose."""
    body, _, given = sealed.partition(".")
    if not hmac.compare_digest(given.encode(), mac(key, purpose, body).encode()):
        return None
    return urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def mac(key: bytes, purpose: str, text: str) -> str:
    """Return a code of `text` that only the key's holder can work out."""
    return hmac.new(key, f"{purpose}:{text}".encode(), sha256).hexdigest()


def begin(token: str, role: str, *, now_ms: int) -> Session:
    """Return a new session."""
    return Session(os.urandom(12).hex(), token, role, now_ms, now_ms)


def sealed(session: Session, key: bytes) -> str:
    """Return what the cookie says."""
    return seal(key, "session", _BETWEEN.join(str(field) for field in session))


def opened(cookie: str, key: bytes, *, now_ms: int) -> Session | None:
    """Return the session of a cookie; None where it is not ours or has ended."""
    text = unseal(key, "session", cookie)
    if text is None:
        return None
    session_id, token, role, began, seen = text.split(_BETWEEN)
    session = Session(session_id, token, role, int(began), int(seen))
    fresh = now_ms - session.seen_at_ms < IDLE_MS and now_ms - session.began_at_ms < LONGEST_MS
    return session if fresh else None


def cookie_name(key: bytes) -> str:
    """Return the cookie's name: of this home, since all ports of a host share their cookies."""
    return "queuectl_" + mac(key, "name", "")[:8]


def set_cookie(name: str, value: str, *, path: str, secure: bool, age_s: int) -> tuple[str, str]:
    """Return the header that sets a cookie that no script sees; `age_s` 0 removes it."""
    safe = quote(value, safe="-_.=|")
    more = "; Secure" if secure else ""
    text = f"{name}={safe}; Path={path or '/'}; Max-Age={age_s}; HttpOnly; SameSite=Strict{more}"
    return "Set-Cookie", text


class Invitation:
    """The code in the login link: 256 random bits that open the door once. Safe for threads."""

    def __init__(self) -> None:
        self._code: str | None = None
        self._lock = Lock()

    def write(self) -> str:
        """Return a new code; the one before is void."""
        with self._lock:
            self._code = urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
            return self._code

    def accept(self, code: str) -> bool:
        """Tell whether that is the code, which is void from then on."""
        with self._lock:
            fits = self._code is not None and hmac.compare_digest(
                code.encode("utf-8", "surrogatepass"), self._code.encode()
            )
            if fits:
                self._code = None
            return fits
