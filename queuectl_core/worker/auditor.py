"""Doubts a queue that says there is work and gives none, and has it checked.

Of a file that lost a part of its last page SQLite reads the rest as zeros and says nothing: rows
are gone that an index or a figure still counts, and a worker would wait for them for ever.
"""

from __future__ import annotations

import logging

from queuectl_core.errors import StorageDamaged
from queuectl_core.storage import examine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.clock import Clock
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.plan import Plan

DOUBT_MS = 3_000
"""How long the same job may be due while nobody here has anything to do."""
TRUST_MS = 600_000
"""How long a queue is trusted that was found sound: a check reads all of it."""
log = logging.getLogger(__name__)


class Auditor:
    """For one thread; `look` about once a second."""

    def __init__(self, store: Store, plan: Plan, clock: Clock) -> None:
        self._store = store
        self._plan = plan
        self._clock = clock
        self._wonder: tuple[int | None, int] | None = None  # about a moment, since when
        self._trust_until_ms = 0

    def look(self, is_idle: Callable[[], bool]) -> None:
        """Check the queue once its word has been in doubt for DOUBT_MS; else return at once.

        `is_idle` tells whether every thread would take a job if there were one. Raises
        StorageDamaged, with what is wrong.
        """
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._trust_until_ms:
            return
        due_ms = self._store.next_start_ms(queues=self._plan.queues)
        if not is_idle() or not self._is_doubtful(due_ms):
            self._wonder = None
        elif self._wonder is None or self._wonder[0] != due_ms:
            self._wonder = (due_ms, now_ms)
        elif now_ms - self._wonder[1] >= DOUBT_MS:
            self._wonder = None
            self._check()
            self._trust_until_ms = self._clock.monotonic_ms() + TRUST_MS

    def _is_doubtful(self, due_ms: int | None) -> bool:
        """Tell whether a job is due, or, for who drains, whether one is counted that is nowhere."""
        now_ms = self._clock.now_ms()
        if due_ms is not None:
            return due_ms <= now_ms
        return (
            self._plan.drain
            and self._store.unsettled(now_ms=now_ms, queues=self._plan.queues)
            and not any(worker.running for worker in self._store.workers())
        )

    def _check(self) -> None:
        log.warning("there should be a job to run, but none is found; checking the queue")
        path = self._plan.db_path
        examiner = examine(path)
        try:
            damage = examiner.damage()
            if damage is not None:
                raise StorageDamaged(
                    f"{path} is damaged ({damage})",
                    hint="stop the workers, then: queuectl restore BACKUP; it keeps what is there",
                )
            if self._plan.drain and examiner.miscounts():
                raise StorageDamaged(
                    f"{path} counts jobs that are not there", hint="queuectl doctor --fix"
                )
        finally:
            examiner.close()
