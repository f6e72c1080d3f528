"""Sees to jobs that wait for more than their time: expired ones, and children not told yet."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.clock import Clock
    from queuectl_core.storage.store import Store

SLICE_MS = 50


class Waker:
    """For one thread; `look` every second or so. An idle look only reads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def look(self) -> None:
        """Work for about SLICE_MS."""
        until_ms = self._clock.monotonic_ms() + SLICE_MS
        while self._store.settle_waiting(now_ms=self._clock.now_ms()):
            if self._clock.monotonic_ms() >= until_ms:
                return
