"""A clock that stands still until a test moves it."""

from __future__ import annotations

from threading import Event, Lock

from tests.builders import NOW_MS


class ManualClock:
    """Fulfils queuectl_core.clock.Clock. A wait that nobody ends lets its span pass at once."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self._lock = Lock()
        self._now_ms = now_ms
        self._monotonic_ms = 0
        self.waits_ms: list[int] = []

    def now_ms(self) -> int:
        """Return the wall clock."""
        with self._lock:
            return self._now_ms

    def monotonic_ms(self) -> int:
        """Return the clock that `jump` does not move."""
        with self._lock:
            return self._monotonic_ms

    def advance(self, span_ms: int) -> int:
        """Let time pass on both clocks; return the new wall clock."""
        with self._lock:
            self._now_ms += span_ms
            self._monotonic_ms += span_ms
            return self._now_ms

    def jump(self, span_ms: int) -> int:
        """Set the wall clock forward, or back, as an operator or NTP does; return it."""
        with self._lock:
            self._now_ms += span_ms
            return self._now_ms

    def wait(self, event: Event, timeout_ms: int) -> bool:
        """Return at once when `event` is set; else let `timeout_ms` pass without waiting for it."""
        self.waits_ms.append(timeout_ms)
        if not event.is_set():
            self.advance(timeout_ms)
        return event.is_set()

    def pause(self, span_ms: int) -> None:
        """Let `span_ms` pass."""
        self.waits_ms.append(span_ms)
        self.advance(span_ms)
