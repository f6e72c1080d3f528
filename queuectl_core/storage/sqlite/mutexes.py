"""Mutexes: at most N jobs with a key at once, and a waiting place for the others.

A job that meets a full mutex is parked: it leaves the index of the claim, so that no claim looks
at it again, until one that runs ends. Who holds a mutex is not written down: those are the jobs
with its key that run. So nothing has to be given back when a worker dies.

Parked is a job only where so many that may be claimed stand before it in its queue as there are
places. Thus the best of those that may run is never parked, and the order of claims stays true.
"""

from __future__ import annotations

from queuectl_core.errors import MutexHeld
from queuectl_core.flow import MUTEX
from queuectl_core.job import name_of
from queuectl_core.storage.sqlite import heads, rows
from queuectl_core.storage.sqlite import statements_flow as sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.flow import Mutex
    from queuectl_core.storage.sqlite.ledger import Ledger, Place
    from queuectl_core.storage.sqlite.rows import Row

PARK = 500
"""Jobs parked by one statement: some milliseconds, when many come due at once."""


def is_full(ledger: Ledger, place: Place) -> bool:
    """Tell whether a due job finds no room; then park it, and those of its queue like it."""
    values = {"mutex": place.mutex, "number": place.number}
    if not ledger.row(sql.IS_FULL, values)[0]:
        return False
    running = _running(ledger, place.mutex)
    ledger.connection.execute(
        sql.PARK,
        {
            "mutex": place.mutex,
            "queue": place.queue,
            "now_ms": ledger.now_ms,
            "running": running,
            "limit": PARK,
        },
    )
    return True


def take(ledger: Ledger, number: int, mutex: Mutex) -> None:
    """Let a new job that is to run at once pass by those that only wait; MutexHeld: some run."""
    running = _running(ledger, mutex.key)
    if running >= mutex.slots:
        holder = ledger.row(sql.HOLDER, {"mutex": mutex.key})
        raise MutexHeld(
            f'the mutex "{mutex.key}" is held by job {name_of(*holder)}'
            + (f" and {running - 1} more" if running > 1 else "")
        )
    ledger.connection.execute(sql.SET_BLOCKED, {"number": number, "blocked": 0})


def line_up(ledger: Ledger, number: int, wishes: Row) -> int:
    """Return MUTEX for a job that nothing else blocks, where it is to be parked; else 0."""
    _, _, queue, mutex, slots, priority, run_at_ms, _ = wishes
    if mutex is None or run_at_ms > ledger.now_ms:
        return 0
    job = (number, slots, priority, run_at_ms)
    return 0 if _room(ledger, mutex, queue, job) > 0 else MUTEX


def wake(ledger: Ledger, mutex: str) -> None:
    """Let parked jobs stand for the claim again where there is room, the best of each queue."""
    queue = ""
    while queue := ledger.row(sql.NEXT_PARKED_QUEUE, {"mutex": mutex, "queue": queue})[0]:
        values = {"mutex": mutex, "queue": queue}
        best = ledger.row(sql.BEST_PARKED, {**values, "limit": 1})
        room = _room(ledger, mutex, queue, best)
        if room > 0:
            _unpark(ledger, {**values, "limit": room})
            ledger.woke = True


def _unpark(ledger: Ledger, values: Mapping[str, str | int]) -> None:
    numbers: list[Row] = ledger.connection.execute(sql.BEST_PARKED, values).fetchall()
    for number, *_ in numbers:
        ledger.connection.execute(sql.SET_BLOCKED, {"number": number, "blocked": 0})
        heads.lower(ledger, number)


def _room(ledger: Ledger, mutex: str, queue: str, job: Row) -> int:
    """Return how many places are left for a job and those behind it, after those before it."""
    number, slots, priority, run_at_ms = rows.whole(job)
    free: int = slots - _running(ledger, mutex)
    if free <= 0:
        return 0
    values = {
        "mutex": mutex,
        "queue": queue,
        "number": number,
        "priority": priority,
        "run_at_ms": run_at_ms,
        "now_ms": ledger.now_ms,
        "limit": free,
    }
    ahead: int = ledger.row(sql.AHEAD, values)[0]
    return free - ahead


def _running(ledger: Ledger, mutex: str | None) -> int:
    running: int = ledger.row(sql.RUNNING, {"mutex": mutex})[0]
    return running
