"""`queuectl queue list`, `set` and `drain`."""

from __future__ import annotations

from queuectl_core.cli.caller import caller
from queuectl_core.cli.counting import counted
from queuectl_core.cli.table import Table
from queuectl_core.cli.text import exactly
from queuectl_core.errors import UsageError
from queuectl_core.job import check_queue
from queuectl_core.lifecycle import State
from queuectl_core.services import ends, queues, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session

_COLUMNS = ("QUEUE", "PENDING", "FAILED", "RUNNING", "CONCURRENCY", "RATE", "MAX-PENDING", "WAITS")
_SPARE = ("FAILED", "MAX-PENDING")
_OPTIONS = {"concurrency": "--concurrency", "rate": "--rate", "max_pending": "--max-pending"}


def list_queues(session: Session, _args: Args) -> int:
    """Print the queues."""
    found, now_ms = queues.rows(session.looking), session.clock.now_ms()
    if session.out.as_json:
        for row in found:
            session.out.record(queues.queue_record(row, now_ms=now_ms))
    elif found:
        Table(session.out, *_COLUMNS, spare=_SPARE).rows([_row(session, row) for row in found])
    else:
        session.out.note("no queues")
    return 0


def _row(session: Session, row: queues.Row) -> list[str]:
    limits, counts = row.limits, row.counts
    return [
        row.name,
        str(counts[State.PENDING]),
        str(counts[State.FAILED]),
        str(counts[State.PROCESSING]),
        _shown(limits.concurrency),
        _shown(limits.rate),
        _shown(limits.max_pending),
        _waits(session, row),
    ]


def _shown(limit: object) -> str:
    return "" if limit is None else str(limit)


def _waits(session: Session, row: queues.Row) -> str:
    """Return why none of a queue's jobs may start, or come in, in a few words."""
    now_ms = session.clock.now_ms()
    words = [row.waits(now_ms) or ""]
    opens_at_ms = row.opens_at_ms(now_ms)
    if words == ["rate"] and opens_at_ms is not None:
        words = [f"rate until {exactly(session, opens_at_ms)}"]
    if row.standing is not None and row.standing.draining_at_ms is not None:
        words.append("draining")
    return ", ".join(filter(None, words))


def set_limits(session: Session, args: Args) -> int:
    """Limit a queue, or take limits away."""
    queue = check_queue(args.text("<queue>"))
    wishes = {
        kind: value for kind, option in _OPTIONS.items() if (value := args.text(option)) is not None
    }
    if not wishes:
        raise UsageError(
            "there is no limit to set", hint=f"queuectl queue set {queue} --concurrency 2"
        )
    queues.set_limits(session.store, queue, wishes, now_ms=session.clock.now_ms())
    row, now_ms = queues.row_of(session.store, queue), session.clock.now_ms()
    if session.out.as_json:
        session.out.record(queues.queue_record(row, now_ms=now_ms))
    elif not session.out.quiet:
        session.out.line(f"Queue {queue}: {_told(row)}")
    return 0


def _told(row: queues.Row) -> str:
    limits = row.limits
    parts = {
        "concurrency": limits.concurrency,
        "rate": limits.rate,
        "max-pending": limits.max_pending,
    }
    told = [f"{name} {value}" for name, value in parts.items() if value is not None]
    return ", ".join(told) or "no limits"


def drain(session: Session, args: Args) -> int:
    """Close a queue, and wait until its jobs have ended."""
    queue, span_ms = check_queue(args.text("<queue>")), args.span_ms("--timeout")
    queues.drain(session.store, queue, by=caller(), now_ms=session.clock.now_ms())
    deadline_ms = None if span_ms is None else session.clock.monotonic_ms() + span_ms
    _tell_obstacles(session, queue)
    empty = queues.empty(session.store, queue, clock=session.clock, deadline_ms=deadline_ms)
    left = queues.left(session.store, queue)
    if session.out.as_json:
        counts = {str(state): jobs for state, jobs in left.items()}
        session.out.record({"queue": queue, "drained": empty, "left": counts})
    elif empty and not session.out.quiet:
        session.out.line(
            f"Drained queue {queue}; it takes no jobs until: queuectl queue resume {queue}"
        )
    if empty:
        return 0
    jobs = counted(sum(left.values()))
    session.out.note(f"queuectl: the time is over; not ended in queue {queue}: {jobs}")
    session.out.note(f"hint: it stays closed; queuectl queue resume {queue} opens it")
    return ends.TIMED_OUT


def _tell_obstacles(session: Session, queue: str) -> None:
    """Say what will not end by itself."""
    left = queues.left(session.store, queue)
    if not left:
        return
    session.out.note(
        f"queuectl: queue {queue} takes no new jobs; {counted(sum(left.values()))} left"
    )
    if queues.pauses_of(session.store, queue):
        session.out.note("hint: it is paused: no job of it starts before queuectl resume")
    known = workers.health(session.store, now_ms=session.clock.now_ms())
    if not any(row.worker.alive and row.worker.takes_jobs for row in known):
        session.out.note("hint: no worker runs: queuectl worker start")


COMMANDS: Mapping[str, Command] = {
    "queue list": list_queues,
    "queue set": set_limits,
    "queue drain": drain,
}
