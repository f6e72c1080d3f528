"""`queuectl wait`: for jobs by name, for all of a queue, or until there is nothing left to do."""

from __future__ import annotations

from queuectl_core.cli import output
from queuectl_core.cli.counting import counted
from queuectl_core.cli.output import clean
from queuectl_core.errors import UsageError
from queuectl_core.job import check_queue
from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.services import ends, jobs, polling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Job


class Wish(Record):
    """What to wait for. `numbers` is None for `--drained`."""

    numbers: Sequence[int] | None
    queue: str | None
    any: bool
    propagate: bool
    deadline_ms: int | None


def wait(session: Session, args: Args) -> int:
    """Wait until jobs have ended; 0: all completed, 1: not all, 124: the time is over."""
    wish = _wish(session, args)
    if wish.numbers is None:
        return _drain(session, wish)
    if not wish.numbers:
        session.out.note("queuectl: nothing waits or runs")
        return 0
    left = set(wish.numbers)
    code = 0
    for job, number in polling.ends(
        session.looking, wish.numbers, clock=session.clock, deadline_ms=wish.deadline_ms
    ):
        left.discard(number)
        code = code or _code(job, wish)
        if job is not None:
            _tell_end(session, job)
        if wish.any:
            return code
    return _tell_late(session, left) if left else code


def _wish(session: Session, args: Args) -> Wish:
    span_ms, queue = args.span_ms("--timeout"), args.text("--queue")
    queue = None if queue is None else check_queue(queue)
    words = args.words("<id>")
    ways = [bool(words), args.flag("--all"), args.flag("--drained")]
    if sum(ways) > 1 or (words and queue) or not (any(ways) or queue):
        raise UsageError(
            "give ids, or one of --queue Q, --all, --drained", hint=f"queuectl help {args.verb}"
        )
    if args.flag("--drained"):
        numbers = None
    elif words:
        numbers = [job.number for job in jobs.find_all(session.looking, words)]
    else:
        numbers = polling.unfinished(session.looking, queue=queue)
    deadline_ms = None if span_ms is None else session.clock.monotonic_ms() + span_ms
    return Wish(numbers, queue, args.flag("--any"), args.flag("--propagate"), deadline_ms)


def _code(job: Job | None, wish: Wish) -> int:
    """Return the exit code for one job; None was pruned meanwhile: it had ended, who knows how."""
    if wish.propagate:
        return ends.exit_code(job)
    return int(job is not None and job.state is not State.COMPLETED)


def _drain(session: Session, wish: Wish) -> int:
    queues = None if wish.queue is None else [wish.queue]
    if polling.drained(
        session.looking, queues=queues, clock=session.clock, deadline_ms=wish.deadline_ms
    ):
        return 0
    session.out.note("queuectl: the time is over; jobs still wait or run")
    return ends.TIMED_OUT


def _tell_late(session: Session, left: set[int]) -> int:
    """Name the jobs that have not ended, a few of them."""
    shown = sorted(left)[:10]
    found = [session.looking.job_by_number(number) for number in shown]
    names = ", ".join(job.name for job in found if job is not None)
    more = f" and {counted(len(left) - len(shown), 'more job')}" if len(left) > len(shown) else ""
    session.out.note(f"queuectl: the time is over; not ended: {names}{more}")
    return ends.TIMED_OUT


def _tell_end(session: Session, job: Job) -> None:
    if session.out.as_json:
        session.out.record(jobs.record(job))
    elif not session.out.quiet:
        why = f" ({clean(job.error)})" if job.error and job.state is State.DEAD else ""
        session.out.line(f"{job.name}: {session.out.paint(job.state, job.state)}{why}")
    output.flush()  # others may still run for hours


COMMANDS: Mapping[str, Command] = {"wait": wait}
