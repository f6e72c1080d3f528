"""The dead letters by what they died of."""

from __future__ import annotations

from queuectl_core.services import burials
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_jobs import newest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

MOST_GROUPS = 100
KEPT_MS = 2_000


def show(facts: Facts, store: Store, query: Values) -> Page:
    """Show the groups of dead jobs, the largest first."""
    queue = query.given("queue")
    groups = facts.context.groups.get(queue, KEPT_MS, lambda: burials.by_error(store, queue=queue))
    return framed(
        store,
        "dead",
        "Dead jobs",
        "dead",
        groups=[(group, burials.example(store, group)) for group in groups[:MOST_GROUPS]],
        hidden=max(0, len(groups) - MOST_GROUPS),
        jobs=sum(group.jobs for group in groups),
        queue=queue,
        queues=sorted({row.queue for row in store.counts() if row.state == "dead"}),
        newest=newest(store),
    )
