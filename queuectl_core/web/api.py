"""All of /api/v1: the rows of its files, each POST done once for a key, and their description."""

from __future__ import annotations

from queuectl_core.web import api_answers as answers
from queuectl_core.web import api_events, api_hooks, api_jobs, api_operations, api_queues, openapi
from queuectl_core.web.api_once import once
from queuectl_core.web.facts import Role
from queuectl_core.web.routes import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Answer, Facts, Values


def describe(facts: Facts, _store: Store, _query: Values) -> Answer:
    """Describe the API, as OpenAPI 3.1."""
    shown = [route for route in ROUTES if not facts.read_only or route.method == "GET"]
    return answers.answer(openapi.document(shown, base_path=facts.base_path))


# A token is told once: it must not lie in the queue as an answer that is kept.
TOLD_ONCE = (api_queues.add_token,)
ROUTES: Sequence[Route] = tuple(
    route._replace(view=once(route.view))
    if route.method == "POST" and route.view not in TOLD_ONCE
    else route
    for route in (
        *api_jobs.ROUTES,
        *api_queues.ROUTES,
        *api_events.ROUTES,
        *api_operations.ROUTES,
        *api_hooks.ROUTES,
        Route("GET", "/api/v1/openapi.json", Role.READ, describe, "api"),
    )
)
