"""What is checked of every request before anything else, and the headers of every answer.

docs/security.md, "The dashboard". The Host check keeps other sites from reaching us under a name of
theirs (DNS rebinding); the origin check and the token of each form keep them from acting for us.
"""

from __future__ import annotations

import socket
from hmac import compare_digest

from queuectl_core.errors import NoPermission
from queuectl_core.web.facts import SAFE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.web.auth import Identity
    from queuectl_core.web.context import Options
    from queuectl_core.web.facts import Values
    from queuectl_core.web.wire import Request

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Sequence[tuple[str, str]] = (
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
NO_STORE = ("Cache-Control", "no-store")
REVALIDATE = ("Cache-Control", "private, no-cache")
"""For what has an ETag: kept by the browser alone, and asked for each time."""


class WrongHost(NoPermission):
    """The request asks for a host that this is not."""

    message = "this server does not answer under that name"
    http_status = 421
    hint = "start it with --host NAME, or ask for 127.0.0.1"


def check_host(host: str, options: Options) -> None:
    """Raise WrongHost unless the Host header names this server; its port does not matter."""
    name = name_of(host)
    if name not in options.hosts and not (options.any_address and is_address(name)):
        raise WrongHost


def is_address(name: str) -> bool:
    """Tell an IP address from a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
        except (OSError, ValueError):
            continue
        return True
    return False


def name_of(host: str) -> str:
    """Return a Host header's name in lower case, without port, dot at the end and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def check_origin(request: Request) -> None:
    """Raise NoPermission where another site's page sends what changes something.

    Browsers say so themselves in Sec-Fetch-Site; old ones name their Origin. Programs say neither.
    """
    if request.method in SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        fine = site in {"same-origin", "none"}
    else:
        fine = origin is None or origin.partition("://")[2].lower() == request.host.lower()
    if not fine:
        raise NoPermission("another site's page sent this", hint="do it on our own page")


def check_form(request: Request, form: Values, identity: Identity) -> None:
    """Raise NoPermission where a browser may have been made to send what changes something.

    A token in a header is never sent unasked. Where nobody logs in, JSON will do as well: a page of
    another site can't send it without asking us first, and we say no (CORS).
    """
    if request.method in SAFE or not identity.by_cookie:
        return
    if identity.anonymous and request.headers["content-type"].startswith("application/json"):
        return
    check_csrf(request.headers.get("x-csrf-token") or form.get("csrf"), identity.csrf)


def check_csrf(given: str, wanted: str) -> None:
    """Raise NoPermission where a form lacks the token that our pages put into it."""
    if not wanted or not compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise NoPermission("this form is too old", hint="load the page again, then repeat")
