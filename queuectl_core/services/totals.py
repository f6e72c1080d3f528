"""What happened since a queue began, added up once: afterwards only the last minutes are looked at.

For a process that is asked again and again: a scrape, a page. Owned by nobody, safe for threads.
"""

from __future__ import annotations

from threading import Lock

from queuectl_core.storage.records import Figure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queuectl_core.storage.store import Store

MINUTE_MS = 60_000
OPEN_MS = 10 * MINUTE_MS
"""Minutes that a transaction may still write to: one that waited for the lock is at its end after a
minute at most."""


class Totals:
    """The sums up to a moment, which goes on with the clock."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until_ms = 0
        self._sums: dict[tuple[str, str], tuple[int, int]] = {}

    def figures(self, store: Store, *, now_ms: int) -> list[Figure]:
        """Return how often each event happened in each queue, as Insight.figures does from zero."""
        insight = store.insight()
        closed_ms = (now_ms - OPEN_MS) // MINUTE_MS * MINUTE_MS
        with self._lock:
            if closed_ms > self._until_ms:
                closed = insight.figures(since_ms=self._until_ms, until_ms=closed_ms)
                self._sums = _added(self._sums, closed)
                self._until_ms = closed_ms
            sums, since_ms = self._sums, self._until_ms
        sums = _added(sums, insight.figures(since_ms=since_ms))
        return [Figure(*key, *figures) for key, figures in sorted(sums.items())]


def _added(
    sums: dict[tuple[str, str], tuple[int, int]], figures: Sequence[Figure] | Iterable[Figure]
) -> dict[tuple[str, str], tuple[int, int]]:
    added = dict(sums)
    for row in figures:
        events, duration_ms = added.get((row.queue, row.event), (0, 0))
        added[row.queue, row.event] = (events + row.events, duration_ms + row.duration_ms)
    return added
