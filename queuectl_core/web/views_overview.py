"""The first page: is all well, what happens now, what happened of late."""

from __future__ import annotations

from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.selection import Selection
from queuectl_core.services import attention, series
from queuectl_core.services.overview import Watcher
from queuectl_core.web import views_charts
from queuectl_core.web.views_frame import framed
from queuectl_core.web.views_queues import rows_of
from queuectl_core.web.views_text import plural, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.services.overview import Overview
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

FEW = 8


class Tile(Record):
    """A state, how many jobs are in it, and a few words on that."""

    state: str
    jobs: int
    word: str


def overview(facts: Facts, store: Store, query: Values) -> Page:
    """Show how the queue stands."""
    context = facts.context
    seen = Watcher(context.clock).look(store)
    chosen = views_charts.range_of(query)
    past = views_charts.past_of(facts, store, chosen)
    return framed(
        store,
        "overview",
        "Overview",
        "overview",
        seen=seen,
        concerns=attention.concerns(store, seen, db_path=context.db_path),
        new=not sum(seen.counts.values()),
        tiles=_tiles(seen, past),
        range_name=chosen,
        ranges=tuple(series.RANGES),
        charts=views_charts.of_overview(past, chosen),
        queues=rows_of(store, seen, past, facts.now_ms),
        running=sorted(seen.running, key=lambda job: job.started_at_ms or 0)[:FEW],
        running_more=max(0, len(seen.running) - FEW),
        buried=store.select(Selection(states=(State.DEAD,)), limit=FEW).jobs,
        path="/",
    )


def _tiles(seen: Overview, past: series.Past) -> list[Tile]:
    live = [row.worker for row in seen.crew if row.state != "dead"]
    threads = sum(worker.threads for worker in live)
    oldest_ms = max((row.oldest_due_ms or 0 for row in seen.queues), default=0)
    minutes = len(past.at_ms) * past.step_ms / 60_000
    rate = sum(past.counts["completed"]) / minutes
    words = {
        State.PENDING: f"oldest due for {span(oldest_ms)}" if oldest_ms else "none is late",
        State.PROCESSING: f"of {plural(threads, 'thread')}" if live else "no worker runs",
        State.FAILED: "wait for their retry",
        State.DEAD: f"{sum(past.counts['dead']) or 'none'} in this range",
        State.COMPLETED: f"{rate:,.1f} a minute",
        State.CANCELLED: "by people",
    }
    return [Tile(str(state), seen.counts[state], word) for state, word in words.items()]
