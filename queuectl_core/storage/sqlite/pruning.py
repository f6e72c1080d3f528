"""Keeps a queue file small: forgets what is old, sums up old figures, empties the log."""

from __future__ import annotations

import os

import apsw

from queuectl_core.storage.records import Pruned, PrunedJob
from queuectl_core.storage.sqlite import rows
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite.connection import BUSY_TIMEOUT_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.gate import Gate
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row


def forget_jobs(ledger: Ledger, *, before_ms: int | None, keep: int | None, limit: int) -> Pruned:
    """Walk the history from its beginning; forget each job whose end is found there, and it.

    Stops at the first event that is young enough while no more jobs are kept than wanted: a moment
    that a wrong clock put into the history may stop it too early, never too late.
    """
    surplus = 0 if keep is None else ledger.row(sql.COUNT_FORGETTABLE, ())[0] - keep
    events: list[Row] = ledger.connection.execute(sql.OLDEST_EVENTS, {"limit": limit}).fetchall()
    jobs: list[PrunedJob] = []
    last = None
    for seq, at_ms, number, event in events:
        if surplus <= len(jobs) and (before_ms is None or at_ms >= before_ms):
            break
        last = seq
        if event in sql.ENDINGS and (job := _forget(ledger, number, at_ms)):
            jobs.append(job)
    if last is None:
        return Pruned(jobs, more=False)
    ledger.connection.execute(sql.DELETE_EVENTS, {"last": last})
    return Pruned(jobs, more=last == events[-1][0] and len(events) == limit)


def _forget(ledger: Ledger, number: int, ended_at_ms: int) -> PrunedJob | None:
    """Delete a job that ended then and has not moved since, with its attempts.

    None: it was revived, or it is gone.
    """
    values = {"number": number, "at_ms": ended_at_ms}
    row: Row | None = ledger.connection.execute(sql.ENDED_JOB, values).fetchone()
    if row is None:
        return None
    state, queue, starts, tags = row
    erase(ledger, number, tags)
    ledger.count(queue, rows.state(state), -1)
    return PrunedJob(number, starts)


def erase(ledger: Ledger, number: int, tags: str | None) -> None:
    """Delete a job and all that is about it alone; `tags` as its column has them."""
    ledger.connection.execute(sql.DELETE_JOB, {"number": number})
    ledger.connection.execute(sql.DELETE_ATTEMPTS, {"number": number})
    if tags is not None:
        ledger.connection.execute(sql.DELETE_TAGS, {"number": number, "tags": tags})


def fold_minutes(ledger: Ledger, before_ms: int, limit: int) -> bool:
    """Add up to `limit` old figures of minutes to those of their days (UTC).

    Tell whether more may be left.
    """
    values = {"before": before_ms // 60_000, "limit": limit}
    minutes: list[Row] = ledger.connection.execute(sql.OLD_MINUTES, values).fetchall()
    days = [(minute - minute % sql.MINUTES_A_DAY, *rest) for minute, *rest in minutes]
    ledger.connection.executemany(sql.ADD_ROLLUP, days)
    ledger.connection.executemany(sql.DELETE_ROLLUP, [row[:3] for row in minutes])
    return len(minutes) == limit


def trim_log(connection: apsw.Connection, gate: Gate, path: str, above_bytes: int) -> int:
    """Copy the log into the queue file and cut it to nothing, where it is larger than that.

    First what holds up nobody (PASSIVE). Then, behind the gate, where no writer is at work, the
    rest: only when all was copied, and without a wait, since TRUNCATE waits for readers with the
    write lock held (https://sqlite.org/c3ref/wal_checkpoint_v2.html).
    """
    if _log_bytes(path) <= above_bytes:
        return _log_bytes(path)
    frames, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    if copied < frames:
        return _log_bytes(path)
    connection.set_busy_timeout(0)
    try:
        with gate:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        pass  # a reader, or another one who does the same
    finally:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return _log_bytes(path)


def _log_bytes(path: str) -> int:
    """Return the size of the log; a look at the name, since nobody but SQLite may open it."""
    try:
        return os.stat(f"{path}-wal").st_size
    except FileNotFoundError:
        return 0
