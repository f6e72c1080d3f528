"""The SQLite side of storage/insight.py, which has the docstrings."""

from __future__ import annotations

import apsw

from queuectl_core.job import HIGHEST_PRIORITY
from queuectl_core.storage.records import Burials, Figure
from queuectl_core.storage.sqlite import series
from queuectl_core.storage.sqlite import statements_heads as heads_sql
from queuectl_core.storage.sqlite import statements_insight as sql
from queuectl_core.storage.sqlite.connection import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.job import Job
    from queuectl_core.storage.series_records import EventPage, Flow, PastEvent, Run
    from queuectl_core.storage.sqlite.rows import Row

MINUTE_MS = 60_000
LAST = 2**63 - 1


class SqliteInsight:
    """Questions to one open connection."""

    def __init__(self, connection: apsw.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def ahead(self, job: Job, *, queues: Sequence[str] | None, now_ms: int, most: int) -> int:
        """See Insight.ahead."""
        found = 0
        for (queue,) in self._rows(heads_sql.OPEN_QUEUES):
            if queues is not None and queue not in queues:
                continue
            place = {"queue": queue, "run_at_ms": job.run_at_ms, "number": job.number}
            for priority in range(HIGHEST_PRIORITY, job.priority - 1, -1):
                statement = sql.COUNT_EARLIER if priority == job.priority else sql.COUNT_DUE
                values = {"priority": priority, "now_ms": now_ms, "most": most - found}
                found += self._rows(statement, place | values)[0][0]
        return found

    def figures(self, *, since_ms: int, until_ms: int | None = None) -> list[Figure]:
        """See Insight.figures."""
        until = LAST if until_ms is None else until_ms // MINUTE_MS
        values = {"since": since_ms // MINUTE_MS, "until": until}
        return [Figure._make(row) for row in self._rows(sql.FIGURES, values)]

    def burials(self, *, queue: str | None = None) -> list[Burials]:
        """See Insight.burials."""
        if queue is None:
            return [Burials._make(row) for row in self._rows(sql.BURIALS)]
        return [Burials._make(row) for row in self._rows(sql.BURIALS_IN_QUEUE, {"queue": queue})]

    def flow(self, *, since_ms: int, step_ms: int) -> list[Flow]:
        """See Series.flow."""
        return series.flow(self._rows, since_ms=since_ms, step_ms=step_ms)

    def runs(self, *, since_ms: int, limit: int) -> list[Run]:
        """See Series.runs."""
        return series.runs(self._rows, since_ms=since_ms, limit=limit)

    def history(
        self, *, below: int | None, limit: int, events: Sequence[str] = (), job: int | None = None
    ) -> EventPage:
        """See Series.history."""
        return series.history(self._rows, below=below, limit=limit, events=events, job=job)

    def happened(self, *, after: int, limit: int) -> list[PastEvent]:
        """See Series.happened."""
        return series.happened(self._rows, after=after, limit=limit)

    def _rows(
        self, statement: str, values: Mapping[str, apsw.SQLiteValue] | None = None
    ) -> list[Row]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error
