"""A queue that is not there: it answers every question, and nothing is created for that."""

from __future__ import annotations

import apsw

from queuectl_core.storage.sqlite import files
from queuectl_core.storage.sqlite.engine import SqliteStore
from queuectl_core.storage.sqlite.migrations import MIGRATIONS


class SqliteNothing(SqliteStore):
    """The verbs that look, on an empty queue in memory. It has no gate: no other verb works."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._workers_dir = files.workers_dir(path)
        self._presence = None
        self._connection = apsw.Connection(":memory:")
        for migration in MIGRATIONS:
            self._connection.execute(migration.script).fetchall()

    def close(self) -> None:
        """Forget it."""
        self._connection.close()
