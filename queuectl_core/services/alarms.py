"""What `status --check` finds wrong with a queue, for a monitor that wants one answer."""

from __future__ import annotations

from queuectl_core.durations import format_duration
from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.services import stats, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl_core.services.stats import QueueStatus
    from queuectl_core.services.workers import Health
    from queuectl_core.storage.store import Store


class Limits(Record):
    """What is still well. None: any age, any number."""

    age_ms: int | None = None
    dead_jobs: int | None = None


def problems(store: Store, limits: Limits, *, now_ms: int) -> list[str]:
    """Return a line for each thing that is not well; none: all is."""
    found = stats.status(store, now_ms=now_ms)
    crew = workers.health(store, now_ms=now_ms)
    return [*_of_workers(found, crew), *_of_jobs(found, limits), *_of_schedules(found)]


def _of_workers(found: QueueStatus, crew: list[Health]) -> Iterator[str]:
    held = sum(len(row.worker.running) for row in crew if row.worker.alive)
    waiting = found.oldest_due_ms is not None or found.counts[State.PROCESSING] > held
    if not found.workers and waiting:
        yield "no worker runs, and jobs wait"
    for row in workers.takers(crew):
        if row.state not in {"ok", "stopping"}:
            yield f"worker {row.worker.id} (pid {row.worker.supervisor_pid}) is {row.state}"


def _of_jobs(found: QueueStatus, limits: Limits) -> Iterator[str]:
    age_ms, dead = found.oldest_due_ms, found.counts[State.DEAD]
    if limits.age_ms is not None and age_ms is not None and age_ms > limits.age_ms:
        yield (
            f"the oldest due job waits for {format_duration(age_ms)},"
            f" longer than {format_duration(limits.age_ms)}"
        )
    if limits.dead_jobs is not None and dead > limits.dead_jobs:
        jobs = "1 job is" if dead == 1 else f"{dead:,} jobs are"
        yield f"{jobs} dead, more than {limits.dead_jobs:,}"
    hooks = found.hooks[State.DEAD]
    if limits.dead_jobs is not None and hooks > limits.dead_jobs:
        runs = "1 run of a hook is" if hooks == 1 else f"{hooks:,} runs of hooks are"
        yield f"{runs} dead, more than {limits.dead_jobs:,}"


def _of_schedules(found: QueueStatus) -> Iterator[str]:
    if not found.workers and found.scheduled("active"):
        yield "no worker runs, and schedules wait"
    for name in found.scheduled("late"):
        yield f"schedule {name} is late: none of its jobs has completed in time"
