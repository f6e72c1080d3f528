"""The contract on what jobs wait for besides their time: a group of verbs beside those on jobs.

How a wish comes into the queue is `enqueue`'s, and the claim's that it is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job
    from queuectl_core.lifecycle import State
    from queuectl_core.storage.records import Relative


class FlowVerbs(Protocol):
    """Holding back and going on."""

    def hold(self, numbers: Sequence[int], *, now_ms: int) -> list[State | None]:
        """Hold jobs back that wait; return the state of each before, None: no such job.

        Only `pending` and `failed` jobs are held. One that was held stays so.
        """

    def unhold(self, numbers: Sequence[int], *, now_ms: int) -> list[bool]:
        """Let held jobs go; tell for each whether it was held."""

    def settle_waiting(self, *, now_ms: int) -> bool:
        """Expire jobs whose time is over, and tell children of ends that were too many at once.

        A chunk, so that others can write in between: call it again while it says that there is
        more. Without anything to do it only reads.
        """

    def parents(self, number: int, *, limit: int = 10) -> list[Relative]:
        """Return the jobs that a job still waits for, the oldest first."""

    def children(self, number: int, *, limit: int = 10) -> list[Relative]:
        """Return the jobs that still wait for a job, the oldest first."""

    def holders(self, mutex: str, *, limit: int = 10) -> list[Job]:
        """Return the running jobs that hold a mutex, the oldest first."""
