"""The limits of a queue: how many of its jobs run at once, start in a period, and wait.

Within a write transaction. Who runs is what the counts say, so a worker that dies gives its places
back with its jobs, and no figure can drift. A queue that is at a limit is shut: its heads leave the
index of the claim, and no claim looks at its jobs until `look_again` opens it.

A rate of N in a period is a ring of N tokens: a start takes one, and it comes back a period later.
So no window of that length has more than N starts; a bucket that is refilled evenly lets nearly 2 N
through after a rest. One row is read and one is written for each start, however large N is.
"""

from __future__ import annotations

from queuectl_core.errors import QueueDrains, QueueFull
from queuectl_core.lifecycle import State
from queuectl_core.limits import FULL, PAUSED, SPENT, Rate
from queuectl_core.storage.sqlite import statements_limits as sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

CLOCK_MS = 60_000
"""A start that lies further in the future was noted before the clock was set back. One that lies
closer is another worker's, which took the time later than we did and the lock before us."""


def look_again(ledger: Ledger, queue: str) -> int:
    """Shut a queue, or open it, as its limits say now; return why. The counts must be written."""
    row: Row | None = ledger.connection.execute(sql.STANDING, {"name": queue}).fetchone()
    if row is None:
        return 0
    paused, concurrency, running, rate_jobs, rate_ms, starts, was_shut, was_until_ms = row
    full = concurrency is not None and running >= concurrency
    opens_at_ms = None
    if rate_jobs is not None:
        opens_at_ms = _opens_at_ms(ledger, queue, starts % rate_jobs, rate_ms)
    shut: int = PAUSED * paused | FULL * full | SPENT * (opens_at_ms is not None)
    if (shut, opens_at_ms) == (was_shut, was_until_ms):
        return shut
    values = {"name": queue, "shut": shut, "opens_at_ms": opens_at_ms}
    ledger.connection.execute(sql.SET_SHUT, values)
    if shut == was_shut:
        return shut
    ledger.connection.execute(sql.SHUT_HEADS, {"name": queue, "shut": shut})
    if shut == 0 and ledger.connection.changes():
        ledger.opened.add(queue)
    else:
        ledger.opened.discard(queue)
    return shut


def _opens_at_ms(ledger: Ledger, queue: str, place: int, rate_ms: int) -> int | None:
    """Return when the oldest token comes back, None when it is there."""
    values = {"name": queue, "place": place}
    row: Row | None = ledger.connection.execute(sql.NEXT_PLACE, values).fetchone()
    if row is None:
        return None
    at_ms: int = row[0]
    if at_ms > ledger.now_ms + CLOCK_MS:
        at_ms = ledger.now_ms
        ledger.connection.execute(sql.BRING_BACK, {"name": queue, "now_ms": at_ms})
    opens_at_ms = at_ms + rate_ms
    return opens_at_ms if opens_at_ms > ledger.now_ms else None


def note_start(ledger: Ledger, queue: str) -> None:
    """Count the start of a job of a limited queue; the claim after it sees what is left."""
    row: Row | None = ledger.connection.execute(sql.RATE, {"name": queue}).fetchone()
    if row is not None:
        rate_jobs, starts = row
        place = {"name": queue, "place": starts % rate_jobs, "now_ms": ledger.now_ms}
        ledger.connection.execute(sql.NOTE_START, place)
        ledger.connection.execute(sql.COUNT_START, {"name": queue})
    ledger.write_figures()
    look_again(ledger, queue)


def set_rate(ledger: Ledger, queue: str, rate: Rate | None) -> None:
    """Give a queue a rate in the place of its old one: the starts that are known count on."""
    jobs = 0 if rate is None else rate.jobs
    past = ledger.connection.execute(sql.PAST_STARTS, {"name": queue, "jobs": jobs}).fetchall()
    ledger.connection.execute(sql.FORGET_STARTS, {"name": queue})
    ledger.connection.executemany(
        sql.NOTE_START,
        [
            {"name": queue, "place": place, "now_ms": at_ms}
            for place, (at_ms,) in enumerate(reversed(past))
        ],
    )
    values = {
        "name": queue,
        "jobs": None if rate is None else rate.jobs,
        "period_ms": None if rate is None else rate.period_ms,
        "starts": len(past),
    }
    ledger.connection.execute(sql.SET_RATE, values)


def has_rate(ledger: Ledger, queue: str) -> bool:
    """Tell whether a rate says when jobs of a queue may start."""
    return ledger.connection.execute(sql.RATE, {"name": queue}).fetchone() is not None


def admit(ledger: Ledger, queue: str) -> None:
    """Let in what this transaction has added to a queue. Raises QueueDrains and QueueFull."""
    _refuse_drained(ledger, queue)
    most, pending = ledger.row(sql.DOOR, {"name": queue})[:2]
    if most is not None and pending + ledger.counted(queue, State.PENDING) > most:
        raise QueueFull(
            f"queue {queue} is full: {pending:,} pending, its limit is {most:,}",
            hint=f"try again later, or raise it: queuectl queue set {queue} --max-pending N",
        )


def refuse_run(ledger: Ledger, queue: str) -> None:
    """Raise QueueDrains or QueueFull where a job that is to run at once would break a limit."""
    row: Row | None = ledger.connection.execute(sql.STANDING, {"name": queue}).fetchone()
    if row is None:
        return
    _refuse_drained(ledger, queue)
    look_again(ledger, queue)
    _, concurrency, running, rate_jobs, rate_ms, _, shut, _ = ledger.row(
        sql.STANDING, {"name": queue}
    )
    hint = f"try again later, or leave it to the workers: queuectl enqueue --queue {queue}"
    if shut & FULL:
        raise QueueFull(
            f"queue {queue} is at its limit: {running:,} of {concurrency:,} run", hint=hint
        )
    if shut & SPENT:
        raise QueueFull(
            f"queue {queue} has used up its rate: {Rate(rate_jobs, rate_ms)}", hint=hint
        )


def _refuse_drained(ledger: Ledger, queue: str) -> None:
    draining_at_ms, by = ledger.row(sql.DOOR, {"name": queue})[2:]
    if draining_at_ms is not None:
        raise QueueDrains(
            f"queue {queue} takes no jobs: {by} lets it drain",
            hint=f"queuectl queue resume {queue} lets jobs in again",
        )
