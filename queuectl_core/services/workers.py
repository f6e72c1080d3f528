"""What people ask of workers: who runs, how they do, stop. Starting one is the worker's wing."""

from __future__ import annotations

import os
import signal

from queuectl_core import machine
from queuectl_core.errors import NoPermission, NotFound, NoWorker, WrongState
from queuectl_core.records import Record
from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.storage.records import WorkerRow
    from queuectl_core.storage.store import Store

SILENT_MS = 30_000
"""A worker whose heartbeat is older does not respond."""
POLL_MS = 50


class Health(Record):
    """How one worker does. `state` is ok, stopping, not responding, or dead."""

    worker: WorkerRow
    state: str
    uptime_ms: int
    silent_ms: int


class Stopped(Record):
    """What became of a stop: the workers that are gone, those still there, those of other hosts."""

    gone: Sequence[WorkerRow]
    left: Sequence[WorkerRow]
    elsewhere: Sequence[WorkerRow]


def takers(rows: Iterable[Health]) -> list[Health]:
    """Return those that take jobs; a live `queuectl run` has its own, a dead one is to be told."""
    return [row for row in rows if row.worker.takes_jobs or not row.worker.alive]


def health(store: Store, *, now_ms: int, max_silent_ms: int = SILENT_MS) -> list[Health]:
    """Return how each known worker does, by id; the empty list when none runs.

    One whose last heartbeat is older than `max_silent_ms` does not respond.
    """
    return [_health(row, now_ms, max_silent_ms) for row in store.workers()]


def _health(row: WorkerRow, now_ms: int, max_silent_ms: int) -> Health:
    silent_ms = max(0, now_ms - row.seen_at_ms)
    if not row.alive:
        state = "dead"
    elif silent_ms > max_silent_ms:
        state = "not responding"
    else:
        state = "stopping" if row.stopping else "ok"
    return Health(row, state, max(0, now_ms - row.started_at_ms), silent_ms)


def record(found: Health) -> dict[str, object]:
    """Return what the world sees of a worker."""
    row = found.worker
    return {
        "id": row.id,
        "name": row.name,
        "state": found.state,
        "host": row.host,
        "pid": row.supervisor_pid,
        "pool_pid": row.pool_pid,
        "threads": row.threads,
        "busy": row.busy,
        "queues": None if row.queues is None else list(row.queues),
        "version": row.version,
        "started_at": moment(row.started_at_ms),
        "seen_at": moment(row.seen_at_ms),
        "running": [job.name for job in row.running],
    }


def stop(store: Store, *, clock: Clock, timeout_ms: int, signal_number: int) -> Stopped:
    """Tell this host's workers to stop and wait until they are gone, at most `timeout_ms`.

    SIGTERM lets running jobs end, SIGQUIT does not. A `queuectl run` is its user's to stop. Raises
    NoWorker when none runs here.
    """
    live = [row for row in store.workers() if row.alive and row.takes_jobs]
    ours = [row for row in live if _is_here(row)]
    elsewhere = [row for row in live if not _is_here(row)]
    if not ours:
        raise _none_here(elsewhere)
    for pid in sorted({row.supervisor_pid for row in ours}):
        _send(pid, signal_number, store, {row.id for row in ours if row.supervisor_pid == pid})
    left = _wait_until_gone(store, {row.id: row for row in ours}, clock, timeout_ms)
    return Stopped([row for row in ours if row.id not in left], list(left.values()), elsewhere)


def tell_to_stop(store: Store, worker: int) -> WorkerRow:
    """Tell one worker of this host to let its jobs end and stop; do not wait for that.

    Raises NotFound for an unknown or dead one, WrongState for one of another host.
    """
    row = next((row for row in store.workers() if row.id == worker and row.alive), None)
    if row is None:
        raise NotFound(f"no worker {worker} runs")
    if not _is_here(row):
        raise WrongState(f"worker {worker} runs on {row.host}", hint="stop it there")
    _send(row.supervisor_pid, signal.SIGTERM, store, {row.id})
    return row


def _none_here(elsewhere: Sequence[WorkerRow]) -> NoWorker:
    if not elsewhere:
        return NoWorker()
    hosts = ", ".join(sorted({row.host for row in elsewhere}))
    return NoWorker(
        "no worker runs on this host", hint=f"some run elsewhere; stop them there: {hosts}"
    )


def _is_here(row: WorkerRow) -> bool:
    return row.host == machine.host() and row.pid_space == machine.pid_space()


def _send(pid: int, signal_number: int, store: Store, ids: set[int]) -> None:
    """Signal the process, if its workers live; the kernel's descriptor keeps a later one safe."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (OSError, AttributeError):  # Linux before 5.3, or a container that forbids it
        process = None
    try:
        if not _alive(store.workers(), ids):
            return
        if process is None:
            os.kill(pid, signal_number)
        else:
            signal.pidfd_send_signal(process, signal_number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise NoPermission(f"the worker with pid {pid} belongs to another user") from error
    finally:
        if process is not None:
            os.close(process)


def _alive(rows: Iterable[WorkerRow], ids: Iterable[int]) -> set[int]:
    return {row.id for row in rows if row.alive}.intersection(ids)


def _wait_until_gone(
    store: Store, waited: dict[int, WorkerRow], clock: Clock, timeout_ms: int
) -> dict[int, WorkerRow]:
    """Return the workers that are still there at the end, as they are then."""
    deadline_ms = clock.monotonic_ms() + timeout_ms
    while True:
        rows = store.workers()
        # an id may be taken by a successor meanwhile: that one started later
        left = {
            row.id: row
            for row in rows
            if row.alive
            and row.id in waited
            and row.supervisor_pid == waited[row.id].supervisor_pid
        }
        if not left or clock.monotonic_ms() >= deadline_ms:
            return left
        clock.pause(POLL_MS)
