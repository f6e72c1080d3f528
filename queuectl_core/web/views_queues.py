"""The queues: how deep, how fast, which are paused; stop them and let them go on."""

from __future__ import annotations

from urllib.parse import urlencode

from queuectl_core.errors import WrongState
from queuectl_core.records import Record
from queuectl_core.services import queues, series
from queuectl_core.services.overview import QueueRow, Watcher
from queuectl_core.web import views_charts
from queuectl_core.web.facts import Redirect
from queuectl_core.web.views_frame import framed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.lifecycle import State
    from queuectl_core.limits import Limits
    from queuectl_core.services.overview import Overview
    from queuectl_core.services.series import Past
    from queuectl_core.storage.records import Pause, Standing
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Page, Values

HOUR_MS = 3_600_000


class Row(Record):
    """One queue as tables show it. `done` and `failed` are of the last hour."""

    name: str
    counts: dict[State, int]
    depth: int
    oldest_due_ms: int | None
    done: int
    failed: int
    p95_ms: int | None
    depths: Sequence[int]
    pause: Pause | None
    standing: Standing | None
    limits: Limits
    told: str
    waits: str | None
    opens_at_ms: int | None


def rows_of(store: Store, seen: Overview, past: Past, now_ms: int) -> list[Row]:
    """Return the queues that have or had jobs, and those that are paused, by name."""
    figures = store.insight().figures(since_ms=now_ms - HOUR_MS)
    spans: dict[str, list[int]] = {}
    for run in past.runs:
        spans.setdefault(run.queue, []).append(run.duration_ms)
    pauses = {one.queue: one for one in store.pauses()}
    known = {one.name: one for one in queues.rows(store)}
    names = {row.name for row in seen.queues}
    limited = [
        QueueRow(one.name, one.counts, None)
        for one in known.values()
        if one.standing is not None and one.name not in names
    ]

    def events(name: str, kinds: tuple[str, ...]) -> int:
        return sum(row.events for row in figures if row.queue == name and row.event in kinds)

    return [
        Row(
            row.name,
            dict(row.counts),
            row.depth,
            row.oldest_due_ms,
            events(row.name, ("complete",)),
            events(row.name, ("fail", "bury")),
            series.percentile(sorted(spans.get(row.name, ())), 95),
            past.depths.get(row.name, ()),
            pauses.get(row.name),
            *_limits(known.get(row.name, queues.Row(row.name, row.counts, None, None)), now_ms),
        )
        for row in [*seen.queues, *limited]
    ]


def _limits(
    row: queues.Row, now_ms: int
) -> tuple[Standing | None, Limits, str, str | None, int | None]:
    limits = row.limits
    told = [
        f"{limits.concurrency:,} at once" if limits.concurrency is not None else "",
        f"{limits.rate} started" if limits.rate is not None else "",
        f"{limits.max_pending:,} pending" if limits.max_pending is not None else "",
    ]
    text = ", ".join(filter(None, told))
    return row.standing, limits, text, row.waits(now_ms), row.opens_at_ms(now_ms)


def show(facts: Facts, store: Store, _query: Values) -> Page:
    """Show all queues."""
    seen = Watcher(facts.context.clock).look(store)
    past = views_charts.past_of(facts, store, views_charts.USUAL_RANGE)
    rows = rows_of(store, seen, past, facts.now_ms)
    pauses = store.pauses()
    known = {row.name for row in rows}
    return framed(
        store,
        "queues",
        "Queues",
        "queues",
        rows=rows,
        all_paused=next((one for one in pauses if one.queue is None), None),
        # paused before its first job
        without_jobs=[one for one in pauses if one.queue is not None and one.queue not in known],
    )


def limit(facts: Facts, store: Store, form: Values) -> Redirect:
    """Set the limits of a queue; an empty field takes one away."""
    name = form.given("queue") or ""
    wishes = {kind: form.given(kind) for kind in queues.CHECKS}
    queues.set_limits(store, name, wishes, now_ms=facts.now_ms)
    return Redirect("/queues", f"The limits of queue {name} are set")


def pause(facts: Facts, store: Store, form: Values) -> Redirect:
    """Let no job of a queue start any more; without a name, of no queue."""
    name = form.given("queue")
    queues.pause(store, name, by=facts.actor, reason=form.given("reason"), now_ms=facts.now_ms)
    undo = "/queues/resume?" + urlencode({"queue": name or ""})
    told = f"Queue {name} is paused" if name else "All queues are paused"
    return Redirect("/queues", told, undo=undo)


def resume(facts: Facts, store: Store, form: Values) -> Redirect:
    """Let jobs of a queue start again."""
    name = form.given("queue")
    before = next((one for one in store.pauses() if one.queue == name), None)
    try:
        queues.resume(store, name, now_ms=facts.now_ms)
    except WrongState as error:
        return Redirect("/queues", str(error))
    reason = "" if before is None else before.reason or ""
    undo = "/queues/pause?" + urlencode({"queue": name or "", "reason": reason})
    told = f"Queue {name} goes on" if name else "All queues go on"
    return Redirect("/queues", told, undo=undo)
