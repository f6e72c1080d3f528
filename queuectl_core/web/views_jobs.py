"""The list of jobs: filters, pages, export."""

from __future__ import annotations

import json

from queuectl_core.lifecycle import STATES
from queuectl_core.selection import Selection
from queuectl_core.services import jobs, sweeps
from queuectl_core.services.sweeps import Sweep
from queuectl_core.web import forms, search
from queuectl_core.web.facts import Answer
from queuectl_core.web.views_frame import by_state, framed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

SIZES = (25, 50, 100, 200)
USUAL_SIZE = 50


def show(facts: Facts, store: Store, query: Values) -> Page:
    """Show one page of the jobs that a filter finds."""
    chosen = forms.filter_of(query, now_ms=facts.now_ms)
    size = forms.number(query.given("n"), USUAL_SIZE)
    size = size if size in SIZES else USUAL_SIZE
    below = forms.number(query.given("below"), forms.LAST)
    found = sweeps.Found((), None)
    if not chosen.query.problems:
        sweep = Sweep(chosen.query.selection, chosen.query.fits, below)
        found = sweeps.look(store, sweep, limit=size, clock=facts.context.clock)
    slow = found.below is not None and len(found.jobs) < size
    counts = by_state(store, chosen.query.selection.queue)
    return framed(
        store,
        "jobs",
        "Jobs",
        "jobs",
        jobs=found.jobs,
        older=found.below,
        slow=slow,
        live=not slow,  # or every tab would search again every two seconds
        first=below == forms.LAST,
        below=below if below != forms.LAST else "",
        filter=chosen,
        tabs=[("", "All", sum(counts.values()))]
        + [(str(state), str(state).capitalize(), counts[state]) for state in STATES.values()],
        newest=newest(store),
        sizes=SIZES,
        size=size,
        usual_size=USUAL_SIZE,
        qualifiers=search.QUALIFIERS,
        queues=sorted({row.queue for row in store.counts()}),
        command_line=jobs.command_line,
        asked={**chosen.asked, "n": "" if size == USUAL_SIZE else size},
    )


def newest(store: Store) -> int:
    """Return a number above all jobs that there are now: what comes later is not meant."""
    found = store.select(Selection(), limit=1).jobs
    return found[0].number + 1 if found else 1


def export(facts: Facts, store: Store, query: Values) -> Answer:
    """Send all jobs that a filter finds as NDJSON, the newest first."""
    chosen = forms.filter_of(query, now_ms=facts.now_ms)
    sweep = Sweep(chosen.query.selection, chosen.query.fits, forms.LAST)
    name = 'attachment; filename="jobs.ndjson"'
    body = () if chosen.query.problems else _lines(store, sweep)
    return Answer(body, "application/x-ndjson", headers=(("Content-Disposition", name),))


def _lines(store: Store, sweep: Sweep) -> Iterator[bytes]:
    for found in sweeps.pages(store, sweep):
        if found.jobs:
            records = [json.dumps(jobs.record(job), ensure_ascii=False) for job in found.jobs]
            yield ("\n".join(records) + "\n").encode()
