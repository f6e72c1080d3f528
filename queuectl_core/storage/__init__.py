"""Where jobs are kept. The only place that picks an engine."""

from __future__ import annotations

from queuectl_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.store import Intake, Store


def open_store(url: str, *, now_ms: int) -> Store:
    """Open the queue at `url`, a path of a queue file, and create it where there is none.

    Raises NewerVersion, StorageDamaged, NoPermission; see storage/sqlite/connection.py.
    """
    _refuse_server(url)
    from queuectl_core.storage.sqlite.engine import SqliteStore

    return SqliteStore(url, now_ms=now_ms)


def open_intake(url: str, *, now_ms: int) -> Intake:
    """Open the queue as `open_store` does, to add jobs only: 1 ms less of a cold start."""
    _refuse_server(url)
    from queuectl_core.storage.sqlite.intake import SqliteIntake

    return SqliteIntake(url, now_ms=now_ms)


def _refuse_server(url: str) -> None:
    if "://" in url:
        raise UsageError(
            f"this version keeps its queue in a file, not at {url.partition('://')[0]}://",
            hint="give a path: --db /var/lib/queuectl/queue.db",
        )
