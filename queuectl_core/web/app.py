"""The WSGI application: each request passes the same gate, then meets one view.

The gate in its order: host, origin, route, who asks, role, form token. What has no row in the table
of routes is never answered; what has one is answered to its role and those above.
"""

from __future__ import annotations

import logging
import os
from http import HTTPStatus
from urllib.parse import quote, urlencode

from queuectl_core.errors import NoPermission, QueuectlError, StorageError
from queuectl_core.web import api, auth, health, pages, problems, security, sessions, wire
from queuectl_core.web.facts import SAFE, Answer, Facts, Page, Redirect, Role, Values
from queuectl_core.web.render import render
from queuectl_core.web.routes import Route, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from queuectl_core.web.auth import Identity
    from queuectl_core.web.context import Context
    from queuectl_core.web.problems import Problem
    from queuectl_core.web.wire import Environ, Request, StartResponse

HTML = "text/html; charset=utf-8"
URL_LETTERS = "%/?#:;=&,+!$'()*@[]~"
ZONES = ("local", "utc", "server")
NOTICE = "queuectl_notice"
_NOTICE_S = 60
_log = logging.getLogger(__name__)


def make_app(context: Context) -> App:
    """Return the application of one dashboard."""
    routes = [Route(*row, kind="page") for row in (*pages.PAGES, *auth.DOOR)]
    routes += health.ROUTES
    routes += api.ROUTES
    return App(context, Table(routes, read_only=context.options.read_only))


class App:
    """A dashboard, callable as PEP 3333 says, by many threads at a time."""

    def __init__(self, context: Context, table: Table) -> None:
        self.context = context
        self.table = table

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """Answer one request; no error leaves this function."""
        since_ms = self.context.clock.monotonic_ms()
        request_id = os.urandom(8).hex()
        request: Request | None = None
        try:
            request = wire.read(environ, self.context.options.base_path)
            security.check_host(request.host, self.context.options)
        except QueuectlError as error:
            answer = problems.as_text(problems.of(error))
        else:
            answer = self._answered(request, request_id)
        headers = [*security.HEADERS, ("X-Request-Id", request_id)]
        status, pieces = wire.send(answer, request, start, headers)
        took_s = (self.context.clock.monotonic_ms() - since_ms) / 1_000
        path, method = (request.path, request.method) if request else ("/", "other")
        self.context.requests.count(path, method, status, took_s)
        return pieces

    def _answered(self, request: Request, request_id: str) -> Answer:
        """Return the view's answer, or what went wrong in the asker's language."""
        identity = auth.NOBODY
        try:
            security.check_origin(request)
            if request.path not in health.PROBES:
                identity = auth.identify(request, self.context)
            return self._answer(request, identity, request_id)
        except QueuectlError as error:
            facts = self._facts(request, {}, identity, request_id)
            if isinstance(error, auth.Unknown) and _wants_page(facts):
                return self._to_login(facts)
            return self._told(problems.of(error), facts)
        except Exception:  # noqa: BLE001 - the last door: no traceback reaches a user
            _log.exception("unexpected request_id=%s path=%s", request_id, request.path)
            facts = self._facts(request, {}, identity, request_id)
            return self._told(problems.unexpected(request_id), facts)

    def _answer(self, request: Request, identity: Identity, request_id: str) -> Answer:
        route, args = self.table.find(request.method, request.path)
        if not identity.role.may(route.role):
            if identity.role is Role.PUBLIC:
                raise auth.Unknown
            raise NoPermission(
                f"this needs the role {route.role}, you have {identity.role}",
                hint="ask whoever runs this queue for a token that may",
            )
        form = wire.form_of(request)
        if route.role is not Role.PUBLIC:
            security.check_form(request, form, identity)
        facts = self._facts(request, args, identity, request_id)
        return self._viewed(route, facts, form, identity)

    def _viewed(self, route: Route, facts: Facts, form: Values, identity: Identity) -> Answer:
        """Return what the view says; a page that was made within the last second comes again."""
        if route.kind != "page" or facts.method not in SAFE or facts.notice:
            return self._view(route, facts, form, identity)
        key = (facts.path, facts.query.pairs(), facts.zone, facts.wants_fragment, identity.csrf,
               identity.actor, identity.role, facts.method)  # fmt: skip
        answer = self.context.pages.get(key)
        if answer is None:
            answer = self._view(route, facts, form, identity)
            if answer.status == HTTPStatus.OK and isinstance(answer.body, bytes):
                self.context.pages.put(key, answer._replace(headers=[security.REVALIDATE]))
            return answer
        return answer._replace(headers=[*answer.headers, *identity.headers])

    def _view(self, route: Route, facts: Facts, form: Values, identity: Identity) -> Answer:
        changes = facts.method not in SAFE
        try:
            store = self.context.store()
            found = route.view(facts, store, form if changes else facts.query)
            if changes and route.role is not Role.PUBLIC:
                _audit(route, facts, found)
        except StorageError:
            self.context.drop_store()
            raise
        finally:
            if changes:
                self.context.changed()
        answer = self._written(found, facts)
        return answer._replace(headers=[*answer.headers, *identity.headers])

    def _written(self, found: Page | Redirect | Answer, facts: Facts) -> Answer:
        match found:
            case Page():
                kept = facts.method in SAFE and found.status < HTTPStatus.BAD_REQUEST
                headers = [security.REVALIDATE if kept else security.NO_STORE]
                if facts.notice:
                    headers.append(self._notice("", facts, age_s=0))
                return Answer(render(found, facts), HTML, found.status, headers)
            case Redirect():
                # a header is latin-1 at most: what is not ASCII is quoted, what is quoted stays
                where = self.context.options.base_path + quote(found.path, safe=URL_LETTERS)
                headers = [("Location", where), security.NO_STORE, *found.headers]
                if found.notice:
                    told = f"{found.notice}\n{found.undo}"
                    headers.append(self._notice(told, facts, age_s=_NOTICE_S))
                return Answer(b"", HTML, 303, headers)
        if any(name == "Cache-Control" for name, _ in found.headers):
            return found
        return found._replace(headers=[*found.headers, security.NO_STORE])

    def _notice(self, text: str, facts: Facts, *, age_s: int) -> tuple[str, str]:
        value = sessions.seal(self.context.key, "notice", text) if text else ""
        path = self.context.options.base_path
        return sessions.set_cookie(NOTICE, value, path=path, secure=facts.secure, age_s=age_s)

    def _told(self, problem: Problem, facts: Facts) -> Answer:
        """Return a problem in the asker's language."""
        if facts.path.startswith("/api/"):
            return problems.as_json(problem, facts.request_id)
        if facts.path in health.PLAIN:
            return problems.as_text(problem)
        page = problems.as_page(problem, facts.request_id)
        try:
            return Answer(render(page, facts), HTML, problem.status, problem.headers)
        except Exception:  # noqa: BLE001 - a bug in the page of errors: say it plainly
            _log.exception("unexpected request_id=%s", facts.request_id)
            return problems.as_text(problem)

    def _to_login(self, facts: Facts) -> Answer:
        query = urlencode(facts.query.pairs())
        where = f"{facts.path}?{query}" if query else facts.path
        after = "" if where == "/" else f"?next={quote(where, safe='/')}"
        location = f"{facts.base_path}/login{after}"
        return Answer(b"", HTML, 303, [("Location", location), security.NO_STORE])

    def _facts(
        self, request: Request, args: Mapping[str, str], identity: Identity, request_id: str
    ) -> Facts:
        zone = request.cookies.get("zone", "")
        sealed = request.cookies.get(NOTICE)
        told = sessions.unseal(self.context.key, "notice", sealed) or "" if sealed else ""
        notice, _, undo = told.partition("\n")
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
            notice=notice,
            undo=undo,
            peer=request.peer,
            secure=request.secure,
        )


def _wants_page(facts: Facts) -> bool:
    """Tell whether a person opens a page, who can be led to the door."""
    program = facts.path.startswith("/api/") or facts.path in health.PLAIN
    return not program and not facts.wants_fragment and facts.method in SAFE


def _audit(route: Route, facts: Facts, found: Page | Redirect | Answer) -> None:
    """Note who did what, whatever the view: forms alone say too much, secrets too."""
    match found:
        case Redirect():
            detail = found.notice
        case _:
            detail = str(found.status)
    subject = ", ".join(facts.args.values())
    facts.context.store().access().note(
        facts.actor, f"{route.method} {route.path}", subject, detail, now_ms=facts.now_ms
    )
