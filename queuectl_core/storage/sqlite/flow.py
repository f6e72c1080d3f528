"""The verbs on what jobs wait for. Their docstrings: storage/flow.py."""

from __future__ import annotations

from queuectl_core.flow import HELD, MUTEX
from queuectl_core.lifecycle import CLAIMABLE
from queuectl_core.storage.records import Relative
from queuectl_core.storage.sqlite import bell, rows, waiting
from queuectl_core.storage.sqlite import statements_flow as sql
from queuectl_core.storage.sqlite.intake import SqliteIntake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job
    from queuectl_core.lifecycle import State
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row


class SqliteFlow(SqliteIntake):
    """One connection to a queue file, to add jobs and to let them go on."""

    def hold(self, numbers: Sequence[int], *, now_ms: int) -> list[State | None]:
        with self._writing(now_ms) as ledger:
            states = [_hold(ledger, number) for number in numbers]
        self._tell(ledger)
        return states

    def unhold(self, numbers: Sequence[int], *, now_ms: int) -> list[bool]:
        with self._writing(now_ms) as ledger:
            held = [_unhold(ledger, number) for number in numbers]
        self._tell(ledger)
        return held

    def settle_waiting(self, *, now_ms: int) -> bool:
        if not self._has_left(now_ms):
            return False
        with self._writing(now_ms) as ledger:
            waiting.go_on(ledger)
        self._tell(ledger)
        return self._has_left(now_ms)

    def parents(self, number: int, *, limit: int = 10) -> list[Relative]:
        return _relatives(self._rows(sql.PARENTS, {"child": number, "limit": limit}))

    def children(self, number: int, *, limit: int = 10) -> list[Relative]:
        return _relatives(self._rows(sql.CHILDREN_NAMED, {"parent": number, "limit": limit}))

    def holders(self, mutex: str, *, limit: int = 10) -> list[Job]:
        return [rows.job(row) for row in self._rows(sql.HOLDERS, {"mutex": mutex, "limit": limit})]

    # --- within ---

    def _has_left(self, now_ms: int) -> bool:
        return bool(self._rows(sql.ANY_LEFT, {"now_ms": now_ms, "limit": 1})[0][0])

    def _tell(self, ledger: Ledger) -> None:
        """Ring where a job may be claimed that could not before: other workers may serve it."""
        if ledger.woke:
            bell.ring(self._workers_dir)


def _relatives(found: Sequence[Row]) -> list[Relative]:
    return [
        Relative(number, job_id, None if word is None else rows.state(word), condition)
        for number, job_id, word, condition in found
    ]


def _hold(ledger: Ledger, number: int) -> State | None:
    row = ledger.connection.execute(sql.STANDING, {"number": number}).fetchone()
    if row is None:
        return None
    word, blocked, mutex = row
    state = rows.state(word)
    if state in CLAIMABLE:
        # MUTEX stands alone: who is held has left that line, and those behind may move up
        held = ((blocked or 0) & ~MUTEX) | HELD
        ledger.connection.execute(sql.SET_BLOCKED, {"number": number, "blocked": held})
        if mutex is not None:
            ledger.freed.add(mutex)
    return state


def _unhold(ledger: Ledger, number: int) -> bool:
    row = ledger.connection.execute(sql.HELD_JOB, {"number": number}).fetchone()
    if row is None:
        return False
    waiting.unblock(ledger, number, HELD)
    return True
