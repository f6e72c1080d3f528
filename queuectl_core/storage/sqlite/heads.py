"""The heads of the lines: where a claim finds the next job, however many queues there are.

A line is what of one queue and priority may be claimed, in its order. Its head is a bound: nothing
stands before it. So it may be too low, after a job at its place went, and never too high: whatever
lets a job be claimed calls `lower`. Who finds a bound too low where that matters raises it.
"""

from __future__ import annotations

from queuectl_core.storage.sqlite import rows
from queuectl_core.storage.sqlite import statements as sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

GIVEN = -2
"""The columns of a due job from here on are NULL with most."""


def best(ledger: Ledger, queues: Sequence[str] | None) -> Row | None:
    """Return the best due job of some open queues, None: of all; None when none is due.

    (priority, run_at_ms, number, state, queue, may_lie, crashes, is_limited, others_go_first,
    mutex, expires_at_ms).
    """
    if queues is None:
        return _best(ledger)
    return min(
        (row for queue in queues if (row := _best_of(ledger, queue)) is not None),
        key=_order,
        default=None,
    )


def _order(row: Row) -> tuple[int, int, int]:
    return (-row[0], row[1], row[2])


def _best(ledger: Ledger) -> Row | None:
    """Look into the line with the best head, and into the next one where that was too low."""
    now = {"now_ms": ledger.now_ms}
    while (head := ledger.connection.execute(sql.BEST_HEAD, now).fetchone()) is not None:
        row = _first_due(ledger, sql.NEXT_JOB, head[1], head[2])
        if row is not None and not row[8]:
            return row
        if not (_raise(ledger, head) if row is None else _raise_to(ledger, head[0], row[1:3])):
            return None  # two indexes that disagree: there is damage, and no end to it here
    return None


def _best_of(ledger: Ledger, queue: str) -> Row | None:
    place, ask = {"queue": queue, "now_ms": ledger.now_ms}, ledger.connection.execute
    while (head := ask(sql.BEST_HEAD_OF_QUEUE, place).fetchone()) is not None:
        row = _first_due(ledger, sql.NEXT_JOB, queue, head[2])
        if row is not None or not _raise(ledger, head):
            return row
    return None


def best_clear(ledger: Ledger, queues: Sequence[str] | None) -> Row | None:
    """Do as `best` without regard to suspects; a head may be one, so no bound is raised."""
    found: Row | None = None
    now = {"now_ms": ledger.now_ms}
    heads: list[Row] = ledger.connection.execute(sql.DUE_HEADS, now).fetchall()
    for queue, priority, run_at_ms, number in heads:
        if found is not None and _order(found) < (-priority, run_at_ms, number):
            break
        if queues is None or queue in queues:
            row = _first_due(ledger, sql.NEXT_CLEAR_JOB, queue, priority)
            found = row if found is None else min(found, row or found, key=_order)
    return found


def _first_due(ledger: Ledger, statement: str, queue: str, priority: int) -> Row | None:
    values = {"queue": queue, "priority": priority, "now_ms": ledger.now_ms}
    row: Row | None = ledger.connection.execute(statement, values).fetchone()
    if row is not None:
        rows.whole(row[:GIVEN])
    return row


def _raise(ledger: Ledger, head: Row) -> bool:
    """Put a bound where its line begins by now, forget an empty line; tell whether that is news."""
    key, queue, priority = head
    values = {"queue": queue, "priority": priority}
    row = ledger.connection.execute(sql.FIRST_OF_LINE, values).fetchone()
    if row is None:
        ledger.connection.execute(sql.DROP_HEAD, (key,))
        return True
    return _raise_to(ledger, key, rows.whole(row))


def _raise_to(ledger: Ledger, key: int, place: Row) -> bool:
    run_at_ms, number = place
    values = {"id": key, "run_at_ms": run_at_ms, "number": number}
    ledger.connection.execute(sql.RAISE_HEAD, values)
    return ledger.connection.changes() > 0


def lower(ledger: Ledger, number: int) -> None:
    """Let a claim find a job, if it may be claimed now."""
    ledger.connection.execute(sql.LOWER_HEAD_TO, {"number": number})
