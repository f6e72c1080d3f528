"""`queuectl worker`: start, stop, health, list."""

from __future__ import annotations

import signal

from queuectl_core.cli.output import Table
from queuectl_core.cli.text import when
from queuectl_core.durations import format_duration, parse_duration_ms
from queuectl_core.errors import NoWorker
from queuectl_core.job import check_queue
from queuectl_core.services import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.services.workers import Health
    from queuectl_core.storage.records import WorkerRow

MOST_THREADS = 1000
MARGIN_MS = 5_000
_COLUMNS = ("ID", "STATE", "PID", "BUSY", "QUEUES", "UPTIME", "HEARTBEAT", "HOST", "RUNNING")


def start(session: Session, args: Args) -> int:
    """Run jobs until a signal comes; return the supervisor's exit code."""
    from queuectl_core.worker import supervisor  # noqa: PLC0415 - no other verb needs it

    count = args.whole("--count", 1, low=1, high=MOST_THREADS)
    queues = tuple(dict.fromkeys(check_queue(queue) for queue in args.words("--queue")))
    settings, db_path = session.settings, session.db_path
    return supervisor.run(
        home=session.home,
        db_path=db_path,
        settings=settings,
        count=count,
        queues=queues or None,
        drain=args.flag("--drain"),
    )


def stop(session: Session, args: Args) -> int:
    """Tell the workers of this host to stop and wait until they are gone."""
    settings, span = session.settings, args.text("--timeout")
    usual_ms = int((settings.stop_timeout + settings.kill_grace) * 1000) + MARGIN_MS
    found = workers.stop(
        session.store,
        clock=session.clock,
        timeout_ms=usual_ms if span is None else parse_duration_ms(span),
        signal_number=signal.SIGQUIT if args.flag("--now") else signal.SIGTERM,
    )
    now_ms = session.clock.now_ms()
    for row in found.gone:
        _tell_stopped(session, row, now_ms)
    for row in found.left:
        jobs = ", ".join(job.name for job in row.running) or "none"
        name = f"worker {row.id} (pid {row.supervisor_pid})"
        session.out.note(f"queuectl: {name} is not gone yet; its jobs: {jobs}")
    if found.left:
        session.out.note("hint: wait longer, or queuectl worker stop --now")
    for row in found.elsewhere:
        session.out.note(f"queuectl: worker {row.id} runs on {row.host}; stop it there")
    return 1 if found.left else 0


def _tell_stopped(session: Session, row: WorkerRow, now_ms: int) -> None:
    if session.out.as_json:
        session.out.record({"id": row.id, "pid": row.supervisor_pid, "state": "stopped"})
    elif not session.out.quiet:
        uptime = format_duration(max(0, now_ms - row.started_at_ms))
        session.out.line(f"Stopped worker {row.id} (pid {row.supervisor_pid}, up {uptime})")


def health(session: Session, _args: Args) -> int:
    """Print how the workers do; 0: all well, 3: none runs, 1: one is not well."""
    known = workers.health(session.store, now_ms=session.clock.now_ms())
    found = [row for row in known if row.worker.takes_jobs]
    if not found:
        raise NoWorker
    _print(session, found)
    return 0 if all(row.state in {"ok", "stopping"} for row in found) else 1


def list_workers(session: Session, _args: Args) -> int:
    """Print the workers."""
    found = workers.health(session.store, now_ms=session.clock.now_ms())
    if found:
        _print(session, found)
    else:
        session.out.note("no workers")
    return 0


def _print(session: Session, found: list[Health]) -> None:
    if session.out.as_json:
        for row in found:
            session.out.record(workers.record(row))
    else:
        Table(session.out, *_COLUMNS).rows([_row(session, row) for row in found])


def _row(session: Session, found: Health) -> list[str]:
    worker = found.worker
    return [
        str(worker.id),
        found.state,
        str(worker.supervisor_pid),
        f"{len(worker.running)}/{worker.threads}",
        "all" if worker.queues is None else ",".join(worker.queues),
        format_duration(found.uptime_ms),
        when(session, worker.seen_at_ms),
        worker.host,
        " ".join(job.name for job in worker.running),
    ]


COMMANDS: Mapping[str, Command] = {
    "worker start": start,
    "worker stop": stop,
    "worker health": health,
    "worker list": list_workers,
}
