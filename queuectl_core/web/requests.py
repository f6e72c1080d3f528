"""How many requests were answered, and how long that took: for Prometheus. Safe for threads."""

from __future__ import annotations

from threading import Lock

from queuectl_core.services.prometheus import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.services.prometheus import Sample

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE"})
_KINDS = (("/api/", "api"), ("/static/", "file"), ("/metrics", "metrics"))
_PROBES = ("/healthz", "/readyz", "/livez/")


def kind_of(path: str) -> str:
    """Return what a path is about, in one of a few words."""
    if path.startswith(_PROBES):
        return "probe"
    if path.startswith("/metrics-ui"):
        return "page"
    return next((kind for prefix, kind in _KINDS if path.startswith(prefix)), "page")


class Requests:
    """Requests of this process by kind, method and status."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[str, tuple[float, int]] = {}

    def count(self, path: str, method: str, status: int, seconds: float) -> None:
        """Note one that was answered."""
        kind = kind_of(path)
        key = (kind, method if method in METHODS else "other", status)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            total, times = self._seconds.get(kind, (0.0, 0))
            self._seconds[kind] = (total + seconds, times + 1)

    def families(self) -> list[Family]:
        """Return them as metrics; they begin at zero with the process."""
        with self._lock:
            counts, times = dict(self._counts), dict(self._seconds)
        requests: list[Sample] = [
            ("", {"kind": kind, "method": method, "code": str(status)}, number)
            for (kind, method, status), number in sorted(counts.items())
        ]
        spans: list[Sample] = []
        for kind, (total, number) in sorted(times.items()):
            spans.append(("_sum", {"kind": kind}, round(total, 6)))
            spans.append(("_count", {"kind": kind}, number))
        return [
            Family("queuectl_http_requests_total", "counter", "Requests answered.", requests),
            Family("queuectl_http_request_duration_seconds", "summary",
                   "Time to make an answer.", spans),
        ]  # fmt: skip
