"""Wait for jobs to end, by polling: the queue wakes workers, nobody else."""

from __future__ import annotations

from queuectl_core.lifecycle import FINAL, STATES
from queuectl_core.selection import Selection
from queuectl_core.services import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.job import Job
    from queuectl_core.storage.store import Store

FIRST_POLL_MS, LAST_POLL_MS = 50, 250
FEW = 1000
"""So many jobs are asked after in each poll; of more, the first ones that have not ended."""
UNFINISHED = tuple(state for state in STATES.values() if state not in FINAL)


def ends(
    store: Store, numbers: Sequence[int], *, clock: Clock, deadline_ms: int | None
) -> Iterator[tuple[Job | None, int]]:
    """Yield each job once it is final, with its number, until all are or the time is over.

    None for a job that is gone. Those that have ended by one look come in the order given.
    `deadline_ms` is of the clock that never jumps.
    """
    waited = list(reversed(numbers))
    pause_ms = FIRST_POLL_MS
    while True:
        still = []
        for number in _take(waited):
            job = store.job_by_number(number)
            if job is None or job.state in FINAL:
                yield job, number
            else:
                still.append(number)
        if not still and waited:
            continue
        waited += reversed(still)
        if not waited or not _pause(clock, pause_ms, deadline_ms):
            return
        pause_ms = min(pause_ms * 5 // 4, LAST_POLL_MS)


def _take(waited: list[int]) -> list[int]:
    """Take the next few off the end, in their order."""
    taken = waited[: -FEW - 1 : -1]
    del waited[-FEW:]
    return taken


def _pause(clock: Clock, span_ms: int, deadline_ms: int | None) -> bool:
    """Let a moment pass; False when the time was over already."""
    if deadline_ms is None:
        clock.pause(span_ms)
        return True
    left_ms = deadline_ms - clock.monotonic_ms()
    if left_ms > 0:
        clock.pause(min(span_ms, left_ms))
    return left_ms > 0


def drained(
    store: Store, *, queues: Sequence[str] | None, clock: Clock, deadline_ms: int | None
) -> bool:
    """Wait until nothing is due, runs or waits for a retry; False when the time was over first."""
    return until(
        lambda: not store.unsettled(now_ms=clock.now_ms(), queues=queues),
        clock=clock,
        deadline_ms=deadline_ms,
    )


def until(is_so: Callable[[], bool], *, clock: Clock, deadline_ms: int | None) -> bool:
    """Wait until something is so; False when the time was over first."""
    pause_ms = FIRST_POLL_MS
    while not is_so():
        if not _pause(clock, pause_ms, deadline_ms):
            return False
        pause_ms = min(pause_ms * 5 // 4, LAST_POLL_MS)
    return True


def unfinished(store: Store, *, queue: str | None) -> list[int]:
    """Return the numbers of the jobs that wait or run now, the oldest first."""
    selection = Selection(states=UNFINISHED, queue=queue)
    return sorted(job.number for page in listing.pages(store, selection) for job in page)
