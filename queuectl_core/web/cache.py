"""Pages kept for a second, and figures for some: however many tabs show them, they are made once.

Safe for threads.
"""

from __future__ import annotations

from threading import Lock
from typing import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

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


class Memo:
    """Figures that cost some milliseconds to make. They may be a few seconds old.

    Each is made by one thread at a time: the others get the one before it, if there is one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[Hashable, tuple[int, object]] = {}
        self._making: set[Hashable] = set()
        self._cleared = 0

    def get(self, key: Hashable, age_ms: int, make: Callable[[], Item]) -> Item:
        """Return what was made less than `age_ms` ago, or make it."""
        now_ms = self._clock.monotonic_ms()
        with self._lock:
            times = self._cleared
            at_ms, found = self._kept.get(key, (0, None))
            fresh = now_ms - at_ms < age_ms
            if found is not None and (fresh or key in self._making):
                return found  # type: ignore[return-value] # what this key was made with
            self._making.add(key)
        try:
            made = make()
            with self._lock:
                if times == self._cleared:  # else it may be older than the change
                    self._kept[key] = (now_ms, made)
        finally:
            with self._lock:
                self._making.discard(key)
        return made

    def clear(self) -> None:
        """Forget all: something was changed."""
        with self._lock:
            self._cleared += 1
            self._kept.clear()
