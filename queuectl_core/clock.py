"""The only reader of time. Everything else is given `now_ms` or a Clock.

A moment is an integer of milliseconds since the epoch in UTC; a span that must not jump with the
wall clock is measured by `monotonic_ms`.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Event
    from typing import Protocol

    class Clock(Protocol):
        """What the product needs to know of time; tests move a ManualClock instead."""

        def now_ms(self) -> int:
            """Return the wall clock: epoch milliseconds, UTC. May jump."""

        def monotonic_ms(self) -> int:
            """Return milliseconds of a clock that never jumps back and has no epoch."""

        def wait(self, event: Event, timeout_ms: int) -> bool:
            """Wait until `event` is set or `timeout_ms` passed; tell whether it is set."""

        def pause(self, span_ms: int) -> None:
            """Let `span_ms` pass. Only for polls in the foreground, where nothing could wake us."""


class SystemClock:
    """The clocks of the kernel."""

    def now_ms(self) -> int:
        """Return CLOCK_REALTIME in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return CLOCK_MONOTONIC in milliseconds; it stands still while the machine sleeps."""
        return time.monotonic_ns() // 1_000_000

    def wait(self, event: Event, timeout_ms: int) -> bool:
        """Wait for `event`, at most `timeout_ms`; tell whether it is set."""
        return event.wait(timeout_ms / 1000)

    def pause(self, span_ms: int) -> None:
        """Sleep for `span_ms`."""
        time.sleep(span_ms / 1000)
