"""The WSGI application: each request passes the same gate, then meets one view.

The gate in its order: host, origin, route, who asks, role, form token. What has no row in the table
of routes is never answered; what has one is answered to its role and those above.
"""

from __future__ import annotations

import os

from queuectl_core.errors import NoPermission, QueuectlError, StorageError
from queuectl_core.web import auth, pages, problems, security, wire
from queuectl_core.web.facts import SAFE, Answer, Facts, Page, Redirect
from queuectl_core.web.render import render
from queuectl_core.web.routes import Route, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from queuectl_core.web.auth import Identity
    from queuectl_core.web.context import Context
    from queuectl_core.web.wire import Environ, Request, StartResponse

HTML = "text/html; charset=utf-8"
ZONES = ("local", "utc", "server")


def make_app(context: Context) -> App:
    """Return the application of one dashboard."""
    routes = [Route(*row, kind="page") for row in pages.PAGES]
    return App(context, Table(routes, read_only=context.options.read_only))


class App:
    """A dashboard, callable as PEP 3333 says, by many threads at a time."""

    def __init__(self, context: Context, table: Table) -> None:
        self.context = context
        self.table = table

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """Answer one request; no error leaves this function."""
        request_id = os.urandom(8).hex()
        request: Request | None = None
        try:
            request = wire.read(environ, self.context.options.base_path)
            security.check_host(request.host, self.context.options.hosts)
            answer = self._answer(request, request_id)
        except wire.TooLarge:
            answer = problems.plain(413, "the body has more than 1 MiB")
        except QueuectlError as error:
            answer = problems.plain(error.http_status, str(error))
        headers = [*security.HEADERS, ("X-Request-Id", request_id)]
        return wire.send(answer, request, start, headers)

    def _answer(self, request: Request, request_id: str) -> Answer:
        security.check_origin(request)
        route, args = self.table.find(request.method, request.path)
        identity = auth.identify(request, self.context)
        facts = self._facts(request, args, identity, request_id)
        return self._view(route, request, facts, identity)

    def _view(self, route: Route, request: Request, facts: Facts, identity: Identity) -> Answer:
        if not identity.role.may(route.role):
            raise NoPermission(f"this needs the role {route.role}")
        values = request.query if request.method in SAFE else wire.form_of(request)
        if request.method not in SAFE and identity.by_cookie:
            given = request.headers.get("x-csrf-token") or values.get("csrf")
            security.check_csrf(given, identity.csrf)
        try:
            found = route.view(facts, self.context.store(), values)
        except StorageError:
            self.context.drop_store()
            raise
        return self._written(found, facts)

    def _written(self, found: Page | Redirect | Answer, facts: Facts) -> Answer:
        match found:
            case Page():
                headers = [security.REVALIDATE]
                return Answer(render(found, facts), HTML, found.status, headers)
            case Redirect():
                where = self.context.options.base_path + found.path
                return Answer(b"", HTML, 303, [("Location", where), security.NO_STORE])
        return found

    def _facts(
        self, request: Request, args: Mapping[str, str], identity: Identity, request_id: str
    ) -> Facts:
        zone = request.cookies.get("zone", "")
        return Facts(
            method=request.method,
            path=request.path,
            args=args,
            query=request.query,
            role=identity.role,
            actor=identity.actor,
            csrf=identity.csrf,
            zone=zone if zone in ZONES else "local",
            wants_fragment=request.headers.get("x-fragment") == "main",
            request_id=request_id,
            now_ms=self.context.clock.now_ms(),
            context=self.context,
            body=request.body,
            headers=request.headers,
        )
