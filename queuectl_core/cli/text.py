"""How times and jobs read: relative on a terminal, exact in a pipe."""

from __future__ import annotations

from queuectl_core.cli.output import clean
from queuectl_core.durations import format_duration, format_moment
from queuectl_core.services.jobs import command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.cli.session import Session
    from queuectl_core.job import Job
    from queuectl_core.storage.records import Pause

JOB_COLUMNS = ("ID", "STATE", "PRI", "ATTEMPTS", "QUEUE", "RUN AT", "CREATED", "COMMAND")


def when(session: Session, at_ms: int | None) -> str:
    """Return a moment: "2m ago" on a terminal, RFC 3339 in a pipe, nothing for None."""
    if at_ms is None:
        return ""
    if not session.out.tty:
        return format_moment(at_ms)
    return relative(at_ms - session.clock.now_ms())


def relative(span_ms: int) -> str:
    """Return how far a moment is from now: "in 5m", "2h3m ago", "now"."""
    if abs(span_ms) < 1000:  # noqa: PLR2004 - a second
        return "now"
    span = format_duration(abs(span_ms) - abs(span_ms) % 1000)
    return f"in {span}" if span_ms > 0 else f"{span} ago"


def job_row(session: Session, job: Job) -> list[str]:
    """Return the cells of JOB_COLUMNS for a job."""
    return [
        job.name,
        job.state,
        str(job.priority),
        f"{job.attempts}/{job.max_retries}",
        job.queue,
        when(session, job.run_at_ms),
        when(session, job.created_at_ms),
        command_line(job),
    ]


def queue_named(queue: str | None) -> str:
    """Return what people call a queue; None stands for all of them."""
    return "all queues" if queue is None else f"queue {queue}"


def pause_line(session: Session, one: Pause) -> str:
    """Return what people read of a pause: which, since when, by whom and why."""
    why = f": {one.reason}" if one.reason else ""
    return clean(f"{queue_named(one.queue)} ({when(session, one.at_ms)}, by {one.by}{why})")
