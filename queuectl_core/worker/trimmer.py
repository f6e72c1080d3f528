"""Keeps the log of changes beside the queue file short, and says when a reader prevents that."""

from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.clock import Clock
    from queuectl_core.storage.store import Store

TRIM_BYTES = 4 << 20
"""SQLite empties the log by itself at 2 MiB, as long as nobody reads an old state."""
WARN_BYTES = 64 << 20
WARN_EVERY_MS = 600_000
log = logging.getLogger(__name__)


class Trimmer:
    """For one thread; `look` every some seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._warn_at_ms = 0

    def look(self) -> None:
        """Empty a log that has grown; warn, once in ten minutes, about one that can't be."""
        size_bytes = self._store.trim_log(above_bytes=TRIM_BYTES)
        now_ms = self._clock.monotonic_ms()
        if size_bytes <= WARN_BYTES or now_ms < self._warn_at_ms:
            return
        self._warn_at_ms = now_ms + WARN_EVERY_MS
        log.warning(
            "the queue's -wal file has %d MiB and can't be emptied: a program has been reading the"
            " queue for long (fuser -v FILE names it); it shrinks when that ends",
            size_bytes >> 20,
        )
