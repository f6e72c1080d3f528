"""What a worker was told to take at most: threads for a queue, jobs in all.

Claims are made one by one then, since each changes what the next one may be.
"""

from __future__ import annotations

from collections import Counter

from queuectl_core.worker.turnstile import Turnstile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.plan import Plan
    from queuectl_core.worker.reserve import Reserve
    from queuectl_core.worker.turnstile import Turn


def turnstile(plan: Plan, *, worker: int, clock: Clock, reserve: Reserve) -> Turnstile:
    """Return the turnstile for a plan: the plain one where nothing is limited."""
    plain = Turnstile(worker=worker, queues=plan.queues, clock=clock, reserve=reserve)
    if not plan.order.at_most and plan.order.max_jobs is None:
        return plain
    return LimitedTurnstile(plan, worker=worker, clock=clock, reserve=reserve)


class LimitedTurnstile(Turnstile):
    """Lets through what the limits allow; `used_up` once all jobs that it may take were taken."""

    def __init__(self, plan: Plan, *, worker: int, clock: Clock, reserve: Reserve) -> None:
        super().__init__(worker=worker, queues=plan.queues, clock=clock, reserve=reserve)
        self._at_most: Mapping[str, int] = plan.order.at_most or {}
        self._running: Counter[str] = Counter()
        self._left = plan.order.max_jobs

    @property
    def used_up(self) -> bool:
        """Tell whether no job may be taken any more."""
        return self._left == 0

    def _exchange_all(self, store: Store, turns: Sequence[Turn]) -> None:
        for turn in turns:
            self._exchange_alone(store, turn)

    def _commit(
        self, store: Store, turns: Sequence[Turn], wanting: Sequence[Turn], ahead: int
    ) -> None:
        del ahead  # what lies on a shelf would take the place of what may run
        super()._commit(store, turns, [] if self.used_up else wanting, 0)
        for turn in turns:
            self._running.subtract(result.claim.job.queue for result in turn.results)
            if turn.claim is not None:
                self._running[turn.claim.job.queue] += 1
                self._left = None if self._left is None else self._left - 1

    def _open_queues(self, turns: Sequence[Turn]) -> Sequence[str] | None:
        """Return the queues that have room once the results of these turns are in."""
        if self._queues is None:
            return None
        ending = Counter(result.claim.job.queue for turn in turns for result in turn.results)
        running = self._running - ending
        return [
            queue
            for queue in self._queues
            if queue not in self._at_most or running[queue] < self._at_most[queue]
        ]
