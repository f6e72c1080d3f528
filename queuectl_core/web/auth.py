"""Who asks: found once for each request, before any view. And the door: log in, log out."""

from __future__ import annotations

from queuectl_core.errors import QueuectlError
from queuectl_core.records import Record
from queuectl_core.services import tokens
from queuectl_core.web import sessions
from queuectl_core.web.facts import Page, Redirect, Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.store import Store
    from queuectl_core.web.context import Context
    from queuectl_core.web.facts import Facts, PageRow, Values
    from queuectl_core.web.sessions import Session
    from queuectl_core.web.wire import Request

LINK = "login link"
"""The actor who came by the link that `queuectl web` printed."""
_BEARER = "bearer "


class Unknown(QueuectlError):
    """Log in first."""

    message = "log in first"
    http_status = 401
    hint = "open the link that queuectl web has printed, or send a token: queuectl help web token"


class Identity(Record):
    """Who asks. `by_cookie`: the browser sent it unasked, so forms must have `csrf`.

    `anonymous`: nobody has to log in. `headers` keep the session alive.
    """

    role: Role = Role.PUBLIC
    actor: str = ""
    csrf: str = ""
    by_cookie: bool = False
    anonymous: bool = False
    headers: Sequence[tuple[str, str]] = ()


NOBODY = Identity()


def identify(request: Request, context: Context) -> Identity:
    """Return who asks: NOBODY without a token or a session that holds.

    Raises Unknown for a wrong token, TooMany for the sixth in a minute.
    """
    if context.options.no_auth:
        csrf = sessions.mac(context.key, "csrf", "anonymous")
        return Identity(Role.ADMIN, "anonymous", csrf, by_cookie=True, anonymous=True)
    given = request.headers.get("authorization", "")
    if given[: len(_BEARER)].lower() == _BEARER:
        return _by_token(request, context, given[len(_BEARER) :].strip())
    cookie = request.cookies.get(sessions.cookie_name(context.key))
    return _by_session(request, context, cookie) if cookie else NOBODY


def _by_token(request: Request, context: Context, secret: str) -> Identity:
    token = tokens.owner(context.store(), secret, now_ms=context.clock.now_ms())
    if token is None:
        context.failures.check(request.peer)
        context.failures.add(request.peer)
        raise Unknown("this token is not known")
    return Identity(Role(token.role), token.name)


def _by_session(request: Request, context: Context, cookie: str) -> Identity:
    now_ms = context.clock.now_ms()
    session = sessions.opened(cookie, context.key, now_ms=now_ms)
    if session is None or not _holds(session, context):
        return NOBODY
    headers = []
    if now_ms - session.seen_at_ms >= sessions.RENEW_MS:
        seen = session._replace(seen_at_ms=now_ms)
        headers.append(_session_cookie(context, seen, secure=request.secure))
    csrf = sessions.mac(context.key, "csrf", session.id)
    return Identity(
        Role(session.role), session.token or LINK, csrf, by_cookie=True, headers=headers
    )


def _holds(session: Session, context: Context) -> bool:
    """Tell whether the token that began a session is still the same."""
    if not session.token:
        return True
    token = tokens.named(context.store(), session.token)
    return (
        token is not None
        and token.role == session.role
        and token.created_at_ms <= session.began_at_ms
    )


def _session_cookie(context: Context, session: Session, *, secure: bool) -> tuple[str, str]:
    return sessions.set_cookie(
        sessions.cookie_name(context.key),
        sessions.sealed(session, context.key),
        path=context.options.base_path,
        secure=secure,
        age_s=sessions.IDLE_MS // 1000,
    )


# --- the door ---


def login_page(facts: Facts, store: Store, query: Values) -> Page | Redirect:
    """Show the form, or let in who comes by the link."""
    code = query.given("code")
    if code is None or facts.method != "GET":
        return Page("login", {"next": _local(query.get("next")), "error": ""})
    context = facts.context
    context.failures.check(facts.peer)
    if context.invitation.accept(code):
        session = sessions.begin("", Role.ADMIN, now_ms=facts.now_ms)
        return _enter(facts, store, session, "/")
    context.failures.add(facts.peer)
    error = "This link was used before. Log in with a token, or start queuectl web again."
    return Page("login", {"next": "/", "error": error}, 403)


def login(facts: Facts, store: Store, form: Values) -> Page | Redirect:
    """Let in who has a token."""
    context = facts.context
    where = _local(form.get("next"))
    context.failures.check(facts.peer)
    token = tokens.owner(store, form.get("token"), now_ms=facts.now_ms)
    if token is None:
        context.failures.add(facts.peer)
        return Page("login", {"next": where, "error": "This token is not known."}, 403)
    return _enter(facts, store, sessions.begin(token.name, token.role, now_ms=facts.now_ms), where)


def _enter(facts: Facts, store: Store, session: Session, where: str) -> Redirect:
    store.access().note(session.token or LINK, "login", "", facts.peer, now_ms=facts.now_ms)
    cookie = _session_cookie(facts.context, session, secure=facts.secure)
    return Redirect(where, headers=[cookie])


def logout(facts: Facts, _store: Store, _form: Values) -> Redirect:
    """Take the browser's cookie away. The token still holds: queuectl web token rm."""
    name = sessions.cookie_name(facts.context.key)
    gone = sessions.set_cookie(name, "", path=facts.base_path, secure=facts.secure, age_s=0)
    return Redirect("/login", headers=[gone])


def _local(path: str) -> str:
    """Return a path of ours to go on at: never another site."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine else "/"


DOOR: Sequence[PageRow] = (
    ("GET", "/login", Role.PUBLIC, login_page),
    ("POST", "/login", Role.PUBLIC, login),
    ("POST", "/logout", Role.PUBLIC, logout),
)
