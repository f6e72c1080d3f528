"""`queuectl run`: a job here and now, its output on ours, its exit code as ours."""

from __future__ import annotations

from queuectl_core.cli import enqueue, output, submit
from queuectl_core.errors import MutexHeld, UsageError
from queuectl_core.services import ends, intake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import NewJob
    from queuectl_core.worker import inline


NOT_AT_ONCE = ("run_at", "after", "expires_at", "hold")
"""Fields that may make a job wait. A mutex is taken at once, or it does not run."""
ENQUEUE_HINT = "queuectl enqueue --wait takes it, and waits for the job"


def run(session: Session, args: Args) -> int:
    """Run what the command line names, and return its exit code."""
    job, conflict = _job(session, args), enqueue.conflict(args)
    patience_ms = args.span_ms("--wait-mutex") or 0
    return here(session, job, on_conflict=conflict, patience_ms=patience_ms)


def here(session: Session, job: NewJob, *, on_conflict: str = "error", patience_ms: int = 0) -> int:
    """Run a job in this process, and return its exit code."""
    from queuectl_core.worker import inline  # noqa: PLC0415 - what is wrong above starts nothing

    place = inline.Place(
        session.home, session.db_path, session.settings, session.clock, _teller(session)
    )
    try:
        found = inline.run(
            session.store, job, place, on_conflict=on_conflict, patience_ms=patience_ms
        )
    except MutexHeld as held:
        if on_conflict != "skip":
            raise
        session.out.note(output.clean(f"queuectl: {held}; not run"))
        return 0
    if not isinstance(found, inline.Ran):
        name = output.clean(found.name)
        session.out.note(f"queuectl: job {name} exists already (number {found.number}); not run")
        return 0
    return _exit_code(session, found)


def _job(session: Session, args: Args) -> NewJob:
    """Return the one job, checked."""
    objects = enqueue.objects(args, args.words("<word>"))
    if len(objects) > 1:
        raise UsageError(
            f"run takes one job, not {len(objects)}", hint="queuectl enqueue takes a list"
        )
    fields = {**objects[0], **enqueue.options(args.among_those_of("enqueue"))}
    late = next((name for name in NOT_AT_ONCE if fields.get(name) is not None), None)
    if late is not None:
        raise UsageError(f"run starts the job at once; it takes no {late}", hint=ENQUEUE_HINT)
    return intake.new_job(fields, session.defaults(cwd=submit.directory()))


def _teller(session: Session) -> inline.Tell:
    return lambda text: session.out.note(output.clean(f"queuectl: {text}"))


def _exit_code(session: Session, ran: inline.Ran) -> int:
    """Return the code of a job that ran here; a signal to us counts more than its own end."""
    if ran.signal is not None:
        return ends.SIGNALLED + ran.signal
    if ran.job is not None and (remark := ends.remark(ran.job)) is not None:
        session.out.note(output.clean(f"queuectl: {remark}"))
    return ends.exit_code(ran.job)


COMMANDS: Mapping[str, Command] = {"run": run}
