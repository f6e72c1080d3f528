"""The verbs on jobs that exist: list, show, wait, and the dead letters."""

from __future__ import annotations

from queuectl_core.cli import selecting
from queuectl_core.cli.output import Table, clean
from queuectl_core.cli.text import JOB_COLUMNS, job_row, pause_line, when
from queuectl_core.durations import format_duration
from queuectl_core.job import MAX_WORD_BYTES
from queuectl_core.lifecycle import State
from queuectl_core.selection import Selection
from queuectl_core.services import jobs, listing, queues, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Job
    from queuectl_core.run import Attempt

SCREENFUL = 50
MAX_LIMIT = 1_000_000_000
TIMED_OUT = 124
_ATTEMPT_COLUMNS = ("ATTEMPT", "ENDED", "EXIT", "DURATION", "CPU", "MAX RSS", "STARTED", "ERROR")


def list_jobs(session: Session, args: Args) -> int:
    """Print jobs, the newest first."""
    return _list(session, args, selecting.selection(session, args), "no jobs")


def list_dead(session: Session, args: Args) -> int:
    """Print the dead letters, the newest first."""
    dead = selecting.selection(session, args)._replace(states=(State.DEAD,))
    return _list(session, args, dead, "no dead letters")


def _list(session: Session, args: Args, selection: Selection, none_text: str) -> int:
    usual = SCREENFUL if session.out.tty and not session.out.as_json else 0
    limit = args.whole("--limit", usual, low=0, high=MAX_LIMIT)
    table = Table(session.out, *JOB_COLUMNS)
    shown = 0
    for page in listing.pages(session.store, selection, limit=limit or None):
        shown += len(page)
        if session.out.as_json:
            for job in page:
                session.out.record(jobs.record(job))
        elif page:
            table.rows([job_row(session, job) for job in page])
    if not shown:
        session.out.note(none_text)
    elif shown == usual:
        _tell_rest(session, selection, shown)
    for one in queues.pauses_of(session.store, selection.queue):
        session.out.note(f"queuectl: paused: {pause_line(session, one)}")
    return 0


def _tell_rest(session: Session, selection: Selection, shown: int) -> None:
    """Say how many jobs more there are than a screenful, where the counts know it."""
    states, queue = selection.states, selection.queue
    if selection != Selection(states=states, queue=queue):
        session.out.line("--limit 0 shows all")
        return
    total = sum(
        count.jobs
        for count in session.store.counts()
        if (not states or count.state in states) and queue in {None, count.queue}
    )
    if total > shown:
        session.out.line(f"... and {total - shown:,} more; --limit 0 shows all")


def show(session: Session, args: Args) -> int:
    """Print all about jobs, with their attempts."""
    return _show(session, jobs.find_all(session.store, args.words("<id>")))


def show_dead(session: Session, args: Args) -> int:
    """Print dead letters with their attempts."""
    found = jobs.find_all(session.store, args.words("<id>"))
    jobs.check_dead(found)
    return _show(session, found)


def _show(session: Session, found: Sequence[Job]) -> int:
    for position, job in enumerate(found):
        attempts = session.store.attempts(job.number)
        if session.out.as_json:
            history = [jobs.attempt_record(attempt) for attempt in attempts]
            session.out.record({**jobs.record(job), "history": history})
            continue
        if position:
            session.out.line()
        _show_one(session, job)
        if attempts:
            session.out.line()
            table = Table(session.out, *_ATTEMPT_COLUMNS)
            table.rows([_attempt_row(session, attempt) for attempt in attempts])
    return 0


def _show_one(session: Session, job: Job) -> None:
    """Print a job's fields, one a line, without those that are empty."""
    fields = jobs.record(job)
    for key in ("run_at", "created_at", "started_at", "finished_at"):
        at_ms = getattr(job, f"{key}_ms")
        if at_ms is not None and session.out.tty:
            fields[key] = f"{fields[key]} ({when(session, at_ms)})"
    for key in ("duration", "timeout", "cpu"):
        span_ms = getattr(job, f"{key}_ms")
        fields[key] = None if span_ms is None else format_duration(span_ms)
    if job.argv is not None:
        fields["argv"] = None  # the command line shows it
    if job.cancel_requested:
        fields["state"] = f"{job.state} (its worker is told to stop it)"
    fields["waits"] = waiting.suspicion(session.store, job)
    for key, value in fields.items():
        if value is not None and value != {}:
            session.out.line(f"{key + ':':<13}{session.out.paint(clean(_text(value)), str(value))}")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items())
    text = str(value)
    return text if len(text) <= MAX_WORD_BYTES else f"{text[:60]}... ({len(text):,} characters)"


def _attempt_row(session: Session, attempt: Attempt) -> list[str]:
    code = f"signal {attempt.signal}" if attempt.exit_code is None else str(attempt.exit_code)
    return [
        str(attempt.start),
        attempt.ending,
        "" if attempt.exit_code is None and attempt.signal is None else code,
        format_duration(attempt.duration_ms),
        "" if attempt.cpu_ms is None else format_duration(attempt.cpu_ms),
        "" if attempt.max_rss_bytes is None else f"{attempt.max_rss_bytes / 1_048_576:.1f}M",
        when(session, attempt.started_at_ms),
        attempt.error or "",
    ]


def wait(session: Session, args: Args) -> int:
    """Wait until jobs have ended; 0: all completed, 1: not all, 124: the time is over."""
    timeout_ms = args.span_ms("--timeout")
    found = jobs.find_all(session.store, args.words("<id>"))
    enough = 1 if args.flag("--any") else len(found)
    ended = jobs.wait(
        session.store,
        [job.number for job in found],
        clock=session.clock,
        timeout_ms=timeout_ms,
        enough=enough,
    )
    for job in ended:
        _tell_end(session, job)
    if len(ended) < enough:
        done = {job.number for job in ended}
        left = [job.name for job in found if job.number not in done]
        session.out.note(f"queuectl: the time is over; not ended: {', '.join(left)}")
        return TIMED_OUT
    return 0 if all(job.state is State.COMPLETED for job in ended) else 1


def _tell_end(session: Session, job: Job) -> None:
    if session.out.as_json:
        session.out.record(jobs.record(job))
    elif not session.out.quiet:
        why = f" ({clean(job.error)})" if job.error and job.state is State.DEAD else ""
        session.out.line(f"{job.name}: {session.out.paint(job.state, job.state)}{why}")


COMMANDS: Mapping[str, Command] = {
    "list": list_jobs,
    "show": show,
    "wait": wait,
    "dlq list": list_dead,
    "dlq show": show_dead,
}
