"""The figures of a queue in the text format 0.0.4 that Prometheus scrapes.

https://prometheus.io/docs/instrumenting/exposition_formats/. Names and labels are an interface:
only added, never renamed.
"""

from __future__ import annotations

from queuectl_core import __version__
from queuectl_core.lifecycle import STATES
from queuectl_core.records import Record
from queuectl_core.services import stats, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from queuectl_core.storage.records import Count, Figure
    from queuectl_core.storage.store import Store

    Labels = Mapping[str, str]
    Sample = tuple[str, Labels, float]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ENDS = {
    "complete": "completed",
    "fail": "failed",
    "bury": "dead",
    "stop": "stopped",
    "release": "released",
    "rescue": "rescued",
}
WORKER_STATES = ("ok", "stopping", "not responding", "dead")
HOOK_STATES = ("pending", "processing", "failed", "dead")


class Family(Record):
    """One metric with its samples; a sample's first part is put behind the name."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


def exposition(
    store: Store,
    *,
    now_ms: int,
    figures: Sequence[Figure] | None = None,
    more: Iterable[Family] = (),
) -> str:
    """Return all figures as text, for one scrape.

    `figures`: those since the queue began, by somebody who has them already. `more` come behind.
    """
    counts = store.counts()
    figures = store.insight().figures(since_ms=0) if figures is None else figures
    queues = sorted({count.queue for count in counts} | {figure.queue for figure in figures})
    families = [
        Family("queuectl_info", "gauge", "The version that answers.",
               [("", {"version": __version__}, 1)]),
        _jobs(counts, queues),
        _depth(counts, queues),
        _oldest_due(store, queues, now_ms),
        *_limits(store),
        *_history(figures),
        *_workers(store, now_ms),
        *_hooks(store),
        *_schedules(store, now_ms),
        *more,
    ]  # fmt: skip
    return "".join(line for family in families for line in _lines(family))


def _jobs(counts: Sequence[Count], queues: Sequence[str]) -> Family:
    known = {(count.queue, count.state): count.jobs for count in counts}
    samples = [
        ("", {"queue": queue, "state": state}, known.get((queue, state), 0))
        for queue in queues
        for state in STATES.values()
    ]
    return Family("queuectl_jobs", "gauge", "Jobs by queue and state.", samples)


def _depth(counts: Sequence[Count], queues: Sequence[str]) -> Family:
    depths = dict.fromkeys(queues, 0)
    for count in counts:
        if count.state in {STATES["pending"], STATES["failed"]}:
            depths[count.queue] += count.jobs
    samples = [("", {"queue": queue}, jobs) for queue, jobs in depths.items()]
    what = "Jobs that wait: for a worker, for their time, or for a retry."
    return Family("queuectl_queue_depth", "gauge", what, samples)


def _oldest_due(store: Store, queues: Sequence[str], now_ms: int) -> Family:
    samples = []
    for queue in queues:
        due_ms = store.next_due_ms(queues=[queue])
        age_ms = 0 if due_ms is None else max(0, now_ms - due_ms)
        samples.append(("", {"queue": queue}, age_ms / 1000))
    what = "How long the most overdue job waits; 0: none is due."
    return Family("queuectl_oldest_due_age_seconds", "gauge", what, samples)


def _limits(store: Store) -> list[Family]:
    """Return the limits that queues have, and which queues are paused."""
    concurrency: list[Sample] = []
    rates: list[Sample] = []
    most_pending: list[Sample] = []
    for one in store.standings():
        labels, limits = {"queue": one.queue}, one.limits
        if limits.concurrency is not None:
            concurrency.append(("", labels, limits.concurrency))
        if limits.rate is not None:
            rates.append(("", labels, limits.rate.jobs * 1000 / limits.rate.period_ms))
        if limits.max_pending is not None:
            most_pending.append(("", labels, limits.max_pending))
    paused: list[Sample] = [("", {"queue": one.queue or "*"}, 1) for one in store.pauses()]
    return [
        Family("queuectl_queue_concurrency_limit", "gauge", "Jobs of a queue that may run at once.",
               concurrency),
        Family("queuectl_queue_rate_limit_per_second", "gauge",
               "Starts that the rate of a queue allows, on average.", rates),
        Family("queuectl_queue_max_pending", "gauge", "Pending jobs that a queue takes.",
               most_pending),
        Family("queuectl_queue_paused", "gauge", "1 for each queue that is paused; *: all are.",
               paused),
    ]  # fmt: skip


def _history(figures: Sequence[Figure]) -> list[Family]:
    """Return what happened since the queue began; pruning takes nothing away from it."""
    events: list[Sample] = [
        ("", {"queue": row.queue, "event": stats.WORDS.get(row.event, row.event)}, row.events)
        for row in figures
    ]
    starts: list[Sample] = [
        ("", {"queue": row.queue}, row.events) for row in figures if row.event == "claim"
    ]
    runs: list[Sample] = []
    for row in figures:
        if row.event in ENDS:
            labels = {"queue": row.queue, "ending": ENDS[row.event]}
            runs.append(("_sum", labels, row.duration_ms / 1000))
            runs.append(("_count", labels, row.events))
    return [
        Family("queuectl_events_total", "counter", "What happened to jobs.", events),
        Family("queuectl_attempts_total", "counter", "Runs that were started.", starts),
        Family("queuectl_run_duration_seconds", "summary", "Time that ended runs took.", runs),
    ]


def _hooks(store: Store) -> list[Family]:
    hooks = store.hooks().all()
    told: list[Sample] = [
        ("", {"hook": hook.name, "event": hook.event}, hook.told) for hook in hooks
    ]
    left = store.hooks().runs_left()
    runs: list[Sample] = [
        ("", {"hook": hook.name, "state": state}, left.get(hook.name, {}).get(state, 0))
        for hook in hooks
        for state in HOOK_STATES
    ]
    return [
        Family("queuectl_hook_events_total", "counter", "Events that hooks were told of.", told),
        Family("queuectl_hook_runs", "gauge", "Runs of hooks that have not ended well.", runs),
    ]


def _workers(store: Store, now_ms: int) -> list[Family]:
    crew = workers.takers(workers.health(store, now_ms=now_ms))
    alive = [row.worker for row in crew if row.worker.alive]
    states: list[Sample] = [
        ("", {"state": state.replace(" ", "_")}, sum(row.state == state for row in crew))
        for state in WORKER_STATES
    ]
    threads = sum(worker.threads for worker in alive)
    busy = sum(worker.busy for worker in alive)
    return [
        Family("queuectl_workers", "gauge", "Known workers.", states),
        Family("queuectl_worker_threads", "gauge", "Threads of live workers.", [("", {}, threads)]),
        Family("queuectl_worker_threads_busy", "gauge", "Of those, the ones that run a job.",
               [("", {}, busy)]),
    ]  # fmt: skip


def _schedules(store: Store, now_ms: int) -> list[Family]:
    """Return what there is to tell of schedules; nothing where there is none."""
    states = store.schedule_states(now_ms=now_ms)
    if not states:
        return []
    found = store.schedules().all()
    late: list[Sample] = [("", {"schedule": name}, state == "late") for name, state in states]
    missed: list[Sample] = [("", {"schedule": one.name}, one.missed) for one in found]
    success: list[Sample] = [
        ("", {"schedule": one.name}, one.ok_at_ms / 1000) for one in found if one.ok_at_ms
    ]
    coming: list[Sample] = [
        ("", {"schedule": one.name}, one.due_at_ms / 1000) for one in found if one.due_at_ms
    ]
    return [
        Family("queuectl_schedule_late", "gauge", "1: a success was expected and is missing.",
               [(suffix, labels, int(value)) for suffix, labels, value in late]),
        Family("queuectl_schedule_missed_total", "counter", "Times that made no job.", missed),
        Family("queuectl_schedule_last_success_timestamp_seconds", "gauge",
               "When one of its jobs last completed.", success),
        Family("queuectl_schedule_next_timestamp_seconds", "gauge",
               "When its next job is made.", coming),
    ]  # fmt: skip


def _lines(family: Family) -> Iterable[str]:
    yield f"# HELP {family.name} {family.help}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for suffix, labels, value in family.samples:
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{family.name}{suffix}{'{' + pairs + '}' if pairs else ''} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
