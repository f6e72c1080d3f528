"""The contract of a queue's storage: verbs in the order of a job's life.

A Store is one connection, owned by one thread. No SQL and no driver type crosses this line; the
moment is always given. Every verb is atomic: it happens wholly and is on disk when it returns, or
it raises and changed nothing. All verbs may raise StorageBusy (try again), StorageFull,
StorageDamaged and StorageError.

Imported by type checkers alone, and by tests: a Protocol needs `typing`, which a cold start can't
afford.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from queuectl_core.storage.changes import Changes
from queuectl_core.storage.doors import Doors
from queuectl_core.storage.flow import FlowVerbs
from queuectl_core.storage.inline import Inline
from queuectl_core.storage.queues import Queues
from queuectl_core.storage.selections import Selections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from queuectl_core.job import Enqueued, Job, NewJob
    from queuectl_core.lifecycle import State
    from queuectl_core.run import Attempt, Claim
    from queuectl_core.storage.records import (
        Bell,
        Count,
        DeadWorker,
        JobEvent,
        NewWorker,
        Pruned,
        Result,
        WorkerRow,
    )


class Intake(Protocol):
    """One connection to one queue, to add jobs."""

    def enqueue(
        self, jobs: Sequence[NewJob], *, now_ms: int, on_conflict: str = "error"
    ) -> Sequence[Enqueued]:
        """Add jobs in the order given and wake idle workers; all of them or none.

        Where a text id exists, or a job with the same unique key: `error` raises JobExists and adds
        nothing; `skip` leaves the old job and says `created=False`; `replace` cancels the old job
        if it still waits, takes its id away from it, and adds the new one, but raises JobExists
        while the old one runs.
        Raises NotFound where a job is to wait for one that is not there, those before it in `jobs`
        included.
        """

    def prepare(
        self, jobs: Sequence[NewJob], *, now_ms: int, on_conflict: str = "error"
    ) -> Callable[[], Sequence[Enqueued]]:
        """Do what `enqueue` can do without the queue; return what does the rest when called.

        Touches nothing: any thread may prepare jobs, while the store's own one adds others. What
        comes back is for that one alone.
        """

    def close(self) -> None:
        """Close the connection."""


class Store(Intake, Selections, Queues, Changes, Inline, FlowVerbs, Doors, Protocol):
    """One connection to one queue."""

    # --- a job's life ---

    def finish_and_claim(
        self,
        results: Sequence[Result],
        *,
        worker: int,
        limit: int,
        now_ms: int,
        queues: Sequence[str] | None = None,
        ahead: int = 0,
    ) -> tuple[list[bool], list[Claim]]:
        """Record how runs ended, then take up to `limit` due jobs: the hot loop of a worker.

        One transaction and one sync. Tells for each result whether its claim held; False: it was
        lost (the job was rescued, perhaps runs again), and nothing of it was written. A run that
        is recorded leaves its attempt row.

        Takes jobs of all queues or of those given, fewer when fewer are due: highest priority
        first, then earliest run_at, then lowest number. Counts the start. No two claims ever hold
        one job, and each has a token of its own. Of the suspects in all queues (Job.suspect) one
        runs at a time: the others are passed over. `limit` 0: takes none.

        Up to `ahead` more are taken for starts that may be given up (retry.PutBack): the very next
        jobs, but only for their first start, and none that must not repeat after a crash, holds a
        mutex or expires.
        """

    def next_due_ms(self, *, queues: Sequence[str] | None = None) -> int | None:
        """Return the earliest run_at of all jobs that nothing of their own blocks, past or future.

        None without any. Jobs of paused queues can't, nor suspects while one runs. Jobs of queues
        that are at a limit are among them: so long they wait.
        """

    def unsettled(self, *, now_ms: int, queues: Sequence[str] | None = None) -> bool:
        """Tell whether any job is due, runs or waits for a retry: a draining worker's question.

        What waits in a paused queue is none of its business, or it would never end.
        """

    def cancel(self, numbers: Sequence[int], *, now_ms: int) -> list[State | None]:
        """Cancel jobs; return the state of each afterwards, None where there is no such job.

        A waiting job is `cancelled` at once. A running one stays `processing` with its cancel
        requested: its worker stops it. A final one stays what it is.
        """

    def cancel_requests(self, *, worker: int) -> list[int]:
        """Return the tokens of this worker's claims whose jobs a user wants stopped."""

    def revive(
        self, numbers: Sequence[int], *, now_ms: int, due_ms: Sequence[int] | None = None
    ) -> list[State | None]:
        """Make jobs pending again with attempts reset; return the state of each before.

        Due at once, or each at its moment of `due_ms`. None: no such job. `pending` and
        `processing` jobs are left alone. History stays.
        """

    def rescue(self, dead: DeadWorker, *, now_ms: int) -> list[Result]:
        """Take a dead worker's jobs back and forget the worker; return what became of each job.

        The crash counts as an attempt; which move follows is retry.after_death's to say. Call it
        only when the processes of those jobs are gone.
        """

    # --- looking ---

    def job_by_number(self, number: int) -> Job | None:
        """Return the job with that number, or None."""

    def job_by_id(self, job_id: str) -> Job | None:
        """Return the job with that text id, or None."""

    def attempts(self, number: int) -> list[Attempt]:
        """Return the finished starts of a job, the oldest first.

        The running one is in the job itself.
        """

    def events(self, *, limit: int) -> list[JobEvent]:
        """Return the last `limit` events of the queue, the newest first."""

    def counts(self) -> list[Count]:
        """Return how many jobs are in each queue and state; zero counts may be missing.

        Never counts rows.
        """

    # --- workers ---

    def register(self, worker: NewWorker, *, now_ms: int) -> int:
        """Make a worker known and hold its presence until this store is closed; return its id.

        The id is the lowest one that no live worker holds and no unrescued job names.
        """

    def heartbeat(self, worker: int, *, stopping: bool, now_ms: int) -> None:
        """Note that the worker's pool is awake.

        Not what liveness is judged by: see take_dead_workers.
        """

    def workers(self) -> list[WorkerRow]:
        """Return all known workers with the truth of whether each is alive and what it runs."""

    def take_dead_workers(self) -> list[DeadWorker]:
        """Return the workers that died.

        Each is held by us alone until it is rescued, or let go with `release`.
        """

    def retire(self, worker: int) -> None:
        """Forget a worker of ours that stopped in good order and holds no claim."""

    def bell(self, worker: int) -> Bell:
        """Return what rings when jobs were added, revived or cancelled.

        At most a hint, never the truth.
        """

    # --- upkeep ---

    def prune(self, *, before_ms: int | None, keep: int | None, limit: int, now_ms: int) -> Pruned:
        """Forget completed and cancelled jobs, their attempts too, in the order they ended.

        Those that ended before `before_ms`, and those beyond the `keep` newest; None: no such rule.
        Dead jobs stay, and so do jobs that wait or run. The history of events is cut where the last
        forgotten job ended, for all jobs; totals and counts stay true. A forgotten text id is free.
        Looks at `limit` events and figures at most, so that others can write in between: call it
        again while it says `more`.
        """

    def trim_log(self, *, above_bytes: int) -> int:
        """Put a log of changes that has grown above that size into the queue, and empty it.

        Return the bytes that it takes now: more than before where a reader still needs it, which is
        not waited for. Writers wait for some milliseconds at most. 0: the engine has no such log.
        """

    def compact(self) -> tuple[int, int]:
        """Give back the room of what was forgotten; return the bytes taken before and after.

        Writers wait meanwhile. Raises StorageFull where the disk has no room for it.
        """

    def backup(self, path: str) -> None:
        """Write a consistent copy to a new file while others go on writing."""

    def close(self) -> None:
        """Close the connection and give up the presence of a registered worker."""
