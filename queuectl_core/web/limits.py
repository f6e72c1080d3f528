"""How often an address may be wrong about its token, how many may wait. Safe for threads."""

from __future__ import annotations

from threading import BoundedSemaphore, Lock

from queuectl_core.errors import QueuectlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.clock import Clock

MOST_FAILURES = 5
SPAN_MS = 60_000
_MOST_ADDRESSES = 1000


class TooMany(QueuectlError):
    """Too many wrong tokens came from this address."""

    message = "too many wrong tokens came from this address"
    http_status = 429
    hint = "wait a minute"


class TooManyWait(QueuectlError):
    """Too many requests wait for events already."""

    message = "too many requests wait for events already"
    http_status = 503
    hint = "ask again without wait, or a little later"


class Waiters:
    """Places for requests that wait: each keeps a thread of the server."""

    def __init__(self, places: int) -> None:
        self._places = BoundedSemaphore(places)

    def __enter__(self) -> None:
        """Take a place; TooManyWait where none is left."""
        if not self._places.acquire(blocking=False):
            raise TooManyWait

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._places.release()


class Failures:
    """The moments of wrong tokens by address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._moments: dict[str, list[int]] = {}

    def check(self, address: str) -> None:
        """Raise TooMany where an address was wrong five times within a minute."""
        with self._lock:
            if len(self._recent(address)) >= MOST_FAILURES:
                raise TooMany

    def add(self, address: str) -> None:
        """Note that an address was wrong."""
        with self._lock:
            moments = [*self._recent(address), self._clock.monotonic_ms()]
            self._moments.pop(address, None)
            self._moments[address] = moments[-MOST_FAILURES:]
            if len(self._moments) > _MOST_ADDRESSES:
                del self._moments[next(iter(self._moments))]

    def _recent(self, address: str) -> list[int]:
        since_ms = self._clock.monotonic_ms() - SPAN_MS
        return [at_ms for at_ms in self._moments.get(address, ()) if at_ms > since_ms]
