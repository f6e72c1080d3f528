"""How a test gets a queue to where it wants it, and looks at all that a queue tells.

By the verbs of the contract only.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import Event, State
from queuectl_core.retry import Bury, Complete, Release, Retry, Stop
from queuectl_core.run import Claim
from tests import halves
from tests.builders import NOW_MS, completed, jobs_of, new_job, new_worker, result_for, retried

if TYPE_CHECKING:
    from typing import Any

    from queuectl_core.job import Job
    from queuectl_core.run import Attempt
    from queuectl_core.storage.records import DeadWorker, JobEvent
    from queuectl_core.storage.store import Store
    from tests.conformance.engines import Engine

ALL = 1_000_000
WORKER = 1

EVERY_STATE = [
    State.PROCESSING, State.COMPLETED, State.DEAD, State.CANCELLED, State.FAILED, State.PENDING,
]  # fmt: skip
"""In an order that `put` can take: a waiting job would be claimed in the place of a later one."""

VERDICTS = {
    Event.COMPLETE: Complete(),
    Event.FAIL: Retry(NOW_MS),
    Event.BURY: Bury("exit"),
    Event.STOP: Stop(),
    Event.RELEASE: Release(),
}


def enqueue(store: Store, *, now_ms: int = NOW_MS, **fields: Any) -> int:
    """Add one job; return its number."""
    (added,) = store.enqueue([new_job(**fields)], now_ms=now_ms)
    return added.number


def claim(store: Store, *, worker: int = WORKER, now_ms: int = NOW_MS) -> Claim:
    """Claim the one job that is due."""
    (taken,) = halves.claim(store, worker=worker, limit=1, now_ms=now_ms)
    return taken


def claimed(store: Store, *, worker: int = WORKER, now_ms: int = NOW_MS, **fields: Any) -> Claim:
    """Add one job to a queue where nothing is due, and claim it."""
    number = enqueue(store, now_ms=now_ms, **fields)
    taken = claim(store, worker=worker, now_ms=now_ms)
    assert taken.job.number == number
    return taken


def put(store: Store, state: State, **fields: Any) -> tuple[int, Claim]:
    """Add a job and lead it to `state`; return its number and its last claim.

    Where it never had one, the claim is invented.
    """
    number = enqueue(store, **fields)
    if state is State.PENDING:
        return number, invented_claim(store, number)
    if state is State.CANCELLED:
        store.cancel([number], now_ms=NOW_MS)
        return number, invented_claim(store, number)
    taken = claim(store)
    assert taken.job.number == number
    ways = {
        State.COMPLETED: completed(taken),
        State.FAILED: retried(taken, run_at_ms=NOW_MS),
        State.DEAD: result_for(taken, Bury("exit")),
    }
    if state is not State.PROCESSING:
        assert halves.finish(store, [ways[state]], now_ms=NOW_MS) == [True]
    return number, taken


def invented_claim(store: Store, number: int) -> Claim:
    """Return a claim that the store never gave."""
    found = store.job_by_number(number)
    assert found is not None
    return Claim(found._replace(starts=1, worker=WORKER, started_at_ms=NOW_MS), 4711)


def leave_behind(engine: Engine, **fields: Any) -> tuple[int, Claim]:
    """Let a worker claim a job and go without a word; return its id and the claim."""
    lost = engine.open()
    worker = lost.register(new_worker(), now_ms=NOW_MS)
    taken = claimed(lost, worker=worker, **fields)
    engine.shut(lost)
    return worker, taken


def dead_worker(store: Store, worker: int) -> DeadWorker:
    """Take the dead worker of that id, and let all others go."""
    found = store.take_dead_workers()
    for other in found:
        if other.id != worker:
            other.release()
    (wanted,) = [dead for dead in found if dead.id == worker]
    return wanted


def job_of(store: Store, number: int) -> Job:
    """Return the job that must be there."""
    found = store.job_by_number(number)
    assert found is not None
    return found


class View(NamedTuple):
    """All that a queue tells of its jobs."""

    jobs: list[Job]
    counts: dict[tuple[str, State], int]
    totals: dict[str, tuple[int, int]]
    events: list[JobEvent]
    attempts: list[Attempt]


def totals(store: Store) -> dict[str, tuple[int, int]]:
    """Return how often each event happened in all, and the time of the runs that it ended.

    Without the runs of hooks, of which Store.events does not tell.
    """
    sums: dict[str, tuple[int, int]] = {}
    for figure in store.insight().figures(since_ms=0):
        if figure.queue == HOOKS_QUEUE:
            continue
        events, duration_ms = sums.get(figure.event, (0, 0))
        sums[figure.event] = (events + figure.events, duration_ms + figure.duration_ms)
    return sums


def view(store: Store) -> View:
    """Look at everything."""
    jobs = [*jobs_of(store), *jobs_of(store, queue=HOOKS_QUEUE)]
    return View(
        jobs,
        {(count.queue, count.state): count.jobs for count in store.counts() if count.jobs},
        totals(store),
        store.events(limit=ALL),
        [attempt for job in jobs for attempt in store.attempts(job.number)],
    )


def assert_figures_are_true(store: Store) -> None:
    """Check the kept figures against the rows that they stand for."""
    seen = view(store)
    assert seen.counts == Counter((job.queue, job.state) for job in seen.jobs)
    happened = Counter(event.event for event in seen.events)
    durations_ms = Counter[str]()
    for event in seen.events:
        durations_ms[event.event] += event.duration_ms or 0
    assert seen.totals == {event: (times, durations_ms[event]) for event, times in happened.items()}
