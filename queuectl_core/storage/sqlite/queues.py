"""The table of queues: one row for each that somebody has said something about.

Hooks hear of it.
"""

from __future__ import annotations

from queuectl_core.limits import Limits, Rate
from queuectl_core.storage.records import Pause, Standing
from queuectl_core.storage.sqlite import bell, horizon, limits
from queuectl_core.storage.sqlite import statements_limits as limits_sql
from queuectl_core.storage.sqlite import statements_queues as sql
from queuectl_core.storage.sqlite.intake import SqliteIntake
from queuectl_core.storage.sqlite.statements import ALL_QUEUES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.storage.sqlite.rows import Row

    Changes = Mapping[str, int | Rate | None]


class SqliteQueues(SqliteIntake):
    """The verbs on queues. Their docstrings: storage/queues.py."""

    def pause(self, queue: str | None, *, by: str, reason: str | None, now_ms: int) -> bool:
        name = ALL_QUEUES if queue is None else queue
        with self._writing(now_ms) as ledger:
            was = ledger.connection.execute(sql.IS_PAUSED, {"name": name}).get
            values = {"name": name, "by": by, "reason": reason, "now_ms": now_ms}
            ledger.connection.execute(sql.PAUSE, values)
            limits.look_again(ledger, name)
            if not was:
                ledger.tell("queue-paused", queue=queue, detail={"by": by, "reason": reason})
        if ledger.woke:
            bell.ring(self._workers_dir)
        return not was

    def resume(self, queue: str | None, *, now_ms: int) -> bool:
        with self._writing(now_ms) as ledger:
            stopped: list[Row] = ledger.connection.execute(sql.STOPPED).fetchall()
            resumed = [row for row in stopped if queue in {None, row[0]}]
            for name, _ in resumed:
                ledger.connection.execute(sql.RESUME, {"name": name})
                limits.look_again(ledger, name)
            if any(paused for _, paused in resumed):
                ledger.tell("queue-resumed", queue=queue)
        bell.ring(self._workers_dir)
        return bool(resumed)

    def pauses(self) -> Sequence[Pause]:
        return [
            Pause(None if name == ALL_QUEUES else name, at_ms, by, reason)
            for name, at_ms, by, reason in self._rows(sql.PAUSES)
        ]

    def set_limits(self, queue: str, changes: Changes, *, now_ms: int) -> None:
        with self._writing(now_ms) as ledger:
            ledger.connection.execute(limits_sql.ADD_QUEUE, {"name": queue})
            for kind, value in changes.items():
                if kind == "rate":
                    limits.set_rate(ledger, queue, value if isinstance(value, Rate) else None)
                else:
                    values = {"name": queue, "value": value}
                    ledger.connection.execute(limits_sql.SET_LIMIT[kind], values)
            limits.look_again(ledger, queue)
        bell.ring(self._workers_dir)

    def drain(self, queue: str, *, by: str, now_ms: int) -> bool:
        with self._writing(now_ms) as ledger:
            drained = ledger.connection.execute(sql.IS_DRAINED, {"name": queue}).get
            values = {"name": queue, "by": by, "now_ms": now_ms}
            ledger.connection.execute(limits_sql.DRAIN, values)
        return not drained

    def standings(self) -> Sequence[Standing]:
        return [_standing(row) for row in self._rows(limits_sql.STANDINGS)]

    def next_start_ms(self, *, queues: Sequence[str] | None = None) -> int | None:
        return horizon.next_start_ms(self._rows, queues)


def _standing(row: Row) -> Standing:
    name, concurrency, rate_jobs, rate_ms, max_pending, *rest = row
    rate = None if rate_jobs is None else Rate(rate_jobs, rate_ms)
    return Standing(name, Limits(concurrency, rate, max_pending), *rest)
