"""Who asks: found once for each request, before any view."""

from __future__ import annotations

from queuectl_core.records import Record
from queuectl_core.web.facts import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.web.context import Context
    from queuectl_core.web.wire import Request


class Identity(Record):
    """Who asks. `by_cookie`: the browser sent it unasked, so forms must have `csrf`.

    `headers` keep the session alive.
    """

    role: Role = Role.PUBLIC
    actor: str = ""
    csrf: str = ""
    by_cookie: bool = False
    headers: Sequence[tuple[str, str]] = ()


NOBODY = Identity()


def identify(_request: Request, context: Context) -> Identity:
    """Return who asks: NOBODY without a token or a session that holds."""
    if context.options.no_auth:
        return Identity(Role.ADMIN, "anonymous", "none", by_cookie=True)
    return NOBODY
