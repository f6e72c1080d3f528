"""What people do to many jobs, inside and around its write transaction."""

from __future__ import annotations

from queuectl_core.flow import MUTEX
from queuectl_core.lifecycle import CLAIMABLE, FINAL
from queuectl_core.storage.records import Removed
from queuectl_core.storage.sqlite import bell, heads, pruning, rows, waiting
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_changes as changes_sql
from queuectl_core.storage.sqlite.intake import SqliteIntake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import apsw

    from queuectl_core.job import Enqueued
    from queuectl_core.lifecycle import State
    from queuectl_core.storage.records import History
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

    Values = dict[str, apsw.SQLiteValue]
    Known = Callable[[int], int | None]

EDIT = "edit"
IN_LINE = frozenset({"queue", "priority", "run_at_ms"})
"""Fields that give a job its place among those that wait for the same mutex."""


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
            states = [_edit(ledger, number, statement, values) for number in numbers]
        bell.ring(self._workers_dir)
        return states

    def remove(self, numbers: Sequence[int], *, now_ms: int) -> list[Removed | None]:
        with self._writing(now_ms) as ledger:
            return [_remove(ledger, number) for number in numbers]

    def adopt(
        self,
        jobs: Sequence[History],
        *,
        now_ms: int,
        on_conflict: str = "error",
        known: Known | None = None,
    ) -> list[Enqueued]:
        from queuectl_core.storage.sqlite.adoption import Adoption  # noqa: PLC0415 - for one verb

        with self._writing(now_ms) as ledger:
            adoption = Adoption(ledger, on_conflict, known)
            added = [adoption.adopt(one) for one in jobs]
        bell.ring(self._workers_dir)
        return added


def _place(ledger: Ledger, number: int) -> Row | None:
    row: Row | None = ledger.connection.execute(changes_sql.PLACE, {"number": number}).fetchone()
    return row


def _edit(ledger: Ledger, number: int, statement: str, values: Values) -> State | None:
    place = _place(ledger, number)
    if place is None:
        return None
    word, queue, _, tags, mutex = place
    state = rows.state(word)
    if state not in CLAIMABLE:
        return state
    ledger.connection.execute(statement, values | {"number": number})
    heads.lower(ledger, number)
    if mutex is not None and not IN_LINE.isdisjoint(values):
        ledger.freed.add(mutex)  # for those that were behind it
        waiting.unblock(ledger, number, MUTEX)
    if "tags" in values:
        ledger.connection.execute(sql.DELETE_TAGS, {"number": number, "tags": tags or "[]"})
        ledger.connection.execute(sql.INSERT_TAGS, {"first": number, "last": number})
    new_queue = str(values.get("queue", queue))
    ledger.count(queue, state, -1)
    ledger.count(new_queue, state, 1)
    ledger.note(number, new_queue, EDIT, ", ".join(values))
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
