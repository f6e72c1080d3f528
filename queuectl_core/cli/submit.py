"""Add jobs that are at hand and say so: here the short and the long way of `enqueue` meet.

On the path of a cold `enqueue`: no docopt, no usage texts.
"""

from __future__ import annotations

import os

from queuectl_core.cli.output import clean
from queuectl_core.errors import UsageError
from queuectl_core.records import Record
from queuectl_core.services import intake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from queuectl_core.cli.session import Session
    from queuectl_core.job import Enqueued, NewJob
    from queuectl_core.services.intake import Fields


class Request(Record):
    """What to add: objects that are at hand, how to meet a conflict, and whether to add at all.

    `stay`: what to do with the jobs added, in place of saying so.
    """

    objects: Sequence[Fields]
    on_conflict: str = "error"
    dry_run: bool = False
    stay: Callable[[Sequence[Enqueued], int], int] | None = None


def one_json(session: Session, word: str) -> int:
    """Add the job, or the list of jobs, that one JSON word holds."""
    return submit(session, Request(intake.read_objects(word)))


def submit(session: Session, request: Request) -> int:
    """Add the jobs in one transaction and say so."""
    defaults = session.defaults(cwd=directory())
    # checked before the store is opened: what is wrong creates no home
    checked = intake.new_jobs(request.objects, defaults)
    if request.dry_run:
        for job in checked:
            _show_draft(session, job, defaults.now_ms)
        return 0
    added = session.intake.enqueue(checked, now_ms=defaults.now_ms, on_conflict=request.on_conflict)
    if request.stay is not None:
        return request.stay(added, defaults.now_ms)
    for one in added:
        announce(session, one, defaults.now_ms)
    return 0


def announce(session: Session, one: Enqueued, now_ms: int) -> None:
    """Tell of one job: its record, its name, or a line with the time it waits for."""
    out = session.out
    if out.as_json:
        job = session.store.job_by_number(one.number)
        if job is not None:
            out.record(_records().record(job))
    elif out.quiet:
        out.line(one.name)
    elif not one.created:
        out.line(f"Job {one.name} exists already (number {one.number}); nothing added")
    else:
        number = "" if one.id is None else f" (number {one.number})"
        out.line(f"Enqueued job {one.name}{number}{_when(one.run_at_ms, now_ms)}{_waits(one)}")


def _when(run_at_ms: int | None, now_ms: int) -> str:
    """Return the resolved time of a job, with its offset; nothing where none was given."""
    if run_at_ms is None or run_at_ms == now_ms:
        return ""
    from queuectl_core import durations  # noqa: PLC0415 - datetime, zoneinfo: 8 ms

    moment = durations.format_moment(run_at_ms)
    if run_at_ms < now_ms:
        return f", runs at once: {moment} is past"
    return f", runs at {moment} (in {durations.format_duration(run_at_ms - now_ms)})"


def _waits(one: Enqueued) -> str:
    """Return what a job waits for besides its time, in a word or two."""
    if one.waits is None:
        return ""
    words = {
        "held": f"held until: queuectl release {one.name}",
        "dependency": "waits for other jobs",
        "mutex": "waits for its mutex",
        "cancelled": "cancelled at once: a job that it was to wait for has ended otherwise",
    }
    return f"; {words[one.waits]}"


def directory() -> str:
    """Return the caller's directory, where jobs run that name none."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise UsageError(
            "the directory you are in does not exist any more", hint="cd to another one"
        ) from None


def _show_draft(session: Session, job: NewJob, now_ms: int) -> None:
    """Tell what would be added."""
    if session.out.as_json:
        session.out.record(_records().draft_record(job))
        return
    what = job.command if job.argv is None else " ".join(job.argv)
    name = f" {job.id}" if job.id else ""
    line = f"Would enqueue job{name} (queue {job.queue}, priority {job.priority}): {what}"
    session.out.line(clean(line + _when(job.run_at_ms, now_ms)))


def _records() -> ModuleType:
    from queuectl_core.services import jobs  # noqa: PLC0415 - 0.4 ms, for --json and --dry-run

    return jobs
