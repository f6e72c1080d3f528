"""What about a queue needs a person's eye now, in sentences: the first line of the dashboard."""

from __future__ import annotations

import os

from queuectl_core.durations import format_duration
from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import State
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl_core.services.overview import Overview, QueueRow
    from queuectl_core.storage.store import Store

OVERDUE_MS = 5 * 60_000
HOUR_MS = 3_600_000
LITTLE_DISK = 0.10


class Concern(Record):
    """One sentence. `place` is the page that shows more, `command` what to type, or empty."""

    text: str
    place: str
    command: str = ""
    grave: bool = False


def concerns(store: Store, seen: Overview, *, db_path: str) -> list[Concern]:
    """Return what needs attention, the gravest first; none: all is well."""
    found = [
        *_of_workers(seen),
        *_of_pauses(store, seen),
        *_of_delay(seen),
        *_of_schedules(store, seen),
        *_of_dead(store, seen.now_ms),
        *_of_disk(db_path),
    ]
    return sorted(found, key=lambda concern: not concern.grave)


def _of_workers(seen: Overview) -> Iterator[Concern]:
    live = [row for row in seen.crew if row.state != "dead"]
    waiting = any(row.oldest_due_ms is not None for row in seen.queues)
    if not live and (waiting or seen.counts[State.PROCESSING]):
        yield Concern(
            "No worker runs, and jobs wait", "/workers", "queuectl worker start", grave=True
        )
    for row in seen.crew:
        if row.state in {"dead", "not responding"}:
            what = "died" if row.state == "dead" else "does not respond"
            yield Concern(
                f"Worker {row.worker.id} on {row.worker.host} {what}", "/workers", grave=True
            )


def _of_pauses(store: Store, seen: Overview) -> Iterator[Concern]:
    depths = {row.name: row.depth for row in seen.queues}
    for one in store.pauses():
        others = sum(jobs for queue, jobs in depths.items() if queue != HOOKS_QUEUE)
        waiting = others if one.queue is None else depths.get(one.queue, 0)
        if waiting:
            what = "All queues are" if one.queue is None else f'Queue "{one.queue}" is'
            since = format_duration(max(1_000, seen.now_ms - one.at_ms))
            yield Concern(
                f"{what} paused with {_jobs(waiting)} waiting, since {since}, by {one.by}",
                "/queues",
            )


def _of_delay(seen: Overview) -> Iterator[Concern]:
    late = [row for row in seen.queues if (row.oldest_due_ms or 0) > OVERDUE_MS]
    if late:
        worst: QueueRow = max(late, key=lambda row: row.oldest_due_ms or 0)
        yield Concern(
            f'The oldest due job of queue "{worst.name}" waits for'
            f" {format_duration(worst.oldest_due_ms or 0)}",
            "/queues",
        )


def _of_schedules(store: Store, seen: Overview) -> Iterator[Concern]:
    states = store.schedule_states(now_ms=seen.now_ms)
    for name, state in states:
        if state == "late":
            text = f'Schedule "{name}" is late: none of its jobs has completed in time'
            yield Concern(text, "/events", f"queuectl schedule show {name}", grave=True)
    active = any(state == "active" for _, state in states)
    if active and all(row.state == "dead" for row in seen.crew):
        yield Concern(
            "No worker runs, so no schedule makes jobs", "/workers", "queuectl worker start"
        )


def _of_dead(store: Store, now_ms: int) -> Iterator[Concern]:
    dead = hooks = 0
    for figure in store.insight().figures(since_ms=now_ms - HOUR_MS):
        if figure.event == "bury":
            dead += figure.events if figure.queue != HOOKS_QUEUE else 0
            hooks += figure.events if figure.queue == HOOKS_QUEUE else 0
    if dead:
        yield Concern(f"{_jobs(dead)} died in the last hour", "/dead")
    if hooks:
        what = "A run of a hook" if hooks == 1 else f"{hooks:,} runs of hooks"
        yield Concern(f"{what} died in the last hour", f"/dead?queue={HOOKS_QUEUE}")


def _of_disk(db_path: str) -> Iterator[Concern]:
    try:
        disk = os.statvfs(os.path.dirname(db_path) or "/")
    except OSError:
        return
    if disk.f_blocks and disk.f_bavail < LITTLE_DISK * disk.f_blocks:
        free = 100 * disk.f_bavail / disk.f_blocks
        yield Concern(f"The disk of the queue has only {free:.1f} % free", "/settings", grave=True)


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number:,} jobs"
