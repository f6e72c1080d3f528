"""Errors as answers: a page for people, application/problem+json (RFC 9457) for programs."""

from __future__ import annotations

import json
from http import HTTPStatus

from queuectl_core.errors import QueuectlError
from queuectl_core.records import Record
from queuectl_core.web.facts import Answer, Page
from queuectl_core.web.security import NO_STORE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PROBLEM = "application/problem+json"
TEXT = "text/plain; charset=utf-8"
RETRY_AFTER_S = {429: 60, 503: 2}
_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="queuectl"')


class Problem(Record):
    """What went wrong with one request. `kind` names the error for programs."""

    status: int
    kind: str
    detail: str
    hint: str = ""
    headers: Sequence[tuple[str, str]] = ()

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


class NoRoute(QueuectlError):
    """There is nothing at this address."""

    message = "there is nothing at this address"
    http_status = 404


class NoMethod(QueuectlError):
    """Nothing of that kind can be done here. `allowed` are the methods that can."""

    message = "this can't be done at this address"
    http_status = 405
    allowed: Sequence[str] = ()


def of(error: QueuectlError) -> Problem:
    """Return the problem that an error is."""
    status = error.http_status
    headers: list[tuple[str, str]] = [NO_STORE]
    if status in RETRY_AFTER_S:
        headers.append(("Retry-After", str(RETRY_AFTER_S[status])))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(_CHALLENGE)
    if isinstance(error, NoMethod):
        headers.append(("Allow", ", ".join(error.allowed)))
    return Problem(status, _words(type(error).__name__), str(error), error.hint, headers)


def unexpected(request_id: str) -> Problem:
    """Return the problem that a bug of ours is: the log has more under that number."""
    detail = f"something went wrong in queuectl; the log has more under {request_id}"
    return Problem(500, "unexpected", detail, headers=[NO_STORE])


def as_json(problem: Problem, request_id: str) -> Answer:
    """Return the answer for programs."""
    fields = {
        "type": f"urn:queuectl:{problem.kind}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:queuectl:request:{request_id}",
        "hint": problem.hint or None,
        "errors": [],
    }
    text = json.dumps(fields, ensure_ascii=False)
    return Answer(text.encode("utf-8", "replace"), PROBLEM, problem.status, problem.headers)


def as_page(problem: Problem, request_id: str) -> Page:
    """Return the page for people."""
    model = {
        "status": problem.status,
        "title": problem.title,
        "detail": problem.detail,
        "hint": problem.hint,
        "request_id": request_id,
    }
    return Page("error", model, problem.status)


def as_text(problem: Problem) -> Answer:
    """Return one line, for probes and where nothing is known of the asker."""
    text = problem.detail.encode("utf-8", "replace") + b"\n"
    return Answer(text, TEXT, problem.status, problem.headers)


def _words(name: str) -> str:
    """Return WrongState as wrong-state."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
