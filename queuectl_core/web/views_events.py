"""What happened, one by one, the newest first."""

from __future__ import annotations

from queuectl_core.services.stats import WORDS
from queuectl_core.web import forms
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_job import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

SIZE = 100
LOOKS = (
    ("enqueued", "enqueue"), ("completed", "complete"), ("failed", "fail"), ("dead", "bury"),
    ("processing", "claim"), ("cancelled", "cancel"),
)  # fmt: skip


def show(_facts: Facts, store: Store, query: Values) -> Page:
    """Show one page of events, of one kind or of one job where that is asked for."""
    kind, word = query.get("kind"), query.get("job")
    job = find(store, word) if word else None
    below = forms.number(query.given("below"), 0) or None
    kinds = (kind,) if kind in WORDS else ()
    page = store.insight().history(
        below=below, limit=SIZE, events=kinds, job=None if job is None else job.number
    )
    return framed(
        store,
        "events",
        "Events",
        "events",
        events=page.events if not word or job else (),
        older=page.below if not word or job else None,
        first=below is None,
        words=WORDS,
        looks={event: look for look, event in LOOKS},
        kind=kind if kinds else "",
        job=word,
    )
