"""The one table of what can be asked for. Nothing is answered that has no row with its role."""

from __future__ import annotations

from bottle import HTTPError, Router

from queuectl_core.records import Record
from queuectl_core.web.facts import SAFE, Role
from queuectl_core.web.problems import NoMethod, NoRoute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from queuectl_core.errors import QueuectlError
    from queuectl_core.web.facts import View


class Route(Record):
    """A row. `path` as in /jobs/<id>; `kind` is page, api or plain: how errors are told."""

    method: str
    path: str
    role: Role
    view: View
    kind: str
    summary: str = ""


class Table:
    """Finds the row of a request. In read-only mode it has none that changes anything."""

    def __init__(self, routes: Iterable[Route], *, read_only: bool) -> None:
        self.routes = [
            route
            for route in routes
            if not read_only or route.method in SAFE or route.role is Role.PUBLIC
        ]
        self._router = Router(strict=True)
        for route in self.routes:
            self._router.add(route.path, route.method, route)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """Return the row with the parts of the path that vary.

        NoRoute where there is none, NoMethod where the path has rows for other methods.
        """
        try:
            route, args = self._router.match({"REQUEST_METHOD": method, "PATH_INFO": path})
        except HTTPError as error:
            raise _missing(error.get_header("Allow")) from None
        return route, args


def _missing(allowed: str | None) -> QueuectlError:
    """Return the error for what has no row, or none with that method."""
    if not allowed:
        return NoRoute()
    error = NoMethod()
    error.allowed = allowed.split(",")
    return error
