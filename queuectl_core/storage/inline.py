"""The contract of running one job at once, by whoever adds it. See storage/store.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from queuectl_core.job import Enqueued, NewJob
    from queuectl_core.run import Claim
    from queuectl_core.storage.records import Result


class Inline(Protocol):
    """To hold one job from its birth to its end, whatever other workers look for."""

    def enqueue_and_claim(
        self, job: NewJob, *, worker: int, now_ms: int, on_conflict: str = "error"
    ) -> Claim | Enqueued:
        """Add a job and take it for the worker, in one transaction: it never waits for anybody.

        Where its id exists and `on_conflict` is `skip`, tell of the old job and take nothing.
        Raises MutexHeld, and adds nothing, where as many jobs as its mutex allows run now; those
        that merely wait for it are passed by. Raises QueueFull where its queue is at its
        concurrency or its rate, QueueDrains where it is drained.
        """

    def finish_and_reclaim(self, result: Result, *, worker: int, now_ms: int) -> Claim | None:
        """Record how a run failed and take the job again for its next one, before it is due.

        In one transaction, as nobody else may take it in between. None: there is no next one, since
        its user cancelled the job, its queue has a rate and the retry is a worker's, or the claim
        was lost and nothing was written.
        """
