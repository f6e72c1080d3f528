"""Where jobs are kept. The only place that picks an engine."""

from __future__ import annotations

from queuectl_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Store


def open_store(url: str, *, now_ms: int) -> Store:
    """Open the queue at `url`, a path of a queue file, and create it where there is none.

    Raises NewerVersion, StorageDamaged, NoPermission; see storage/sqlite/connection.py.
    """
    if "://" in url:
        raise UsageError(
            f"this version keeps its queue in a file, not at {url.partition('://')[0]}://",
            hint="give a path: --db /var/lib/queuectl/queue.db",
        )
    from queuectl_core.storage.sqlite.engine import SqliteStore

    return SqliteStore(url, now_ms=now_ms)
