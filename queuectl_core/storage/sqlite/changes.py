"""What people do to many jobs, inside and around its write transaction."""

from __future__ import annotations

from queuectl_core.job import Enqueued
from queuectl_core.lifecycle import CLAIMABLE, FINAL
from queuectl_core.storage.records import Removed
from queuectl_core.storage.sqlite import bell, intake, pruning, rows
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_changes as changes_sql
from queuectl_core.storage.sqlite.intake import SqliteIntake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import apsw

    from queuectl_core.lifecycle import State
    from queuectl_core.storage.records import History
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

    Values = dict[str, apsw.SQLiteValue]

EDIT = "edit"


class SqliteChanges(SqliteIntake):
    """The verbs on many jobs. Their docstrings: storage/changes.py."""

    def edit(
        self, numbers: Sequence[int], fields: Mapping[str, object], *, now_ms: int
    ) -> list[State | None]:
        statement = changes_sql.edit(fields)
        values: Values = {name: rows.column(value) for name, value in fields.items()}
        if "run_at_ms" in fields and fields["run_at_ms"] is None:
            values["run_at_ms"] = now_ms
        with self._writing(now_ms) as ledger:
            states = [_edit(ledger, statement, values | {"number": number}) for number in numbers]
        bell.ring(self._workers_dir)
        return states

    def remove(self, numbers: Sequence[int], *, now_ms: int) -> list[Removed | None]:
        with self._writing(now_ms) as ledger:
            return [_remove(ledger, number) for number in numbers]

    def adopt(
        self, jobs: Sequence[History], *, now_ms: int, on_conflict: str = "error"
    ) -> list[Enqueued]:
        with self._writing(now_ms) as ledger:
            added = [_adopt(ledger, one, on_conflict) for one in jobs]
        bell.ring(self._workers_dir)
        return added


def _place(ledger: Ledger, number: apsw.SQLiteValue) -> Row | None:
    row: Row | None = ledger.connection.execute(changes_sql.PLACE, {"number": number}).fetchone()
    return row


def _edit(ledger: Ledger, statement: str, values: Values) -> State | None:
    place = _place(ledger, values["number"])
    if place is None:
        return None
    word, queue, _, tags, _ = place
    state, number = rows.state(word), values["number"]
    if state not in CLAIMABLE:
        return state
    ledger.connection.execute(statement, values)
    if "tags" in values:
        ledger.connection.execute(sql.DELETE_TAGS, {"number": number, "tags": tags or "[]"})
        ledger.connection.execute(sql.INSERT_TAGS, {"first": number, "last": number})
    new_queue = str(values.get("queue", queue))
    ledger.count(queue, state, -1)
    ledger.count(new_queue, state, 1)
    detail = ", ".join(name for name in values if name != "number")
    ledger.note(number, new_queue, EDIT, detail)
    return state


def _remove(ledger: Ledger, number: int) -> Removed | None:
    place = _place(ledger, number)
    if place is None:
        return None
    word, queue, starts, tags, _ = place
    state = rows.state(word)
    if state in FINAL:
        pruning.erase(ledger, number, tags)
        ledger.count(queue, state, -1)
    return Removed(state, starts)


def _adopt(ledger: Ledger, history: History, on_conflict: str) -> Enqueued:
    """Insert a job as it was; for the pruner its end is in the history of events too."""
    job, attempts = history
    values = [rows.column(getattr(job, name)) for name in changes_sql.KEPT]
    row = ledger.connection.execute(changes_sql.ADOPT, values).fetchone()
    if row is None:
        old = rows.job(ledger.row(sql.JOB_BY_ID, {"id": job.id}))
        if on_conflict == "skip":
            return Enqueued(old.number, old.id, created=False, run_at_ms=old.run_at_ms)
        intake.make_way(ledger, old, on_conflict)
        row = ledger.row(changes_sql.ADOPT, values)
    number: int = row[0]
    if job.tags:
        ledger.connection.execute(sql.INSERT_TAGS, {"first": number, "last": number})
    for attempt in attempts:
        ledger.connection.execute(sql.INSERT_ATTEMPT, attempt._replace(job=number))
    ledger.count(job.queue, job.state, 1)
    at_ms = job.finished_at_ms if job.state in FINAL else None
    ledger.note(number, job.queue, sql.IMPORT, job.state, at_ms=at_ms)
    return Enqueued(number, job.id, created=True, run_at_ms=job.run_at_ms)
