"""The ways to what few commands need. Their docstrings: storage/doors.py."""

from __future__ import annotations

from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite.flow import SqliteFlow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.access import SqliteAccess
    from queuectl_core.storage.sqlite.hooks import SqliteHooks
    from queuectl_core.storage.sqlite.insight import SqliteInsight
    from queuectl_core.storage.sqlite.schedules import SqliteSchedules


class SqliteDoors(SqliteFlow):
    """One connection to a queue file, and what else can be done over it."""

    def insight(self) -> SqliteInsight:
        from queuectl_core.storage.sqlite.insight import (  # noqa: PLC0415 - for few verbs only
            SqliteInsight,
        )

        return SqliteInsight(self._connection, self._path)

    def access(self) -> SqliteAccess:
        from queuectl_core.storage.sqlite.access import (  # noqa: PLC0415 - for the dashboard only
            SqliteAccess,
        )

        return SqliteAccess(self._connection, self._path, self._writing)

    def hooks(self) -> SqliteHooks:
        from queuectl_core.storage.sqlite.hooks import SqliteHooks  # noqa: PLC0415 - few have any

        return SqliteHooks(self._connection, self._path, self._writing, self._tell)

    def schedule_states(self, *, now_ms: int) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in self._rows(sql.SCHEDULE_STATES, {"now_ms": now_ms})]

    def schedules(self) -> SqliteSchedules:
        from queuectl_core.storage.sqlite.schedules import (  # noqa: PLC0415 - for few verbs only
            SqliteSchedules,
        )

        return SqliteSchedules(self._connection, self._path, self._writing, self._workers_dir)
