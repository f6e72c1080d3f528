"""The description of the API in OpenAPI 3.1: what each row of the table of routes takes and gives.

https://spec.openapis.org/oas/v3.1.0. A test holds this table against the routes and against what
they really answer.
"""

from __future__ import annotations

import re

from queuectl_core import __version__
from queuectl_core.records import Record
from queuectl_core.web.openapi_schemas import (
    COUNT,
    FLAG,
    KEY,
    NAME,
    SCHEMAS,
    STATES_TEXT,
    TEXT,
    listing,
    named,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from queuectl_core.web.openapi_schemas import Schema
    from queuectl_core.web.routes import Route

PREFIX = "/api/v1"
_CHANGED = named("Job")
_PAGED = ("cursor", "limit")
_SELECTING = ("state", "queue", "tag", "older_than", "since", "until", "grep")


class Operation(Record):
    """What one row does. `gives` None: no body; `takes` None: none is sent."""

    summary: str
    gives: Schema | None
    query: Sequence[str] = ()
    takes: Schema | None = None
    status: int = 200
    needs_body: bool = True


_PARAMETERS: Mapping[str, tuple[Schema, str]] = {
    "cursor": (TEXT, "next of the page before"),
    "limit": (COUNT, "items, or bytes of output, at most; 200 and 262,144 in any case"),
    "state": (STATES_TEXT, "states, with commas"),
    "queue": (NAME, "the name of a queue"),
    "tag": (NAME, "a tag"),
    "older_than": (TEXT, "a span, as in 7d: ended or added so long ago"),
    "since": (TEXT, "added at that moment or later; a span is before now"),
    "until": (TEXT, "added before that moment"),
    "grep": (TEXT, "a part of command, id or error"),
    "on_conflict": ({"type": "string", "enum": ["error", "skip", "replace"]}, "where an id exists"),
    "offset": (COUNT, "the first byte"),
    "after": (COUNT, "events with higher numbers; 0 begins with the oldest"),
    "wait": (COUNT, "seconds to wait for one, with after; 20 at most"),
    "range": ({"type": "string", "enum": ["1h", "6h", "24h", "7d", "30d"]}, "how far back"),
    "dry_run": (FLAG, "only count"),
}
OPERATIONS: Mapping[str, Operation] = {
    "GET /jobs": Operation(
        "List jobs, the newest first", listing(named("Job")), (*_SELECTING, *_PAGED)
    ),
    "POST /jobs": Operation(
        "Add a job, or all of a list",
        {"anyOf": [named("Added"), {"type": "object", "required": ["items"]}]},
        ("on_conflict",),
        {"anyOf": [named("NewJob"), {"type": "array", "items": named("NewJob"), "minItems": 1}]},
        201,
    ),
    "GET /jobs/{id}": Operation("Show a job", named("Job")),
    "PATCH /jobs/{id}": Operation("Change a job that waits", _CHANGED, (), named("Changes")),
    "DELETE /jobs/{id}": Operation("Remove a job that has ended", None, status=204),
    "POST /jobs/{id}/retry": Operation("Run a job again", _CHANGED),
    "POST /jobs/{id}/cancel": Operation("Cancel a job", _CHANGED),
    "POST /jobs/{id}/hold": Operation("Hold back a job that waits", _CHANGED),
    "POST /jobs/{id}/release": Operation("Let a held job go", _CHANGED),
    "GET /jobs/{id}/relations": Operation(
        "List the jobs that one was to wait for, and those that wait for it", named("Relations")
    ),
    "POST /jobs/{id}/run-copy": Operation(
        "Add a job that does the same", named("Added"), status=201
    ),
    "GET /jobs/{id}/attempts": Operation("List its ended starts", listing(named("Attempt"))),
    "GET /jobs/{id}/attempts/{attempt}/output": Operation(
        "Read what a start has written", named("Output"), ("offset", "limit")
    ),
    "GET /jobs/{id}/why": Operation("Say what a job waits for, or how it ended", named("Why")),
    "GET /queues": Operation("List the queues", listing(named("Queue"))),
    "GET /queues/{name}": Operation("Show a queue", named("Queue")),
    "PATCH /queues/{name}": Operation("Limit a queue", named("Queue"), (), named("Limits")),
    "POST /queues/{name}/drain": Operation("Let no job into a queue", named("Queue")),
    "POST /queues/{name}/pause": Operation(
        "Let no job of a queue start", named("Queue"), (), named("Pausing"), needs_body=False
    ),
    "POST /queues/{name}/resume": Operation("Let them start again", named("Queue")),
    "GET /workers": Operation("List the workers", listing(named("Worker"))),
    "POST /workers/{id}/stop": Operation(
        "Let a worker's jobs end, then the worker",
        {"type": "object", "required": ["id", "state"]},
        status=202,
    ),
    "GET /dead/groups": Operation(
        "List dead letters by cause", listing(named("Group")), ("queue", "limit")
    ),
    "GET /operations": Operation("List bulk operations", listing(named("Operation"))),
    "POST /operations": Operation(
        "Do something to all selected jobs", named("Operation"), (), named("Request"), 202
    ),
    "GET /operations/{id}": Operation("Show a bulk operation", named("Operation")),
    "POST /operations/{id}/cancel": Operation("End a bulk operation early", named("Operation")),
    "GET /events": Operation(
        "List what happened last; with after: what came since, the oldest first",
        listing(named("Event")),
        ("limit", "after", "wait"),
    ),
    "GET /audits": Operation("List who changed what", listing(named("Audit")), _PAGED),
    "GET /stats": Operation("Count jobs and events", named("Stats")),
    "GET /metrics/series": Operation("Follow the figures over time", named("Series"), ("range",)),
    "GET /config": Operation("List the settings in force", listing(named("Setting"))),
    "GET /tokens": Operation("List the tokens", listing(named("Token"))),
    "POST /tokens": Operation(
        "Make a token; it is told once", named("TokenMade"), (), named("NewToken"), 201
    ),
    "DELETE /tokens/{name}": Operation("Take a token back", None, status=204),
    "GET /hooks": Operation("List the hooks", listing(named("Hook"))),
    "POST /hooks": Operation("Add a hook", named("Hook"), (), named("NewHook"), 201),
    "GET /hooks/{name}": Operation("Show a hook", named("Hook")),
    "DELETE /hooks/{name}": Operation("Remove a hook", None, status=204),
    "GET /openapi.json": Operation("Describe the API", {"type": "object"}),
}
"""By method and path."""


def key_of(route: Route) -> str:
    """Return the row's key in OPERATIONS."""
    path = re.sub(r"<(\w+)>", r"{\1}", route.path.removeprefix(PREFIX))
    return f"{route.method} {path}"


def document(routes: Iterable[Route], *, base_path: str) -> dict[str, object]:
    """Return the description of these routes."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        key = key_of(route)
        method, _, path = key.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(key, route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "QueueCTL", "version": __version__},
        "servers": [{"url": f"{base_path}{PREFIX}"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(key: str, route: Route) -> dict[str, object]:
    one = OPERATIONS[key]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in re.findall(r"{(\w+)}", key)
    ]
    parameters += [
        {"name": name, "in": "query", "schema": schema, "description": words}
        for name, (schema, words) in ((name, _PARAMETERS[name]) for name in one.query)
    ]
    if route.method == "POST" and "/tokens" not in key:
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": KEY})
    fields: dict[str, object] = {
        "operationId": re.sub(r"\W+", "_", key.lower()).strip("_"),
        "summary": one.summary,
        "description": f"Needs the role {route.role}.",
        "parameters": parameters,
        "responses": _responses(one),
    }
    if one.takes is not None:
        content = {"application/json": {"schema": one.takes}}
        fields["requestBody"] = {"required": one.needs_body, "content": content}
    return fields


def _responses(one: Operation) -> dict[str, object]:
    good: dict[str, object] = {"description": "done"}
    if one.gives is not None:
        good["content"] = {"application/json": {"schema": one.gives}}
        if one.gives == named("Output"):
            good["content"] = {
                "application/json": {"schema": one.gives},
                "text/plain": {"schema": TEXT},
            }
    content = {"application/problem+json": {"schema": named("Problem")}}
    return {
        str(one.status): good,
        "default": {"description": "what went wrong", "content": content},
    }
