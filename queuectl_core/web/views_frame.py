"""What all pages have in common: their title, their place in the navigation, the badge of it."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import STATES, State
from queuectl_core.web.facts import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.storage.store import Store


def framed(
    store: Store, template: str, title: str, place: str, *, status: int = 200, **model: object
) -> Page:
    """Return a page that keeps itself up to date, unless its model says `live=False`."""
    dead = by_state(store)[State.DEAD]
    base = {"title": title, "place": place, "dead": dead, "live": True}
    return Page(template, base | model, status)


def by_state(store: Store, queue: str | None = None) -> Mapping[State, int]:
    """Return how many jobs are in each state, of all queues but that of hooks, or of one."""
    counts = dict.fromkeys(STATES.values(), 0)
    for row in store.counts():
        if queue == row.queue or (queue is None and row.queue != HOOKS_QUEUE):
            counts[row.state] += row.jobs
    return counts
