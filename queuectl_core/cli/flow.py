"""`queuectl hold` and `release`: jobs are held back, and let go."""

from __future__ import annotations

from queuectl_core.services import jobs, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session


def hold(session: Session, args: Args) -> int:
    """Hold jobs back, all or none."""
    found = jobs.find_all(session.store, args.words("<id>"))
    waiting.hold(session.store, found, now_ms=session.clock.now_ms())
    for job in found:
        now = session.store.job_by_number(job.number) or job
        if session.out.as_json:
            session.out.record(jobs.record(now))
        elif session.out.quiet:
            session.out.line(job.name)
        else:
            session.out.line(f"Held job {job.name}; let it go: queuectl release {job.name}")
    return 0


def release(session: Session, args: Args) -> int:
    """Let held jobs go, all or none."""
    found = jobs.find_all(session.store, args.words("<id>"))
    waiting.release(session.store, found, now_ms=session.clock.now_ms())
    for job in found:
        now = session.store.job_by_number(job.number) or job
        if session.out.as_json:
            session.out.record(jobs.record(now))
        elif session.out.quiet:
            session.out.line(job.name)
        else:
            rest = f"; it still waits ({jobs.reason(now)})" if now.blocked else ""
            session.out.line(f"Released job {job.name}{rest}")
    return 0


COMMANDS: Mapping[str, Command] = {"hold": hold, "release": release}
