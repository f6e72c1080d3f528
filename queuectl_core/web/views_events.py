"""What happened, one by one, the newest first."""

from __future__ import annotations

import json

from queuectl_core.services import stats
from queuectl_core.services.stats import WORDS
from queuectl_core.web import forms
from queuectl_core.web.facts import Answer
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_job import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl_core.job import Job
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

SIZE = 100
CHUNK = 500
LOOKS = (
    ("enqueued", "enqueue"), ("completed", "complete"), ("failed", "fail"), ("dead", "bury"),
    ("processing", "claim"), ("cancelled", "cancel"),
)  # fmt: skip


def show(_facts: Facts, store: Store, query: Values) -> Page:
    """Show one page of events, of one kind or of one job where that is asked for."""
    kinds, job = _asked(store, query)
    word = query.get("job")
    below = forms.number(query.given("below"), 0) or None
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
        kind=kinds[0] if kinds else "",
        job=word,
    )


def export(_facts: Facts, store: Store, query: Values) -> Answer:
    """Send all events of a kind or of a job as NDJSON, the newest first."""
    kinds, job = _asked(store, query)
    name = ("Content-Disposition", 'attachment; filename="events.ndjson"')
    body = () if query.get("job") and job is None else _lines(store, kinds, job)
    return Answer(body, "application/x-ndjson", headers=(name,))


def _lines(store: Store, kinds: Sequence[str], job: Job | None) -> Iterator[bytes]:
    number = None if job is None else job.number
    below: int | None = None
    while True:
        page = store.insight().history(below=below, limit=CHUNK, events=kinds, job=number)
        if page.events:
            lines = [json.dumps(stats.past_record(one), ensure_ascii=False) for one in page.events]
            yield ("\n".join(lines) + "\n").encode()
        below = page.below
        if below is None:
            return


def _asked(store: Store, query: Values) -> tuple[Sequence[str], Job | None]:
    """Return the kinds and the job that are asked for."""
    kind, word = query.get("kind"), query.get("job")
    return (kind,) if kind in WORDS else (), find(store, word) if word else None
