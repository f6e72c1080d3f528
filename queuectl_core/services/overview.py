"""The whole queue at one moment, and how fast it moves: what a live view shows."""

from __future__ import annotations

from collections import deque

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import CLAIMABLE, STATES, State
from queuectl_core.records import Record
from queuectl_core.services import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.job import Job
    from queuectl_core.services.workers import Health
    from queuectl_core.storage.records import Count
    from queuectl_core.storage.store import Store

RATES: Mapping[str, tuple[str, ...]] = {
    "added": ("enqueue",),
    "started": ("claim",),
    "completed": ("complete",),
    "failed": ("fail", "bury"),
}
SPAN_MS = 60_000
"""Rates are of so long a time, or of what there is of it since the view began."""


class QueueRow(Record):
    """One queue. `oldest_due_ms` is how long its most overdue job waits; None: none is due."""

    name: str
    counts: Mapping[State, int]
    oldest_due_ms: int | None

    @property
    def depth(self) -> int:
        """The jobs that wait."""
        return sum(self.counts[state] for state in CLAIMABLE)


class Overview(Record):
    """A moment. `rates` are events a second, by the words of RATES; empty at the first look."""

    now_ms: int
    counts: Mapping[State, int]
    rates: Mapping[str, float]
    queues: Sequence[QueueRow]
    crew: Sequence[Health]
    running: Sequence[Job]


class Watcher:
    """Takes one overview after the other, and remembers the sums of a minute for the rates."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms = clock.now_ms()
        self._sums: deque[tuple[int, dict[str, int]]] = deque()

    def look(self, store: Store) -> Overview:
        """Return how the queue stands now. Counts no rows."""
        now_ms = self._clock.now_ms()
        counts = store.counts()
        crew = workers.health(store, now_ms=now_ms)
        return Overview(
            now_ms=now_ms,
            counts=_by_state([count for count in counts if count.queue != HOOKS_QUEUE]),
            rates=self._rates(store),
            queues=[
                QueueRow(
                    name,
                    _by_state([count for count in counts if count.queue == name]),
                    _oldest_due_ms(store, name, now_ms),
                )
                for name in sorted({count.queue for count in counts})
            ],
            crew=crew,
            running=[job for row in crew for job in row.worker.running],
        )

    def _rates(self, store: Store) -> dict[str, float]:
        sums = dict.fromkeys(RATES, 0)
        for figure in store.insight().figures(since_ms=self._since_ms):
            if figure.queue == HOOKS_QUEUE:
                continue
            for word, events in RATES.items():
                sums[word] += figure.events if figure.event in events else 0
        at_ms = self._clock.monotonic_ms()
        self._sums.append((at_ms, sums))
        while at_ms - self._sums[0][0] > SPAN_MS:
            self._sums.popleft()
        then_ms, before = self._sums[0]
        if at_ms == then_ms:
            return {}
        return {word: (sums[word] - before[word]) * 1000 / (at_ms - then_ms) for word in RATES}


def _by_state(counts: Sequence[Count]) -> dict[State, int]:
    sums = dict.fromkeys(STATES.values(), 0)
    for count in counts:
        sums[count.state] += count.jobs
    return sums


def _oldest_due_ms(store: Store, queue: str, now_ms: int) -> int | None:
    due_ms = store.next_due_ms(queues=[queue])
    return None if due_ms is None or due_ms > now_ms else now_ms - due_ms
