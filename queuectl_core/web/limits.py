"""How often an address may be wrong about its token. Safe for threads."""

from __future__ import annotations

from threading import Lock

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
