"""The figures of a queue: how many jobs are where, what happened how often, how long it took."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import STATES, State
from queuectl_core.records import Record
from queuectl_core.services.jobs import moment, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from queuectl_core.storage.records import Figure, JobEvent, Pause
    from queuectl_core.storage.series_records import PastEvent
    from queuectl_core.storage.store import Store

# A burial is a failure too; the seed counted both.
COUNTED: Mapping[str, tuple[str, ...]] = {
    "enqueued": ("enqueue",),
    "started": ("claim",),
    "completed": ("complete",),
    "failed": ("fail", "bury"),
    "dlq": ("bury",),
    "cancelled": ("cancel", "stop"),
    "retried": ("revive",),
    "interrupted": ("rescue", "release"),
    "edited": ("edit",),
    "imported": ("import",),
    "missed": ("missed",),
    "late": ("late",),
}
WORDS: Mapping[str, str] = {
    "enqueue": "enqueued",
    "claim": "started",
    "complete": "completed",
    "fail": "failed",
    "bury": "dlq",
    "release": "released",
    "rescue": "rescued",
    "cancel": "cancelled",
    "stop": "stopped",
    "revive": "retried",
    "edit": "edited",
    "import": "imported",
    "missed": "missed",
    "late": "late",
}
"""What people read for a lifecycle event."""


class QueueStatus(Record):
    """How a queue stands; the runs of hooks are counted apart.

    `oldest_due_ms` is how long the most overdue job waits; None: none is.
    """

    counts: Mapping[State, int]
    workers: int
    dead_workers: int
    threads: int
    busy: int
    oldest_due_ms: int | None
    paused: Sequence[Pause]
    hooks: Mapping[State, int]
    schedules: Sequence[tuple[str, str]]

    def scheduled(self, state: str) -> list[str]:
        """Return the names of the schedules that are active, late, paused or over."""
        return [name for name, found in self.schedules if found == state]


class Metrics(Record):
    """What happened, since the queue began or in a window before now.

    `average_ms` is of completed runs, None without any.
    """

    counts: Mapping[str, int]
    average_ms: float | None
    recent: tuple[JobEvent, ...]


def status(store: Store, *, now_ms: int) -> QueueStatus:
    """Return how the queue stands. Counts no rows: as fast with a million jobs."""
    counts, hooks = (dict.fromkeys(STATES.values(), 0) for _ in range(2))
    for row in store.counts():
        (hooks if row.queue == HOOKS_QUEUE else counts)[row.state] += row.jobs
    known = [row for row in store.workers() if row.takes_jobs or not row.alive]
    live = [worker for worker in known if worker.alive]
    due_ms = store.next_due_ms()
    return QueueStatus(
        counts=counts,
        workers=len(live),
        dead_workers=len(known) - len(live),
        threads=sum(worker.threads for worker in live),
        busy=sum(worker.busy for worker in live),
        oldest_due_ms=None if due_ms is None or due_ms > now_ms else now_ms - due_ms,
        paused=store.pauses(),
        hooks=hooks,
        schedules=store.schedule_states(now_ms=now_ms),
    )


def metrics(store: Store, *, recent: int, since_ms: int | None = None) -> Metrics:
    """Return what happened, and the last `recent` events, the newest first.

    What happened since the minute of `since_ms`; None: since the queue began.
    """
    found = summed(store.insight().figures(since_ms=since_ms or 0))
    return found._replace(recent=tuple(store.events(limit=recent)) if recent else ())


def summed(figures: Iterable[Figure]) -> Metrics:
    """Return the sums over all queues."""
    events = dict.fromkeys(WORDS, 0)
    done_ms = 0
    for row in figures:
        if row.queue == HOOKS_QUEUE:
            continue
        events[row.event] = events.get(row.event, 0) + row.events
        done_ms += row.duration_ms if row.event == "complete" else 0
    counts = {word: sum(events[event] for event in names) for word, names in COUNTED.items()}
    average_ms = done_ms / events["complete"] if events["complete"] else None
    return Metrics(counts, average_ms, ())


def event_record(event: JobEvent) -> dict[str, object]:
    """Return what the world sees of one event."""
    return {
        "at": moment(event.at_ms),
        "id": event.name,
        "number": event.job,
        "event": WORDS.get(event.event, event.event),
        "duration": seconds(event.duration_ms),
        "detail": event.detail,
    }


def past_record(event: PastEvent) -> dict[str, object]:
    """Return what the world sees of one event with its number."""
    return {
        "seq": event.seq,
        "at": moment(event.at_ms),
        "id": event.name,
        "number": event.job,
        "queue": event.queue,
        "event": WORDS.get(event.event, event.event),
        "duration": seconds(event.duration_ms),
        "detail": event.detail,
    }
