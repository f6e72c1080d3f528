"""Sees to what comes with time alone: expired jobs, children not told yet, runs that take long."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.clock import Clock
    from queuectl_core.storage.store import Store

SLICE_MS = 50


class Waker:
    """For one thread; `look` every second or so. An idle look only reads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def look(self) -> None:
        """Work for about SLICE_MS at each."""
        self._work(lambda now_ms: self._store.settle_waiting(now_ms=now_ms))
        self._work(lambda now_ms: self._store.hooks().tell_of_slow(now_ms=now_ms) > 0)

    def _work(self, some: Callable[[int], bool]) -> None:
        until_ms = self._clock.monotonic_ms() + SLICE_MS
        while some(self._clock.now_ms()):
            if self._clock.monotonic_ms() >= until_ms:
                return
