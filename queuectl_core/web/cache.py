"""Pages kept for a second: however many tabs show one, it is rendered once. Safe for threads."""

from __future__ import annotations

from threading import Lock
from typing import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from queuectl_core.clock import Clock

Item = TypeVar("Item")
KEPT_MS = 1_000
_MOST = 256


class PageCache(Generic[Item]):
    """Answers by what makes them differ, each for a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[Hashable, tuple[int, Item]] = {}

    def get(self, key: Hashable) -> Item | None:
        """Return an answer that is younger than a second, or None."""
        with self._lock:
            until_ms, answer = self._kept.get(key, (0, None))
        return answer if self._clock.monotonic_ms() < until_ms else None

    def put(self, key: Hashable, answer: Item) -> None:
        """Keep an answer; the one kept longest makes room."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (self._clock.monotonic_ms() + KEPT_MS, answer)
            if len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]

    def clear(self) -> None:
        """Forget all: something was changed."""
        with self._lock:
            self._kept.clear()
