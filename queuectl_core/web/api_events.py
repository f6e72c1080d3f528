"""/api/v1/events: what happened, from the newest back, or from a number on as it comes."""

from __future__ import annotations

from queuectl_core.services import stats
from queuectl_core.web import api_answers as answers
from queuectl_core.web.facts import Role
from queuectl_core.web.routes import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.series_records import PastEvent
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Answer, Facts, Values

MOST_WAIT_S = 20
LOOK_MS = 250
MOST_NUMBER = (1 << 63) - 1


def events(facts: Facts, store: Store, query: Values) -> Answer:
    """List what happened last, the newest first; with `after` what came after that number."""
    limit = answers.limit_of(query)
    if query.given("after") is None:
        found = store.events(limit=limit)
        return answers.page([stats.event_record(event) for event in found], None)
    after = answers.whole(query, "after", 0, low=0, high=MOST_NUMBER)
    wait_s = answers.whole(query, "wait", 0, low=0, high=MOST_WAIT_S)
    came: Sequence[PastEvent] = store.insight().happened(after=after, limit=limit)
    if not came and wait_s:
        with facts.context.waiters:
            came = _awaited(facts, store, after, limit, wait_s * 1_000)
    last = came[-1].seq if came else after
    items = [stats.past_record(event) for event in came]
    return answers.answer({"items": items, "next": None, "after": last})


def _awaited(
    facts: Facts, store: Store, after: int, limit: int, wait_ms: int
) -> Sequence[PastEvent]:
    """Return what comes within a time; nothing when it is over, or the server stops."""
    clock, stopping = facts.context.clock, facts.context.stopping
    end_ms = clock.monotonic_ms() + wait_ms
    while True:
        came = store.insight().happened(after=after, limit=limit)
        if came or clock.monotonic_ms() >= end_ms or clock.wait(stopping, LOOK_MS):
            return came


ROUTES: Sequence[Route] = (Route("GET", "/api/v1/events", Role.READ, events, "api"),)
