"""The table of queues: one row for each that somebody has said something about.

Hooks hear of it.
"""

from __future__ import annotations

from queuectl_core.storage.records import Pause
from queuectl_core.storage.sqlite import bell
from queuectl_core.storage.sqlite import statements_queues as sql
from queuectl_core.storage.sqlite.intake import SqliteIntake
from queuectl_core.storage.sqlite.statements import ALL_QUEUES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class SqliteQueues(SqliteIntake):
    """The verbs on queues. Their docstrings: storage/queues.py."""

    def pause(self, queue: str | None, *, by: str, reason: str | None, now_ms: int) -> bool:
        name = ALL_QUEUES if queue is None else queue
        with self._writing(now_ms) as ledger:
            was = ledger.connection.execute(sql.IS_PAUSED, {"name": name}).get
            values = {"name": name, "by": by, "reason": reason, "now_ms": now_ms}
            ledger.connection.execute(sql.PAUSE, values)
            if not was:
                ledger.tell("queue-paused", queue=queue, detail={"by": by, "reason": reason})
        if ledger.woke:
            bell.ring(self._workers_dir)
        return not was

    def resume(self, queue: str | None, *, now_ms: int) -> bool:
        with self._writing(now_ms) as ledger:
            if queue is None:
                ledger.connection.execute(sql.RESUME_ALL)
            else:
                ledger.connection.execute(sql.RESUME, {"name": queue})
            changed = ledger.connection.changes() > 0
            if changed:
                ledger.tell("queue-resumed", queue=queue)
        bell.ring(self._workers_dir)
        return changed

    def pauses(self) -> Sequence[Pause]:
        return [
            Pause(None if name == ALL_QUEUES else name, at_ms, by, reason)
            for name, at_ms, by, reason in self._rows(sql.PAUSES)
        ]
